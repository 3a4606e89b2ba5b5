//! The log: streams, shards and records on an embedded storage engine.
//!
//! One thread writes streams and records; trims and denials are written by their callers; any thread reads. Promises: what
//! was acknowledged is on disk; records of a shard are ordered by sequence number. Knows nothing of HTTP or signatures.

mod change;
mod changes;
mod denied;
mod disk;
mod keys;
mod model;
mod ranges;
mod recover;
mod reshard;
mod tags;
mod torn;
mod trim;
mod watch;
mod writer;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, compaction::Leveled};
use tokio::{
    runtime::Handle,
    sync::{Notify, mpsc, oneshot},
};

use self::{
    disk::Disk,
    ranges::Ranges,
    watch::Watches,
    writer::{Command, Writer},
};
pub(crate) use self::{
    model::{Consumer, MAX_CONSUMERS, Shard, Stream, Tags, shard_id, shard_index},
    tags::MAX_TAGS,
    writer::{NewRecord, Put},
};
use crate::{clock::Clock, quotas::MAX_SHARDS, sequence::RecordPosition};

/// The writer's queue; callers wait while it is full (back-pressure).
const INBOX: usize = 1024;
/// The block cache, bytes.
const CACHE_BYTES: u64 = 32 * 1024 * 1024;
/// The limit of full journals that wait until all they hold is in tables, bytes: the engine's minimum. With its default, a
/// keyspace that is rarely written keeps half a gibibyte of them.
const JOURNAL_BYTES: u64 = 64 * 1024 * 1024;
/// The largest memtable of records, bytes.
const MEMTABLE_BYTES: u64 = 16 * 1024 * 1024;
/// The size of a table of records, bytes.
const TABLE_BYTES: u64 = 8 * 1024 * 1024;

/// Why a request to the log failed.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("the log is closed")]
    Closed,
    #[error("{0}")]
    Engine(String),
    #[error("the disk has {free} bytes free; records are taken from {reserve} on")]
    DiskFull { free: u64, reserve: u64 },
    #[error("{0}")]
    Refused(Refusal),
}

impl StoreError {
    fn engine(error: impl std::fmt::Display) -> Self {
        Self::Engine(error.to_string())
    }
}

/// A request that the current state of the log does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the stream exists")]
    StreamExists,
    #[error("there is no such stream")]
    NoSuchStream,
    #[error("there is no shard {0}")]
    NoSuchShard(u32),
    #[error("shard {0} is closed")]
    ShardClosed(u32),
    #[error("shards {index} and {adjacent} are not neighbours")]
    NotAdjacent { index: u32, adjacent: u32 },
    #[error("the stream has {MAX_SHARDS} open shards already")]
    TooManyShards,
    #[error("the consumer exists")]
    ConsumerExists,
    #[error("the stream has {MAX_CONSUMERS} consumers already")]
    TooManyConsumers,
    #[error("there is no such consumer")]
    NoSuchConsumer,
    #[error("there would be more than {MAX_TAGS} tags")]
    TooManyTags,
    #[error("the stream has consumers")]
    HasConsumers,
    #[error("the hash key is not inside {start}..{end}")]
    HashKeyOutside { start: u128, end: u128 },
}

/// The metadata that readers see; updated by the writer after each commit.
#[derive(Debug, Default)]
struct Shared {
    streams: BTreeMap<Arc<str>, Arc<Stream>>,
    high: RecordPosition,
}

/// The handles of the storage engine.
#[derive(Clone)]
struct Keyspaces {
    db: Database,
    streams: Keyspace,
    shards: Keyspace,
    records: Keyspace,
    state: Keyspace,
}

/// A record read from the log.
#[derive(Debug)]
pub(crate) struct StoredRecord {
    pub(crate) position: RecordPosition,
    pub(crate) partition_key: String,
    pub(crate) data: Vec<u8>,
}

/// A run of records of one shard.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) records: Vec<StoredRecord>,
    /// Where the next page begins.
    pub(crate) next: RecordPosition,
    /// Bytes of data and partition keys.
    pub(crate) bytes: usize,
    /// Whether there already are records from `next` on.
    pub(crate) more: bool,
}

/// Limits on the size of the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Records are refused while fewer bytes of the disk than this are free.
    pub(crate) reserve: u64,
    /// Bytes of partition keys and data beyond which the oldest records are removed.
    pub(crate) retained: u64,
}

/// The log of a data directory.
pub(crate) struct Store {
    keyspaces: Keyspaces,
    shared: Arc<RwLock<Shared>>,
    commits: Arc<AtomicU64>,
    watches: Arc<Watches>,
    ranges: Arc<Ranges>,
    over: Arc<Notify>,
    commands: mpsc::Sender<Command>,
    writer: Mutex<Option<JoinHandle<()>>>,
    clock: Arc<dyn Clock>,
}

impl Store {
    /// Opens the log in `dir`, or creates an empty one. Blocks.
    pub(crate) fn open(dir: &Path, bounds: Bounds, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let open = || {
            let builder = Database::builder(dir).cache_size(CACHE_BYTES).max_journaling_size(JOURNAL_BYTES);
            builder.worker_threads(2).open()
        };
        let db = torn::recover(dir, open)?;
        let keyspace = |name| db.keyspace(name, KeyspaceCreateOptions::default).map_err(StoreError::engine);
        let sizes = keyspace("ranges")?;
        let keyspaces = Keyspaces {
            streams: keyspace("streams")?,
            shards: keyspace("shards")?,
            records: db.keyspace("records", records_options).map_err(StoreError::engine)?,
            state: keyspace("state")?,
            db,
        };
        let ranges = Ranges::recover(sizes, &keyspaces.records, bounds.retained)?;
        let (ranges, over) = (Arc::new(ranges), Arc::new(Notify::new()));
        let shared = Arc::new(RwLock::new(keyspaces.recover()?));
        let (commits, watches) = (Arc::new(AtomicU64::new(0)), Arc::new(Watches::default()));
        let outside = writer::Outside {
            shared: Arc::clone(&shared),
            commits: Arc::clone(&commits),
            watches: Arc::clone(&watches),
            ranges: Arc::clone(&ranges),
            over: Arc::clone(&over),
        };
        let writer = Writer::new(keyspaces.clone(), Disk::of(dir, bounds.reserve), Arc::clone(&clock), outside);
        let (commands, inbox) = mpsc::channel(INBOX);
        // The writer's token buckets use the runtime's clock, which tests control.
        let runtime = Handle::try_current().ok();
        let writer = thread::Builder::new()
            .name("stream-writer".to_owned())
            .spawn(move || {
                let _time = runtime.as_ref().map(Handle::enter);
                writer.run(inbox);
            })
            .map_err(StoreError::engine)?;
        Ok(Self {
            keyspaces,
            shared,
            commits,
            watches,
            ranges,
            over,
            commands,
            writer: Mutex::new(Some(writer)),
            clock,
        })
    }

    /// The current time, never earlier than the last arrival.
    pub(crate) fn now_ms(&self) -> u64 {
        let now = u64::try_from(self.clock.now_ms()).unwrap_or(0);
        now.max(self.shared().high.ms)
    }

    /// The position right after everything that was acknowledged.
    pub(crate) fn tip(&self) -> RecordPosition {
        self.shared().high.next()
    }

    /// Group commits of the writer since the log was opened.
    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Relaxed)
    }

    /// Retained bytes of partition keys and data: an upper bound, too large by at most one range per shard.
    pub(crate) fn retained(&self) -> u64 {
        self.ranges.total()
    }

    /// The limit of retained bytes.
    pub(crate) fn limit(&self) -> u64 {
        self.ranges.limit()
    }

    /// Notified when the log exceeds its limit and needs a [`Store::trim`].
    pub(crate) fn over(&self) -> Arc<Notify> {
        Arc::clone(&self.over)
    }

    /// Whether the writer thread runs.
    pub(crate) fn writes(&self) -> bool {
        !self.commands.is_closed()
    }

    pub(crate) fn stream(&self, name: &str) -> Option<Arc<Stream>> {
        self.shared().streams.get(name).cloned()
    }

    pub(crate) fn stream_by_id(&self, id: u64) -> Option<Arc<Stream>> {
        self.shared().streams.values().find(|stream| stream.meta.id == id).cloned()
    }

    /// By name, ascending.
    pub(crate) fn streams(&self) -> Vec<Arc<Stream>> {
        self.shared().streams.values().cloned().collect()
    }

    /// A watch that changes after every commit that touched the shard: records, its end, its stream's settings or deletion.
    pub(crate) fn watch(&self, stream: u64, shard: u32) -> tokio::sync::watch::Receiver<u64> {
        self.watches.watch((stream, shard))
    }

    /// Appends records; answers when they are on disk.
    pub(crate) async fn put(&self, stream: Arc<str>, records: Vec<NewRecord>) -> Result<Vec<Put>, StoreError> {
        self.ask(|answer| Command::Put { stream, records, answer }).await
    }

    pub(crate) async fn create(&self, name: &str, shards: u32, tags: Tags) -> Result<Arc<Stream>, StoreError> {
        self.ask(|answer| Command::Create { name: name.into(), shards, tags, answer }).await
    }

    pub(crate) async fn split(&self, stream: &str, shard: u32, new_start: u128) -> Result<(), StoreError> {
        self.ask(|answer| Command::Split { stream: stream.into(), shard, new_start, answer }).await
    }

    pub(crate) async fn merge(&self, stream: &str, shard: u32, adjacent: u32) -> Result<(), StoreError> {
        self.ask(|answer| Command::Merge { stream: stream.into(), shard, adjacent, answer }).await
    }

    /// Deletes a stream, one with consumers only if `enforce`. It disappears at once; the next [`Store::trim`] removes its
    /// records, also after a crash.
    pub(crate) async fn delete(&self, stream: &str, enforce: bool) -> Result<(), StoreError> {
        self.ask(|answer| Command::Delete { stream: stream.into(), enforce, answer }).await
    }

    /// Drops the shards that a [`Store::trim`] left empty. Only the trim's own list is safe: by now more shards may be past
    /// retention, whose records were not removed and then never would be.
    pub(crate) async fn forget_shards(&self, empty: Vec<(Arc<str>, u32)>) -> Result<(), StoreError> {
        if empty.is_empty() {
            return Ok(());
        }
        self.ask(|answer| Command::Forget { empty, answer }).await
    }

    /// Finishes pending writes and refuses later ones. Reads still work.
    pub(crate) async fn close(&self) {
        let (answer, closed) = oneshot::channel();
        if self.commands.send(Command::Close { answer }).await.is_ok() {
            let _ = closed.await;
        }
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Command,
    ) -> Result<T, StoreError> {
        let (answer, result) = oneshot::channel();
        self.commands.send(command(answer)).await.map_err(|_| StoreError::Closed)?;
        result.await.map_err(|_| StoreError::Closed)?
    }

    /// Reads a shard from a position on: at most `limit` records and `max_bytes`, unless the first record alone is larger.
    /// Blocks.
    pub(crate) fn read(
        &self,
        stream: u64,
        shard: u32,
        from: RecordPosition,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Page, StoreError> {
        let start = keys::record(stream, shard, from);
        let end = keys::record(stream, shard, RecordPosition::END);
        let mut page = Page { records: Vec::new(), next: from, bytes: 0, more: false };
        for entry in self.keyspaces.records.range(start..=end) {
            let (key, value) = entry.into_inner().map_err(StoreError::engine)?;
            let unreadable = || StoreError::Engine(format!("a record of shard {shard} is unreadable"));
            let position = keys::position(&key).ok_or_else(unreadable)?;
            let (partition_key, data) = keys::decode_record(&value).ok_or_else(unreadable)?;
            let size = partition_key.len() + data.len();
            let full = page.records.len() == limit || page.bytes + size > max_bytes;
            if full && !page.records.is_empty() {
                page.more = true;
                break;
            }
            page.bytes += size;
            page.next = position.next();
            page.records.push(StoredRecord { position, partition_key: partition_key.to_owned(), data: data.to_vec() });
        }
        Ok(page)
    }

    fn shared(&self) -> std::sync::RwLockReadGuard<'_, Shared> {
        self.shared.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // The writer ends when its channel closes; wait for it, so that the directory is free afterwards.
        let (nobody, _) = mpsc::channel(1);
        drop(std::mem::replace(&mut self.commands, nobody));
        let writer = self.writer.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if writer.is_some_and(|writer| writer.join().is_err()) {
            tracing::error!("the writer of the log panicked");
        }
    }
}

/// Small tables and memtables: a compaction stores its tables twice until it is done, so small ones keep the log below twice
/// its contents, and memory use low (`cargo xtask bench stream`). The engine keeps the options that a keyspace was created
/// with.
fn records_options() -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default()
        .max_memtable_size(MEMTABLE_BYTES)
        .compaction_strategy(Arc::new(Leveled::default().with_table_target_size(TABLE_BYTES)))
}

/// For tests: nothing is refused or removed early.
#[cfg(test)]
pub(crate) const UNBOUNDED: Bounds = Bounds { reserve: 0, retained: u64::MAX };

#[cfg(test)]
mod tests;
