//! Bans: who may not post, and when. Judged by arrival times: readers that know the same decisions judge a record alike,
//! whenever they do and in whichever order they learned them.
//!
//! The decisions on one subject form a timeline by arrival. At each time the last decision before it counts, except that one in
//! force stays against later ones of a lower rank. A decision has an id, so applying it twice changes nothing. A decision for a
//! room is on the room's shard and counts from its arrival. A decision for every room is on another shard and counts for what
//! arrives [`EVERYWHERE_AFTER_MS`] after it: readers whose shards are not further apart judge alike. Ended decisions are kept
//! for [`KEPT_MS`], for readers of old records.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use super::rules::{RuleBook, RuleVerdict};
use crate::{
    record::{Decided, Decision, Guests, Moderation, Network, RecordId, Subject},
    room::{Modes, RoomId, RoomMode, RuleId},
    viewer::{Rank, Role, ViewerId},
};

/// How long after its arrival, in milliseconds, a decision for every room takes effect. Longer than a polling reader needs to
/// read all shards once.
pub const EVERYWHERE_AFTER_MS: i64 = 500;

/// How long ended decisions are kept, in milliseconds: longer than any record is read again, or a decision put again.
pub const KEPT_MS: i64 = 3 * 3_600 * 1_000;

/// The decisions for one scope: a room, or every room. A handle; its clones share the decisions.
#[derive(Clone, Debug, Default)]
pub struct Decisions(Arc<RwLock<Known>>);

#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) timelines: HashMap<Subject, Vec<BanEntry>>,
    /// The modes among these subjects.
    pub(super) modes: Vec<RoomMode>,
    /// The rules among these subjects.
    rules: Vec<RuleId>,
    /// How many of these subjects are danmu.
    pub(super) hidden: usize,
    /// Guests who had sessions from banned networks.
    guests: HashMap<ViewerId, Vec<Stay>>,
    /// The arrival of the newest of all, Unix milliseconds.
    newest_ms: i64,
    /// At this many subjects and guests, ended decisions are removed.
    look_at: usize,
}

/// A decision on a subject; with equal arrival times, the one applied later comes later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BanEntry {
    pub(super) at_ms: i64,
    id: RecordId,
    pub(super) until_ms: i64,
    pub(super) by: Rank,
}

impl BanEntry {
    fn told(&self, on: &Subject, room: Option<&RoomId>) -> Decided {
        let until = Some(self.until_ms).filter(|until| *until < i64::MAX);
        Decided {
            id: self.id,
            room: room.cloned(),
            decision: Decision { on: on.clone(), until, by: self.by },
            at: self.at_ms,
        }
    }
}

/// A guest had a session from a network, which ends at `until_ms`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stay {
    network: Network,
    told_ms: i64,
    until_ms: i64,
}

impl Decisions {
    /// Applies a decision that arrived at `arrival_ms` (Unix milliseconds); returns whether it was new.
    pub fn apply(&self, id: RecordId, decision: &Decision, arrival_ms: i64) -> bool {
        let mut known = self.write();
        known.forget(arrival_ms);
        known.newest_ms = known.newest_ms.max(arrival_ms);
        let entry = BanEntry { at_ms: arrival_ms, id, until_ms: decision.until_ms(), by: decision.by };
        if !known.timelines.contains_key(&decision.on) {
            match decision.on {
                Subject::Danmu(_) => known.hidden += 1,
                Subject::Mode(mode) => known.modes.push(mode),
                Subject::Rule(rule) => known.rules.push(rule),
                _ => {}
            }
        }
        let timeline = known.timelines.entry(decision.on.clone()).or_default();
        if decision.on == Subject::Sessions {
            // No later decision makes revoked sessions valid again.
            let new = timeline.first().is_none_or(|first| first.until_ms < entry.until_ms);
            if new {
                *timeline = vec![entry];
            }
            return new;
        }
        if timeline.iter().any(|known| known.id == id) {
            return false;
        }
        timeline.insert(timeline.partition_point(|known| known.at_ms <= arrival_ms), entry);
        superseded(timeline, arrival_ms - KEPT_MS);
        true
    }

    /// Takes in the guests whom a ban of a network concerns, from a record that arrived at `arrival_ms` (Unix milliseconds);
    /// returns whether any of it was new.
    pub fn learn_guests(&self, guests: &Guests, arrival_ms: i64) -> bool {
        let mut new = false;
        let mut known = self.write();
        known.forget(arrival_ms);
        let told_ms = guests.from.unwrap_or(arrival_ms);
        known.newest_ms = known.newest_ms.max(told_ms);
        for viewer in &guests.viewers {
            let stays = known.guests.entry(viewer.clone()).or_default();
            if let Some(stay) = stays.iter_mut().find(|stay| stay.network == guests.network) {
                new |= stay.until_ms < guests.until;
                stay.told_ms = stay.told_ms.min(told_ms);
                stay.until_ms = stay.until_ms.max(guests.until);
            } else {
                new = true;
                stays.push(Stay { network: guests.network.clone(), told_ms, until_ms: guests.until });
            }
        }
        new
    }

    /// The end (Unix milliseconds; the maximum for a permanent one) of the decision that counts on a subject, and the rank of
    /// who made it; `None` where there is none.
    #[must_use]
    pub fn until(&self, subject: &Subject) -> Option<(i64, Rank)> {
        self.read().counts(subject).map(|counts| (counts.until_ms, counts.by))
    }

    /// All decisions, for handing over: a gate that [applies](Self::apply) them judges as this one does.
    #[must_use]
    pub fn told(&self, room: Option<&RoomId>) -> Vec<Decided> {
        let known = self.read();
        let of = |(on, timeline): (&Subject, &Vec<BanEntry>)| {
            timeline.iter().map(|entry| entry.told(on, room)).collect::<Vec<_>>()
        };
        known.timelines.iter().flat_map(of).collect()
    }

    /// The decision that counts on each subject, whether it is in force or not.
    #[must_use]
    pub fn last(&self, room: Option<&RoomId>) -> Vec<Decided> {
        let known = self.read();
        let counts = |(on, timeline): (_, &Vec<BanEntry>)| Some(timeline[counting(timeline, i64::MAX)?].told(on, room));
        known.timelines.iter().filter_map(counts).collect()
    }

    /// Whether the raw stream has more than may be seen: a danmu is hidden, or a rule is in force, at `now_ms` (Unix
    /// milliseconds).
    #[must_use]
    pub fn hides_any(&self, now_ms: i64) -> bool {
        let known = self.read();
        let holds = |on: &Subject| known.counts(on).is_some_and(|entry| entry.until_ms > now_ms);
        let hides = |on: &Subject| matches!(on, Subject::Danmu(_) | Subject::Rule(_));
        (known.hidden > 0 || !known.rules.is_empty()) && known.timelines.keys().any(|on| hides(on) && holds(on))
    }

    /// The rules that were decided on, whether they are in force or not.
    #[must_use]
    pub fn rules(&self) -> Vec<RuleId> {
        self.read().rules.clone()
    }

    /// Whether it has that decision on the subject.
    #[must_use]
    pub fn knows(&self, id: RecordId, on: &Subject) -> bool {
        self.read().timelines.get(on).is_some_and(|timeline| timeline.iter().any(|entry| entry.id == id))
    }

    /// The networks from which a guest had sessions that last beyond `now_ms` (Unix milliseconds).
    #[must_use]
    pub fn networks_of(&self, guest: &ViewerId, now_ms: i64) -> Vec<Network> {
        let known = self.read();
        let stays = known.guests.get(guest).into_iter().flatten().filter(|stay| stay.until_ms > now_ms);
        stays.map(|stay| stay.network.clone()).collect()
    }

    /// The viewers whom a decision on a subject concerns, as far as they are known.
    #[must_use]
    pub fn viewers_of(&self, subject: &Subject) -> Vec<ViewerId> {
        match subject {
            Subject::Viewer(viewer) => vec![viewer.clone()],
            Subject::Network(network) => {
                let known = self.read();
                let stayed = known.guests.iter().filter(|(_, stays)| stays.iter().any(|stay| stay.network == *network));
                stayed.map(|(viewer, _)| viewer.clone()).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The arrival of the newest of all, Unix milliseconds.
    pub(super) fn newest_ms(&self) -> i64 {
        self.read().newest_ms
    }

    /// The guests of networks, grouped by network and times.
    #[must_use]
    pub fn guests(&self) -> Vec<Guests> {
        let mut groups: HashMap<(Network, i64, i64), Vec<ViewerId>> = HashMap::new();
        for (viewer, stays) in &self.read().guests {
            for Stay { network, told_ms, until_ms } in stays {
                groups.entry((network.clone(), *told_ms, *until_ms)).or_default().push(viewer.clone());
            }
        }
        let group = |((network, from, until), viewers)| Guests { network, viewers, until, from: Some(from) };
        groups.into_iter().map(group).collect()
    }

    /// Visits the networks from which guests, or one of them, had sessions, and when that arrived.
    pub(super) fn each_stay(&self, of: Option<&ViewerId>, look: &mut impl FnMut(&ViewerId, &Network, i64)) {
        // A copy, since the callback may lock the decisions.
        let stays: Vec<_> = {
            let known = self.read();
            let mut stays = Vec::new();
            let mut take = |(viewer, of): (&ViewerId, &Vec<Stay>)| {
                stays.extend(of.iter().map(|stay| (viewer.clone(), stay.network.clone(), stay.told_ms)));
            };
            match of {
                Some(of) => known.guests.get_key_value(of).into_iter().for_each(&mut take),
                None => known.guests.iter().for_each(&mut take),
            }
            stays
        };
        stays.iter().for_each(|(viewer, network, told_ms)| look(viewer, network, *told_ms));
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The index of the decision that counts among those that arrived by then: the last one, except that a lower rank neither ends
/// nor changes one in force.
fn counting(timeline: &[BanEntry], by_ms: i64) -> Option<usize> {
    let arrived = 0..timeline.partition_point(|entry| entry.at_ms <= by_ms);
    arrived.reduce(|counts, next| {
        let (before, after) = (&timeline[counts], &timeline[next]);
        if before.by > after.by && after.at_ms < before.until_ms { counts } else { next }
    })
}

impl Known {
    /// The decision that counts on a subject.
    pub(super) fn counts(&self, subject: &Subject) -> Option<&BanEntry> {
        let timeline = self.timelines.get(subject)?;
        timeline.get(counting(timeline, i64::MAX)?)
    }

    /// Whether the decision that counts of those that arrived by `by_ms` holds for that role and an arrival at `at_ms`.
    fn covers(&self, subject: &Subject, role: Role, by_ms: i64, at_ms: i64) -> bool {
        // Most viewers have never been banned.
        self.timelines.get(subject).is_some_and(|timeline| {
            let counts = counting(timeline, by_ms).map(|at| &timeline[at]);
            counts.is_some_and(|counts| at_ms < counts.until_ms && counts.by.is_above(role))
        })
    }

    /// Removes what ended long ago. It scans only when there is twice as much as the last scan left, so the cost per decision
    /// is constant (amortised).
    fn forget(&mut self, now_ms: i64) {
        if self.timelines.len() + self.guests.len() < self.look_at {
            return;
        }
        let over_ms = now_ms - KEPT_MS;
        self.timelines.retain(|on, timeline| {
            // A session may live for longer, and there is one such entry only.
            if *on == Subject::Sessions {
                return true;
            }
            superseded(timeline, over_ms);
            let counts = counting(timeline, i64::MAX).map(|at| timeline[at].until_ms);
            counts.max(timeline.last().map(|last| last.at_ms)).is_some_and(|ms| ms >= over_ms)
        });
        self.hidden = self.timelines.keys().filter(|on| matches!(on, Subject::Danmu(_))).count();
        self.modes.retain(|mode| self.timelines.contains_key(&Subject::Mode(*mode)));
        self.rules.retain(|rule| self.timelines.contains_key(&Subject::Rule(*rule)));
        self.guests.retain(|_, stays| {
            stays.retain(|stay| stay.until_ms >= over_ms);
            !stays.is_empty()
        });
        self.look_at = 64.max(2 * (self.timelines.len() + self.guests.len()));
    }
}

/// Removes decisions that others had superseded by `over_ms`.
fn superseded(timeline: &mut Vec<BanEntry>, over_ms: i64) {
    let count = counting(timeline, over_ms - 1).unwrap_or(0);
    timeline.drain(..count);
}

/// The bans of a room: its own and those for every room. A handle, like [`Decisions`].
#[derive(Clone, Debug, Default)]
pub struct Bans {
    room: Decisions,
    everywhere: Decisions,
    /// What the room's rules say; without it they forbid nothing.
    book: Option<Arc<dyn RuleBook>>,
}

impl Bans {
    /// From the decisions for the room, and for every room.
    #[must_use]
    pub const fn new(room: Decisions, everywhere: Decisions) -> Self {
        Self { room, everywhere, book: None }
    }

    /// The same with the host's knowledge of rules.
    #[must_use]
    pub fn with_rules(self, book: Arc<dyn RuleBook>) -> Self {
        Self { book: Some(book), ..self }
    }

    /// The decisions for every room.
    #[must_use]
    pub const fn everywhere(&self) -> &Decisions {
        &self.everywhere
    }

    /// The decisions for the room alone.
    #[must_use]
    pub const fn of_room(&self) -> &Decisions {
        &self.room
    }

    /// Applies the decision of a room's record that arrived at `arrival_ms` (Unix milliseconds); returns whether it was new.
    pub fn apply(&self, id: RecordId, moderation: &Moderation, arrival_ms: i64) -> bool {
        moderation.of_room().is_some_and(|decision| self.room.apply(id, &decision, arrival_ms))
    }

    /// The room's modes for a danmu that arrives at `arrival_ms` (Unix milliseconds).
    #[must_use]
    pub fn modes(&self, arrival_ms: i64) -> Modes {
        let known = self.room.read();
        let holds = |mode: &&RoomMode| {
            // Nobody below the crew stands above any rank.
            known.covers(&Subject::Mode(**mode), Role::Viewer, arrival_ms, arrival_ms)
        };
        known.modes.iter().filter(holds).fold(Modes::default(), |modes, mode| modes.and(*mode))
    }

    /// The room's rules in force for a danmu that arrives at `arrival_ms` (Unix milliseconds), in the order of their ids.
    #[must_use]
    pub fn rules(&self, arrival_ms: i64) -> Vec<RuleId> {
        let known = self.room.read();
        let holds = |rule: &RuleId| known.covers(&Subject::Rule(*rule), Role::Viewer, arrival_ms, arrival_ms);
        // In the order of ids, so that replicas that learned of them in another order give the same reason.
        let mut rules: Vec<_> = known.rules.iter().copied().filter(holds).collect();
        rules.sort_unstable();
        rules
    }

    /// What the rules in force say about a text by that author that arrives at `arrival_ms` (Unix milliseconds).
    pub(super) fn look(&self, text: &str, by: Option<&ViewerId>, arrival_ms: i64) -> RuleVerdict {
        let rules = self.rules(arrival_ms);
        match &self.book {
            Some(book) if !rules.is_empty() => book.look(&rules, text, by),
            _ => RuleVerdict::Allowed,
        }
    }

    /// What viewers are told of the room's modes at that time (Unix milliseconds): also whether vending is frozen.
    #[must_use]
    pub fn told_modes(&self, now_ms: i64) -> Modes {
        let frozen = self.everywhere.read().covers(&Subject::Vending, Role::Viewer, now_ms, now_ms);
        self.modes(now_ms).and_frozen(frozen)
    }

    /// Whether a danmu of the viewer, with that role in the room, is banned if it arrives at `arrival_ms`.
    #[must_use]
    pub fn cover(&self, viewer: &ViewerId, role: Role, arrival_ms: i64) -> bool {
        let (room, everywhere, by_ms) = (self.room.read(), self.everywhere.read(), arrival_ms - EVERYWHERE_AFTER_MS);
        let covers = |subject: &Subject| {
            room.covers(subject, role, arrival_ms, arrival_ms) || everywhere.covers(subject, role, by_ms, arrival_ms)
        };
        covers(&Subject::Viewer(viewer.clone()))
            || everywhere.guests.get(viewer).into_iter().flatten().any(|stay| {
                stay.told_ms <= by_ms && arrival_ms < stay.until_ms && covers(&Subject::Network(stay.network.clone()))
            })
    }
}

#[cfg(test)]
mod tests;
