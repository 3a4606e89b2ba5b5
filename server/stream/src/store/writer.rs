//! The writer thread: applies puts, new streams, and changes of streams in order of arrival, with group commit.
//!
//! Promises: an acknowledged write survives any crash, since the journal is synced first. Waiting requests are gathered into
//! one batch and one sync, so that many cost little more than one. Positions never go back, across restarts and clock changes,
//! since the last one is written with every batch. Never reads records.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use fjall::{OwnedWriteBatch, PersistMode};
use tokio::{
    sync::{Notify, mpsc, oneshot},
    time::Instant,
};

use super::{
    Keyspaces, Refusal, Shared, StoreError,
    change::Change,
    disk::Disk,
    keys,
    model::{Stream, StreamEntry, Tags},
    ranges::Ranges,
    reshard,
    tags::tag,
    watch::{ShardKey, Watches},
};
use crate::{
    clock::Clock,
    limits::WriteAllowance,
    sequence::{RecordPosition, SequenceNumber},
};

/// A batch takes no more requests at this size, bytes; later ones go into the next.
const GROUP_BYTES: usize = 8 * 1024 * 1024;

/// A record to be written.
#[derive(Debug)]
pub(crate) struct NewRecord {
    pub(super) hash_key: u128,
    /// Bytes of partition key and data, which count against the shard's limit.
    pub(super) size: usize,
    pub(super) value: Vec<u8>,
}

impl NewRecord {
    pub(crate) fn new(partition_key: &str, hash_key: u128, data: &[u8]) -> Self {
        Self { hash_key, size: partition_key.len() + data.len(), value: keys::encode_record(partition_key, data) }
    }

    /// Bytes of its partition key and data, which count against limits.
    pub(crate) fn size(&self) -> usize {
        self.size
    }
}

/// The outcome for a record.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Put {
    /// It is in the log.
    Written(SequenceNumber),
    /// The shard's rate limit was reached; it is not in the log.
    Throttled {
        /// The shard's index.
        shard: u32,
    },
}

type WriteReply<T> = oneshot::Sender<Result<T, StoreError>>;

/// A request to the writer.
pub(super) enum Command {
    Put {
        stream: Arc<str>,
        records: Vec<NewRecord>,
        answer: WriteReply<Vec<Put>>,
    },
    Create {
        name: Arc<str>,
        shards: u32,
        tags: Tags,
        answer: WriteReply<Arc<Stream>>,
    },
    Split {
        stream: Arc<str>,
        shard: u32,
        new_start: u128,
        answer: WriteReply<()>,
    },
    Merge {
        stream: Arc<str>,
        shard: u32,
        adjacent: u32,
        answer: WriteReply<()>,
    },
    Change {
        stream: Arc<str>,
        change: Change,
        answer: WriteReply<Arc<Stream>>,
    },
    Delete {
        stream: Arc<str>,
        /// Whether to delete a stream that has consumers.
        enforce: bool,
        answer: WriteReply<()>,
    },
    /// Drop closed shards that have no records left.
    Forget {
        empty: Vec<(Arc<str>, u32)>,
        answer: WriteReply<()>,
    },
    Close {
        answer: oneshot::Sender<()>,
    },
}

type OnCommit = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// The requests that are committed together.
struct Group {
    batch: OwnedWriteBatch,
    bytes: usize,
    answers: Vec<OnCommit>,
    /// The shards that change.
    touched: HashSet<ShardKey>,
    /// For each shard, the position of its first new record and the bytes of all new ones.
    sizes: HashMap<ShardKey, (RecordPosition, u64)>,
    /// Bytes of records that the disk has room for, once it was checked.
    room: Option<Result<u64, StoreError>>,
    now: Instant,
}

/// The state that the writer shares with the store.
pub(super) struct Outside {
    pub(super) shared: Arc<RwLock<Shared>>,
    pub(super) commits: Arc<AtomicU64>,
    pub(super) watches: Arc<Watches>,
    pub(super) ranges: Arc<Ranges>,
    /// Notified when the log exceeds its limit.
    pub(super) over: Arc<Notify>,
}

pub(super) struct Writer {
    keyspaces: Keyspaces,
    disk: Disk,
    clock: Arc<dyn Clock>,
    outside: Outside,
    /// The state that `shared` will have once the current group is on disk.
    streams: BTreeMap<Arc<str>, Arc<Stream>>,
    high: RecordPosition,
    allowances: HashMap<(u64, u32), WriteAllowance>,
}

impl Writer {
    pub(super) fn new(keyspaces: Keyspaces, disk: Disk, clock: Arc<dyn Clock>, outside: Outside) -> Self {
        let (streams, high) = {
            let shared = outside.shared.read().unwrap_or_else(PoisonError::into_inner);
            (shared.streams.clone(), shared.high)
        };
        Self { keyspaces, disk, clock, outside, streams, high, allowances: HashMap::new() }
    }

    /// Runs until it is told to close or its channel closes.
    pub(super) fn run(mut self, mut inbox: mpsc::Receiver<Command>) {
        while let Some(first) = inbox.blocking_recv() {
            let mut group = Group {
                batch: self.keyspaces.db.batch().durability(Some(PersistMode::SyncAll)),
                bytes: 0,
                answers: Vec::new(),
                touched: HashSet::new(),
                sizes: HashMap::new(),
                room: None,
                now: Instant::now(),
            };
            let mut next = Some(first);
            let mut closing = None;
            while let Some(command) = next.take() {
                if let Command::Close { answer } = command {
                    closing = Some(answer);
                    break;
                }
                self.apply(command, &mut group);
                if group.bytes < GROUP_BYTES {
                    next = inbox.try_recv().ok();
                }
            }
            self.commit(group);
            if let Some(answer) = closing {
                // Queued requests are refused: their senders see the channel close.
                drop(inbox);
                drop(self);
                let _ = answer.send(());
                return;
            }
        }
    }

    fn apply(&mut self, command: Command, group: &mut Group) {
        match command {
            Command::Put { stream, records, answer } => {
                let result = self.put(&stream, records, group);
                group.answer(answer, result);
            }
            Command::Create { name, shards, tags, answer } => {
                let result = self.create(&name, shards, &tags, group);
                group.answer(answer, result);
            }
            Command::Split { stream, shard, new_start, answer } => {
                let end = self.advance();
                let result = self.change(&stream, group, |stream| reshard::split(stream, shard, new_start, end));
                group.answer(answer, result);
            }
            Command::Merge { stream, shard, adjacent, answer } => {
                let ends = [self.advance(), self.advance()];
                let result = self.change(&stream, group, |stream| reshard::merge(stream, shard, adjacent, ends));
                group.answer(answer, result);
            }
            Command::Change { stream, change, answer } => {
                let result = self.stream(&stream).and_then(|known| {
                    let mut changed = Stream::clone(&known);
                    change.apply(&mut changed, &mut || self.advance()).map_err(StoreError::Refused)?;
                    self.save(changed, group)
                });
                group.answer(answer, result);
            }
            Command::Delete { stream, enforce, answer } => {
                let result = self.delete(&stream, enforce, group);
                group.answer(answer, result);
            }
            Command::Forget { empty, answer } => {
                let result = self.forget(&empty, group);
                group.answer(answer, result);
            }
            Command::Close { .. } => {}
        }
    }

    /// The next position: a greater counter, and a time that never goes back.
    fn advance(&mut self) -> RecordPosition {
        let now = u64::try_from(self.clock.now_ms()).unwrap_or(0);
        self.high = RecordPosition { ms: now.max(self.high.ms), counter: self.high.counter + 1 };
        self.high
    }

    fn stream(&self, name: &str) -> Result<Arc<Stream>, StoreError> {
        self.streams.get(name).cloned().ok_or(StoreError::Refused(Refusal::NoSuchStream))
    }

    fn put(&mut self, name: &str, records: Vec<NewRecord>, group: &mut Group) -> Result<Vec<Put>, StoreError> {
        let stream = self.stream(name)?;
        let id = stream.meta.id;
        self.check_room(&records, group)?;
        let mut outcomes = Vec::with_capacity(records.len());
        for record in records {
            let Some(shard) = stream.shard_for(record.hash_key) else {
                return Err(StoreError::Engine(format!("no open shard of {name} takes {}", record.hash_key)));
            };
            let allowance = self.allowances.entry((id, shard.index)).or_insert_with(|| WriteAllowance::new(group.now));
            outcomes.push(if allowance.take(record.size, group.now) {
                let position = self.advance();
                group.bytes += record.value.len();
                group.touched.insert((id, shard.index));
                group.sizes.entry((id, shard.index)).or_insert((position, 0)).1 += record.value.len() as u64;
                let key = keys::record(id, shard.index, position);
                group.batch.insert(&self.keyspaces.records, key, record.value);
                Put::Written(shard.sequence(position))
            } else {
                Put::Throttled { shard: shard.index }
            });
        }
        Ok(outcomes)
    }

    /// Checks that the disk has room for these records in addition to those already in the group.
    fn check_room(&self, records: &[NewRecord], group: &mut Group) -> Result<(), StoreError> {
        let room = group.room.get_or_insert_with(|| self.disk.room()).clone()?;
        let wanted = group.bytes + records.iter().map(|record| record.value.len()).sum::<usize>();
        if wanted as u64 <= room { Ok(()) } else { Err(self.disk.full(room)) }
    }

    fn create(&mut self, name: &str, shards: u32, tags: &Tags, group: &mut Group) -> Result<Arc<Stream>, StoreError> {
        if self.streams.contains_key(name) {
            return Err(StoreError::Refused(Refusal::StreamExists));
        }
        let at = self.advance();
        let mut stream = reshard::create(at.counter, name, shards, at.ms);
        tag(&mut stream.meta.tags, tags).map_err(StoreError::Refused)?;
        self.save(stream, group)
    }

    fn change(
        &mut self,
        name: &str,
        group: &mut Group,
        change: impl FnOnce(&mut Stream) -> Result<(), Refusal>,
    ) -> Result<(), StoreError> {
        let mut stream = Stream::clone(&*self.stream(name)?);
        change(&mut stream).map_err(StoreError::Refused)?;
        self.save(stream, group).map(drop)
    }

    fn save(&mut self, stream: Stream, group: &mut Group) -> Result<Arc<Stream>, StoreError> {
        let known = self.streams.get(&stream.meta.name);
        let entry = StreamEntry { meta: stream.meta.clone(), consumers: stream.consumers.clone() };
        let entry = serde_json::to_vec(&entry).map_err(StoreError::engine)?;
        group.batch.insert(&self.keyspaces.streams, &*stream.meta.name, entry);
        group.touched.extend(stream.shards.iter().map(|shard| (stream.meta.id, shard.index)));
        for shard in &stream.shards {
            let before = known.and_then(|known| known.shard(shard.index));
            if before.is_none_or(|before| before.is_open() != shard.is_open()) {
                let value = serde_json::to_vec(shard).map_err(StoreError::engine)?;
                group.batch.insert(&self.keyspaces.shards, keys::shard(stream.meta.id, shard.index), value);
            }
        }
        let stream = Arc::new(stream);
        self.streams.insert(Arc::clone(&stream.meta.name), Arc::clone(&stream));
        Ok(stream)
    }

    fn delete(&mut self, name: &str, enforce: bool, group: &mut Group) -> Result<(), StoreError> {
        let stream = self.stream(name)?;
        if !enforce && !stream.consumers.is_empty() {
            return Err(StoreError::Refused(Refusal::HasConsumers));
        }
        let id = stream.meta.id;
        group.batch.remove(&self.keyspaces.streams, name);
        for shard in &stream.shards {
            group.batch.remove(&self.keyspaces.shards, keys::shard(id, shard.index));
            group.touched.insert((id, shard.index));
            self.allowances.remove(&(id, shard.index));
        }
        group.batch.insert(&self.keyspaces.state, keys::deleted(id), []);
        self.streams.remove(name);
        Ok(())
    }

    fn forget(&mut self, empty: &[(Arc<str>, u32)], group: &mut Group) -> Result<(), StoreError> {
        for (name, index) in empty {
            // One that was deleted meanwhile took its shards with it.
            let Ok(stream) = self.stream(name) else { continue };
            let mut stream = Stream::clone(&*stream);
            // An open shard takes records and must never be dropped.
            let before = stream.shards.len();
            stream.shards.retain(|shard| shard.index != *index || shard.is_open());
            if stream.shards.len() < before {
                group.batch.remove(&self.keyspaces.shards, keys::shard(stream.meta.id, *index));
                self.allowances.remove(&(stream.meta.id, *index));
                group.touched.insert((stream.meta.id, *index));
                self.save(stream, group)?;
            }
        }
        Ok(())
    }

    fn commit(&mut self, mut group: Group) {
        // All requests were refused, so nothing is written; positions that they took were not used.
        if group.batch.is_empty() {
            group.answers.into_iter().for_each(|answer| answer(Ok(())));
            return;
        }
        for (shard, (first, bytes)) in std::mem::take(&mut group.sizes) {
            self.outside.ranges.grow(&mut group.batch, shard, first, bytes);
        }
        group.batch.insert(&self.keyspaces.state, keys::HIGH, keys::encode(self.high));
        self.outside.commits.fetch_add(1, Relaxed);
        let result = group.batch.commit().map_err(StoreError::engine);
        {
            let mut shared = self.outside.shared.write().unwrap_or_else(PoisonError::into_inner);
            if result.is_ok() {
                shared.streams = self.streams.clone();
                shared.high = self.high;
            } else {
                // Positions stay used; the streams go back to their state on disk.
                self.streams = shared.streams.clone();
            }
        }
        self.outside.watches.touched(&group.touched);
        if self.outside.ranges.is_over() {
            self.outside.over.notify_one();
        }
        for answer in group.answers {
            answer(result.clone());
        }
    }
}

impl Group {
    /// Answers when the group is on disk; a refusal is sent then, too, so that answers keep their order.
    fn answer<T: Send + 'static>(&mut self, answer: WriteReply<T>, result: Result<T, StoreError>) {
        self.answers.push(Box::new(move |committed| {
            // The receiver may be gone; the write is in the log nevertheless.
            let _ = answer.send(committed.and(result));
        }));
    }
}
