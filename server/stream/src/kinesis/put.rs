//! `PutRecord` and `PutRecords`. A session's own rate limit applies first, then the shard's.

use tokio::time::Instant;

use super::{
    Call, Outcome,
    shapes::{HASH_KEY, SEQUENCE_NUMBER},
    types::{PutEntry, PutRecord, PutRecordAnswer, PutRecords, PutRecordsAnswer, PutRecordsEntry},
    unless_dry,
};
use crate::{
    auth::Caller,
    error::{ApiError, ErrorCode, Violations},
    hash::{hash_key, parse_hash_key},
    metrics::add,
    sequence,
    store::{NewRecord, Put, Stream, shard_id},
};

/// The largest record, bytes of data and partition key.
/// <https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecord.html>
const MAX_RECORD: usize = 1024 * 1024;
/// The longest partition key, characters.
const MAX_KEY: usize = 256;
/// Records of one `PutRecords`.
const MAX_RECORDS: usize = 500;
/// Data and partition keys of one `PutRecords`, bytes.
/// <https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html>
const MAX_REQUEST: usize = 10 * 1024 * 1024;

const THROTTLED: ErrorCode = ErrorCode::ProvisionedThroughputExceeded;

/// The outcome for a record.
enum Fate {
    /// The log's answer.
    Put(Put),
    /// Over its session's rate limit; not passed to the log.
    Metered,
}

impl Call<'_> {
    pub(super) async fn put_record(&self, request: PutRecord) -> Outcome {
        let name = self.allowed(&request)?.to_owned();
        let PutRecord { data, partition_key, explicit_hash_key, sequence_number_for_ordering, dry_run, .. } = request;
        let entry = PutEntry { data, partition_key, explicit_hash_key };
        let mut violations = Violations::default();
        check(&entry, "", &mut violations);
        let ordering = sequence_number_for_ordering.as_deref();
        SEQUENCE_NUMBER.check(ordering, "sequenceNumberForOrdering", &mut violations);
        violations.verdict()?;
        let stream = self.existing(&name)?;
        if let Some(after) = ordering {
            self.check_ordering(&stream, after)?;
        }
        let (record, bytes) = record(&entry)?;
        unless_dry(dry_run)?;
        let outcomes = self.append(&stream, vec![record], &[bytes]).await?;
        match outcomes.first() {
            Some(Fate::Put(Put::Written(sequence))) => {
                let sequence_number = sequence.to_string();
                self.answer(&PutRecordAnswer { shard_id: shard_id(sequence.shard), sequence_number })
            }
            Some(Fate::Put(Put::Throttled { shard })) => {
                Err(ApiError::new(THROTTLED, self.rate_exceeded(&stream, *shard)))
            }
            Some(Fate::Metered) => Err(ApiError::new(THROTTLED, self.endpoint.meters.exceeded())),
            None => Err(ApiError::new(ErrorCode::InternalFailure, "The record was not written.")),
        }
    }

    pub(super) async fn put_records(&self, request: PutRecords) -> Outcome {
        let name = self.allowed(&request)?.to_owned();
        let entries = request.records.ok_or_else(|| ApiError::missing("records"))?;
        if entries.is_empty() || entries.len() > MAX_RECORDS {
            let rule = if entries.is_empty() {
                "Member must have length greater than or equal to 1".to_owned()
            } else {
                format!("Member must have length less than or equal to {MAX_RECORDS}")
            };
            return Err(ApiError::constraint(format!("{} records", entries.len()), "records", &rule));
        }
        let mut violations = Violations::default();
        for (entry, number) in entries.iter().zip(1..) {
            check(entry, &format!("records.{number}.member."), &mut violations);
        }
        violations.verdict()?;
        let stream = self.existing(&name)?;
        let mut records = Vec::with_capacity(entries.len());
        let mut sizes = Vec::with_capacity(entries.len());
        let mut total = 0;
        for entry in &entries {
            let (record, bytes) = record(entry)?;
            total += bytes + entry.partition_key.as_ref().map_or(0, String::len);
            records.push(record);
            sizes.push(bytes);
        }
        if total > MAX_REQUEST {
            let message = format!("Records size exceeds 10 MB limit: {total} bytes of data and partition keys");
            return Err(ApiError::new(ErrorCode::InvalidArgument, message));
        }
        unless_dry(request.dry_run)?;
        let outcomes = self.append(&stream, records, &sizes).await?;
        let records: Vec<_> = outcomes
            .iter()
            .map(|outcome| match outcome {
                Fate::Put(Put::Written(sequence)) => PutRecordsEntry::Written {
                    shard_id: shard_id(sequence.shard),
                    sequence_number: sequence.to_string(),
                },
                Fate::Put(Put::Throttled { shard }) => PutRecordsEntry::Failed {
                    error_code: THROTTLED.kinesis_name(),
                    error_message: self.rate_exceeded(&stream, *shard),
                },
                Fate::Metered => PutRecordsEntry::Failed {
                    error_code: THROTTLED.kinesis_name(),
                    error_message: self.endpoint.meters.exceeded(),
                },
            })
            .collect();
        let failed = outcomes.iter().filter(|outcome| !matches!(outcome, Fate::Put(Put::Written(_)))).count();
        self.answer(&PutRecordsAnswer { failed_record_count: failed, records })
    }

    /// Checks `SequenceNumberForOrdering`. Numbers of a shard always grow, so any past number is honoured without doing
    /// anything; others are refused as the service does.
    fn check_ordering(&self, stream: &Stream, after: &str) -> Result<(), ApiError> {
        let now_ms = self.endpoint.store.now_ms();
        if sequence::is_past(after, now_ms) {
            return Ok(());
        }
        let message = format!(
            "ExclusiveMinimumSequenceNumber {after} used in PutRecord on stream {} under account {} is invalid.",
            stream.meta.name, self.endpoint.place.account
        );
        Err(ApiError::new(ErrorCode::InvalidArgument, message))
    }

    /// Appends the records within the caller's rate limit. Returns one outcome per record, in order.
    async fn append(&self, stream: &Stream, records: Vec<NewRecord>, sizes: &[usize]) -> Result<Vec<Fate>, ApiError> {
        let (name, counters) = (&stream.meta.name, &self.endpoint.counters);
        let within = match self.caller {
            Caller::Root => vec![true; records.len()],
            Caller::Session { session, .. } => {
                let sizes = records.iter().map(NewRecord::size);
                self.endpoint.meters.take(session.metered_as(), sizes, Instant::now())
            }
        };
        let taken: Vec<_> =
            records.into_iter().zip(&within).filter(|(_, within)| **within).map(|(one, _)| one).collect();
        add(&counters.records_metered, (within.len() - taken.len()) as u64);
        if taken.is_empty() {
            return Ok(within.iter().map(|_| Fate::Metered).collect());
        }
        let put = self.endpoint.store.put(name.clone(), taken).await.map_err(|error| self.store_error(name, error))?;
        let mut put = put.into_iter();
        let outcome = |within: &bool| if *within { put.next().map(Fate::Put) } else { Some(Fate::Metered) };
        let outcomes: Vec<_> = within.iter().filter_map(outcome).collect();
        for (outcome, bytes) in outcomes.iter().zip(sizes) {
            match outcome {
                Fate::Put(Put::Written(_)) => {
                    add(&counters.records_put, 1);
                    add(&counters.bytes_put, *bytes as u64);
                }
                Fate::Put(Put::Throttled { .. }) => add(&counters.records_throttled, 1),
                Fate::Metered => {}
            }
        }
        Ok(outcomes)
    }
}

/// Adds the violations of a record's members; `at` is the path of the record in the request.
fn check(entry: &PutEntry, at: &str, violations: &mut Violations) {
    let key_bytes = entry.partition_key.as_deref().map_or(0, str::len);
    match entry.data.as_ref().map(|data| data.0.len()) {
        None => violations.missing(&format!("{at}data")),
        Some(bytes) if bytes + key_bytes > MAX_RECORD => {
            let rule = format!("Member must have length less than or equal to {MAX_RECORD}");
            let size = if bytes > MAX_RECORD {
                format!("{bytes} bytes")
            } else {
                format!("{} bytes with its partition key", bytes + key_bytes)
            };
            violations.constraint(size, &format!("{at}data"), &rule);
        }
        Some(_) => {}
    }
    HASH_KEY.check(entry.explicit_hash_key.as_deref(), &format!("{at}explicitHashKey"), violations);
    let field = || format!("{at}partitionKey");
    match entry.partition_key.as_deref() {
        None => violations.missing(&field()),
        Some("") => violations.constraint("", &field(), "Member must have length greater than or equal to 1"),
        Some(key) if key.chars().count() > MAX_KEY => {
            violations.constraint(key, &field(), &format!("Member must have length less than or equal to {MAX_KEY}"));
        }
        Some(_) => {}
    }
}

/// Converts a checked record; also returns the size of its data.
fn record(entry: &PutEntry) -> Result<(NewRecord, usize), ApiError> {
    let data = &entry.data.as_ref().ok_or_else(|| ApiError::missing("data"))?.0;
    let key = entry.partition_key.as_deref().ok_or_else(|| ApiError::missing("partitionKey"))?;
    let hash_key = match entry.explicit_hash_key.as_deref() {
        None => hash_key(key),
        Some(text) => parse_hash_key(text).ok_or_else(|| {
            let message = format!(
                "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was {text}"
            );
            ApiError::new(ErrorCode::InvalidArgument, message)
        })?,
    };
    Ok((NewRecord::new(key, hash_key, data), data.len()))
}
