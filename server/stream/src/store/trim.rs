//! Trimming: removes records past retention, and the oldest while the log exceeds its limit.

use std::sync::Arc;

use super::{Store, StoreError, keys, model::Shard};
use crate::sequence::RecordPosition;

/// Keys removed in one batch by a trim.
const TRIM_BATCH: usize = 2048;

/// The result of a trim.
#[derive(Debug, Default)]
pub(crate) struct Trimmed {
    /// Records removed because they were past retention or their stream was deleted.
    pub(crate) records: u64,
    /// Records removed early because the log was over its limit.
    pub(crate) early: u64,
    /// Closed shards that have no records left: the stream's name and the index.
    pub(crate) empty: Vec<(Arc<str>, u32)>,
}

impl Store {
    /// Removes records past retention, those of deleted streams, and the oldest of all while the log exceeds its limit.
    /// Blocks.
    pub(crate) fn trim(&self) -> Result<Trimmed, StoreError> {
        let now_ms = u64::try_from(self.clock.now_ms()).unwrap_or(0);
        let streams: Vec<_> = self.shared().streams.values().cloned().collect();
        let mut trimmed = Trimmed::default();
        for stream in streams {
            let horizon = stream.horizon(now_ms);
            for shard in &stream.shards {
                let id = stream.meta.id;
                let (start, end) = (RecordPosition::START, RecordPosition::at(horizon));
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
            // No sync: if a crash undoes this, the next trim finds no records and removes the marker again.
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
            // No sync: a removal that a crash undoes is repeated by the next trim.
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
}
