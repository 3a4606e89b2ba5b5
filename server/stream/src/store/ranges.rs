//! Retained bytes, counted by ranges: runs of records of one shard, the unit of removal when the log exceeds its limit.
//!
//! Promises: acknowledged records are counted, across crashes, since a range's size is written in the batch of its records,
//! so a start need not count again. A range that was removed in part counts whole until all of it is gone: the count is never
//! too small, and too large by at most one range per shard. It includes the three header bytes of a record's value.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use fjall::{Keyspace, OwnedWriteBatch};

use super::{StoreError, keys, watch::ShardKey};
use crate::sequence::RecordPosition;

/// Ranges per limit: many, so that little is removed at a time.
const RANGES: u64 = 1024;
/// The smallest and largest size of a full range, bytes.
const SMALLEST: u64 = 64 * 1024;
const LARGEST: u64 = 64 * 1024 * 1024;

/// The sizes of all ranges.
pub(super) struct Ranges {
    keyspace: Keyspace,
    /// The limit of retained bytes.
    limit: u64,
    /// A range of this size takes no more records, bytes.
    full: u64,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    total: u64,
    shards: BTreeMap<ShardKey, BTreeMap<RecordPosition, u64>>,
}

/// A range that takes no more records: from its first record to where the next range begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) shard: ShardKey,
    pub(super) from: RecordPosition,
    pub(super) to: RecordPosition,
    pub(super) bytes: u64,
}

impl Ranges {
    /// Reads the sizes back. A directory from before sizes were stored is counted once.
    pub(super) fn recover(keyspace: Keyspace, records: &Keyspace, limit: u64) -> Result<Self, StoreError> {
        let full = (limit / RANGES).clamp(SMALLEST, LARGEST);
        let ranges = Self { keyspace, limit, full, known: Mutex::default() };
        let mut known = Known::default();
        for entry in ranges.keyspace.iter() {
            let (key, bytes) = entry.into_inner().map_err(StoreError::engine)?;
            let read = || Some((keys::shard_of(&key)?, keys::position(&key)?, <[u8; 8]>::try_from(&*bytes).ok()?));
            let (shard, from, bytes) =
                read().ok_or_else(|| StoreError::Engine("the size of a range is unreadable".to_owned()))?;
            known.insert(shard, from, u64::from_be_bytes(bytes));
        }
        if known.shards.is_empty() {
            for entry in records.iter() {
                let (key, value) = entry.into_inner().map_err(StoreError::engine)?;
                if let (Some(shard), Some(at)) = (keys::shard_of(&key), keys::position(&key)) {
                    known.grow(shard, at, value.len() as u64, full);
                }
            }
            for (shard, of_shard) in &known.shards {
                for (from, bytes) in of_shard {
                    let key = keys::record(shard.0, shard.1, *from);
                    ranges.keyspace.insert(key, bytes.to_be_bytes()).map_err(StoreError::engine)?;
                }
            }
        }
        *ranges.known() = known;
        Ok(ranges)
    }

    /// The retained bytes.
    pub(super) fn total(&self) -> u64 {
        self.known().total
    }

    /// The limit of retained bytes.
    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    pub(super) fn is_over(&self) -> bool {
        self.total() > self.limit
    }

    /// Counts the `bytes` of records in the batch, of which the first is at `at`.
    pub(super) fn grow(&self, batch: &mut OwnedWriteBatch, shard: ShardKey, at: RecordPosition, bytes: u64) {
        let (from, bytes) = self.known().grow(shard, at, bytes, self.full);
        batch.insert(&self.keyspace, keys::record(shard.0, shard.1, from), bytes.to_be_bytes());
    }

    /// If the limit is exceeded: the oldest ranges, enough that without them a twentieth of the limit is free. The newest range
    /// of a shard that `is_open` is kept, since it may still grow.
    pub(super) fn oldest(&self, is_open: impl Fn(ShardKey) -> bool) -> Vec<Range> {
        let known = self.known();
        let target = self.limit - self.limit / 20;
        if known.total <= self.limit {
            return Vec::new();
        }
        let mut ranges = Vec::new();
        for (&shard, of_shard) in &known.shards {
            let ends = of_shard.keys().skip(1).copied().map(Some).chain([None]);
            for ((&from, &bytes), end) in of_shard.iter().zip(ends) {
                let end = end.or_else(|| (!is_open(shard)).then_some(RecordPosition::END));
                ranges.extend(end.map(|to| Range { shard, from, to, bytes }));
            }
        }
        ranges.sort_unstable_by_key(|range| range.from);
        let mut left = known.total;
        ranges.retain(|range| {
            let goes = left > target;
            left -= if goes { range.bytes } else { 0 };
            goes
        });
        ranges
    }

    /// Stops counting a range whose records were removed.
    pub(super) fn forget(&self, range: Range) -> Result<(), StoreError> {
        self.known().remove(range.shard, range.from);
        self.keyspace.remove(keys::record(range.shard.0, range.shard.1, range.from)).map_err(StoreError::engine)
    }

    /// Stops counting a shard's records before `horizon`, or all of them: they were removed.
    pub(super) fn forget_before(&self, shard: ShardKey, horizon: Option<RecordPosition>) -> Result<(), StoreError> {
        let gone: Vec<Range> = {
            let known = self.known();
            let Some(of_shard) = known.shards.get(&shard) else { return Ok(()) };
            let ends = of_shard.keys().skip(1).copied().chain([RecordPosition::END]);
            let ranges = of_shard.iter().zip(ends).map(|((&from, &bytes), to)| Range { shard, from, to, bytes });
            ranges.filter(|range| horizon.is_none_or(|horizon| range.to <= horizon)).collect()
        };
        gone.into_iter().try_for_each(|range| self.forget(range))
    }

    /// Stops counting a stream whose records were removed.
    pub(super) fn forget_stream(&self, stream: u64) -> Result<(), StoreError> {
        let shards: Vec<_> = self.known().shards.range((stream, 0)..=(stream, u32::MAX)).map(|(key, _)| *key).collect();
        shards.into_iter().try_for_each(|shard| self.forget_before(shard, None))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn insert(&mut self, shard: ShardKey, from: RecordPosition, bytes: u64) {
        self.total += bytes;
        *self.shards.entry(shard).or_default().entry(from).or_default() += bytes;
    }

    /// Adds records; returns the start of their range, and its size.
    fn grow(&mut self, shard: ShardKey, at: RecordPosition, bytes: u64, full: u64) -> (RecordPosition, u64) {
        let newest = self.shards.get(&shard).and_then(|of_shard| of_shard.last_key_value());
        let from = newest.filter(|(_, bytes)| **bytes < full).map_or(at, |(from, _)| *from);
        self.insert(shard, from, bytes);
        let size = self.shards.get(&shard).and_then(|of_shard| of_shard.get(&from)).copied();
        (from, size.unwrap_or(bytes))
    }

    fn remove(&mut self, shard: ShardKey, from: RecordPosition) {
        if let Some(of_shard) = self.shards.get_mut(&shard) {
            self.total -= of_shard.remove(&from).unwrap_or_default();
            if of_shard.is_empty() {
                self.shards.remove(&shard);
            }
        }
    }
}
