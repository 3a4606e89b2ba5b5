//! The dispatcher: hands each room what was read of it, and takes in what is decided for all of them.
//!
//! Promises: a room gets its records in their order, and is judged by a task of its own, so that a busy one delays no other as
//! long as its queue has room; what waits in a queue is bounded, and a room that is full holds the reading up; nothing more is read
//! while what moderators decide cannot be kept.

use std::{collections::HashMap, sync::Arc};

use danmu::{
    feed,
    gate::Reason,
    kinesis::{Record, State, shard_map::Shard},
    record::SERVICE_KEY,
    room::{Room, RoomId},
    viewer::ViewerId,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::{means::Means, reader::Reading, refused::Refused, status::Status};
use crate::{
    clock::now_ms,
    moderation::{Heard, Moderation},
};

/// What may wait for a room, bytes: some eight seconds of all that a shard takes.
const QUEUE_BYTES: u32 = 8 << 20;
/// What a record weighs besides its data, bytes.
const RECORD_BYTES: usize = 256;

/// Something for a room.
#[derive(Debug)]
pub enum ToRoom {
    /// The stream that is read from now on was created then, in Unix milliseconds.
    Stream(i64),
    /// A listing of shards. Of the first ones all is read that arrives then (Unix milliseconds) or later.
    Shards(Arc<[Shard]>, i64),
    /// Records under the room's key, of one shard, in its order.
    Records(Vec<Record>, Weight),
    /// Of these viewers something may be retracted, by what was told then (Unix milliseconds) or later.
    Retracts(Arc<[(ViewerId, i64)]>),
    /// So the reading goes from now on, and so far behind, milliseconds.
    Reading(feed::Reading, i64),
    /// All that was there when reading began has come before this. Dropped when that was judged.
    CaughtUp(Arc<AllJudged>),
    /// This is set for the room from now on.
    Changed(Room),
}

/// A change of the rooms.
#[derive(Debug)]
pub enum Change {
    /// There is one more, whose queue this is.
    Made(RoomId, Queue),
    /// This is set for one of them.
    Set(Room),
    /// It is no more.
    Ended(RoomId),
}

/// What records weigh in a room's queue; given back when they are judged.
#[derive(Debug, Default)]
pub struct Weight {
    _permit: Option<OwnedSemaphorePermit>,
}

/// Says that all rooms have caught up, when the last of them lets go of it.
#[derive(Debug)]
pub struct AllJudged {
    status: Arc<Status>,
    moderation: Moderation,
}

impl Drop for AllJudged {
    fn drop(&mut self) {
        self.status.catch_up();
        self.moderation.reads_newest(true);
    }
}

/// A room's queue, to the dispatcher.
#[derive(Debug)]
pub struct Queue {
    waiting: mpsc::UnboundedSender<ToRoom>,
    weight: Arc<Semaphore>,
}

/// Hands out what is read, until the reader ends.
pub struct Dispatcher {
    rooms: HashMap<String, Queue>,
    means: Means,
    created_ms: i64,
    since_ms: i64,
    /// All that were listed of the stream.
    shards: Vec<Shard>,
    changes: mpsc::UnboundedReceiver<Change>,
    stop: CancellationToken,
}

impl Dispatcher {
    /// One without rooms, which learns of them by `changes`; its reader begins at what arrived at `since_ms` (Unix milliseconds).
    /// After `stop` it waits for nobody.
    pub fn new(means: Means, since_ms: i64, changes: mpsc::UnboundedReceiver<Change>, stop: CancellationToken) -> Self {
        let (rooms, shards) = Default::default();
        Self { rooms, means, created_ms: 0, since_ms, shards, changes, stop }
    }

    /// Works until the reader ends.
    pub async fn run(mut self, mut readings: mpsc::Receiver<Reading>) {
        // What is in the window was said after it was decided who may not.
        self.means.moderation.begun().await;
        loop {
            // Rooms first: those that there are at the beginning miss nothing.
            tokio::select! {
                biased;
                Some(change) = self.changes.recv() => self.change(change),
                reading = readings.recv() => match reading {
                    Some(reading) => self.take(reading).await,
                    None => return,
                },
            }
        }
    }

    fn change(&mut self, change: Change) {
        match change {
            Change::Made(id, queue) => {
                // What was put under its key before was no room's.
                if self.created_ms != 0 {
                    let _ = queue.waiting.send(ToRoom::Stream(self.created_ms));
                    let _ = queue.waiting.send(ToRoom::Shards(self.shards.clone().into(), now_ms()));
                }
                self.rooms.insert(id.as_str().to_owned(), queue);
            }
            Change::Set(room) => {
                if let Some(queue) = self.rooms.get(room.id.as_str()) {
                    let _ = queue.waiting.send(ToRoom::Changed(room));
                }
            }
            Change::Ended(id) => _ = self.rooms.remove(id.as_str()),
        }
    }

    async fn take(&mut self, reading: Reading) {
        match reading {
            Reading::Stream { created_ms } => {
                // A stream made anew is read from its beginning.
                if self.created_ms != 0 && self.created_ms != created_ms {
                    self.since_ms = created_ms;
                }
                self.created_ms = created_ms;
                self.shards.clear();
                self.tell_all(|| ToRoom::Stream(created_ms));
            }
            Reading::Shards(shards) => {
                self.shards.extend(shards.iter().cloned());
                let shards = Arc::<[_]>::from(shards);
                self.tell_all(|| ToRoom::Shards(Arc::clone(&shards), self.since_ms));
            }
            Reading::Records(records) => self.take_records(records).await,
            Reading::State(state) => {
                let goes_well = matches!(state, State::Live | State::Throttled { .. });
                self.means.moderation.reads_newest(goes_well && self.means.status.is_caught_up());
                if let Some((reading, behind_ms)) = self.means.status.learn(&state) {
                    self.tell_all(|| ToRoom::Reading(reading, behind_ms));
                }
            }
            Reading::CaughtUp => {
                let Means { status, moderation, .. } = self.means.clone();
                let all = Arc::new(AllJudged { status, moderation });
                self.tell_all(|| ToRoom::CaughtUp(Arc::clone(&all)));
            }
        }
    }

    async fn take_records(&mut self, records: Vec<Record>) {
        let (mut of_rooms, mut retracted) = (HashMap::<String, Vec<Record>>::new(), Vec::new());
        for record in records {
            if record.partition_key == SERVICE_KEY {
                retracted.extend(self.judge_order(&record).await);
            } else if self.rooms.contains_key(&record.partition_key) {
                of_rooms.entry(record.partition_key.clone()).or_default().push(record);
            } else {
                let refused = Refused::NoSuchRoom;
                self.means.metrics.refused(refused.name(), refused.notice(), &record);
            }
        }
        for (room, records) in of_rooms {
            if let Some(queue) = self.rooms.get(&room) {
                queue.put(records, &self.stop).await;
            }
        }
        if !retracted.is_empty() {
            // Once for all of them: a room is looked through for it, and a network's guests come in many records.
            let retracted = Arc::<[_]>::from(retracted);
            self.tell_all(|| ToRoom::Retracts(Arc::clone(&retracted)));
        }
    }

    /// Takes in what is decided for every room; of whom something may be retracted by it.
    async fn judge_order(&self, record: &Record) -> Vec<(ViewerId, i64)> {
        let refused = |reason: Reason| {
            let refused = Refused::Gate(reason);
            self.means.metrics.refused(refused.name(), refused.notice(), record);
        };
        let heard = match self.means.moderation.judge(&self.means.verifier, record) {
            Ok(heard) => heard,
            Err(reason) => {
                refused(reason);
                return Vec::new();
            }
        };
        if let Heard::Decision(decided) = &heard {
            refused(Reason::Moderation(decided.clone()));
        }
        if heard.is_new() {
            // What cannot be kept is not read either; but the end is the end.
            let keeper = self.means.moderation.keeper();
            tokio::select! {
                _ = keeper.send(heard.clone()) => {}
                () = self.stop.cancelled() => {}
            }
        }
        heard.retracts(|subject| self.means.moderation.viewers_of(subject))
    }

    fn tell_all(&self, what: impl Fn() -> ToRoom) {
        // A room whose task has ended is told nothing more; that ends the relay, and not here.
        self.rooms.values().for_each(|queue| _ = queue.waiting.send(what()));
    }
}

impl Queue {
    /// A queue, and its other end, which ends with the reader or the room.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<ToRoom>) {
        let (waiting, queue) = mpsc::unbounded_channel();
        (Self { waiting, weight: Arc::new(Semaphore::new(QUEUE_BYTES as usize)) }, queue)
    }

    /// Waits until there is room for them, or for the end.
    async fn put(&self, records: Vec<Record>, stop: &CancellationToken) {
        let bytes: usize = records.iter().map(|record| record.data.len() + RECORD_BYTES).sum();
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).min(QUEUE_BYTES);
        let permit = tokio::select! {
            permit = Arc::clone(&self.weight).acquire_many_owned(bytes) => permit.ok(),
            () = stop.cancelled() => None,
        };
        let _ = self.waiting.send(ToRoom::Records(records, Weight { _permit: permit }));
    }
}

#[cfg(test)]
mod tests;
