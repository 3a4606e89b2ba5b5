//! What a reader is given, and what it tells.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::kinesis::{error::Error, shard_map::hash_key};

/// What is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The shards that hold or held this key, and of their records only those under it.
    PartitionKey(String),
    /// The same of each of these keys. Records of different shards keep no order among each other.
    PartitionKeys(Vec<String>),
    /// Every shard, every record.
    All,
}

impl Scope {
    /// The hash keys whose shards are read; `None` for all there are.
    pub(super) fn hash_keys(&self) -> Option<Vec<u128>> {
        match self {
            Self::PartitionKey(key) => Some(vec![hash_key(key)]),
            Self::PartitionKeys(keys) => Some(keys.iter().map(|key| hash_key(key)).collect()),
            Self::All => None,
        }
    }

    pub(super) fn wants(&self, partition_key: Option<&str>) -> bool {
        match self {
            Self::PartitionKey(key) => partition_key == Some(key),
            Self::PartitionKeys(keys) => keys.iter().any(|key| partition_key == Some(key)),
            Self::All => true,
        }
    }
}

/// A place in the stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamCursor {
    /// Shards without a place of their own are read from what arrived at this Unix millisecond on, or after it.
    pub since_ms: i64,
    /// The sequence number of each shard up to which everything was seen.
    pub shards: BTreeMap<String, String>,
}

impl StreamCursor {
    /// From what arrives at `unix_ms` on.
    pub fn at(unix_ms: i64) -> Self {
        Self { since_ms: unix_ms, shards: BTreeMap::new() }
    }
}

/// A record off the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What was put.
    pub data: Vec<u8>,
    /// Under which key: 1 to 256 characters. Empty where the producer gave none; such a record belongs to no room.
    pub partition_key: String,
    /// Its place in the shard.
    pub sequence_number: String,
    /// When it arrived at the stream, in Unix milliseconds by the service's clock.
    pub arrival_ms: i64,
    /// The shard.
    pub shard_id: String,
}

/// What a reader tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// New records, at least one, in the order of their shard.
    Records(Vec<Record>),
    /// It goes differently from now on.
    State(State),
}

/// How reading goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing was read yet.
    Starting,
    /// At the newest record.
    Live,
    /// Catching up.
    Behind {
        /// Age of the place it is at, in milliseconds.
        ms: i64,
    },
    /// The shard's limit of five reads a second, shared by all its readers, is felt: reads are 0.8 s apart or wait so
    /// long. About four readers and more.
    Throttled {
        /// Time between reads, in milliseconds.
        interval_ms: u32,
    },
    /// A failure that may pass.
    Reconnecting {
        /// The last one.
        reason: Error,
        /// When it is tried again.
        retry_in: Duration,
    },
    /// A failure that will not pass by itself (denied, no such stream). It is tried again, rarely.
    Failed {
        /// The last one.
        reason: Error,
        /// When it is tried again.
        retry_in: Duration,
    },
}

impl State {
    /// Of several shards the worst counts.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Starting => 0,
            Self::Live => 1,
            Self::Behind { .. } => 2,
            Self::Throttled { .. } => 3,
            Self::Reconnecting { .. } => 4,
            Self::Failed { .. } => 5,
        }
    }

    pub(super) fn retry_in_ms(&self) -> i64 {
        match self {
            Self::Reconnecting { retry_in, .. } | Self::Failed { retry_in, .. } => retry_in.as_millis() as i64,
            _ => 0,
        }
    }
}

/// What a reader counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// `GetRecords` calls begun.
    pub reads: u64,
    /// Refused for a limit.
    pub throttled: u64,
    /// Replies that took 150 ms or more: they waited for their turn, or the way is long.
    pub slow: u64,
    /// Records delivered.
    pub records: u64,
    /// `MillisBehindLatest` of the last reply.
    pub behind_ms: i64,
    /// Time between reads of the last shard read, in milliseconds.
    pub interval_ms: u32,
}

impl Stats {
    /// The counts together with those of a reader that read before; what stands now is this one's.
    #[must_use]
    pub const fn after(self, before: Self) -> Self {
        Self {
            reads: self.reads + before.reads,
            throttled: self.throttled + before.throttled,
            slow: self.slow + before.slow,
            records: self.records + before.records,
            ..self
        }
    }
}
