//! A consumer of enhanced fan-out is held like a lease: for a while, and then another one in its place.
//!
//! A stream has room for 20 consumers (50 where it is of On-demand Advantage), and nothing in the service tells one that is in
//! use from one that a container left behind. Its age does: each replica registers another one after [`RENEW_AFTER`], goes over
//! to it without reading anything twice, and takes the one before back; where it cannot, it gives its own up before it is
//! [`GIVEN_UP_AFTER`] old. So a consumer of ours that is older than [`STALE_AFTER`] is nobody's, and whoever comes by takes it
//! back. By the service's time of registration and the local clock, which AWS' signatures allow to differ by five minutes.

use std::time::Duration;

use aws_sdk_kinesis::{
    Client,
    error::ProvideErrorMetadata,
    types::{Consumer as Listed, ConsumerStatus},
};
use danmu::kinesis::{Error, ErrorKind};
use tokio::time::{Instant, sleep, sleep_until};

use super::{
    fan_out::Consumer,
    sdk::{self, in_time},
};
use crate::clock::now_ms;

/// What the names of all of our consumers begin with.
const FAMILY: &str = "danmu-relay-";
/// The age at which another one takes its place.
const RENEW_AFTER: Duration = Duration::from_secs(30 * 60);
/// The age at which one that could not be replaced is given up.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(45 * 60);
/// The age from which one is nobody's.
const STALE_AFTER: Duration = Duration::from_secs(60 * 60);
/// How often one that is not active yet is asked after: at first, and at last.
const ASK_EVERY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(5));
/// How long after a failure it is tried again.
pub const AGAIN_AFTER: Duration = Duration::from_secs(60);
/// The most characters of a replica's own part of the name, of 128 in all.
const OWN_CHARS: usize = 96;

/// The replica that holds consumers, and its clock.
#[derive(Clone, Debug)]
pub struct Holder {
    client: Client,
    stream: String,
    /// What all of its names begin with.
    base: String,
    begun: (i64, Instant),
}

/// A consumer that is held.
#[derive(Clone, Debug)]
pub struct Lease {
    /// The consumer.
    pub consumer: Consumer,
    /// When it was registered, Unix milliseconds.
    since_ms: i64,
}

impl Holder {
    /// Of the consumers of a stream whose names hold `own`, `[a-zA-Z0-9_.-]`, which this process alone may use.
    pub fn new(client: &Client, stream: &str, own: &str) -> Self {
        let own: String = own.chars().take(OWN_CHARS).collect();
        let base = [FAMILY, &own].concat();
        Self { client: client.clone(), stream: stream.to_owned(), base, begun: (now_ms(), Instant::now()) }
    }

    /// A consumer that may subscribe. However long it takes: what fails is tried again.
    pub async fn acquire(&self) -> Lease {
        loop {
            match self.register(None).await {
                Ok(lease) => return lease,
                Err(error) => tracing::warn!(
                    %error,
                    seconds = AGAIN_AFTER.as_secs(),
                    "no enhanced fan-out: the stream is polled for now"
                ),
            }
            sleep(AGAIN_AFTER).await;
        }
    }

    /// The lease that follows this one, once it is time; `None` where there is none in time, and this one must be given up.
    pub async fn renew(&self, lease: &Lease) -> Option<Lease> {
        let due = |age: Duration| Instant::now() + age.saturating_sub(self.age(lease.since_ms));
        let (renew, give_up) = (due(RENEW_AFTER), due(GIVEN_UP_AFTER));
        sleep_until(renew).await;
        let renewing = async {
            loop {
                match self.register(Some(lease)).await {
                    Ok(next) if next.since_ms > lease.since_ms => return next,
                    Ok(_) => {}
                    Err(error) => tracing::warn!(%error, "the consumer of enhanced fan-out is not renewed yet"),
                }
                sleep(AGAIN_AFTER).await;
            }
        };
        tokio::select! {
            next = renewing => Some(next),
            () = sleep_until(give_up) => None,
        }
    }

    /// Registers a consumer beside the one that is held, or finds the one of that name, and waits until it may subscribe.
    async fn register(&self, held: Option<&Lease>) -> Result<Lease, Error> {
        let summary = async {
            let summary = self.client.describe_stream_summary().stream_name(&self.stream).send().await;
            let summary = summary.map_err(|error| sdk::failed(&error))?.stream_description_summary;
            Ok(summary.ok_or_else(|| sdk::strange("no description of the stream"))?.stream_arn)
        };
        let stream_arn = in_time(summary).await?;
        let name = format!("{}.{}", self.base, self.now_ms() / millis(RENEW_AFTER));
        self.sweep(&stream_arn, &name, held).await;
        let mut pause = ASK_EVERY.0;
        let mut registered = false;
        loop {
            if !registered {
                in_time(self.register_as(&stream_arn, &name)).await?;
                registered = true;
            }
            let asked = async {
                let call = self.client.describe_stream_consumer().stream_arn(&stream_arn).consumer_name(&name);
                call.send().await.map_err(|error| sdk::failed(&error))
            };
            match in_time(asked).await {
                Ok(described) => {
                    let missing = || sdk::strange("no description of the consumer");
                    let described = described.consumer_description.ok_or_else(missing)?;
                    if described.consumer_status == ConsumerStatus::Active {
                        let since_ms = sdk::unix_ms(&described.consumer_creation_timestamp);
                        let consumer = Consumer::new(&self.client, described.consumer_arn);
                        return Ok(Lease { consumer, since_ms });
                    }
                }
                // The one of that name was on its way out.
                Err(error) if error.kind == ErrorKind::NotFound => registered = false,
                Err(error) => return Err(error),
            }
            sleep(pause).await;
            pause = (pause * 2).min(ASK_EVERY.1);
        }
    }

    async fn register_as(&self, stream_arn: &str, name: &str) -> Result<(), Error> {
        match self.client.register_stream_consumer().stream_arn(stream_arn).consumer_name(name).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("ResourceInUseException") => Ok(()),
            Err(error) => Err(sdk::failed(&error)),
        }
    }

    /// Takes back what nobody holds. Needed for nothing but the room, so what fails is only said.
    async fn sweep(&self, stream_arn: &str, name: &str, held: Option<&Lease>) {
        let (mut next_token, mut left) = (None, Vec::new());
        loop {
            let page = async {
                let call = self.client.list_stream_consumers().stream_arn(stream_arn).set_next_token(next_token.take());
                call.send().await.map_err(|error| sdk::failed(&error))
            };
            match in_time(page).await {
                Ok(page) => {
                    let mut found = page.consumers.unwrap_or_default();
                    found.retain(|other| other.consumer_name != name && self.is_left(other, held));
                    left.append(&mut found);
                    next_token = page.next_token;
                }
                Err(error) => {
                    tracing::warn!(%error, "consumers of enhanced fan-out that are left behind cannot be found")
                }
            }
            if next_token.is_none() {
                break;
            }
        }
        for consumer in left {
            tracing::info!(consumer = consumer.consumer_name, "nobody holds this consumer any more: it is taken back");
            Consumer::new(&self.client, consumer.consumer_arn).deregister().await;
        }
    }

    /// Whether a consumer is left over: one of this replica's from a life before, or one of another's that was not renewed.
    fn is_left(&self, other: &Listed, held: Option<&Lease>) -> bool {
        let of_period = |rest: &str| rest.strip_prefix('.').is_some_and(|end| end.bytes().all(|b| b.is_ascii_digit()));
        let own = other.consumer_name.strip_prefix(&self.base).is_some_and(|rest| rest.is_empty() || of_period(rest));
        let stale = || self.age(sdk::unix_ms(&other.consumer_creation_timestamp)) >= STALE_AFTER;
        if other.consumer_status == ConsumerStatus::Deleting
            || held.is_some_and(|held| held.consumer.is(&other.consumer_arn))
        {
            return false;
        }
        own || (other.consumer_name.starts_with(FAMILY) && stale())
    }

    fn age(&self, since_ms: i64) -> Duration {
        Duration::from_millis(self.now_ms().saturating_sub(since_ms).max(0).unsigned_abs())
    }

    /// By a clock that nobody sets.
    fn now_ms(&self) -> i64 {
        let (ms, at) = self.begun;
        ms.saturating_add(i64::try_from(at.elapsed().as_millis()).unwrap_or(i64::MAX))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
