//! Streams and shards as the store keeps them.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::sequence::{RecordPosition, SequenceNumber};

/// Default retention of a stream, hours.
pub(crate) const DEFAULT_RETENTION_HOURS: u32 = 24;

/// Tags by their keys.
pub(crate) type Tags = BTreeMap<String, String>;

/// A stream and all its shards that are still remembered. Never changed in place: a change makes a new one.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    pub(crate) meta: StreamMeta,
    /// By index, ascending; closed ones included until their records are past retention.
    pub(crate) shards: Vec<Shard>,
    /// By name.
    pub(crate) consumers: Vec<Consumer>,
}

/// The most consumers that a stream may have.
/// <https://docs.aws.amazon.com/kinesis/latest/APIReference/API_RegisterStreamConsumer.html>
pub(crate) const MAX_CONSUMERS: usize = 20;

/// Somebody who is registered to be pushed what comes in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Consumer {
    pub(crate) name: Arc<str>,
    /// When it was registered; its second is never used again under this name.
    pub(crate) created_ms: u64,
    /// Directories of before there were tags have none.
    #[serde(default)]
    pub(crate) tags: Tags,
}

/// What the keyspace `streams` holds. Directories of before there were consumers have none.
#[derive(Serialize, Deserialize)]
pub(super) struct StreamEntry {
    #[serde(flatten)]
    pub(super) meta: StreamMeta,
    #[serde(default)]
    pub(super) consumers: Vec<Consumer>,
}

/// What there is to know about a stream itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StreamMeta {
    pub(crate) id: u64,
    pub(crate) name: Arc<str>,
    pub(crate) created_ms: u64,
    pub(crate) retention_hours: u32,
    /// Arrivals before this were past retention once, and stay so when it is made longer: milliseconds.
    #[serde(default)]
    pub(crate) horizon_ms: u64,
    /// Never used before, also when the last shards are forgotten.
    pub(crate) next_shard: u32,
    /// The latest second in which a consumer was registered that is not any more.
    #[serde(default)]
    pub(crate) last_deregistered_s: u64,
    /// Directories of before there were tags have none.
    #[serde(default)]
    pub(crate) tags: Tags,
}

/// What the keyspace `shards` holds.
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
    /// The second in its sequence numbers: always greater than its parents'.
    pub(crate) epoch: u64,
    pub(crate) closed: Option<Closed>,
}

/// The end of a shard.
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

    /// The open shard that takes `hash_key`. The open ones cover every key.
    pub(crate) fn shard_for(&self, hash_key: u128) -> Option<&Shard> {
        self.shards.iter().find(|shard| shard.is_open() && shard.contains(hash_key))
    }

    pub(crate) fn open_shards(&self) -> usize {
        self.shards.iter().filter(|shard| shard.is_open()).count()
    }

    /// Arrivals before this are past retention.
    pub(crate) fn horizon(&self, now_ms: u64) -> u64 {
        let horizon = now_ms.saturating_sub(u64::from(self.meta.retention_hours) * 3_600_000);
        horizon.max(self.meta.horizon_ms)
    }
}

/// `shardId-` and twelve digits.
pub(crate) fn shard_id(index: u32) -> String {
    format!("shardId-{index:012}")
}

/// The index in a shard's id; also of the short forms that the real service takes.
pub(crate) fn shard_index(id: &str) -> Option<u32> {
    let digits = id.strip_prefix("shardId-").unwrap_or(id);
    let plain = (1..=12).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

/// 128-bit numbers as text: JSON readers stop at 64 bits.
mod decimal {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(value: &u128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
