//! The log: streams, shards and records on an embedded storage engine, written by one thread, read by anybody.
//!
//! Promises: what was acknowledged is on disk; records of a shard come in the order of their sequence numbers; a read
//! sees whole batches. Knows nothing of HTTP, signatures or JSON requests.

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

/// Requests that may wait for the writer; more wait outside.
const INBOX: usize = 1024;
/// Memory for blocks read from disk.
const CACHE_BYTES: u64 = 32 * 1024 * 1024;
/// Journals that are full and wait until all that they hold is in tables, bytes: the least that the engine takes. What a
/// small keyspace holds would else keep half a gibibyte of them.
const JOURNAL_BYTES: u64 = 64 * 1024 * 1024;
/// Records in memory before they go to a table, bytes.
const MEMTABLE_BYTES: u64 = 16 * 1024 * 1024;
/// The size of a table of records, bytes.
const TABLE_BYTES: u64 = 8 * 1024 * 1024;

/// Why the log did not do what was asked.
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

/// A request that the log as it stands does not allow.
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

/// What readers see; replaced by the writer after each commit.
#[derive(Debug, Default)]
struct Shared {
    streams: BTreeMap<Arc<str>, Arc<Stream>>,
    high: RecordPosition,
}

/// Handles on the storage engine.
#[derive(Clone)]
struct Keyspaces {
    db: Database,
    streams: Keyspace,
    shards: Keyspace,
    records: Keyspace,
    state: Keyspace,
}

/// A record out of the log.
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
    /// Whether there are records from `next` on already.
    pub(crate) more: bool,
}

/// How large the log may grow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Records are refused while fewer bytes of the disk are free.
    pub(crate) reserve: u64,
    /// Bytes of partition keys and data from which on the oldest records go.
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
    /// Opens the log in `dir`, or makes an empty one. Blocks.
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
        // Its allowances go by the time of the runtime that it works for, which tests move.
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

    /// Now, never earlier than the last arrival.
    pub(crate) fn now_ms(&self) -> u64 {
        let now = u64::try_from(self.clock.now_ms()).unwrap_or(0);
        now.max(self.shared().high.ms)
    }

    /// Right after everything that was acknowledged.
    pub(crate) fn tip(&self) -> RecordPosition {
        self.shared().high.next()
    }

    /// Journal syncs since the log was opened.
    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Relaxed)
    }

    /// Bytes of partition keys and data that are retained: never too few, and by one range a shard at the most too many.
    pub(crate) fn retained(&self) -> u64 {
        self.ranges.total()
    }

    /// Bytes that may be.
    pub(crate) fn limit(&self) -> u64 {
        self.ranges.limit()
    }

    /// Notified when the log is over its limit: then it wants a [`Store::trim`].
    pub(crate) fn over(&self) -> Arc<Notify> {
        Arc::clone(&self.over)
    }

    /// Whether the writer runs, by whom everything is written.
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

    /// Changes after every commit that touched the shard: records, its end, what its stream is, the stream's deletion.
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

    /// Deletes a stream, one with consumers only if `enforce` says so: gone at once for everybody; its records are removed by
    /// the next [`Store::trim`], also after a crash.
    pub(crate) async fn delete(&self, stream: &str, enforce: bool) -> Result<(), StoreError> {
        self.ask(|answer| Command::Delete { stream: stream.into(), enforce, answer }).await
    }

    /// Forgets the shards that a [`Store::trim`] left empty. It alone knows which: by a clock that has moved on meanwhile
    /// others are past retention, too, whose last records would then be there for ever.
    pub(crate) async fn forget_shards(&self, empty: Vec<(Arc<str>, u32)>) -> Result<(), StoreError> {
        if empty.is_empty() {
            return Ok(());
        }
        self.ask(|answer| Command::Forget { empty, answer }).await
    }

    /// Finishes what waits and refuses what comes later. Reads go on.
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

    /// The records of a shard from a position on: at most `limit`, at most `max_bytes` unless the first alone is larger.
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
        // The writer ends when nobody can ask it any more; wait, so that the directory is free afterwards.
        let (nobody, _) = mpsc::channel(1);
        drop(std::mem::replace(&mut self.commands, nobody));
        let writer = self.writer.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if writer.is_some_and(|writer| writer.join().is_err()) {
            tracing::error!("the writer of the log panicked");
        }
    }
}

/// A merge of tables holds what it merges twice until it is done: with small ones the log stays below twice what it holds,
/// also in the middle of a merge, and what is in memory small (`cargo xtask bench stream`). The engine keeps what a
/// keyspace was made with.
fn records_options() -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default()
        .max_memtable_size(MEMTABLE_BYTES)
        .compaction_strategy(Arc::new(Leveled::default().with_table_target_size(TABLE_BYTES)))
}

/// For tests: nothing is refused, and nothing goes early.
#[cfg(test)]
pub(crate) const UNBOUNDED: Bounds = Bounds { reserve: 0, retained: u64::MAX };

#[cfg(test)]
mod tests;
