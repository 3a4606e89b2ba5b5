//! The line of one room: what is let through becomes frames.
//!
//! What is shown is gathered into a frame, which is encoded once into the room's [ring](super::ring). A lone danmu leaves at
//! once; in a busy room a frame leaves every tick, since what a viewer costs is the write, not the danmu in it. Equal danmu that
//! were merged, and how many were left out, are told when their second is over, after all else of it: their place is the second's
//! end, on every replica, so that a viewer who goes on elsewhere gets them once.
//! Tells of no danmu that a ban retracts.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use danmu::{
    density::Fate,
    feed::{self, HEARTBEAT_MS},
    gate::Retracted,
    kinesis::shard_map::Shard,
    record::Decided,
    room::RoomId,
    viewer::{Role, ViewerId},
};

use super::{
    super::{
        metrics::Metrics,
        take::{
            judge::Judged,
            log_position::{Lineage, LogPosition},
        },
    },
    chooser::Chooser,
    event,
    feed::RoomFeed,
    retracted::retract,
    ring::{Said, frame_end},
};

/// From so many danmu a frame on a room is busy, and its tick whole; before that it is half.
const BUSY: usize = 5;
/// From so many viewers on its tick is whole, too: a frame takes a good part of it to be written.
const CROWD: usize = 4_000;
/// A feed that said nothing for so long says that it is there, by an event that scripts see, too.
pub const HEARTBEAT: Duration = Duration::from_millis(HEARTBEAT_MS);
/// How long after its second the merged ones of a room are told in which nobody says anything more: what is still on its way
/// belongs to them.
const SETTLE: Duration = Duration::from_secs(1);

/// The line of a room, as only its task sees it.
pub struct RoomLine {
    id: RoomId,
    feed: Arc<RoomFeed>,
    chooser: Chooser,
    begun: bool,
    pending: Vec<(LogPosition, Said)>,
    /// Of whom something may be retracted here, by what was told then or later; not carried out yet.
    retracted: Vec<(ViewerId, i64)>,
    /// When what was merged or left out is told, should nobody say anything more.
    settles: Option<Instant>,
    /// When the last frame left, or the last heartbeat.
    told: Instant,
    last_frame: usize,
}

impl RoomLine {
    /// A room of which nothing is known yet; viewers are shown up to `density` danmu a second, 0: all.
    pub fn new(id: RoomId, feed: Arc<RoomFeed>, density: u32) -> Self {
        Self {
            id,
            feed,
            chooser: Chooser::new(density),
            begun: false,
            pending: Vec::new(),
            retracted: Vec::new(),
            settles: None,
            told: Instant::now(),
            last_frame: 0,
        }
    }

    /// Another stream stands behind it, which was created then. What the one before had, and was not told, is gone with it.
    pub fn begin(&mut self, created_ms: i64) {
        self.begun = false;
        self.chooser = self.chooser.anew();
        self.pending.clear();
        self.settles = None;
        self.feed.past.clear();
        self.feed.learn(|lineage| *lineage = Lineage::new(created_ms));
    }

    /// Takes in a listing of shards. Of the first one it has all that arrives at `since_ms` or later.
    pub fn learn(&mut self, shards: &[Shard], since_ms: i64) {
        let beginning = self.feed.learn(|lineage| {
            lineage.learn(shards, self.id.as_str());
            lineage.beginning(since_ms)
        });
        if let Some(beginning) = beginning.filter(|_| !self.begun) {
            self.feed.ring.begin(beginning, since_ms);
            self.begun = true;
        }
    }

    /// Notes what is decided for the room alone: what that retracts is taken back with the next [`Self::retract`].
    pub fn decided(&mut self, decided: &Decided) {
        let concerned = self.feed.bans.everywhere().viewers_of(&decided.decision.on);
        self.retracted.extend(concerned.into_iter().map(|viewer| (viewer, decided.at)));
    }

    /// Takes back what is retracted of these, who are concerned in every room, and of those noted for this one, by what was told
    /// then (Unix milliseconds) or later.
    pub fn retract(&mut self, everywhere: &[(ViewerId, i64)]) {
        let own = std::mem::take(&mut self.retracted);
        if own.is_empty() && everywhere.is_empty() {
            return;
        }
        self.feed.past.retract();
        // Of a network's thousands hardly anybody spoke here, and no viewer is told of the others.
        let (bans, ring) = (&self.feed.bans, &self.feed.ring);
        let spoke = ring.of_speakers(own.iter().chain(everywhere), |(viewer, _)| viewer.as_str());
        let mut retracted: Vec<_> =
            spoke.into_iter().flat_map(|(viewer, since_ms)| bans.retracted_of(viewer, *since_ms)).collect();
        // Heard of late, on another shard: what was let through meanwhile goes as well.
        if let Some(told_ms) = ring.tip().map(|tip| tip.arrival_ms()) {
            for Retracted { viewer, before, .. } in &mut retracted {
                if *before <= told_ms && bans.cover(viewer, Role::Viewer, told_ms) {
                    *before = told_ms + 1;
                }
            }
        }
        ring.retract(retracted);
    }

    /// Gathers what was let through, if it is to be shown.
    pub fn choose(&mut self, judged: Judged) -> Fate {
        let arrival_ms = judged.admitted.arrival_ms;
        let (fate, settled) = self.chooser.choose(judged, &mut self.pending);
        if settled {
            self.settles = None;
        }
        if fate != Fate::Shown && self.settles.is_none() {
            let rest = 1_000 - arrival_ms.rem_euclid(1_000).unsigned_abs();
            self.settles = Some(Instant::now() + Duration::from_millis(rest) + SETTLE);
        }
        fate
    }

    /// When it has something to say.
    pub fn due(&self, tick: Duration) -> Instant {
        let due = match self.pending.len() {
            0 => self.told + HEARTBEAT,
            _ if self.last_frame < BUSY && self.feed.ring.viewers() < CROWD => self.told + tick / 2,
            _ => self.told + tick,
        };
        self.settles.map_or(due, |settles| settles.min(due))
    }

    /// Says it.
    pub fn speak(&mut self, now: Instant, reading: (feed::Reading, i64), metrics: &Metrics) {
        if self.settles.is_some_and(|settles| settles <= now) {
            self.settles = None;
            self.chooser.settle(&mut self.pending);
        }
        self.told = now;
        self.last_frame = self.pending.len();
        if self.pending.is_empty() {
            return self.tell_reading(reading);
        }
        let mut pending = std::mem::take(&mut self.pending);
        retract(&self.feed.bans, &mut pending);
        while !pending.is_empty() {
            let rest = pending.split_off(frame_end(&pending));
            let shown = pending.iter().filter_map(|(_, said)| match said {
                Said::Danmu(item) => Some(item.at),
                _ => None,
            });
            metrics.framed(shown);
            self.feed.ring.tell(pending);
            pending = rest;
        }
    }

    /// Tells how the reading goes.
    pub fn tell_reading(&self, reading: (feed::Reading, i64)) {
        self.feed.ring.note(event::state(reading, None));
    }
}

#[cfg(test)]
mod tests;
