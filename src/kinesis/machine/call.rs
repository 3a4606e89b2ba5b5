//! What the machine asks of its driver, and what it is told.

use crate::kinesis::{
    api::{From, GetRecordsReply, ListShardsReply},
    error::Error,
};

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MachineStep {
    /// Make this call and [`answer`](super::Machine::answer) it. Ask for the next step at once: there may be more.
    Call(Call),
    /// Nothing before this time, unless an answer comes.
    Wait(i64),
    /// Nothing until an answer comes.
    Idle,
}

/// A call to Kinesis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// One page of `ListShards`.
    ListShards {
        /// From the page before.
        next_token: Option<String>,
    },
    /// `GetShardIterator`.
    Iterator {
        /// Of this shard.
        shard_id: String,
        /// From here.
        from: From,
    },
    /// `GetRecords`.
    Records {
        /// Of this shard.
        shard_id: String,
        /// With this iterator.
        iterator: String,
    },
}

/// What became of a call.
#[derive(Clone, Debug)]
pub enum CallReply {
    /// To [`Call::ListShards`].
    Shards(Result<ListShardsReply, Error>),
    /// To [`Call::Iterator`]: the shard and its new iterator.
    Iterator(String, Result<String, Error>),
    /// To [`Call::Records`]: the shard and what it gave.
    Records(String, Result<GetRecordsReply, Error>),
}
