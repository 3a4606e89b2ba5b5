//! Refill: what the window has passed, read again from the stream for viewers who were away for longer.
//!
//! A viewer gets live events at once; its absence is read beside them, judged as when it was new, up to the position at which
//! its live part begins, or from which the room's [`ring`](super::ring) has the rest, even if the ring drops more meanwhile.
//! Promises: one read of a room at a time serves all requests ([`desk`]), and a shard has at most two reads, at a rate limit
//! that leaves capacity for others ([`shards`]), however often a viewer asks and hangs up; what was read is bounded by the
//! window's bytes; a viewer who takes it too slowly, or whose absence cannot be read, is told a gap.

mod desk;
mod shards;
pub mod source;
#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use danmu::kinesis::Record;
use danmu_identity::clock::now_ms;
use tokio::{
    task::yield_now,
    time::{Instant, timeout},
};

use self::{
    desk::Verdict,
    shards::Shards,
    source::{Batch, Reading, Source},
};
pub use self::{
    desk::{Desk, Got, Request},
    source::Stream,
};
use super::ring::{Frame, Said, frame_end};
use crate::relay::take::log_position::{LogPosition, SharedLineage};

/// A read without a batch for this long is given up.
const STUCK: Duration = Duration::from_secs(30);
/// How long a read waits for slow viewers, in total.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long what was read is kept for later requests.
const KEPT: Duration = Duration::from_secs(60);
/// Records judged before the task yields to others on its thread.
const AT_ONCE: usize = 16;

/// Appends what is shown of a record, and of the second before it; returns its position if the gate admitted it.
pub type Judge = Box<dyn FnMut(&Record, &mut Vec<(LogPosition, Said)>) -> Option<LogPosition> + Send>;

/// Marks the danmu that are retracted, by the bans known now.
pub type Retract = Box<dyn Fn(&mut [(LogPosition, Said)]) + Send + Sync>;

/// A room, as the refill reads it.
pub struct Again {
    /// Its partition key.
    pub key: String,
    /// The shards that its key has lived on.
    pub lineage: SharedLineage,
    /// Makes a judge that knows only the bans. It must see the records of the warm-up before it judges as the room's own judge
    /// did.
    pub judge: Box<dyn Fn() -> Judge + Send + Sync>,
    /// Marks the danmu that are retracted, by the bans known now.
    pub retract: Retract,
    /// The warm-up of a judge, in milliseconds.
    pub warm_up_ms: i64,
}

/// The refill's counters.
#[derive(Debug, Default)]
pub struct RefillStats {
    /// Reads under way.
    pub reading: AtomicUsize,
    /// The most reads under way at a time.
    pub most: AtomicUsize,
    /// Reads that completed their requests.
    pub done: AtomicU64,
    /// Reads that failed.
    pub in_vain: AtomicU64,
    /// Reads that were stopped because no request waited for them any more.
    pub left: AtomicU64,
}

/// The refill of all rooms.
#[derive(Debug)]
pub struct Refill<S = Stream> {
    source: S,
    shards: Arc<Shards>,
    /// How far back viewers may ask, milliseconds; 0: not at all.
    age_ms: i64,
    stats: Arc<RefillStats>,
}

impl<S: Source> Refill<S> {
    /// A refill of what arrived up to `age` ago.
    pub fn new(source: S, age: Duration, stats: Arc<RefillStats>) -> Self {
        let age_ms = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        Self { source, shards: Arc::default(), age_ms, stats }
    }

    /// The counters.
    pub fn stats(&self) -> &RefillStats {
        &self.stats
    }

    /// Whether what follows a position may be requested.
    pub fn reaches(&self, place: &LogPosition) -> bool {
        !place.is_before(now_ms() - self.age_ms)
    }

    /// Requests what follows `after`, up to `until`.
    pub fn ask(
        self: &Arc<Self>,
        desk: &Arc<Desk>,
        room: impl FnOnce() -> Again,
        after: LogPosition,
        until: LogPosition,
    ) -> Request {
        let (request, begin) = desk.ask(after, until);
        if begin {
            tokio::spawn(Arc::clone(self).work(Arc::clone(desk), room()));
        }
        request
    }

    /// Reads what is requested of a room, until there has been no request for [`KEPT`].
    async fn work(self: Arc<Self>, desk: Arc<Desk>, room: Again) {
        loop {
            if !desk.is_waited_for() {
                let quiet = timeout(KEPT, desk.changed()).await.is_err();
                if quiet && desk.close() {
                    return;
                }
                continue;
            }
            let _turns = self.shards.enter(room.lineage.learn(|lineage| lineage.shards().to_vec())).await;
            // Meanwhile there may be more requests, or none any more.
            let Some(since_ms) = desk.open() else { continue };
            let RefillStats { reading, most, done, in_vain, left } = &*self.stats;
            most.fetch_max(reading.fetch_add(1, Relaxed) + 1, Relaxed);
            let verdict = self.read(&desk, &room, since_ms).await;
            reading.fetch_sub(1, Relaxed);
            let counter = match verdict {
                Some(Verdict::Done) => done,
                Some(Verdict::GoOn | Verdict::Left) => left,
                None => {
                    tracing::info!(room = room.key, since_ms, "what viewers ask for cannot be read again");
                    in_vain
                }
            };
            counter.fetch_add(1, Relaxed);
            desk.end(verdict.is_some());
        }
    }

    /// Reads what arrived at `since_ms` or later, while a request needs it; `None` if it cannot be read.
    async fn read(&self, desk: &Desk, room: &Again, since_ms: i64) -> Option<Verdict> {
        let (begun, mut patience) = (Instant::now(), PATIENCE);
        let mut reading = self.source.open(&room.key, since_ms - room.warm_up_ms, &self.shards);
        let mut judge = (room.judge)();
        loop {
            let Batch { records, all } = tokio::select! {
                batch = timeout(STUCK, reading.next()) => batch.ok()??,
                verdict = desk.is_left(begun) => return Some(verdict),
            };
            let (mut said, mut latest) = (Vec::new(), None);
            for few in records.chunks(AT_ONCE) {
                latest = few.iter().filter_map(|record| judge(record, &mut said)).last().or(latest);
                yield_now().await;
            }
            // Drop what was read only for the warm-up.
            said.retain(|(place, _)| !place.is_before(since_ms));
            // Counted before `retract`: later retractions are applied by the desk.
            let as_of = desk.retractions();
            (room.retract)(&mut said);
            let mut frames = Vec::new();
            while !said.is_empty() {
                let rest = said.split_off(frame_end(&said));
                frames.extend(Frame::new(std::mem::replace(&mut said, rest)).map(|(frame, _)| frame));
            }
            desk.put(frames, latest.filter(|latest| !latest.is_before(since_ms)), all, as_of);
            match desk.verdict(begun) {
                Verdict::GoOn if all => return Some(Verdict::Done),
                Verdict::GoOn => {}
                verdict => return Some(verdict),
            }
            let begun_waiting = Instant::now();
            let _ = timeout(patience, desk.has_room()).await;
            patience = patience.saturating_sub(begun_waiting.elapsed());
            desk.make_room();
        }
    }
}
