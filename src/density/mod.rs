//! Density: how many danmu of a room are shown. No picture can show ten thousand a second, and no viewer can read them.
//!
//! A room has a budget of danmu per second. Below the budget all are shown at once, except in the second right after one over
//! budget, which is thinned by that one's counts. Over the budget equal danmu are merged: the first is shown at once, the
//! repeats are announced as one item with their number when the second is over. The rest is sampled up to the budget; the
//! number dropped is announced when the second is over, too. The streamer's danmu are always shown in addition.
//!
//! It decides at once, record by record, from the records, their arrival times and sequence numbers alone. What it does in one
//! second of arrival follows from that second and the one before: two instances that began at different times agree from the
//! second full second on. One viewer cannot crowd out the others ([`Shares`]). Memory is bounded (`MOST`). It never waits and
//! has no clock of its own.

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
/// Each text beyond it counts as new, and each viewer beyond it as unsigned.
const MOST: usize = 4_096;

/// Decides which danmu of one room, of those that passed the gate, are shown.
#[derive(Debug)]
pub struct Density {
    budget: u32,
    /// The newest second of arrival, in seconds since the Unix epoch.
    second: i64,
    /// What the previous second implies for this one.
    plan: Plan,
    now: Second,
}

/// What becomes of a danmu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is shown at once.
    Shown,
    /// It is counted with an equal one that was shown, and announced with that when the second is over.
    Merged,
    /// It is dropped, and only counted.
    Dropped,
}

/// A decision on one danmu.
#[derive(Debug)]
pub struct Judged {
    /// What becomes of the danmu.
    pub fate: Fate,
    /// The summary of the second that this danmu ends, to be announced before it.
    pub settled: Settled,
}

/// The summary of a second, announced when it is over.
#[derive(Debug, Default)]
pub struct Settled {
    /// Danmu that each stand for equal ones.
    pub merged: Vec<Item>,
    /// How many were dropped.
    pub dropped: u32,
}

impl Settled {
    /// Whether there is nothing to announce.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.merged.is_empty() && self.dropped == 0
    }
}

/// How one second is thinned.
#[derive(Debug, Default)]
struct Plan {
    /// Whether equal danmu are merged from its beginning.
    merges: bool,
    /// How its budget is shared, where more different danmu than the budget are expected.
    shares: Option<Shares>,
}

/// What makes a danmu equal to another.
type Look = (String, Mode, Color);
/// All unsigned danmu count as one author's.
type Author = Option<ViewerId>;

/// What happened in one second, without the streamer's danmu.
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
    /// The index in [`Settled::merged`] where the equal ones are counted.
    merged: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Spoken {
    /// How many different danmu this author was the first to post. It follows from the records, not from what was shown.
    wanted: u32,
    shown: u32,
}

impl Density {
    /// A room in which up to `budget` danmu a second are shown; 0 shows all.
    #[must_use]
    pub fn new(budget: u32) -> Self {
        Self { budget, second: i64::MIN, plan: Plan::default(), now: Second::default() }
    }

    /// Decides on a danmu with that sequence number. To be called in the order of the stream.
    #[must_use]
    pub fn judge(&mut self, admitted: &Admitted, sequence_number: &str) -> Judged {
        // Arrival times may go back a little; the current second does not.
        let second = admitted.arrival_ms.div_euclid(SECOND_MS);
        let settled = if second > self.second { self.begin(second) } else { Settled::default() };
        if self.budget == 0 {
            return Judged { fate: Fate::Shown, settled };
        }
        let fate = match &admitted.evidence {
            Some(evidence) if evidence.is_important() => Fate::Shown,
            _ => self.decide(admitted, sequence_number),
        };
        if fate == Fate::Dropped {
            self.now.settled.dropped = self.now.settled.dropped.saturating_add(1);
        }
        Judged { fate, settled }
    }

    /// Whether a danmu that arrives then (Unix milliseconds) begins a second.
    #[must_use]
    pub const fn begins(&self, arrival_ms: i64) -> bool {
        arrival_ms.div_euclid(SECOND_MS) > self.second
    }

    /// Shows up to `budget` danmu a second from now on; 0: all. To be called before a danmu that [begins](Self::begins) a second, by
    /// what holds when that begins, so that all instances agree.
    pub const fn set_budget(&mut self, budget: u32) {
        self.budget = budget;
    }

    /// Takes the summary of the newest second so far, for a second that no danmu follows.
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
    /// What it implies for the next one.
    fn plan(self, budget: u32) -> Plan {
        if budget == 0 || self.came <= budget {
            return Plan::default();
        }
        let wanted = self.authors.into_iter().map(|(author, spoken)| (author, spoken.wanted));
        let wanted = wanted.filter(|(_, wanted)| *wanted > 0).collect();
        Plan { merges: true, shares: Shares::new(budget, wanted) }
    }
}

#[cfg(test)]
mod tests;
