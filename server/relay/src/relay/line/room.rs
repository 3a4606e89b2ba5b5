//! The line of one room: admitted danmu become frames.
//!
//! What is shown is collected into a frame, which is encoded once into the room's [ring](super::ring). A lone danmu is sent at
//! once; a busy room makes a frame every tick, since a viewer's cost is the write, not the danmu in it. Merged danmu, and how
//! many were dropped, are sent when their second is over, after the rest of it: their position is the second's end, on every
//! replica, so that a viewer who resumes at another replica gets them once.
//! No frame is made with danmu that a decision retracts.

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
    room::{Modes, RoomId},
    viewer::{Role, ViewerId},
};
use danmu_identity::clock::now_ms;

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

/// A room with this many danmu in its last frame is busy, and has a full tick; below, half a tick.
const BUSY: usize = 5;
/// A room with this many viewers has a full tick, too: writing a frame takes a good part of it.
const CROWD: usize = 4_000;
/// Heartbeat: a feed that was silent for this long sends an event, which scripts of a page see, too.
pub const HEARTBEAT: Duration = Duration::from_millis(HEARTBEAT_MS);
/// How long after the end of a room's last second its merged danmu are sent if nothing follows: records of that second may
/// still be on their way.
const SETTLE: Duration = Duration::from_secs(1);

/// The line of a room, owned by its task.
pub struct RoomLine {
    id: RoomId,
    feed: Arc<RoomFeed>,
    chooser: Chooser,
    begun: bool,
    pending: Vec<(LogPosition, Said)>,
    /// Viewers whose danmu may be retracted, by decisions told at that time or later; not carried out yet.
    retracted: Vec<(ViewerId, i64)>,
    /// Danmu that were hidden, and are not removed yet.
    hidden: Vec<Retracted>,
    /// The modes that viewers were told last.
    modes: Modes,
    /// When merged and dropped danmu are sent, if nothing follows.
    settles: Option<Instant>,
    /// When the last frame or heartbeat was sent.
    told: Instant,
    last_frame: usize,
}

impl RoomLine {
    /// The line of a room that has read nothing yet; viewers are shown up to `density` danmu a second, 0: all.
    pub fn new(id: RoomId, feed: Arc<RoomFeed>, density: u32) -> Self {
        Self {
            id,
            chooser: Chooser::new(density, feed.bans.clone()),
            feed,
            begun: false,
            pending: Vec::new(),
            retracted: Vec::new(),
            hidden: Vec::new(),
            modes: Modes::default(),
            settles: None,
            told: Instant::now(),
            last_frame: 0,
        }
    }

    /// Begins an epoch: the room is now on a stream created at `created_ms`. Unsent danmu of the stream before are lost.
    pub fn begin(&mut self, created_ms: i64) {
        self.begun = false;
        self.chooser = self.chooser.anew();
        self.pending.clear();
        self.settles = None;
        self.feed.past.clear();
        self.feed.learn(|lineage| *lineage = Lineage::new(created_ms));
    }

    /// Takes in a listing of shards. After the first listing the ring has all that arrives at `since_ms` or later.
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

    /// Notes a decision for this room alone: the danmu it retracts are removed by the next [`Self::retract`].
    pub fn decided(&mut self, decided: &Decided) {
        self.hidden.extend(Retracted::hidden(decided));
        let concerned = self.feed.bans.everywhere().viewers_of(&decided.decision.on);
        self.retracted.extend(concerned.into_iter().map(|viewer| (viewer, decided.at)));
    }

    /// Removes the retracted danmu of these viewers (decisions for every room) and of those noted for this room, by decisions
    /// told at the given times (Unix milliseconds) or later.
    pub fn retract(&mut self, everywhere: &[(ViewerId, i64)]) {
        let (own, hidden) = (std::mem::take(&mut self.retracted), std::mem::take(&mut self.hidden));
        if own.is_empty() && hidden.is_empty() && everywhere.is_empty() {
            return;
        }
        self.feed.past.retract();
        // Of a banned network's thousands of guests few spoke here; viewers are told only of those.
        let (bans, ring) = (&self.feed.bans, &self.feed.ring);
        let spoke = ring.of_speakers(own.iter().chain(everywhere), |(viewer, _)| viewer.as_str());
        let mut retracted: Vec<_> =
            spoke.into_iter().flat_map(|(viewer, since_ms)| bans.retracted_of(viewer, *since_ms)).collect();
        // A decision read late, from another shard: danmu admitted in the meantime are retracted, too.
        if let Some(told_ms) = ring.tip().map(|tip| tip.arrival_ms()) {
            for Retracted { viewer, before, .. } in &mut retracted {
                if let Some(Ok(viewer)) = viewer.as_deref().map(str::parse)
                    && *before <= told_ms
                    && bans.cover(&viewer, Role::Viewer, told_ms)
                {
                    *before = told_ms + 1;
                }
            }
        }
        retracted.extend(hidden);
        ring.retract(retracted);
    }

    /// Tells viewers the room's modes if these have changed, by a decision or by its end.
    pub fn tell_modes(&mut self, now_ms: i64) {
        let modes = self.feed.bans.told_modes(now_ms);
        if std::mem::replace(&mut self.modes, modes) != modes {
            self.feed.ring.note(event::modes(modes));
        }
    }

    /// Adds an admitted danmu to the next frame, if it is to be shown.
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

    /// When the next frame or heartbeat is due.
    pub fn due(&self, tick: Duration) -> Instant {
        let due = match self.pending.len() {
            0 => self.told + HEARTBEAT,
            _ if self.last_frame < BUSY && self.feed.ring.viewers() < CROWD => self.told + tick / 2,
            _ => self.told + tick,
        };
        self.settles.map_or(due, |settles| settles.min(due))
    }

    /// Makes the due frame, or the heartbeat.
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
            self.feed.tally.told(shown.clone(), now_ms());
            metrics.framed(shown);
            self.feed.ring.tell(pending);
            pending = rest;
        }
    }

    /// Appends an event with the reader's state.
    pub fn tell_reading(&self, reading: (feed::Reading, i64)) {
        self.feed.ring.note(event::state(reading, None));
    }
}

#[cfg(test)]
mod tests;
