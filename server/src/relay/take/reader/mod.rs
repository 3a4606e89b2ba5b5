//! The server's reader: every record of the stream, once, in the order of its shard.
//!
//! It drives the domain's reader ([`danmu::kinesis::machine`]) over `aws-sdk-kinesis`, so that lineage, order, expiry and
//! back-off are what the browser's reader has, too. It reads by polling, or by enhanced fan-out as a consumer of its own
//! ([`lease`]); it polls while there is none. What fails is told as a state and tried again: it ends when it is told to, and
//! never by itself.

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

/// Readings that may wait to be taken; with more of them the reader waits.
const QUEUE: usize = 64;
/// A consumer that is of no use so soon is not asked for again at once.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a consumer may take to be taken back at the end.
const PARTING: Duration = Duration::from_secs(3);

/// What the reader tells, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The stream that is read from now on, by its creation time in Unix milliseconds. First of all, and again when it was
    /// deleted and made anew.
    Stream {
        /// When it was created.
        created_ms: i64,
    },
    /// Shards, open and closed: all of the stream, or the children of one that has ended. Before the first record of any
    /// of them.
    Shards(Vec<Shard>),
    /// Records of one shard, in its order; at least one.
    Records(Vec<Record>),
    /// It goes differently from now on.
    State(State),
    /// All that was there when reading began has been told.
    CaughtUp,
}

/// How the stream is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadMode {
    /// By `GetRecords`: a shard's five reads a second and 2 MB/s are shared with whoever else reads.
    Polling,
    /// By `SubscribeToShard`: pushed, with 2 MB/s of its own for each shard.
    EnhancedFanOut,
}

/// What is read, and how.
#[derive(Clone, Debug)]
pub struct ReaderOptions {
    /// How.
    pub kind: ReadMode,
    /// From what arrived then on, in Unix milliseconds.
    pub since_ms: i64,
    /// Enhanced fan-out: what the names of this replica's consumers hold, `[a-zA-Z0-9_.-]`, up to 96 characters; no other
    /// process may use it.
    pub consumer: String,
}

/// What a reader counted, for whoever looks.
#[derive(Clone, Debug, Default)]
pub struct ReaderStats(Arc<Mutex<Counted>>);

/// What a reader counted so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Calls, refusals, records, how far behind.
    pub machine: Stats,
    /// Subscriptions begun.
    pub subscriptions: u64,
    /// Calls that failed, whatever for.
    pub failed: u64,
}

impl ReaderStats {
    /// As of now.
    #[must_use]
    pub fn get(&self) -> Counted {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, f: impl FnOnce(&mut Counted)) {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Reads until `stop`, or until nobody takes the readings any more.
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
            // A consumer that is left behind costs on AWS, and one of twenty.
            let _ = timeout(PARTING, consumer.deregister()).await;
        }
    });
    (readings, stats)
}

/// Reads all shards once more, by polling, from what arrived at `since_ms` (Unix milliseconds) on, until nobody takes the
/// readings any more.
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
    // For how long no consumer is asked for.
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
        // One that was of no use so soon is not asked for again at once.
        pause = if begun.elapsed() < PATIENCE { AGAIN_AFTER } else { Duration::ZERO };
    }
}
