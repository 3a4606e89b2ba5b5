//! The calls that the machine asks of its driver, and their replies.

use crate::kinesis::{
    api::{From, GetRecordsReply, ListShardsReply},
    error::Error,
};

/// The driver's next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MachineStep {
    /// Make this call and [`answer`](super::Machine::answer) it. Ask for the next step at once: there may be more.
    Call(Call),
    /// Nothing before this time, unless a reply comes.
    Wait(i64),
    /// Nothing until a reply comes.
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
        /// The shard.
        shard_id: String,
        /// Where the iterator starts.
        from: From,
    },
    /// `GetRecords`.
    Records {
        /// The shard.
        shard_id: String,
        /// Its iterator.
        iterator: String,
    },
}

/// The outcome of a call.
#[derive(Clone, Debug)]
pub enum CallReply {
    /// To [`Call::ListShards`].
    Shards(Result<ListShardsReply, Error>),
    /// To [`Call::Iterator`]: the shard and its new iterator.
    Iterator(String, Result<String, Error>),
    /// To [`Call::Records`]: the shard and what was read.
    Records(String, Result<GetRecordsReply, Error>),
}
