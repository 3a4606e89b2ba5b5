//! Requests and answers of the Kinesis API, version 2013-12-02, in JSON 1.1 and in CBOR.
//!
//! Every member of a request is optional here, so that a missing one gets the service's error, by name. Unknown members are
//! ignored, as by the service. `#[serde(flatten)]` is avoided: it loses which format is read, and copies every blob.
//! <https://docs.aws.amazon.com/kinesis/latest/APIReference/API_Operations.html>

mod consumers;
mod records;
mod shards;
mod streams;
mod tags;
pub(super) mod wire;

pub(super) use self::{
    consumers::{
        ConsumerInfo, DescribeStreamConsumerAnswer, ListStreamConsumers, ListStreamConsumersAnswer, NamedConsumer,
        RegisterStreamConsumer, RegisterStreamConsumerAnswer,
    },
    records::{
        ChildShard, GetRecords, GetRecordsAnswer, GetShardIterator, GetShardIteratorAnswer, PutEntry, PutRecord,
        PutRecordAnswer, PutRecords, PutRecordsAnswer, PutRecordsEntry, Record,
    },
    shards::{
        HashKeyRange, ListShards, ListShardsAnswer, MergeShards, SequenceNumberRange, ShardFilter, ShardInfo,
        SplitShard, UpdateShardCount, UpdateShardCountAnswer,
    },
    streams::{
        ChangeRetention, CreateStream, DeleteStream, DescribeStream, DescribeStreamSummary, Description,
        DescriptionAnswer, LimitsAnswer, ListStreams, ListStreamsAnswer, Monitoring, StreamModeDetails, StreamSummary,
        Summary, SummaryAnswer,
    },
    tags::{AddTagsToStream, ListTagsForStream, OnResource, RemoveTagsFromStream, Tag, TagsAnswer},
    wire::{Blob, Timestamp},
};

/// The stream that a request names: by name, by ARN, or by both.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) arn: Option<&'a str>,
}

/// Requests with `StreamName` and `StreamARN`.
pub(super) trait NamesStream {
    fn named(&self) -> Named<'_>;
}

macro_rules! names_a_stream {
    ($($request:ty),+) => {
        $(impl $crate::kinesis::types::NamesStream for $request {
            fn named(&self) -> $crate::kinesis::types::Named<'_> {
                $crate::kinesis::types::Named {
                    name: self.stream_name.as_deref(),
                    arn: self.stream_arn.as_deref(),
                }
            }
        })+
    };
}
use names_a_stream;
