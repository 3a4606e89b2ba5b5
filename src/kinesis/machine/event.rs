//! A reader's input (scope, cursor) and output (records, events, counts).

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::kinesis::{error::Error, shard_map::hash_key};

/// Which shards and records are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The shards that hold or held this key, and only the records under it.
    PartitionKey(String),
    /// The same for each of these keys. Records of different shards have no order among each other.
    PartitionKeys(Vec<String>),
    /// Every shard, every record.
    All,
}

impl Scope {
    /// The hash keys whose shards are read; `None` for all shards.
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

/// A cursor: a reader's position in the stream, across shards.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamCursor {
    /// Shards that are not in `shards` are read from this arrival time on, in Unix milliseconds.
    pub since_ms: i64,
    /// The sequence number of each shard up to which everything was seen.
    pub shards: BTreeMap<String, String>,
}

impl StreamCursor {
    /// From the arrival time `unix_ms` on.
    pub fn at(unix_ms: i64) -> Self {
        Self { since_ms: unix_ms, shards: BTreeMap::new() }
    }
}

/// A record off the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The data.
    pub data: Vec<u8>,
    /// Its partition key, 1 to 256 characters. Empty where the producer gave none; such a record belongs to no room.
    pub partition_key: String,
    /// Its sequence number in the shard.
    pub sequence_number: String,
    /// When it arrived at the stream, in Unix milliseconds by the service's clock.
    pub arrival_ms: i64,
    /// The shard's id.
    pub shard_id: String,
}

/// What a reader reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// New records, at least one, in the order of their shard.
    Records(Vec<Record>),
    /// The state of reading has changed.
    State(State),
}

/// The state of reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing was read yet.
    Starting,
    /// At the newest record.
    Live,
    /// Catching up.
    Behind {
        /// The age of the position that it is at, in milliseconds.
        ms: i64,
    },
    /// The shard's limit of five reads a second, shared by all its readers, is noticeable: reads are 0.8 s apart or wait so
    /// long. About four readers and more.
    Throttled {
        /// Time between reads, in milliseconds.
        interval_ms: u32,
    },
    /// A temporary failure.
    Reconnecting {
        /// The last failure.
        reason: Error,
        /// When it is retried.
        retry_in: Duration,
    },
    /// A failure that needs somebody to act (denied, no such stream). It is retried, rarely.
    Failed {
        /// The last failure.
        reason: Error,
        /// When it is retried.
        retry_in: Duration,
    },
}

impl State {
    /// The worst state of several shards counts.
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

/// A reader's counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// `GetRecords` calls begun.
    pub reads: u64,
    /// Calls that were throttled.
    pub throttled: u64,
    /// Replies that took 150 ms or more: the request was queued, or the network is slow.
    pub slow: u64,
    /// Records delivered.
    pub records: u64,
    /// `MillisBehindLatest` of the last reply.
    pub behind_ms: i64,
    /// The read interval of the shard read last, in milliseconds.
    pub interval_ms: u32,
}

impl Stats {
    /// The counts added to those of an earlier reader; current values are this one's.
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
