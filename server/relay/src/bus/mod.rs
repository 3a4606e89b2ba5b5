//! The bus as relays and moderation use it: where records are read, and where a server puts records of its own.
//!
//! The seam for a bus of another kind. The one there is, [`KinesisBus`](danmu_identity::aws::bus::KinesisBus), is behind it in
//! `kinesis`.

mod kinesis;

use std::{fmt, future::Future};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::relay::{
    line::refill::source::Source,
    take::reader::{ReaderOptions, ReaderStats, Reading},
};

/// A log of records in shards, ordered by arrival within a partition key. A handle.
pub trait Bus: Clone + fmt::Debug + Send + Sync + 'static {
    /// Reads the records of a single partition key, for refills.
    type Source: Source + Clone + fmt::Debug;

    /// Reads all shards from `options.since_ms` on, until `stop` or until the receiver is dropped. Retries by itself.
    fn read(&self, options: ReaderOptions, stop: CancellationToken) -> (mpsc::Receiver<Reading>, ReaderStats);

    /// Reads all shards once more, by polling, from what arrived at `since_ms` (Unix milliseconds) on, until the receiver is dropped.
    fn read_again(&self, since_ms: i64, tell: mpsc::Sender<Reading>) -> impl Future<Output = ()> + Send;

    /// A second way in, for reads of what a relay no longer keeps.
    fn source(&self) -> Self::Source;

    /// Puts records in order, so that none overtakes another: after the first that was refused, no later batch is sent.
    fn put(&self, records: Vec<BusRecord>) -> impl Future<Output = Put> + Send;
}

/// A record to put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusRecord {
    /// 1 to 256 characters.
    pub partition_key: String,
    /// Up to 1 MiB, with the partition key.
    pub data: Vec<u8>,
}

/// The outcome of a put.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Put {
    /// Of each record, in order, whether the bus took it.
    pub taken: Vec<bool>,
    /// Why it did not take all of them.
    pub error: Option<String>,
}
