//! The server's reader: every record of the stream, once, in the order of its shard.
//!
//! It drives the domain's reader ([`danmu::kinesis::machine`]) over `aws-sdk-kinesis`, so that shard lineage, order, iterator
//! expiry and back-off are the same as in the browser's reader. It reads by polling, or by enhanced fan-out with a consumer of
//! its own ([`lease`]); without a consumer it polls. Failures are reported as a state and retried: it ends only when told to.

mod drive;
mod fan_out;
mod lease;
pub(in crate::relay) mod sdk;
#[cfg(test)]
mod tests;

use std::{
    future::pending,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use danmu::kinesis::{Record, Scope, State, Stats, StreamCursor, shard_map::Shard};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use self::{
    drive::Driver,
    lease::{AGAIN_AFTER, Holder, Lease},
};

/// Capacity of the queue of readings; when it is full the reader waits (back-pressure).
const QUEUE: usize = 64;
/// A consumer that was of no use within this time delays the next one by [`AGAIN_AFTER`].
const PATIENCE: Duration = Duration::from_secs(10);
/// Timeout of deregistering the consumer at the end.
const PARTING: Duration = Duration::from_secs(3);

/// What the reader reports, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The stream that is read from now on, by its creation time in Unix milliseconds. Comes first, and again when the stream
    /// was deleted and recreated.
    Stream {
        /// When it was created.
        created_ms: i64,
    },
    /// Shards, open and closed: all of the stream, or the children of one that has ended. Comes before the first record of
    /// any of them.
    Shards(Vec<Shard>),
    /// Records of one shard, in its order; at least one.
    Records(Vec<Record>),
    /// The reader's new state.
    State(State),
    /// All records that were there when reading began have been reported.
    CaughtUp,
}

/// How the stream is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadMode {
    /// By `GetRecords`: a shard's five reads a second and 2 MB/s are shared with all its other readers.
    Polling,
    /// By `SubscribeToShard`: records are pushed, with 2 MB/s of each shard for this consumer alone.
    EnhancedFanOut,
}

/// What is read, and how.
#[derive(Clone, Debug)]
pub struct ReaderOptions {
    /// Polling or enhanced fan-out.
    pub kind: ReadMode,
    /// Where reading begins: at what arrived at this time (Unix milliseconds) or later.
    pub since_ms: i64,
    /// Enhanced fan-out: this replica's part of its consumers' names, `[a-zA-Z0-9_.-]`, up to 96 characters; no other process
    /// may use it.
    pub consumer: String,
}

/// A reader's counters. A handle.
#[derive(Clone, Debug, Default)]
pub struct ReaderStats(Arc<Mutex<Counted>>);

/// A reader's counts so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// The machine's counts: reads, throttling, records, how far behind.
    pub machine: Stats,
    /// Subscriptions started.
    pub subscriptions: u64,
    /// Calls that failed, for any reason.
    pub failed: u64,
}

impl ReaderStats {
    /// The counts as of now.
    #[must_use]
    pub fn get(&self) -> Counted {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, f: impl FnOnce(&mut Counted)) {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Reads until `stop`, or until the receiver of the readings is dropped.
#[must_use]
pub fn start(
    kinesis: aws_sdk_kinesis::Client,
    stream: String,
    options: ReaderOptions,
    stop: CancellationToken,
) -> (mpsc::Receiver<Reading>, ReaderStats) {
    let (tell, readings) = mpsc::channel(QUEUE);
    let stats = ReaderStats::default();
    let counted = stats.clone();
    tokio::spawn(async move {
        let mut lease = None;
        let reading = read(&kinesis, &stream, &options, &tell, &counted, &mut lease);
        tokio::select! {
            () = reading => {}
            () = tell.closed() => {}
            () = stop.cancelled() => {}
        }
        if let Some(Lease { consumer, .. }) = lease {
            // A consumer left registered costs money on AWS, and takes one of the stream's twenty places.
            let _ = timeout(PARTING, consumer.deregister()).await;
        }
    });
    (readings, stats)
}

/// Reads all shards once more, by polling, from what arrived at `since_ms` (Unix milliseconds) on, until the receiver of the
/// readings is dropped.
pub async fn all_again(kinesis: &aws_sdk_kinesis::Client, stream: &str, since_ms: i64, tell: &mpsc::Sender<Reading>) {
    let from = (Scope::All, StreamCursor::at(since_ms));
    Driver::new((kinesis, stream), None, from, tell, &ReaderStats::default(), None).run(pending::<()>()).await;
}

async fn read(
    kinesis: &aws_sdk_kinesis::Client,
    stream: &str,
    options: &ReaderOptions,
    tell: &mpsc::Sender<Reading>,
    stats: &ReaderStats,
    held: &mut Option<Lease>,
) {
    let mut place = (StreamCursor::at(options.since_ms), None);
    let holder = Holder::new(kinesis, stream, &options.consumer);
    let driver = |consumer, (position, created_ms)| {
        Driver::new((kinesis, stream), consumer, (Scope::All, position), tell, stats, created_ms)
    };
    // How long to poll before asking for a consumer.
    let mut pause = Duration::ZERO;
    loop {
        let mut polling = driver(None, place);
        let consumer = async {
            match options.kind {
                ReadMode::Polling => pending().await,
                ReadMode::EnhancedFanOut => sleep(pause).await,
            }
            holder.acquire().await
        };
        let Some(mut lease) = polling.run(consumer).await else { return };
        place = polling.end();
        let begun = Instant::now();
        loop {
            *held = Some(lease.clone());
            let mut pushed = driver(Some(lease.consumer.clone()), place);
            let next = pushed.run(holder.renew(&lease)).await;
            place = pushed.end();
            if tell.is_closed() {
                return;
            }
            let before = lease.consumer.clone();
            tokio::spawn(async move { before.deregister().await });
            match next.flatten() {
                Some(next) => lease = next,
                None => break,
            }
        }
        *held = None;
        // After a consumer that was of so little use, the next one is asked for later.
        pause = if begun.elapsed() < PATIENCE { AGAIN_AFTER } else { Duration::ZERO };
    }
}
