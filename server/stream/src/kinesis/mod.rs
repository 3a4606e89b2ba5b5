//! The Kinesis Data Streams API: from a verified request to an answer.
//!
//! Promises: every operation checks the caller's rights on the stream or consumer before it describes, reads or changes it;
//! limits and messages are the service's. Unsupported operations are refused by name.

pub(crate) mod calls;
mod consumers;
mod format;
mod get;
pub(crate) mod iterator;
mod pages;
mod push;
mod put;
mod reshard;
mod retention;
mod shapes;
mod shards;
mod streams;
mod subscribe;
mod tags;
mod types;

use std::sync::Arc;

use axum::body::Body;
use serde::{Serialize, de::DeserializeOwned};

use self::{retention::Change, types::NamesStream};
use crate::{
    arn::{is_stream_name, stream_account},
    auth::{Caller, Door},
    error::{ApiError, ErrorCode},
    inner::Inner,
    quotas::MAX_SHARDS,
    store::{MAX_CONSUMERS, MAX_TAGS, Refusal, StoreError, Stream, shard_id, shard_index},
};

pub(crate) use self::{format::Format, retention::RETENTION_HOURS, streams::check_new_stream};

/// The prefix of `X-Amz-Target`.
pub(crate) const TARGET: &str = "Kinesis_20131202.";

/// A call of one operation with a verified signature.
pub(crate) struct Call<'a> {
    pub(crate) endpoint: &'a Arc<Inner>,
    pub(crate) caller: &'a Caller,
    pub(crate) door: Door,
    pub(crate) operation: &'a str,
    /// The format of the request and of its answer.
    pub(crate) format: Format,
}

/// The answer of an operation.
#[derive(Debug)]
pub(crate) enum Output {
    /// One value in the format of the request, or nothing.
    Whole(Vec<u8>),
    /// An event stream, `application/vnd.amazon.eventstream`, which lasts for minutes.
    Events(Body),
}

impl Output {
    /// The empty answer of operations without a result.
    const EMPTY: Self = Self::Whole(Vec::new());
}

type Outcome = Result<Output, ApiError>;

impl Call<'_> {
    /// Runs the operation.
    pub(crate) async fn run(&self, body: &[u8]) -> Outcome {
        match self.operation {
            "PutRecord" => self.put_record(self.parse(body)?).await,
            "PutRecords" => self.put_records(self.parse(body)?).await,
            "GetRecords" => self.get_records(self.parse(body)?).await,
            "GetShardIterator" => self.get_shard_iterator(&self.parse(body)?).await,
            "ListShards" => self.list_shards(&self.parse(body)?).await,
            "SubscribeToShard" => self.subscribe_to_shard(&self.parse(body)?),
            _ if self.door == Door::Public => Err(ApiError::new(
                ErrorCode::AccessDenied,
                format!("{} is not available here; this origin offers the data plane only.", self.operation),
            )),
            "CreateStream" => self.create_stream(self.parse(body)?).await,
            "DescribeStream" => self.describe_stream(&self.parse(body)?).await,
            "DescribeStreamSummary" => self.describe_stream_summary(&self.parse(body)?).await,
            "ListStreams" => self.list_streams(&self.parse(body)?).await,
            "DeleteStream" => self.delete_stream(&self.parse(body)?).await,
            "IncreaseStreamRetentionPeriod" => self.change_retention(&self.parse(body)?, Change::Increase).await,
            "DecreaseStreamRetentionPeriod" => self.change_retention(&self.parse(body)?, Change::Decrease).await,
            "UpdateShardCount" => self.update_shard_count(&self.parse(body)?).await,
            "RegisterStreamConsumer" => self.register_stream_consumer(self.parse(body)?).await,
            "DescribeStreamConsumer" => self.describe_stream_consumer(&self.parse(body)?).await,
            "ListStreamConsumers" => self.list_stream_consumers(&self.parse(body)?).await,
            "DeregisterStreamConsumer" => self.deregister_stream_consumer(&self.parse(body)?).await,
            "DescribeLimits" => self.describe_limits().await,
            "AddTagsToStream" => self.add_tags_to_stream(self.parse(body)?).await,
            "RemoveTagsFromStream" => self.remove_tags_from_stream(self.parse(body)?).await,
            "ListTagsForStream" => self.list_tags_for_stream(&self.parse(body)?).await,
            "TagResource" => self.tag_resource(self.parse(body)?).await,
            "UntagResource" => self.untag_resource(self.parse(body)?).await,
            "ListTagsForResource" => self.list_tags_for_resource(&self.parse(body)?).await,
            "SplitShard" => self.split_shard(&self.parse(body)?).await,
            "MergeShards" => self.merge_shards(&self.parse(body)?).await,
            other if other.contains("Queue") || other.contains("Channel") => {
                let message =
                    format!("{other} is not available here; this endpoint has streams, no queues and no channels.");
                Err(ApiError::new(ErrorCode::UnknownOperation, message))
            }
            other => Err(ApiError::new(ErrorCode::UnknownOperation, format!("Unknown operation {other:?}."))),
        }
    }

    fn parse<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, ApiError> {
        self.format.decode(body)
    }

    fn answer(&self, value: &impl Serialize) -> Outcome {
        self.format.encode(value).map(Output::Whole)
    }

    /// The stream that a data-plane request names, after the caller's right is checked: a caller without it does not
    /// learn which streams exist.
    fn stream(&self, request: &impl NamesStream) -> Result<Arc<Stream>, ApiError> {
        self.existing(self.allowed(request)?)
    }

    /// The name of the stream that a data-plane request names, after the caller's right is checked. The stream need not exist.
    fn allowed<'r>(&self, request: &'r impl NamesStream) -> Result<&'r str, ApiError> {
        let name = self.name(request)?;
        self.may_use(&self.endpoint.place.stream_arn(name))?;
        Ok(name)
    }

    /// Checks that the caller may use this operation on an ARN.
    fn may_use(&self, arn: &str) -> Result<(), ApiError> {
        self.caller.may_use(&self.endpoint.place, &self.action(), arn)
    }

    /// Checks that the caller may use this control-plane operation on an ARN.
    fn may_control(&self, arn: &str) -> Result<(), ApiError> {
        let Inner { place, sessions_may_control, .. } = &**self.endpoint;
        self.caller.may_control(place, &self.action(), arn, *sessions_may_control)
    }

    fn action(&self) -> String {
        format!("kinesis:{}", self.operation)
    }

    /// The stream that a control-plane request names: for the root key, and for sessions that may control it.
    fn stream_to_control(&self, request: &impl NamesStream) -> Result<Arc<Stream>, ApiError> {
        self.existing(self.controllable(request)?)
    }

    /// The name of the stream that a control-plane request names, after the caller's right is checked. The stream need not
    /// exist.
    fn controllable<'r>(&self, request: &'r impl NamesStream) -> Result<&'r str, ApiError> {
        let name = self.name(request);
        let arn = self.endpoint.place.stream_arn(name.as_deref().unwrap_or_default());
        self.may_control(&arn)?;
        name
    }

    fn must_be_root(&self) -> Result<(), ApiError> {
        self.caller.must_be_root(&self.endpoint.place, &self.action())
    }

    fn existing(&self, name: &str) -> Result<Arc<Stream>, ApiError> {
        self.endpoint.store.stream(name).ok_or_else(|| self.refused(name, Refusal::NoSuchStream))
    }

    fn name<'r>(&self, request: &'r impl NamesStream) -> Result<&'r str, ApiError> {
        let named = request.named();
        let by_arn = named.arn.map(|arn| self.name_of_arn(arn)).transpose()?;
        match (named.name, by_arn) {
            (Some(name), Some(other)) if name != other => {
                Err(ApiError::new(ErrorCode::InvalidArgument, "StreamARN and StreamName do not name the same stream."))
            }
            (Some(name), _) => check_name(name),
            (None, Some(name)) => Ok(name),
            (None, None) => {
                Err(ApiError::new(ErrorCode::InvalidArgument, "Either StreamName or StreamARN must be given."))
            }
        }
    }

    /// The name in a stream's ARN, which must be in this account and region.
    fn name_of_arn<'r>(&self, arn: &'r str) -> Result<&'r str, ApiError> {
        let place = &self.endpoint.place;
        if let Some(name) = place.stream_of(arn) {
            return Ok(name);
        }
        let Some(account) = stream_account(arn) else {
            let rule = r"Member must satisfy regular expression pattern: arn:aws.*:kinesis:.*:\d{12}:stream/\S+";
            return Err(ApiError::constraint(arn, "streamARN", rule));
        };
        if account != place.account {
            // As for any stream of another account without a resource policy.
            let message = format!(
                "User: {} is not authorized to perform: kinesis:{} on resource: {arn} because no resource-based policy \
                 allows the kinesis:{} action",
                self.caller.arn(place),
                self.operation,
                self.operation
            );
            return Err(ApiError::new(ErrorCode::AccessDenied, message));
        }
        let message = format!("StreamARN {arn} does not name a stream of this account and region");
        Err(ApiError::new(ErrorCode::InvalidArgument, message))
    }

    /// The index of the shard `id` of `stream`.
    fn shard(&self, stream: &Stream, id: Option<&str>, field: &str) -> Result<u32, ApiError> {
        let id = id.ok_or_else(|| ApiError::missing(field))?;
        shard_index(id)
            .filter(|index| stream.shard(*index).is_some())
            .ok_or_else(|| self.no_shard(&stream.meta.name, id))
    }

    fn no_shard(&self, stream: &str, id: &str) -> ApiError {
        let account = &self.endpoint.place.account;
        ApiError::new(
            ErrorCode::ResourceNotFound,
            format!("Could not find shard {id} in stream {stream} under account {account}."),
        )
    }

    /// Translates the log's errors to the service's.
    fn store_error(&self, stream: &str, error: StoreError) -> ApiError {
        match error {
            StoreError::Refused(refusal) => self.refused(stream, refusal),
            StoreError::Closed => {
                ApiError::new(ErrorCode::ServiceUnavailable, "The endpoint is shutting down. Try again.")
            }
            error @ StoreError::DiskFull { .. } => {
                tracing::error!(%error, stream, "records are refused until there is room");
                let message = "The endpoint's disk is full; nothing was acknowledged. Reads go on. Try again later.";
                ApiError::new(ErrorCode::ServiceUnavailable, message)
            }
            StoreError::Engine(reason) => {
                tracing::error!(%reason, stream, "the log failed");
                ApiError::new(
                    ErrorCode::InternalFailure,
                    "The log could not be read or written; nothing was acknowledged.",
                )
            }
        }
    }

    fn refused(&self, stream: &str, refusal: Refusal) -> ApiError {
        let account = &self.endpoint.place.account;
        let of = format!("in stream {stream} under account {account}");
        match refusal {
            Refusal::StreamExists => ApiError::new(
                ErrorCode::ResourceInUse,
                format!("Stream {stream} under account {account} already exists."),
            ),
            Refusal::NoSuchStream => ApiError::new(
                ErrorCode::ResourceNotFound,
                format!("Stream {stream} under account {account} not found."),
            ),
            Refusal::HasConsumers => ApiError::new(
                ErrorCode::ResourceInUse,
                format!(
                    "Stream {stream} under account {account} has registered consumers; deregister them, or set \
                     EnforceConsumerDeletion."
                ),
            ),
            Refusal::NoSuchShard(shard) => self.no_shard(stream, &shard_id(shard)),
            Refusal::ShardClosed(shard) => ApiError::new(
                ErrorCode::InvalidArgument,
                format!(
                    "Shard {} {of} has already been merged or split, and thus is not eligible for merging or splitting.",
                    shard_id(shard)
                ),
            ),
            Refusal::NotAdjacent { index, adjacent } => ApiError::new(
                ErrorCode::InvalidArgument,
                format!(
                    "Shards {} and {} {of} are not an adjacent pair of shards eligible for merging",
                    shard_id(index),
                    shard_id(adjacent)
                ),
            ),
            Refusal::ConsumerExists => {
                ApiError::new(ErrorCode::ResourceInUse, format!("A consumer {of} has this name already."))
            }
            Refusal::NoSuchConsumer => {
                ApiError::new(ErrorCode::ResourceNotFound, format!("A consumer {of} was not found."))
            }
            Refusal::TooManyConsumers => ApiError::new(
                ErrorCode::LimitExceeded,
                format!(
                    "Stream {stream} under account {account} has {MAX_CONSUMERS} consumers, the most that a stream may have."
                ),
            ),
            Refusal::TooManyTags => ApiError::new(
                ErrorCode::InvalidArgument,
                format!(
                    "Failed to add tags to stream {stream} under account {account} because a given resource cannot have more \
                     than {MAX_TAGS} tags associated with it."
                ),
            ),
            Refusal::TooManyShards => ApiError::new(
                ErrorCode::LimitExceeded,
                format!(
                    "Stream {stream} under account {account} has {MAX_SHARDS} open shards, the most that a stream may have."
                ),
            ),
            Refusal::HashKeyOutside { start, end } => ApiError::new(
                ErrorCode::InvalidArgument,
                format!(
                    "NewStartingHashKey {of} is not both greater than one plus the shard's StartingHashKey {start} and \
                     less than the shard's EndingHashKey {end}."
                ),
            ),
        }
    }
}

/// Ends a dry run that would have succeeded with `DryRunOperationException`.
fn unless_dry(dry_run: Option<bool>) -> Result<(), ApiError> {
    if dry_run != Some(true) {
        return Ok(());
    }
    Err(ApiError::new(ErrorCode::DryRun, "The request would have succeeded, but the DryRun parameter was specified."))
}

fn check_name(name: &str) -> Result<&str, ApiError> {
    if is_stream_name(name) {
        return Ok(name);
    }
    let rule = "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]{1,128}";
    Err(ApiError::constraint(name, "streamName", rule))
}

/// Checks that a number is in its range; the default if it is missing.
fn in_range(
    value: Option<i64>,
    field: &str,
    range: std::ops::RangeInclusive<i64>,
    default: i64,
) -> Result<usize, ApiError> {
    let value = value.unwrap_or(default);
    let rule = if value < *range.start() {
        format!("Member must have value greater than or equal to {}", range.start())
    } else if value > *range.end() {
        format!("Member must have value less than or equal to {}", range.end())
    } else {
        return Ok(usize::try_from(value).unwrap_or_default());
    };
    Err(ApiError::constraint(value, field, &rule))
}
