//! The server's reader: every record of the stream, once, in the order of its shard.
//!
//! It drives the domain's reader ([`danmu::kinesis::machine`]) over `aws-sdk-kinesis`, so that lineage, order, expiry and
//! back-off are what the browser's reader has, too. It reads by polling, or by enhanced fan-out as a consumer of its own;
//! where a consumer cannot be had it polls, and asks again later. What fails is told as a state and tried again: it ends
//! when it is told to, and never by itself.

mod drive;
mod fan_out;
pub(super) mod sdk;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use danmu::kinesis::{Position, Record, Scope, State, Stats, shard_map::Shard};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use self::{drive::Driver, fan_out::Consumer};

/// Readings that may wait for the hub; with more of them the reader waits.
const QUEUE: usize = 64;
/// How long polling goes on before enhanced fan-out is tried again.
const POLL_FOR: Duration = Duration::from_secs(60);
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
pub enum Kind {
    /// By `GetRecords`: a shard's five reads a second and 2 MB/s are shared with whoever else reads.
    Polling,
    /// By `SubscribeToShard`: pushed, with 2 MB/s of its own for each shard.
    EnhancedFanOut,
}

/// What is read, and how.
#[derive(Clone, Debug)]
pub struct ReaderOptions {
    /// How.
    pub kind: Kind,
    /// From what arrived then on, in Unix milliseconds.
    pub since_ms: i64,
    /// Enhanced fan-out: the name of the consumer, `[a-zA-Z0-9_.-]{1,128}`, which this process alone may use.
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
        let mut consumer = None;
        let reading = read(&kinesis, &stream, &options, &tell, &counted, &mut consumer);
        tokio::select! {
            () = reading => {}
            () = tell.closed() => {}
            () = stop.cancelled() => {}
        }
        if let Some(consumer) = consumer {
            // A consumer that is left behind costs on AWS, and one of twenty.
            let _ = timeout(PARTING, consumer.deregister()).await;
        }
    });
    (readings, stats)
}

async fn read(
    kinesis: &aws_sdk_kinesis::Client,
    stream: &str,
    options: &ReaderOptions,
    tell: &mpsc::Sender<Reading>,
    stats: &ReaderStats,
    registered: &mut Option<Consumer>,
) {
    let mut position = Position::at(options.since_ms);
    let mut created_ms = None;
    // When a consumer was last found to be gone or of no use, before it had been of any.
    let mut disappointed: Option<Instant> = None;
    loop {
        let polls =
            options.kind == Kind::Polling || disappointed.take().is_some_and(|since| since.elapsed() < PATIENCE);
        let consumer = if polls { None } else { consumer(kinesis, stream, options, registered).await };
        let polls_for = (options.kind == Kind::EnhancedFanOut && consumer.is_none()).then_some(POLL_FOR);
        let begun = Instant::now();
        let mut driver = Driver::new((kinesis, stream), consumer, (Scope::All, position), tell, stats, created_ms);
        // Until then it is as good as any other reader.
        driver.run(polls_for.map(|time| begun + time)).await;
        if polls_for.is_none() {
            disappointed = (begun.elapsed() < PATIENCE).then(Instant::now);
        }
        if tell.is_closed() {
            return;
        }
        (position, created_ms) = driver.end();
    }
}

async fn consumer(
    kinesis: &aws_sdk_kinesis::Client,
    stream: &str,
    options: &ReaderOptions,
    registered: &mut Option<Consumer>,
) -> Option<Consumer> {
    match Consumer::register(kinesis, stream, &options.consumer).await {
        Ok(consumer) => Some(registered.insert(consumer).clone()),
        Err(error) => {
            tracing::warn!(%error, seconds = POLL_FOR.as_secs(), "no enhanced fan-out: the stream is polled for now");
            None
        }
    }
}
