//! Who may not speak, and when: by arrival times, so that whoever knows the same decisions judges a record alike, whenever it
//! does, and in whichever order it came to know them.
//!
//! The decisions on one subject stand in the order in which they arrived; at each time the last one before it counts, but that
//! what somebody decided holds against all who stand below. A
//! decision has an id, so that taking it in once more changes nothing. What is decided for a room stands on the room's shard,
//! and counts from its arrival on. What is decided for every room stands on a shard of its own, and counts for what arrives
//! [`EVERYWHERE_AFTER_MS`] after it: readers whose shards are not further apart than that judge alike.
//! What is over is remembered for [`KEPT_MS`], for those who read old records again.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use crate::{
    record::{Decided, Decision, Guests, Moderation, Network, RecordId, Subject},
    room::RoomId,
    viewer::{Rank, Role, ViewerId},
};

/// How long after its arrival, in milliseconds, a decision for every room counts. Longer than a reader that polls needs to
/// have read all shards once.
pub const EVERYWHERE_AFTER_MS: i64 = 500;

/// How long what is over is remembered, in milliseconds: longer than any record is read again, or a decision put again.
pub const KEPT_MS: i64 = 3 * 3_600 * 1_000;

/// What is decided for one scope: a room, or every room. A handle; its clones are the same decisions.
#[derive(Clone, Debug, Default)]
pub struct Decisions(Arc<RwLock<Known>>);

#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) timelines: HashMap<Subject, Vec<BanEntry>>,
    /// Guests who had sessions from banned networks.
    guests: HashMap<ViewerId, Vec<Stay>>,
    /// When the newest of all that was told, Unix milliseconds.
    newest_ms: i64,
    /// With so many subjects and guests, what is over is looked for.
    look_at: usize,
}

/// A decision on a subject; of one arrival time the later ones stand behind.
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

/// A guest had a session from a network, which ends then.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stay {
    network: Network,
    told_ms: i64,
    until_ms: i64,
}

impl Decisions {
    /// Takes in a decision that arrived then (Unix milliseconds); whether it was new.
    pub fn apply(&self, id: RecordId, decision: &Decision, arrival_ms: i64) -> bool {
        let mut known = self.write();
        known.forget(arrival_ms);
        known.newest_ms = known.newest_ms.max(arrival_ms);
        let entry = BanEntry { at_ms: arrival_ms, id, until_ms: decision.until_ms(), by: decision.by };
        let timeline = known.timelines.entry(decision.on.clone()).or_default();
        if decision.on == Subject::Sessions {
            // No later word makes sessions good again.
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

    /// Takes in whom a ban of a network concerns, told by a record that arrived then (Unix milliseconds); whether any of it was
    /// new.
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

    /// Until when the decision on a subject that counts holds (Unix milliseconds, the greatest number for good), and how high who
    /// decided it stands; `None` where there is none.
    #[must_use]
    pub fn until(&self, subject: &Subject) -> Option<(i64, Rank)> {
        let known = self.read();
        let timeline = known.timelines.get(subject)?;
        let counts = &timeline[counting(timeline, i64::MAX)?];
        Some((counts.until_ms, counts.by))
    }

    /// All that is known, to be handed along: whoever [applies](Self::apply) it judges as this one does.
    #[must_use]
    pub fn told(&self, room: Option<&RoomId>) -> Vec<Decided> {
        let known = self.read();
        let of = |(on, timeline): (&Subject, &Vec<BanEntry>)| {
            timeline.iter().map(|entry| entry.told(on, room)).collect::<Vec<_>>()
        };
        known.timelines.iter().flat_map(of).collect()
    }

    /// The decision on each subject that counts, whether it is in force or not.
    #[must_use]
    pub fn last(&self, room: Option<&RoomId>) -> Vec<Decided> {
        let known = self.read();
        let counts = |(on, timeline): (_, &Vec<BanEntry>)| Some(timeline[counting(timeline, i64::MAX)?].told(on, room));
        known.timelines.iter().filter_map(counts).collect()
    }

    /// Whether a decision on a subject is among them.
    #[must_use]
    pub fn knows(&self, id: RecordId, on: &Subject) -> bool {
        self.read().timelines.get(on).is_some_and(|timeline| timeline.iter().any(|entry| entry.id == id))
    }

    /// The networks that a guest had sessions from which last longer than that, Unix milliseconds.
    #[must_use]
    pub fn networks_of(&self, guest: &ViewerId, now_ms: i64) -> Vec<Network> {
        let known = self.read();
        let stays = known.guests.get(guest).into_iter().flatten().filter(|stay| stay.until_ms > now_ms);
        stays.map(|stay| stay.network.clone()).collect()
    }

    /// Whom a decision on a subject concerns, as far as they are known.
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

    /// When the newest of all that was told, Unix milliseconds.
    pub(super) fn newest_ms(&self) -> i64 {
        self.read().newest_ms
    }

    /// The guests of networks, those together that were told together.
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

    /// Looks at the networks that guests, or one of them, had sessions from, and when that was told.
    pub(super) fn each_stay(&self, of: Option<&ViewerId>, look: &mut impl FnMut(&ViewerId, &Network, i64)) {
        // A copy, since the look may want to know of the decisions.
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

/// Where the decision stands that counts of those that arrived by then: the last one, but that nobody who stands below takes back
/// or changes what holds.
fn counting(timeline: &[BanEntry], by_ms: i64) -> Option<usize> {
    let arrived = 0..timeline.partition_point(|entry| entry.at_ms <= by_ms);
    arrived.reduce(|counts, next| {
        let (before, after) = (&timeline[counts], &timeline[next]);
        if before.by > after.by && after.at_ms < before.until_ms { counts } else { next }
    })
}

impl Known {
    /// Whether the decision that counts of those that arrived by `by_ms` holds for one of that role, and what arrives at `at_ms`.
    fn covers(&self, subject: &Subject, role: Role, by_ms: i64, at_ms: i64) -> bool {
        // Most have never been banned.
        self.timelines.get(subject).is_some_and(|timeline| {
            let counts = counting(timeline, by_ms).map(|at| &timeline[at]);
            counts.is_some_and(|counts| at_ms < counts.until_ms && counts.by.is_above(role))
        })
    }

    /// Forgets what is over for long. It looks each time that there is twice as much as the last time was left, so that a
    /// decision costs the same however many there are.
    fn forget(&mut self, now_ms: i64) {
        if self.timelines.len() + self.guests.len() < self.look_at {
            return;
        }
        let over_ms = now_ms - KEPT_MS;
        self.timelines.retain(|on, timeline| {
            // A session may live for longer, and there is one such entry.
            if *on == Subject::Sessions {
                return true;
            }
            superseded(timeline, over_ms);
            let counts = counting(timeline, i64::MAX).map(|at| timeline[at].until_ms);
            counts.max(timeline.last().map(|last| last.at_ms)).is_some_and(|ms| ms >= over_ms)
        });
        self.guests.retain(|_, stays| {
            stays.retain(|stay| stay.until_ms >= over_ms);
            !stays.is_empty()
        });
        self.look_at = 64.max(2 * (self.timelines.len() + self.guests.len()));
    }
}

/// Forgets what later decisions took the place of before then.
fn superseded(timeline: &mut Vec<BanEntry>, over_ms: i64) {
    let count = counting(timeline, over_ms - 1).unwrap_or(0);
    timeline.drain(..count);
}

/// The bans of a room: those of that room, and those of every room. A handle, as [`Decisions`] are.
#[derive(Clone, Debug, Default)]
pub struct Bans {
    room: Decisions,
    everywhere: Decisions,
}

impl Bans {
    /// By what is decided for the room, and for every room.
    #[must_use]
    pub const fn new(room: Decisions, everywhere: Decisions) -> Self {
        Self { room, everywhere }
    }

    /// What is decided for every room.
    #[must_use]
    pub const fn everywhere(&self) -> &Decisions {
        &self.everywhere
    }

    /// What is decided for the room alone.
    #[must_use]
    pub const fn of_room(&self) -> &Decisions {
        &self.room
    }

    /// Takes in what a record of the room decides that arrived then (Unix milliseconds); whether that was new.
    pub fn apply(&self, id: RecordId, moderation: &Moderation, arrival_ms: i64) -> bool {
        moderation.of_room().is_some_and(|decision| self.room.apply(id, &decision, arrival_ms))
    }

    /// Whether what the viewer, of that role in the room, says is not shown if it arrives then.
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
