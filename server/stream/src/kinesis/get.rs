//! `GetRecords`.

use std::sync::Arc;

use super::{
    Call, Outcome, in_range,
    iterator::Cursor,
    shards::{hash_key_range, parents},
    types::{Blob, ChildShard, GetRecords, GetRecordsAnswer, Record, Timestamp},
    unless_dry,
};
use crate::{
    error::{ApiError, ErrorCode},
    metrics::add,
    quotas::ITERATOR_LIFE_MS,
    sequence::RecordPosition,
    store::{Page, Shard, StoredRecord, Stream},
};

const MAX_RECORDS: i64 = 10_000;
const MAX_BYTES: usize = 10 * 1024 * 1024;

impl Call<'_> {
    pub(super) async fn get_records(&self, request: GetRecords) -> Outcome {
        let limit = in_range(request.limit, "limit", 1..=MAX_RECORDS, MAX_RECORDS)?;
        let cursor = self.cursor(&request)?;
        // The iterator is authentic, so the stream existed; it may have been deleted since.
        let stream = self.endpoint.store.stream_by_id(cursor.stream).ok_or_else(|| {
            ApiError::new(ErrorCode::ResourceNotFound, "The stream of this iterator does not exist any more.")
        })?;
        let arn = self.endpoint.place.stream_arn(&stream.meta.name);
        self.may_use(&arn)?;
        if request.stream_arn.is_some_and(|given| given != arn) {
            let message = "StreamARN does not name the stream of this iterator.";
            return Err(ApiError::new(ErrorCode::InvalidArgument, message));
        }
        unless_dry(request.dry_run)?;
        let counters = &self.endpoint.counters;
        let Some(mut turn) = self.endpoint.gates.enter(cursor.stream, cursor.shard).await else {
            add(&counters.reads_throttled, 1);
            let message = self.rate_exceeded(&stream, cursor.shard);
            return Err(ApiError::new(ErrorCode::ProvisionedThroughputExceeded, message));
        };
        add(&counters.reads_delayed, u64::from(turn.delayed));

        // Look the shard up again after the wait, and before its records: if it is closed, all records up to its end are
        // then read.
        let stream = self.endpoint.store.stream_by_id(cursor.stream).unwrap_or(stream);
        let page = self.page(&stream, cursor, limit).await?;
        turn.charge(page.bytes);
        drop(turn);

        add(&counters.reads, 1);
        add(&counters.records_read, page.records.len() as u64);
        add(&counters.bytes_read, page.records.iter().map(|record| record.data.len() as u64).sum());
        self.records_answer(&stream, cursor, page)
    }

    fn cursor(&self, request: &GetRecords) -> Result<Cursor, ApiError> {
        let text = request.shard_iterator.as_deref().ok_or_else(|| ApiError::missing("shardIterator"))?;
        let cursor = self
            .endpoint
            .seals
            .open_iterator(text)
            .ok_or_else(|| ApiError::new(ErrorCode::InvalidArgument, "Invalid ShardIterator."))?;
        let now_ms = self.endpoint.store.now_ms();
        if cursor.is_expired(now_ms) {
            let message = format!(
                "Iterator expired. The iterator was created at time {} while right now it is {now_ms} which is further in \
                 the future than the tolerated delay of {ITERATOR_LIFE_MS} milliseconds.",
                cursor.issued_ms
            );
            return Err(ApiError::new(ErrorCode::ExpiredIterator, message));
        }
        Ok(cursor)
    }

    async fn page(&self, stream: &Stream, cursor: Cursor, limit: usize) -> Result<Page, ApiError> {
        // Readers do not see records past retention, whether or not they were trimmed yet.
        let horizon = RecordPosition::at(stream.horizon(self.endpoint.store.now_ms()));
        let from = cursor.from.max(horizon);
        let endpoint = Arc::clone(self.endpoint);
        tokio::task::spawn_blocking(move || endpoint.store.read(cursor.stream, cursor.shard, from, limit, MAX_BYTES))
            .await
            .map_err(|error| {
                tracing::error!(%error, "a read failed");
                ApiError::new(ErrorCode::InternalFailure, "The log could not be read.")
            })?
            .map_err(|error| self.store_error(&stream.meta.name, error))
    }

    fn records_answer(&self, stream: &Stream, cursor: Cursor, page: Page) -> Outcome {
        let shard = stream.shard(cursor.shard);
        let now_ms = self.endpoint.store.now_ms();
        let ended = is_end(shard, &page);
        let behind = match page.records.last() {
            Some(last) if page.more => now_ms.saturating_sub(last.position.ms),
            _ => 0,
        };
        let next = Cursor { issued_ms: now_ms, from: page.next, ..cursor };
        let children = || child_shards(stream, cursor.shard);
        let records = shard.map_or_else(Vec::new, |shard| records(shard, page.records));
        self.answer(&GetRecordsAnswer {
            records,
            next_shard_iterator: (!ended).then(|| self.endpoint.seals.iterator(next)),
            millis_behind_latest: behind,
            child_shards: ended.then(children),
        })
    }
}

/// Whether a page is the end of a shard: it is empty, and no more records will come. The last records are returned in a page
/// before it, because some clients drop the records of an answer without a next iterator, or do not checkpoint them.
pub(super) fn is_end(shard: Option<&Shard>, page: &Page) -> bool {
    // A shard that was dropped meanwhile has ended, too.
    page.records.is_empty() && !page.more && shard.is_none_or(|shard| !shard.is_open())
}

/// Converts records of a shard for an answer.
pub(super) fn records(shard: &Shard, records: Vec<StoredRecord>) -> Vec<Record> {
    let record = |record: StoredRecord| Record {
        approximate_arrival_timestamp: Timestamp(record.position.ms),
        sequence_number: shard.sequence(record.position).to_string(),
        partition_key: record.partition_key,
        data: Blob(record.data),
    };
    records.into_iter().map(record).collect()
}

/// The children of the shard `index`.
pub(super) fn child_shards(stream: &Stream, index: u32) -> Vec<ChildShard> {
    let children = stream.shards.iter().filter(|shard| shard.is_child_of(index));
    children
        .map(|shard| ChildShard {
            shard_id: shard.id(),
            parent_shards: parents(shard).into_iter().flatten().collect(),
            hash_key_range: hash_key_range(shard),
        })
        .collect()
}
