//! What the window has passed, read again from the stream for viewers who were away for longer.
//!
//! A viewer hears what is said now at once; its absence is read beside it, judged as it was when it was new, up to the place
//! at which its live part begins, or at which the room's [`ring`](super::ring) has the rest, whatever the ring lets go of
//! meanwhile. Promises: a room is read once at a time, for all who ask ([`desk`]), and no shard by more than two, at a pace
//! that leaves it for others ([`shards`]), however often somebody asks and hangs up; what was read is kept within the
//! window's bytes, and a viewer who takes it too slowly, or for whom it cannot be had, is told a gap.

mod desk;
mod shards;
mod source;
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
use crate::{
    clock::now_ms,
    relay::take::log_position::{LogPosition, SharedLineage},
};

/// A read that brings nothing for so long is given up.
const STUCK: Duration = Duration::from_secs(30);
/// How long a read waits for viewers who take it slowly, all together.
const PATIENCE: Duration = Duration::from_secs(5);
/// For how long what was read is kept for those who come yet.
const KEPT: Duration = Duration::from_secs(60);
/// So many records are judged at once: the thread is others', too.
const AT_ONCE: usize = 16;

/// Adds what is shown of a record, and of what was merged before it; gives its place if the gate let it through.
pub type Judge = Box<dyn FnMut(&Record, &mut Vec<(LogPosition, Said)>) -> Option<LogPosition> + Send>;

/// Takes back what is retracted by now.
pub type Retract = Box<dyn Fn(&mut [(LogPosition, Said)]) + Send + Sync>;

/// A room, as it is read again.
pub struct Again {
    /// Its partition key.
    pub key: String,
    /// The shards that it lives on.
    pub lineage: SharedLineage,
    /// Makes a gate that knows nothing yet but who may not speak. It must have seen what came so many milliseconds before to
    /// judge as the room's own did.
    pub judge: Box<dyn Fn() -> Judge + Send + Sync>,
    /// Takes back what is retracted by now.
    pub retract: Retract,
    /// So many milliseconds.
    pub warm_up_ms: i64,
}

/// What was counted, for whoever looks.
#[derive(Debug, Default)]
pub struct RefillStats {
    /// Reads under way.
    pub reading: AtomicUsize,
    /// The most that were under way at a time.
    pub most: AtomicUsize,
    /// Reads after which all who asked had what they asked for.
    pub done: AtomicU64,
    /// Reads that were given up.
    pub in_vain: AtomicU64,
    /// Reads that nobody waited for any more.
    pub left: AtomicU64,
}

/// Reads again for all rooms.
#[derive(Debug)]
pub struct Refill<S = Stream> {
    source: S,
    shards: Arc<Shards>,
    /// How far back viewers may ask, milliseconds; 0 for not at all.
    age_ms: i64,
    stats: Arc<RefillStats>,
}

impl<S: Source> Refill<S> {
    /// What arrived up to `age` ago may be asked for.
    pub fn new(source: S, age: Duration, stats: Arc<RefillStats>) -> Self {
        let age_ms = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        Self { source, shards: Arc::default(), age_ms, stats }
    }

    /// What was counted.
    pub fn stats(&self) -> &RefillStats {
        &self.stats
    }

    /// Whether what follows a place may be asked for.
    pub fn reaches(&self, place: &LogPosition) -> bool {
        !place.is_before(now_ms() - self.age_ms)
    }

    /// Asks for what follows `after`, up to `until`.
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

    /// Reads whatever is asked for, until nobody has asked for anything for a while.
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
            // Meanwhile others may have asked for more, or nobody waits any more.
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

    /// Reads all that arrived at `since_ms` or later, as long as somebody needs it; `None` where it cannot be had.
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
            // What only warmed the gate up is none of it.
            said.retain(|(place, _)| !place.is_before(since_ms));
            // Before the look: what is retracted after it is taken back from the desk.
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
