//! How dense the danmu of a room may be: no picture can show ten thousand a second, and no viewer can read them.
//!
//! A room has a budget of danmu a second. Below it all is shown, as it comes, but in the second right after one that was over
//! it, which is paced by that one. From it on equal ones are merged: the first
//! is shown at once, and what follows of it is told as one, with how many they were, when the second is over. Of the rest a
//! sample is shown, up to the budget, and how many are left out is told when the second is over, too. The streamer's are always
//! shown, besides.
//!
//! Promises: it decides at once, record by record. It looks at the records, their arrival times and sequence numbers alone,
//! and what it does in one second of arrival follows from that second and the one before it: two that began at different
//! times agree from the second full second on. One viewer cannot crowd out the others ([`Shares`]). Memory is bounded by
//! what a shard takes in a second.
//! Never waits, never looks at a clock of its own.

mod shares;

use std::collections::HashMap;

use self::shares::{Moment, Shares};
use crate::{
    feed::Item,
    gate::Admitted,
    record::{Color, Mode},
    viewer::ViewerId,
};

const SECOND_MS: i64 = 1_000;
/// How many texts, and how many viewers, are told apart in a second: several times the thousand records that a shard takes.
/// Beyond it a text is new each time, and a viewer nameless.
const MOST: usize = 4_096;

/// Decides what is shown of the danmu of one room that passed the gate.
#[derive(Debug)]
pub struct Density {
    budget: u32,
    /// The newest second of arrival, since the Unix epoch.
    second: i64,
    /// What the second before it means for this one.
    plan: Plan,
    now: Second,
}

/// What becomes of a danmu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is shown at once.
    Shown,
    /// It counts to an equal one that was shown, and is told with others when its second is over.
    Merged,
    /// It is left out.
    Dropped,
}

/// A decision.
#[derive(Debug)]
pub struct Judged {
    /// What becomes of the danmu.
    pub fate: Fate,
    /// What is told of the second that is over with this danmu, before it.
    pub settled: Settled,
}

/// What is told of a second as a whole, when it is over.
#[derive(Debug, Default)]
pub struct Settled {
    /// Danmu that stand for equal ones.
    pub merged: Vec<Item>,
    /// How many were left out.
    pub dropped: u32,
}

impl Settled {
    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.merged.is_empty() && self.dropped == 0
    }
}

/// How one second is dealt with.
#[derive(Debug, Default)]
struct Plan {
    /// Whether equal danmu are merged from its beginning.
    merges: bool,
    /// Where there are more different ones than the budget: how its places are shared.
    shares: Option<Shares>,
}

/// What makes a danmu equal to another.
type Look = (String, Mode, Color);
/// All that nobody is known to have said is one viewer's.
type Author = Option<ViewerId>;

/// What happened in one second. The streamer's danmu do not count.
#[derive(Debug, Default)]
struct Second {
    came: u32,
    shown: u32,
    looks: HashMap<Look, Said>,
    authors: HashMap<Author, Spoken>,
    settled: Settled,
}

#[derive(Debug, Default)]
struct Said {
    shown: bool,
    /// Where in [`Settled::merged`] the equal ones are counted.
    merged: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Spoken {
    /// Different danmu that it was the first to say. Follows from what was said alone, not from what was shown of it.
    wanted: u32,
    shown: u32,
}

impl Density {
    /// A room in which up to `budget` danmu a second are shown; 0: all.
    #[must_use]
    pub fn new(budget: u32) -> Self {
        Self { budget, second: i64::MIN, plan: Plan::default(), now: Second::default() }
    }

    /// Decides on a danmu, which has that sequence number. To be called in the order of the stream.
    #[must_use]
    pub fn judge(&mut self, admitted: &Admitted, sequence_number: &str) -> Judged {
        if self.budget == 0 {
            return Judged { fate: Fate::Shown, settled: Settled::default() };
        }
        // Arrival times may go back a little; seconds do not.
        let second = admitted.arrival_ms.div_euclid(SECOND_MS);
        let settled = if second > self.second { self.begin(second) } else { Settled::default() };
        let fate = match &admitted.evidence {
            Some(evidence) if evidence.is_important() => Fate::Shown,
            _ => self.decide(admitted, sequence_number),
        };
        if fate == Fate::Dropped {
            self.now.settled.dropped = self.now.settled.dropped.saturating_add(1);
        }
        Judged { fate, settled }
    }

    /// What is not told yet of the newest second, for one after which nobody says anything.
    #[must_use]
    pub fn settle(&mut self) -> Settled {
        self.now.looks.values_mut().for_each(|said| said.merged = None);
        std::mem::take(&mut self.now.settled)
    }

    fn begin(&mut self, second: i64) -> Settled {
        let mut past = std::mem::take(&mut self.now);
        let settled = std::mem::take(&mut past.settled);
        let follows = self.second.checked_add(1) == Some(second);
        self.plan = if follows { past.plan(self.budget) } else { Plan::default() };
        self.second = second;
        settled
    }

    fn decide(&mut self, admitted: &Admitted, sequence_number: &str) -> Fate {
        let Second { came, shown, looks, authors, settled: Settled { merged, .. } } = &mut self.now;
        *came = came.saturating_add(1);
        let look = (admitted.text.clone(), admitted.mode, admitted.color);
        let is_new = !looks.contains_key(&look);
        let has_room = looks.len() < MOST;
        let mut said = if is_new && has_room { Some(looks.entry(look).or_default()) } else { looks.get_mut(&look) };
        let viewer = admitted.evidence.as_ref().map(|evidence| evidence.viewer.clone());
        let author = if authors.len() < MOST || authors.contains_key(&viewer) { viewer } else { None };
        let spoken = authors.entry(author.clone()).or_default();
        spoken.wanted = spoken.wanted.saturating_add(u32::from(is_new));

        if let Some(said) = &mut said
            && said.shown
            && (self.plan.merges || *shown >= self.budget)
        {
            match said.merged.and_then(|at| merged.get_mut(at)) {
                Some(item) => item.n = item.n.saturating_add(1),
                None => {
                    said.merged = Some(merged.len());
                    merged.push(Item::new(admitted.clone()));
                }
            }
            return Fate::Merged;
        }
        let elapsed_ms = admitted.arrival_ms.saturating_sub(self.second.saturating_mul(SECOND_MS));
        let moment = Moment { elapsed_ms, chance: shares::chance(sequence_number) };
        let has_share = |shares: &Shares| shares.admit(&author, spoken.shown, *shown, moment);
        if *shown >= self.budget || !self.plan.shares.as_ref().is_none_or(has_share) {
            return Fate::Dropped;
        }
        *shown += 1;
        spoken.shown += 1;
        if let Some(said) = said {
            said.shown = true;
        }
        Fate::Shown
    }
}

impl Second {
    /// What it means for the next one.
    fn plan(self, budget: u32) -> Plan {
        if self.came <= budget {
            return Plan::default();
        }
        let wanted = self.authors.into_iter().map(|(author, spoken)| (author, spoken.wanted));
        let wanted = wanted.filter(|(_, wanted)| *wanted > 0).collect();
        Plan { merges: true, shares: Shares::new(budget, wanted) }
    }
}

#[cfg(test)]
mod tests;
