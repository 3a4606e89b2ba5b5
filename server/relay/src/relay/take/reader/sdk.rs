//! The calls of the domain's reader, made by `aws-sdk-kinesis`, with the replies as domain types.

use std::time::Duration;

use aws_sdk_kinesis::{
    Client,
    error::{DisplayErrorContext, ProvideErrorMetadata, SdkError},
    primitives::DateTime,
    types::{self, ShardIteratorType, error::SubscribeToShardEventStreamError},
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use danmu::kinesis::{
    Error, ErrorKind,
    api::{ChildShard, From, GetRecordsReply, ListShardsReply, WireRecord},
    shard_map::{HashKeyRange, SequenceNumberRange, Shard},
};
use tokio::time::timeout;

/// The most records of one `GetRecords` call: the service's own limit.
pub const LIMIT: i32 = 10_000;
/// Timeout of a call.
const PATIENCE: Duration = Duration::from_secs(10);

/// The outcome of a call, or a network error after a timeout.
pub async fn in_time<T>(call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    timeout(PATIENCE, call).await.unwrap_or_else(|_| Err(Error::network("no reply in time".into())))
}

/// One page of the stream's shards.
pub async fn list_shards(client: &Client, stream: &str, next_token: Option<String>) -> Result<ListShardsReply, Error> {
    let call = client.list_shards();
    // The token implies the stream, and the service accepts only one of the two.
    let call = match next_token {
        Some(token) => call.next_token(token),
        None => call.stream_name(stream),
    };
    let answer = call.send().await.map_err(|error| failed(&error))?;
    let shards = answer.shards.unwrap_or_default().into_iter().map(shard).collect::<Option<_>>();
    let shards = shards.ok_or_else(|| strange("a shard without a range of hash keys"))?;
    Ok(ListShardsReply { shards, next_token: answer.next_token })
}

/// When the stream was created, in Unix milliseconds.
pub async fn created_ms(client: &Client, stream: &str) -> Result<i64, Error> {
    let answer = client.describe_stream_summary().stream_name(stream).send().await.map_err(|error| failed(&error))?;
    let created = answer.stream_description_summary.map(|summary| unix_ms(summary.stream_creation_timestamp()));
    created.ok_or_else(|| strange("no description of the stream"))
}

/// An iterator of a shard.
pub async fn shard_iterator(client: &Client, stream: &str, shard_id: &str, from: &From) -> Result<String, Error> {
    let call = client.get_shard_iterator().stream_name(stream).shard_id(shard_id);
    let call = match from {
        From::TrimHorizon => call.shard_iterator_type(ShardIteratorType::TrimHorizon),
        From::Timestamp(ms) => {
            call.shard_iterator_type(ShardIteratorType::AtTimestamp).timestamp(DateTime::from_millis(*ms))
        }
        From::After(number) => {
            call.shard_iterator_type(ShardIteratorType::AfterSequenceNumber).starting_sequence_number(number)
        }
    };
    let answer = call.send().await.map_err(|error| failed(&error))?;
    answer.shard_iterator.ok_or_else(|| strange("no shard iterator"))
}

/// The next records of an iterator, at most `limit`.
pub async fn get_records(client: &Client, iterator: &str, limit: i32) -> Result<GetRecordsReply, Error> {
    let call = client.get_records().shard_iterator(iterator).limit(limit);
    let answer = call.send().await.map_err(|error| failed(&error))?;
    Ok(GetRecordsReply {
        records: answer.records.into_iter().map(record).collect(),
        next_shard_iterator: answer.next_shard_iterator,
        millis_behind_latest: answer.millis_behind_latest,
        child_shards: answer.child_shards.map(children).transpose()?,
    })
}

/// A record as a domain type.
pub fn record(record: types::Record) -> WireRecord {
    WireRecord {
        sequence_number: record.sequence_number,
        data: record.data.into_inner(),
        partition_key: record.partition_key,
        arrival_ms: unix_ms(record.approximate_arrival_timestamp.as_ref()),
    }
}

/// The children of a shard that has ended.
///
/// # Errors
/// If one has no range of hash keys, which the service's own model forbids.
pub fn children(children: Vec<types::ChildShard>) -> Result<Vec<ChildShard>, Error> {
    let child = |child: types::ChildShard| {
        let hash_key_range = range(child.hash_key_range.as_ref())?;
        Some(ChildShard { shard_id: child.shard_id, parent_shards: child.parent_shards, hash_key_range })
    };
    let children: Option<_> = children.into_iter().map(child).collect();
    children.ok_or_else(|| strange("a child without a range of hash keys"))
}

/// Converts an SDK error to the domain's error, which says whether to retry.
pub fn failed<E: ProvideErrorMetadata + std::error::Error + 'static>(error: &SdkError<E, HttpResponse>) -> Error {
    let status = error.raw_response().map(|response| response.status().as_u16());
    match (error.as_service_error().and_then(ProvideErrorMetadata::code), status) {
        (Some(code), status) => {
            let message = error.as_service_error().and_then(ProvideErrorMetadata::message).unwrap_or_default();
            Error::from_code(code, message, status.unwrap_or(400))
        }
        // No reply, or one that broke off or stalled after a good start: a retry may succeed.
        (None, None | Some(200..=299)) => Error::network(DisplayErrorContext(error).to_string()),
        (None, Some(status)) => Error::from_reply(status, b""),
    }
}

/// The service's exception in a subscription's event stream, if it is one. Its name is in the frame's header, of which the
/// SDK keeps only the enum variant.
pub fn said_in_stream<R>(error: &SdkError<SubscribeToShardEventStreamError, R>) -> Option<Error> {
    use SubscribeToShardEventStreamError as Said;
    let said = error.as_service_error()?;
    let code = match said {
        Said::KmsAccessDeniedException(_) => "KMSAccessDeniedException",
        Said::KmsDisabledException(_) => "KMSDisabledException",
        Said::KmsInvalidStateException(_) => "KMSInvalidStateException",
        Said::KmsNotFoundException(_) => "KMSNotFoundException",
        Said::KmsOptInRequired(_) => "KMSOptInRequired",
        Said::KmsThrottlingException(_) => "KMSThrottlingException",
        Said::ResourceInUseException(_) => "ResourceInUseException",
        Said::ResourceNotFoundException(_) => "ResourceNotFoundException",
        Said::InternalFailureException(_) => "InternalFailureException",
        other => other.code()?,
    };
    let message = said.message().map_or_else(|| said.to_string(), str::to_owned);
    Some(Error::from_code(code, &message, 400))
}

/// The error for a reply that the service's own model forbids.
pub fn strange(what: &str) -> Error {
    Error { kind: ErrorKind::Server, code: "Reply".into(), message: what.into(), retry_after: None }
}

fn shard(shard: types::Shard) -> Option<Shard> {
    let hash_key_range = range(shard.hash_key_range.as_ref())?;
    let numbers = shard.sequence_number_range;
    let sequence_number_range = numbers.map_or_else(SequenceNumberRange::default, |numbers| SequenceNumberRange {
        starting_sequence_number: numbers.starting_sequence_number,
        ending_sequence_number: numbers.ending_sequence_number,
    });
    Some(Shard {
        shard_id: shard.shard_id,
        parent_shard_id: shard.parent_shard_id,
        adjacent_parent_shard_id: shard.adjacent_parent_shard_id,
        hash_key_range,
        sequence_number_range,
    })
}

fn range(range: Option<&types::HashKeyRange>) -> Option<HashKeyRange> {
    let range = range?;
    Some(HashKeyRange { start: range.starting_hash_key.parse().ok()?, end: range.ending_hash_key.parse().ok()? })
}

/// A time in Unix milliseconds; 0 if there is none.
pub fn unix_ms(time: impl AsTime) -> i64 {
    time.as_time().and_then(|time| time.to_millis().ok()).unwrap_or_default()
}

/// A time that may be missing.
pub trait AsTime {
    fn as_time(&self) -> Option<&DateTime>;
}

impl AsTime for Option<&DateTime> {
    fn as_time(&self) -> Option<&DateTime> {
        *self
    }
}

impl AsTime for &DateTime {
    fn as_time(&self) -> Option<&DateTime> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_kinesis::operation::get_records::GetRecordsError;
    use aws_smithy_types::body::SdkBody;
    use danmu::kinesis::Retry;

    use super::*;

    #[test]
    fn an_answer_that_breaks_off_is_asked_for_again_soon() {
        for (status, kind, retry) in [
            (200, ErrorKind::Network, Retry::Later),
            (502, ErrorKind::Server, Retry::Later),
            (404, ErrorKind::NotFound, Retry::Never),
        ] {
            let answer = HttpResponse::new(status.try_into().expect("a status"), SdkBody::empty());
            let error = failed(&SdkError::<GetRecordsError, _>::response_error("it broke off", answer));
            assert_eq!((error.kind, error.retry()), (kind, retry), "{status}: {error}");
        }
    }
}
