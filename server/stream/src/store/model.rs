//! Streams, shards and consumers as the store keeps them.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::sequence::{RecordPosition, SequenceNumber};

/// Default retention of a stream, hours.
pub(crate) const DEFAULT_RETENTION_HOURS: u32 = 24;

/// Tag values by key.
pub(crate) type Tags = BTreeMap<String, String>;

/// A stream with its shards and consumers. An immutable snapshot: a change makes a new one.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    pub(crate) meta: StreamMeta,
    /// By index, ascending; closed ones are included until their records are past retention.
    pub(crate) shards: Vec<Shard>,
    /// By name.
    pub(crate) consumers: Vec<Consumer>,
}

/// The most consumers that a stream may have.
/// <https://docs.aws.amazon.com/kinesis/latest/APIReference/API_RegisterStreamConsumer.html>
pub(crate) const MAX_CONSUMERS: usize = 20;

/// A registered consumer (enhanced fan-out), to which records are pushed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Consumer {
    pub(crate) name: Arc<str>,
    /// When it was registered; the second is not reused under this name in the stream.
    pub(crate) created_ms: u64,
    /// Missing in directories from before there were tags.
    #[serde(default)]
    pub(crate) tags: Tags,
}

/// A value of the keyspace `streams`. Directories from before there were consumers have none.
#[derive(Serialize, Deserialize)]
pub(super) struct StreamEntry {
    #[serde(flatten)]
    pub(super) meta: StreamMeta,
    #[serde(default)]
    pub(super) consumers: Vec<Consumer>,
}

/// The metadata of a stream itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StreamMeta {
    pub(crate) id: u64,
    pub(crate) name: Arc<str>,
    pub(crate) created_ms: u64,
    pub(crate) retention_hours: u32,
    /// Arrivals before this were past retention once, and stay so when the retention is increased: milliseconds.
    #[serde(default)]
    pub(crate) horizon_ms: u64,
    /// The index of the next shard; indexes are never reused, even after shards are dropped.
    pub(crate) next_shard: u32,
    /// The latest registration second of a deregistered consumer.
    #[serde(default)]
    pub(crate) last_deregistered_s: u64,
    /// Missing in directories from before there were tags.
    #[serde(default)]
    pub(crate) tags: Tags,
}

/// A shard: a value of the keyspace `shards`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Shard {
    pub(crate) index: u32,
    pub(crate) parent: Option<u32>,
    pub(crate) adjacent_parent: Option<u32>,
    #[serde(with = "decimal")]
    pub(crate) start: u128,
    #[serde(with = "decimal")]
    pub(crate) end: u128,
    pub(crate) created_ms: u64,
    /// The second in its sequence numbers, always greater than its parents'.
    pub(crate) epoch: u64,
    pub(crate) closed: Option<Closed>,
}

/// The position at which a shard was closed.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Closed {
    pub(crate) ms: u64,
    pub(crate) counter: u64,
}

impl Shard {
    pub(crate) fn id(&self) -> String {
        shard_id(self.index)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.closed.is_none()
    }

    pub(crate) fn contains(&self, hash_key: u128) -> bool {
        (self.start..=self.end).contains(&hash_key)
    }

    pub(crate) fn is_child_of(&self, index: u32) -> bool {
        self.parent == Some(index) || self.adjacent_parent == Some(index)
    }

    pub(crate) fn sequence(&self, position: RecordPosition) -> SequenceNumber {
        SequenceNumber { shard_created: self.epoch, shard: self.index, position }
    }

    pub(crate) fn starting_sequence(&self) -> SequenceNumber {
        self.sequence(RecordPosition::at(self.created_ms))
    }

    pub(crate) fn ending_sequence(&self) -> Option<SequenceNumber> {
        self.closed.map(|Closed { ms, counter }| self.sequence(RecordPosition { ms, counter }))
    }
}

impl Stream {
    pub(crate) fn shard(&self, index: u32) -> Option<&Shard> {
        self.shards.binary_search_by_key(&index, |shard| shard.index).ok().and_then(|at| self.shards.get(at))
    }

    pub(crate) fn shard_mut(&mut self, index: u32) -> Option<&mut Shard> {
        self.shards.binary_search_by_key(&index, |shard| shard.index).ok().and_then(|at| self.shards.get_mut(at))
    }

    pub(crate) fn consumer(&self, name: &str) -> Option<&Consumer> {
        self.consumers.binary_search_by(|known| (*known.name).cmp(name)).ok().and_then(|at| self.consumers.get(at))
    }

    /// The open shard whose range contains `hash_key`. The open shards cover every key.
    pub(crate) fn shard_for(&self, hash_key: u128) -> Option<&Shard> {
        self.shards.iter().find(|shard| shard.is_open() && shard.contains(hash_key))
    }

    pub(crate) fn open_shards(&self) -> usize {
        self.shards.iter().filter(|shard| shard.is_open()).count()
    }

    /// The time before which arrivals are past retention, milliseconds.
    pub(crate) fn horizon(&self, now_ms: u64) -> u64 {
        let horizon = now_ms.saturating_sub(u64::from(self.meta.retention_hours) * 3_600_000);
        horizon.max(self.meta.horizon_ms)
    }
}

/// `shardId-` and twelve digits.
pub(crate) fn shard_id(index: u32) -> String {
    format!("shardId-{index:012}")
}

/// The index in a shard's id; accepts the short forms that the real service accepts.
pub(crate) fn shard_index(id: &str) -> Option<u32> {
    let digits = id.strip_prefix("shardId-").unwrap_or(id);
    let plain = (1..=12).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

/// Serializes 128-bit numbers as text, since JSON parsers often stop at 64 bits.
mod decimal {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(value: &u128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
