//! The dispatcher: hands each room its records, and takes in the decisions that apply to every room.
//!
//! Promises: a room gets its records in order, and is judged by its own task, so that a busy room delays no other while its
//! queue has space; records in a queue are bounded in bytes, and a full queue stops the reader (back-pressure); so does a
//! moderators' decision that cannot be stored yet.

use std::{collections::HashMap, sync::Arc};

use danmu::{
    feed,
    gate::Reason,
    kinesis::{Record, State, shard_map::Shard},
    record::SERVICE_KEY,
    room::{Room, RoomId},
    viewer::ViewerId,
};
use danmu_identity::clock::now_ms;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::{means::Means, reader::Reading, refused::Refused, status::Status};
use crate::moderation::{Heard, Moderation};

/// Capacity of a room's queue, bytes: about eight seconds of all that a shard takes.
const QUEUE_BYTES: u32 = 8 << 20;
/// Weight of a record in a queue besides its data, bytes.
const RECORD_BYTES: usize = 256;

/// A message to a room's task.
#[derive(Debug)]
pub enum ToRoom {
    /// From now on a stream is read that was created at this time (Unix milliseconds).
    Stream(i64),
    /// A listing of shards. The first ones are read from what arrived at this time (Unix milliseconds) on.
    Shards(Arc<[Shard]>, i64),
    /// Records with the room's partition key, of one shard, in its order.
    Records(Vec<Record>, Weight),
    /// Danmu of these viewers may be retracted, by decisions told at these times (Unix milliseconds) or later.
    Retracts(Arc<[(ViewerId, i64)]>),
    /// New state of the reader, and how far behind it is, milliseconds.
    Reading(feed::Reading, i64),
    /// All records that were there when reading began came before this. Dropped once they are judged.
    CaughtUp(Arc<AllJudged>),
    /// New settings of the room.
    Changed(Room),
}

/// A change of the rooms.
#[derive(Debug)]
pub enum Change {
    /// A new room, with its queue.
    Made(RoomId, Queue),
    /// New settings of a room.
    Set(Room),
    /// A room was removed.
    Ended(RoomId),
}

/// The weight of records in a room's queue; released on drop, once they are judged.
#[derive(Debug, Default)]
pub struct Weight {
    _permit: Option<OwnedSemaphorePermit>,
}

/// Reports that all rooms have caught up, when the last of them drops it.
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

/// The dispatcher's end of a room's queue.
#[derive(Debug)]
pub struct Queue {
    waiting: mpsc::UnboundedSender<ToRoom>,
    weight: Arc<Semaphore>,
}

/// Hands out what the reader reads, until that ends.
pub struct Dispatcher {
    rooms: HashMap<String, Queue>,
    means: Means,
    created_ms: i64,
    since_ms: i64,
    /// All shards listed of the stream so far.
    shards: Vec<Shard>,
    changes: mpsc::UnboundedReceiver<Change>,
    stop: CancellationToken,
}

impl Dispatcher {
    /// A dispatcher without rooms, which learns of them from `changes`; its reader begins at what arrived at `since_ms` (Unix
    /// milliseconds). After `stop` it waits neither for a full queue nor for the store.
    pub fn new(means: Means, since_ms: i64, changes: mpsc::UnboundedReceiver<Change>, stop: CancellationToken) -> Self {
        let (rooms, shards) = Default::default();
        Self { rooms, means, created_ms: 0, since_ms, shards, changes, stop }
    }

    /// Works until the reader ends.
    pub async fn run(mut self, mut readings: mpsc::Receiver<Reading>) {
        // The gates must know all earlier bans before they judge the window.
        self.means.moderation.begun().await;
        loop {
            // Rooms first, so that those that exist at the start miss no record.
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
                // Records under its key from before the room existed are not the room's.
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
                // A recreated stream is read from its beginning.
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
            // Once for all records: each message makes a room search its ring, and a network's guests come in many records.
            let retracted = Arc::<[_]>::from(retracted);
            self.tell_all(|| ToRoom::Retracts(Arc::clone(&retracted)));
        }
    }

    /// Takes in a decision for every room; returns the viewers whose danmu it may retract, and when it was told.
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
            refused(Reason::Moderation(decided.clone().into()));
        }
        if heard.is_new() {
            // Back-pressure: no more is read while the store's queue is full, unless the server stops.
            let keeper = self.means.moderation.keeper();
            tokio::select! {
                _ = keeper.send(heard.clone()) => {}
                () = self.stop.cancelled() => {}
            }
        }
        heard.retracts(|subject| self.means.moderation.viewers_of(subject))
    }

    fn tell_all(&self, what: impl Fn() -> ToRoom) {
        // This fails only for a room whose task has ended; if it panicked, `Crew::run` ends the relay.
        self.rooms.values().for_each(|queue| _ = queue.waiting.send(what()));
    }
}

impl Queue {
    /// A queue, and its receiving end, which closes when the reader ends or the room is removed.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<ToRoom>) {
        let (waiting, queue) = mpsc::unbounded_channel();
        (Self { waiting, weight: Arc::new(Semaphore::new(QUEUE_BYTES as usize)) }, queue)
    }

    /// Puts records into the queue once it has space for them, or at once after `stop`.
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
