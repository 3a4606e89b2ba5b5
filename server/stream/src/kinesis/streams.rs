//! `CreateStream`, `ListStreams`, `DescribeLimits` (root key); `DeleteStream`, `DescribeStream`, `DescribeStreamSummary`.

use super::{
    Call, Outcome, Output, check_name, in_range,
    pages::List,
    shards::{describe, parse_shard_id},
    tags::first_tags,
    types::{
        CreateStream, DeleteStream, DescribeStream, DescribeStreamSummary, Description, DescriptionAnswer,
        LimitsAnswer, ListStreams, ListStreamsAnswer, Monitoring, StreamModeDetails, StreamSummary, Summary,
        SummaryAnswer, Timestamp,
    },
};
use crate::{
    error::{ApiError, ErrorCode},
    quotas::MAX_SHARDS,
    store::Stream,
};

/// The account-wide shard limit that `DescribeLimits` reports: the largest value of the service's model, since here the limit
/// is per stream.
const NO_LIMIT: u32 = 1_000_000;
/// The largest page of streams, or of shards in a description.
const MAX_PAGE: usize = 100;
/// The only status: streams are created and changed before the call is answered.
pub(super) const ACTIVE: &str = "ACTIVE";
/// The endpoint does not encrypt data at rest.
const NO_ENCRYPTION: &str = "NONE";

/// Checks the name and number of shards of a new stream; returns the number.
pub(crate) fn check_new_stream(name: &str, shards: Option<i64>) -> Result<u32, ApiError> {
    check_name(name)?;
    let count = in_range(shards, "shardCount", 1..=i64::MAX, 1)?;
    u32::try_from(count).ok().filter(|count| *count <= MAX_SHARDS).ok_or_else(|| too_many_shards(count))
}

pub(super) fn too_many_shards(count: usize) -> ApiError {
    let message = format!("A stream of {count} shards would exceed the limit of {MAX_SHARDS} shards.");
    ApiError::new(ErrorCode::LimitExceeded, message)
}

impl Call<'_> {
    pub(super) async fn create_stream(&self, request: CreateStream) -> Outcome {
        self.must_be_root()?;
        let name = request.stream_name.ok_or_else(|| ApiError::missing("streamName"))?;
        if let Some(StreamModeDetails { stream_mode }) = &request.stream_mode_details
            && stream_mode != "PROVISIONED"
        {
            let message = format!("StreamMode {stream_mode} is not supported by this endpoint; use PROVISIONED.");
            return Err(ApiError::new(ErrorCode::Validation, message));
        }
        if request.shard_count.is_none() {
            return Err(ApiError::new(ErrorCode::InvalidArgument, "ShardCount is required for a provisioned stream."));
        }
        let shards = check_new_stream(&name, request.shard_count)?;
        let tags = first_tags(request.tags)?;
        self.turn().await?;
        self.endpoint.store.create(&name, shards, tags).await.map_err(|error| self.store_error(&name, error))?;
        Ok(Output::EMPTY)
    }

    pub(super) async fn list_streams(&self, request: &ListStreams) -> Outcome {
        self.must_be_root()?;
        let limit = in_range(request.limit, "limit", 1..=10_000, 100)?.min(MAX_PAGE);
        let after = match (request.next_token.as_deref(), request.exclusive_start_stream_name.as_deref()) {
            (Some(_), Some(_)) => {
                let message = "NextToken and ExclusiveStartStreamName cannot be provided together.";
                return Err(ApiError::new(ErrorCode::InvalidArgument, message));
            }
            (Some(token), None) => self.opened_token(List::Streams, token)?.after,
            (None, Some(name)) => check_name(name)?.to_owned(),
            (None, None) => String::new(),
        };
        self.turn().await?;
        let streams = self.endpoint.store.streams();
        let mut rest = streams.iter().filter(|stream| *stream.meta.name > *after).peekable();
        let page: Vec<_> = rest.by_ref().take(limit).collect();
        let last = page.last().filter(|_| rest.peek().is_some());
        self.answer(&ListStreamsAnswer {
            stream_names: page.iter().map(|stream| stream.meta.name.to_string()).collect(),
            has_more_streams: last.is_some(),
            next_token: last.map(|last| self.next_token(List::Streams, 0, &last.meta.name)),
            stream_summaries: page.into_iter().map(|stream| self.stream_summary(stream)).collect(),
        })
    }

    fn stream_summary(&self, stream: &Stream) -> StreamSummary {
        StreamSummary {
            stream_name: stream.meta.name.to_string(),
            stream_arn: self.endpoint.place.stream_arn(&stream.meta.name),
            stream_status: ACTIVE,
            stream_mode_details: StreamModeDetails::provisioned(),
            stream_creation_timestamp: Timestamp(stream.meta.created_ms),
        }
    }

    pub(super) async fn describe_limits(&self) -> Outcome {
        self.must_be_root()?;
        self.turn().await?;
        let open = self.endpoint.store.streams().iter().map(|stream| stream.open_shards()).sum();
        self.answer(&LimitsAnswer {
            shard_limit: NO_LIMIT,
            open_shard_count: open,
            on_demand_stream_count: 0,
            on_demand_stream_count_limit: 0,
        })
    }

    pub(super) async fn delete_stream(&self, request: &DeleteStream) -> Outcome {
        let stream = self.stream_to_control(request)?;
        let name = &stream.meta.name;
        self.turn_on(&stream).await?;
        self.endpoint
            .store
            .delete(name, request.enforce_consumer_deletion == Some(true))
            .await
            .map_err(|error| self.store_error(name, error))?;
        Ok(Output::EMPTY)
    }

    pub(super) async fn describe_stream_summary(&self, request: &DescribeStreamSummary) -> Outcome {
        let stream = self.stream_to_control(request)?;
        self.turn_on(&stream).await?;
        self.answer(&SummaryAnswer {
            stream_description_summary: Summary {
                stream_name: &stream.meta.name,
                stream_arn: self.endpoint.place.stream_arn(&stream.meta.name),
                stream_status: ACTIVE,
                stream_mode_details: StreamModeDetails::provisioned(),
                retention_period_hours: stream.meta.retention_hours,
                stream_creation_timestamp: Timestamp(stream.meta.created_ms),
                enhanced_monitoring: [Monitoring::NONE],
                encryption_type: NO_ENCRYPTION,
                open_shard_count: stream.open_shards(),
                consumer_count: stream.consumers.len(),
            },
        })
    }

    pub(super) async fn describe_stream(&self, request: &DescribeStream) -> Outcome {
        let stream = self.stream_to_control(request)?;
        let limit = in_range(request.limit, "limit", 1..=10_000, 100)?.min(MAX_PAGE);
        self.turn_on(&stream).await?;
        let after = request.exclusive_start_shard_id.as_deref().map(parse_shard_id).transpose()?;
        let mut shards = stream.shards.iter().filter(|shard| after.is_none_or(|after| shard.index > after)).peekable();
        let page = shards.by_ref().take(limit).map(describe).collect();
        self.answer(&DescriptionAnswer {
            stream_description: Description {
                stream_name: &stream.meta.name,
                stream_arn: self.endpoint.place.stream_arn(&stream.meta.name),
                stream_status: ACTIVE,
                stream_mode_details: StreamModeDetails::provisioned(),
                retention_period_hours: stream.meta.retention_hours,
                stream_creation_timestamp: Timestamp(stream.meta.created_ms),
                enhanced_monitoring: [Monitoring::NONE],
                encryption_type: NO_ENCRYPTION,
                shards: page,
                has_more_shards: shards.peek().is_some(),
            },
        })
    }
}
