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
mod reshard;
mod tags;
mod torn;
mod watch;
mod writer;

use std::{
    collections::{BTreeMap, HashMap},
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
    model::StreamEntry,
    ranges::Ranges,
    watch::Watches,
    writer::{Command, Writer},
};
pub(crate) use self::{
    model::{Consumer, MAX_CONSUMERS, Shard, Stream, Tags, shard_id, shard_index},
    tags::MAX_TAGS,
    writer::{NewRecord, Put},
};
use crate::{clock::Clock, quotas::MAX_SHARDS, sequence::Position};

/// Requests that may wait for the writer; more wait outside.
const INBOX: usize = 1024;
/// Keys removed in one batch by a trim.
const TRIM_BATCH: usize = 2048;
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
    high: Position,
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
    pub(crate) position: Position,
    pub(crate) partition_key: String,
    pub(crate) data: Vec<u8>,
}

/// A run of records of one shard.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) records: Vec<StoredRecord>,
    /// Where the next page begins.
    pub(crate) next: Position,
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

/// What a trim did.
#[derive(Debug, Default)]
pub(crate) struct Trimmed {
    /// Records that were removed because they were past retention, or their stream was deleted.
    pub(crate) records: u64,
    /// Records that were removed because the log was over its limit.
    pub(crate) early: u64,
    /// Closed shards without records, and never to have any again: the stream's name and the index.
    pub(crate) empty: Vec<(Arc<str>, u32)>,
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
    pub(crate) fn tip(&self) -> Position {
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
        from: Position,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Page, StoreError> {
        let start = keys::record(stream, shard, from);
        let end = keys::record(stream, shard, Position::END);
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

    /// Removes records past retention, those of deleted streams, and the oldest of all while the log is over its limit.
    /// Blocks.
    pub(crate) fn trim(&self) -> Result<Trimmed, StoreError> {
        let now_ms = u64::try_from(self.clock.now_ms()).unwrap_or(0);
        let streams: Vec<_> = self.shared().streams.values().cloned().collect();
        let mut trimmed = Trimmed::default();
        for stream in streams {
            let horizon = stream.horizon(now_ms);
            for shard in &stream.shards {
                let id = stream.meta.id;
                let (start, end) = (Position::START, Position::at(horizon));
                let past = keys::record(id, shard.index, start)..keys::record(id, shard.index, end);
                trimmed.records += self.remove_records(past)?;
                self.ranges.forget_before((id, shard.index), Some(end))?;
                if shard.closed.is_some_and(|closed| closed.ms < horizon) {
                    self.ranges.forget_before((id, shard.index), None)?;
                    trimmed.empty.push((Arc::clone(&stream.meta.name), shard.index));
                }
            }
        }
        for entry in self.keyspaces.state.prefix(keys::DELETED) {
            let key = entry.key().map_err(StoreError::engine)?;
            let Some(id) = keys::deleted_stream(&key) else { continue };
            trimmed.records += self.remove_records(keys::records_of(id))?;
            self.ranges.forget_stream(id)?;
            // Lost in a crash, it is only looked for again what is not there.
            self.keyspaces.state.remove(key).map_err(StoreError::engine)?;
        }
        let is_open = |(stream, shard): (u64, u32)| {
            self.stream_by_id(stream).is_some_and(|stream| stream.shard(shard).is_some_and(Shard::is_open))
        };
        for range in self.ranges.oldest(is_open) {
            let (stream, shard) = range.shard;
            let past = keys::record(stream, shard, range.from)..keys::record(stream, shard, range.to);
            trimmed.early += self.remove_records(past)?;
            self.ranges.forget(range)?;
        }
        Ok(trimmed)
    }

    fn remove_records(&self, range: std::ops::Range<[u8; 28]>) -> Result<u64, StoreError> {
        let mut past = self.keyspaces.records.range(range);
        let mut removed = 0;
        loop {
            // A removal that is lost in a crash is made again: no sync.
            let mut batch = self.keyspaces.db.batch();
            for entry in past.by_ref().take(TRIM_BATCH) {
                batch.remove(&self.keyspaces.records, entry.key().map_err(StoreError::engine)?);
            }
            if batch.is_empty() {
                return Ok(removed);
            }
            removed += batch.len() as u64;
            batch.commit().map_err(StoreError::engine)?;
        }
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

impl Keyspaces {
    /// Reads back what was there.
    fn recover(&self) -> Result<Shared, StoreError> {
        let mut shards: HashMap<u64, Vec<Shard>> = HashMap::new();
        for entry in self.shards.iter() {
            let (key, value) = entry.into_inner().map_err(StoreError::engine)?;
            let stream = key.get(..8).and_then(|id| id.try_into().ok()).map(u64::from_be_bytes);
            let stream = stream.ok_or_else(|| StoreError::Engine("a shard's key is unreadable".to_owned()))?;
            let shard = serde_json::from_slice(&value).map_err(StoreError::engine)?;
            shards.entry(stream).or_default().push(shard);
        }
        let mut streams = BTreeMap::new();
        for entry in self.streams.iter() {
            let StreamEntry { meta, consumers } =
                serde_json::from_slice(&entry.value().map_err(StoreError::engine)?).map_err(StoreError::engine)?;
            let shards = shards.remove(&meta.id).unwrap_or_default();
            streams.insert(Arc::clone(&meta.name), Arc::new(Stream { meta, shards, consumers }));
        }
        let high = self
            .state
            .get(keys::HIGH)
            .map_err(StoreError::engine)?
            .map(|bytes| {
                keys::decode(&bytes).ok_or_else(|| StoreError::Engine("the last position is unreadable".to_owned()))
            })
            .transpose()?
            .unwrap_or_default();
        Ok(Shared { streams, high })
    }
}

/// For tests: nothing is refused, and nothing goes early.
#[cfg(test)]
pub(crate) const UNBOUNDED: Bounds = Bounds { reserve: 0, retained: u64::MAX };

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicI64;

    use super::*;
    use crate::clock::SystemClock;

    /// The engine shows a batch only after its journal was synced, so what is seen at the answer was on disk before it.
    #[tokio::test(flavor = "multi_thread")]
    async fn an_answer_comes_after_its_batch_and_never_before() -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let store = Store::open(dir.path(), UNBOUNDED, Arc::new(SystemClock))?;
        let stream = store.create("s", 1, Tags::new()).await?;
        let id = stream.meta.id;
        for number in 0..100_u8 {
            let from = store.tip();
            let record = NewRecord::new("key", 0, &[number]);
            let outcomes = store.put(Arc::clone(&stream.meta.name), vec![record]).await?;
            let [Put::Written(sequence)] = outcomes[..] else { return Err("not written".into()) };
            let page = store.read(id, 0, from, 10, 100)?;
            let seen: Vec<_> = page.records.iter().map(|record| (record.position, record.data.as_slice())).collect();
            assert_eq!(seen, [(sequence.position, &[number][..])]);
            assert!(sequence.position >= from && store.tip() > sequence.position);
        }
        assert_eq!(store.commits(), 101);
        Ok(())
    }

    /// A clock that is a step further whenever it is looked at, milliseconds.
    #[derive(Default)]
    struct Hurried {
        now_ms: AtomicI64,
        step_ms: AtomicI64,
    }

    impl Clock for Hurried {
        fn now_ms(&self) -> i64 {
            self.now_ms.fetch_add(self.step_ms.load(Relaxed), Relaxed)
        }
    }

    #[tokio::test]
    async fn a_shard_is_forgotten_with_its_last_record_and_not_before() -> Result<(), Box<dyn std::error::Error>> {
        const DAY_MS: u64 = 24 * 3_600_000;
        let dir = tempfile::tempdir()?;
        let clock = Arc::new(Hurried::default());
        clock.now_ms.store(1_732_000_000_000, Relaxed);
        let store = Store::open(dir.path(), UNBOUNDED, Arc::clone(&clock) as Arc<dyn Clock>)?;
        let stream = store.create("s", 1, Tags::new()).await?;
        let (id, name) = (stream.meta.id, Arc::clone(&stream.meta.name));
        store.put(Arc::clone(&name), vec![NewRecord::new("k", 0, b"last")]).await?;
        store.split(&name, 0, 1 << 64).await?;
        let closed = store.stream(&name).and_then(|stream| stream.shard(0)?.closed).ok_or("not closed")?;
        let left = || store.read(id, 0, Position::START, 10, 1000).map(|page| page.records.len());

        // A look at the clock before the shard's end is past retention, the next one after it.
        clock.step_ms.store(10, Relaxed);
        let end = i64::try_from(closed.ms + DAY_MS)?;
        for now_ms in end - 12..=end + 1 {
            clock.now_ms.store(now_ms, Relaxed);
            store.forget_shards(store.trim()?.empty).await?;
            let is_known = store.stream(&name).is_some_and(|stream| stream.shard(0).is_some());
            assert!(is_known || left()? == 0, "forgotten with a record in the log, {now_ms}");
        }
        assert_eq!(left()?, 0);
        assert!(store.stream(&name).is_some_and(|stream| stream.shard(0).is_none() && stream.open_shards() == 2));
        Ok(())
    }

    #[tokio::test]
    async fn what_is_refused_moves_nothing() -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let store = Store::open(dir.path(), UNBOUNDED, Arc::new(SystemClock))?;
        store.create("s", 1, Tags::new()).await?;
        let (tip, commits) = (store.tip(), store.commits());
        assert!(store.create("s", 1, Tags::new()).await.is_err());
        assert!(store.split("s", 0, 0).await.is_err());
        assert!(store.merge("s", 0, 0).await.is_err());
        assert_eq!(
            (store.tip(), store.commits()),
            (tip, commits),
            "a place that is not on disk may be given out again"
        );
        Ok(())
    }

    #[tokio::test]
    async fn a_page_ends_at_its_limits_and_says_that_there_is_more() -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let store = Store::open(dir.path(), UNBOUNDED, Arc::new(SystemClock))?;
        let stream = store.create("s", 1, Tags::new()).await?;
        let records = (0..5).map(|_| NewRecord::new("k", 0, &[0; 99])).collect();
        store.put(Arc::clone(&stream.meta.name), records).await?;
        let read = |from, limit, bytes| store.read(stream.meta.id, 0, from, limit, bytes);
        for (limit, bytes, expected, more) in
            [(2, 1000, 2, true), (10, 250, 2, true), (10, 1, 1, true), (5, 500, 5, false), (10, 1000, 5, false)]
        {
            let page = read(Position::START, limit, bytes)?;
            assert_eq!((page.records.len(), page.more), (expected, more), "{limit} records, {bytes} bytes");
            let rest = read(page.next, 10, 1000)?;
            assert_eq!(rest.records.len(), 5 - expected, "the next page begins where this one ended");
        }
        Ok(())
    }
}
