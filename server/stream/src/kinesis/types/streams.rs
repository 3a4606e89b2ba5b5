//! Requests and answers that concern whole streams.

use serde::{Deserialize, Serialize};

use super::{ShardInfo, Timestamp, names_a_stream};
use crate::store::Tags;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CreateStream {
    pub(crate) stream_name: Option<String>,
    pub(crate) shard_count: Option<i64>,
    pub(crate) stream_mode_details: Option<StreamModeDetails>,
    pub(crate) tags: Option<Tags>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct StreamModeDetails {
    pub(crate) stream_mode: String,
}

impl StreamModeDetails {
    /// The only mode of this endpoint.
    pub(crate) fn provisioned() -> Self {
        Self { stream_mode: "PROVISIONED".to_owned() }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DescribeStream {
    pub(crate) stream_name: Option<String>,
    #[serde(rename = "StreamARN")]
    pub(crate) stream_arn: Option<String>,
    pub(crate) limit: Option<i64>,
    pub(crate) exclusive_start_shard_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DescribeStreamSummary {
    pub(crate) stream_name: Option<String>,
    #[serde(rename = "StreamARN")]
    pub(crate) stream_arn: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DeleteStream {
    pub(crate) stream_name: Option<String>,
    #[serde(rename = "StreamARN")]
    pub(crate) stream_arn: Option<String>,
    pub(crate) enforce_consumer_deletion: Option<bool>,
}

/// The request of `IncreaseStreamRetentionPeriod` and of `DecreaseStreamRetentionPeriod`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ChangeRetention {
    pub(crate) stream_name: Option<String>,
    #[serde(rename = "StreamARN")]
    pub(crate) stream_arn: Option<String>,
    pub(crate) retention_period_hours: Option<i64>,
}

names_a_stream!(DescribeStream, DescribeStreamSummary, DeleteStream, ChangeRetention);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListStreams {
    pub(crate) limit: Option<i64>,
    pub(crate) exclusive_start_stream_name: Option<String>,
    pub(crate) next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListStreamsAnswer {
    pub(crate) stream_names: Vec<String>,
    pub(crate) has_more_streams: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_token: Option<String>,
    pub(crate) stream_summaries: Vec<StreamSummary>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct LimitsAnswer {
    pub(crate) shard_limit: u32,
    pub(crate) open_shard_count: usize,
    pub(crate) on_demand_stream_count: u32,
    pub(crate) on_demand_stream_count_limit: u32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct StreamSummary {
    pub(crate) stream_name: String,
    #[serde(rename = "StreamARN")]
    pub(crate) stream_arn: String,
    pub(crate) stream_status: &'static str,
    pub(crate) stream_mode_details: StreamModeDetails,
    pub(crate) stream_creation_timestamp: Timestamp,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Monitoring {
    shard_level_metrics: [&'static str; 0],
}

impl Monitoring {
    /// No metrics per shard are available.
    pub(crate) const NONE: Self = Self { shard_level_metrics: [] };
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SummaryAnswer<'a> {
    pub(crate) stream_description_summary: Summary<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Summary<'a> {
    pub(crate) stream_name: &'a str,
    #[serde(rename = "StreamARN")]
    pub(crate) stream_arn: String,
    pub(crate) stream_status: &'static str,
    pub(crate) stream_mode_details: StreamModeDetails,
    pub(crate) retention_period_hours: u32,
    pub(crate) stream_creation_timestamp: Timestamp,
    pub(crate) enhanced_monitoring: [Monitoring; 1],
    pub(crate) encryption_type: &'static str,
    pub(crate) open_shard_count: usize,
    pub(crate) consumer_count: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DescriptionAnswer<'a> {
    pub(crate) stream_description: Description<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Description<'a> {
    pub(crate) stream_name: &'a str,
    #[serde(rename = "StreamARN")]
    pub(crate) stream_arn: String,
    pub(crate) stream_status: &'static str,
    pub(crate) stream_mode_details: StreamModeDetails,
    pub(crate) retention_period_hours: u32,
    pub(crate) stream_creation_timestamp: Timestamp,
    pub(crate) enhanced_monitoring: [Monitoring; 1],
    pub(crate) encryption_type: &'static str,
    pub(crate) shards: Vec<ShardInfo>,
    pub(crate) has_more_shards: bool,
}
