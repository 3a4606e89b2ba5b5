//! The five data-plane operations that a client needs, in the JSON 1.1 protocol
//! ([API reference](https://docs.aws.amazon.com/kinesis/latest/APIReference/API_Operations.html)).
//!
//! Requests are written by hand (a name, a string, a number: a serialiser would only add bytes to the page), replies read by
//! serde; unknown members are ignored.

use serde::{Deserialize, Deserializer, de::Error as _};

use super::{
    shard_map::{HashKeyRange, Shard},
    time::push_seconds,
};

/// The most entries of one `PutRecords`.
pub const MAX_BATCH: usize = 500;
/// The most bytes (data and partition keys) of one `PutRecords`: 10 MiB
/// ([`PutRecords`](https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html)). An endpoint with a lower
/// limit refuses the batch, and the producer puts each of its records alone.
pub const MAX_BATCH_BYTES: usize = 10 << 20;
/// The most bytes (data and partition key) of one record: 1 MiB, a stream's default.
pub const MAX_RECORD_BYTES: usize = 1 << 20;
/// The most characters of a partition key; it has at least one.
pub const MAX_PARTITION_KEY: usize = 256;

/// An operation of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Puts one record.
    PutRecord,
    /// Puts up to 500 records, and may fail in part.
    PutRecords,
    /// Lists the shards, open and closed.
    ListShards,
    /// Gets an iterator for a position in a shard.
    GetShardIterator,
    /// Reads from an iterator.
    GetRecords,
}

impl Operation {
    /// The value of `X-Amz-Target`.
    pub fn target(self) -> &'static str {
        match self {
            Self::PutRecord => "Kinesis_20131202.PutRecord",
            Self::PutRecords => "Kinesis_20131202.PutRecords",
            Self::ListShards => "Kinesis_20131202.ListShards",
            Self::GetShardIterator => "Kinesis_20131202.GetShardIterator",
            Self::GetRecords => "Kinesis_20131202.GetRecords",
        }
    }
}

/// Where a shard iterator starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    /// At the oldest record still kept.
    TrimHorizon,
    /// At the first record that arrived at or after this Unix millisecond.
    Timestamp(i64),
    /// Right after this sequence number.
    After(String),
}

/// The body of `PutRecord`.
pub fn put_record(stream: &str, data: &[u8], partition_key: &str) -> Vec<u8> {
    let mut body = Body::new();
    body.text("StreamName", stream).data(data).text("PartitionKey", partition_key);
    body.done()
}

/// The body of `PutRecords`, from pairs of data and partition key.
pub fn put_records<'a>(stream: &str, entries: impl Iterator<Item = (&'a [u8], &'a str)>) -> Vec<u8> {
    let mut body = Body::new();
    body.text("StreamName", stream).raw("Records", "[");
    for (index, (data, partition_key)) in entries.enumerate() {
        body.0.push_str(if index == 0 { "{" } else { ",{" });
        body.data(data).text("PartitionKey", partition_key).0.push('}');
    }
    body.0.push(']');
    body.done()
}

/// The body of `ListShards`: the first page by the stream's name, the others by the token alone.
pub fn list_shards(stream: &str, next_token: Option<&str>) -> Vec<u8> {
    let mut body = Body::new();
    match next_token {
        Some(token) => body.text("NextToken", token),
        None => body.text("StreamName", stream),
    };
    body.done()
}

/// The body of `GetShardIterator`.
pub fn get_shard_iterator(stream: &str, shard_id: &str, from: &From) -> Vec<u8> {
    let mut body = Body::new();
    body.text("StreamName", stream).text("ShardId", shard_id);
    match from {
        From::TrimHorizon => body.text("ShardIteratorType", "TRIM_HORIZON"),
        From::After(number) => {
            body.text("ShardIteratorType", "AFTER_SEQUENCE_NUMBER").text("StartingSequenceNumber", number)
        }
        From::Timestamp(unix_ms) => {
            body.text("ShardIteratorType", "AT_TIMESTAMP").raw("Timestamp", "");
            push_seconds(&mut body.0, *unix_ms);
            &mut body
        }
    };
    body.done()
}

/// The body of `GetRecords`. `limit` is 1 to 10,000.
pub fn get_records(shard_iterator: &str, limit: u32) -> Vec<u8> {
    let mut body = Body::new();
    body.text("ShardIterator", shard_iterator).raw("Limit", &limit.to_string());
    body.done()
}

/// The reply of `PutRecord`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutRecordReply {
    /// The shard it was put on.
    pub shard_id: String,
    /// Its sequence number there.
    pub sequence_number: String,
}

/// The reply of `PutRecords`, one entry for each record that was sent, in order.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutRecordsReply {
    /// Each has either a sequence number or an error.
    pub records: Vec<PutRecordsEntry>,
}

/// The outcome of one entry: a shard and a sequence number, or a code and a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PutRecordsEntry {
    /// The shard it was put on.
    pub shard_id: Option<String>,
    /// Its sequence number there.
    pub sequence_number: Option<String>,
    /// Why it was not put.
    pub error_code: Option<String>,
    /// The same, for a person.
    pub error_message: Option<String>,
}

/// The reply of `ListShards`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListShardsReply {
    /// A page of shards.
    pub shards: Vec<Shard>,
    /// The token of the next page, if there is one.
    #[serde(default)]
    pub next_token: Option<String>,
}

/// The reply of `GetShardIterator`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ShardIteratorReply {
    /// Valid for five minutes.
    pub shard_iterator: String,
}

/// The reply of `GetRecords`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetRecordsReply {
    /// Possibly empty, even when there are more records.
    pub records: Vec<WireRecord>,
    /// The iterator to continue with; none at the end of a closed shard.
    #[serde(default)]
    pub next_shard_iterator: Option<String>,
    /// How far behind the newest record this reply is, in milliseconds.
    #[serde(default)]
    pub millis_behind_latest: Option<i64>,
    /// At the end of a closed shard: its children.
    #[serde(default)]
    pub child_shards: Option<Vec<ChildShard>>,
}

/// A record of a reply.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct WireRecord {
    /// Its sequence number in the shard.
    pub sequence_number: String,
    /// The data.
    #[serde(deserialize_with = "blob")]
    pub data: Vec<u8>,
    /// The partition key; none where the stream distributes records by itself and the producer gave none
    /// ([`Record`](https://docs.aws.amazon.com/kinesis/latest/APIReference/API_Record.html)).
    #[serde(default)]
    pub partition_key: Option<String>,
    /// When it arrived, in Unix milliseconds.
    #[serde(rename = "ApproximateArrivalTimestamp", deserialize_with = "seconds", default)]
    pub arrival_ms: i64,
}

/// A shard that follows a closed one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ChildShard {
    /// Its id.
    pub shard_id: String,
    /// The shards that it was split or merged from.
    pub parent_shards: Vec<String>,
    /// Its range of hash keys.
    pub hash_key_range: HashKeyRange,
}

fn blob<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
    crate::base64::decode(&text).ok_or_else(|| D::Error::custom("Data is not base64"))
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    // A cast saturates, and turns NaN into 0.
    f64::deserialize(deserializer).map(|seconds| (seconds * 1000.0).round() as i64)
}

/// A JSON object under construction.
pub(crate) struct Body(String);

impl Body {
    pub(crate) fn new() -> Self {
        Self("{".into())
    }

    pub(crate) fn raw(&mut self, name: &str, value: &str) -> &mut Self {
        if !self.0.ends_with('{') {
            self.0.push(',');
        }
        self.0.push('"');
        self.0.push_str(name);
        self.0.push_str("\":");
        self.0.push_str(value);
        self
    }

    pub(crate) fn text(&mut self, name: &str, value: &str) -> &mut Self {
        self.raw(name, "\"");
        for c in value.chars() {
            match c {
                '"' | '\\' => self.0.extend(['\\', c]),
                '\0'..='\x1f' => {
                    let digit = |d: u32| char::from_digit(d, 16).unwrap_or('0');
                    self.0.push_str("\\u00");
                    self.0.extend([digit(u32::from(c) >> 4), digit(u32::from(c) & 15)]);
                }
                _ => self.0.push(c),
            }
        }
        self.0.push('"');
        self
    }

    /// A nested object, which is still open.
    pub(crate) fn object(&mut self, name: &str, inner: &Self) -> &mut Self {
        self.raw(name, &inner.0).0.push('}');
        self
    }

    fn data(&mut self, data: &[u8]) -> &mut Self {
        self.raw("Data", "\"");
        crate::base64::encode(&mut self.0, data);
        self.0.push('"');
        self
    }

    pub(crate) fn done(mut self) -> Vec<u8> {
        self.0.push('}');
        self.0.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn parsed(body: Vec<u8>) -> Value {
        serde_json::from_slice(&body).unwrap()
    }

    #[test]
    fn requests_are_the_json_of_the_api_reference() {
        let key = "键\"\\\n\u{1}\u{7f}";
        assert_eq!(
            parsed(put_record("danmu", b"hi", key)),
            json!({"StreamName": "danmu", "Data": "aGk=", "PartitionKey": key})
        );
        let entries = [(b"hi".as_slice(), "a"), (b"".as_slice(), "b")];
        assert_eq!(
            parsed(put_records("danmu", entries.into_iter())),
            json!({"StreamName": "danmu", "Records": [{"Data": "aGk=", "PartitionKey": "a"}, {"Data": "", "PartitionKey": "b"}]})
        );
        assert_eq!(parsed(list_shards("danmu", None)), json!({"StreamName": "danmu"}));
        assert_eq!(parsed(list_shards("danmu", Some("t"))), json!({"NextToken": "t"}));
        assert_eq!(
            parsed(get_shard_iterator("danmu", "s", &From::Timestamp(1_700_000_000_250))),
            json!({"StreamName": "danmu", "ShardId": "s", "ShardIteratorType": "AT_TIMESTAMP", "Timestamp": 1_700_000_000.25})
        );
        assert_eq!(
            parsed(get_shard_iterator("danmu", "s", &From::After("49".into()))),
            json!({"StreamName": "danmu", "ShardId": "s", "ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": "49"})
        );
        assert_eq!(
            parsed(get_shard_iterator("danmu", "s", &From::TrimHorizon)),
            json!({"StreamName": "danmu", "ShardId": "s", "ShardIteratorType": "TRIM_HORIZON"})
        );
        assert_eq!(parsed(get_records("it", 10_000)), json!({"ShardIterator": "it", "Limit": 10_000}));
    }

    #[test]
    fn a_reply_at_the_end_of_a_shard_names_its_children() {
        let reply: GetRecordsReply = serde_json::from_value(json!({
            "Records": [{"SequenceNumber": "1", "Data": "aGk=", "PartitionKey": "p", "ApproximateArrivalTimestamp": 1_700_000_000.123}],
            "NextShardIterator": null, "MillisBehindLatest": 0, "Unknown": {"x": [1.5]},
            "ChildShards": [{"ShardId": "c", "ParentShards": ["s"], "HashKeyRange": {"StartingHashKey": "0", "EndingHashKey": "340282366920938463463374607431768211455"}}]
        }))
        .unwrap();
        assert_eq!(reply.records[0].data, b"hi");
        assert_eq!(reply.records[0].arrival_ms, 1_700_000_000_123);
        assert_eq!(reply.next_shard_iterator, None);
        assert_eq!(reply.child_shards.unwrap()[0].hash_key_range, HashKeyRange::ALL);
        let bad = json!({"Records": [{"SequenceNumber": "1", "Data": "!", "PartitionKey": "p"}]});
        assert!(serde_json::from_value::<GetRecordsReply>(bad).is_err());
    }

    #[test]
    fn a_record_without_a_partition_key_does_not_cost_the_others_of_its_reply() {
        for none in [json!({}), json!({"PartitionKey": null})] {
            let mut keyless = json!({"SequenceNumber": "1", "Data": "aGk="});
            keyless.as_object_mut().unwrap().extend(none.as_object().unwrap().clone());
            let keyed = json!({"SequenceNumber": "2", "Data": "aGk=", "PartitionKey": "demo"});
            let reply: GetRecordsReply = serde_json::from_value(json!({"Records": [keyless, keyed]})).unwrap();
            let keys: Vec<_> = reply.records.iter().map(|record| record.partition_key.as_deref()).collect();
            assert_eq!(keys, [None, Some("demo")]);
        }
    }
}
