//! Leases: a consumer of enhanced fan-out is held for a limited time, and then replaced by a new one.
//!
//! A stream allows 20 consumers (50 with On-demand Advantage), and nothing in the service distinguishes a consumer in use from
//! one that a dead container left behind. Its age does: each replica registers another consumer after [`RENEW_AFTER`], moves to
//! it without reading anything twice, and deregisters the one before; if it cannot, it gives up its own at the age of
//! [`GIVEN_UP_AFTER`]. So a consumer of ours older than [`STALE_AFTER`] is unused, and any replica may deregister it. Ages are
//! by the service's registration time and the local clock, which may be wrong by five minutes (the limit of AWS' signatures).

use std::time::Duration;

use aws_sdk_kinesis::{
    Client,
    error::ProvideErrorMetadata,
    types::{Consumer as Listed, ConsumerStatus},
};
use danmu::kinesis::{Error, ErrorKind};
use danmu_identity::clock::now_ms;
use tokio::time::{Instant, sleep, sleep_until};

use super::{
    fan_out::Consumer,
    sdk::{self, in_time},
};

/// Prefix of the names of all our consumers.
const FAMILY: &str = "danmu-relay-";
/// The age at which a consumer is replaced.
const RENEW_AFTER: Duration = Duration::from_secs(30 * 60);
/// The age at which a consumer that could not be replaced is given up.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(45 * 60);
/// The age from which a consumer counts as left behind.
const STALE_AFTER: Duration = Duration::from_secs(60 * 60);
/// Back-off between checks whether a new consumer is active: first and longest wait.
const ASK_EVERY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(5));
/// Wait before a retry after a failure.
pub const AGAIN_AFTER: Duration = Duration::from_secs(60);
/// The most characters of a replica's own part of a name, which has at most 128.
const OWN_CHARS: usize = 96;

/// A replica's registration of consumers, and its clock.
#[derive(Clone, Debug)]
pub struct Holder {
    client: Client,
    stream: String,
    /// Prefix of the names of all its consumers.
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
    /// The holder of a stream's consumers whose names contain `own`, `[a-zA-Z0-9_.-]`, which only this process may use.
    pub fn new(client: &Client, stream: &str, own: &str) -> Self {
        let own: String = own.chars().take(OWN_CHARS).collect();
        let base = [FAMILY, &own].concat();
        Self { client: client.clone(), stream: stream.to_owned(), base, begun: (now_ms(), Instant::now()) }
    }

    /// A consumer that may subscribe. Retries until there is one.
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

    /// The lease that replaces this one, once it is due; `None` if none could be had in time, and this one must be given up.
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

    /// Registers a consumer beside the held one, or finds the one of the same name, and waits until it may subscribe.
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
                // A consumer of that name was being deleted.
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

    /// Deregisters consumers that were left behind. It only frees their places, so failures are only logged.
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

    /// Whether a consumer was left behind: one of this replica's from before a restart, or a stale one of another replica.
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

    /// Unix milliseconds, by the wall clock at the start and a monotonic clock since.
    fn now_ms(&self) -> i64 {
        let (ms, at) = self.begun;
        ms.saturating_add(i64::try_from(at.elapsed().as_millis()).unwrap_or(i64::MAX))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
