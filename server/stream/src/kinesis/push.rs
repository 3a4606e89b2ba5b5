//! A running subscription: pushes the records of a shard, event by event, until it ends.
//!
//! Promises: every retained record from the starting position on, in order and once, soon after it was acknowledged; a
//! continuation sequence number in every event but a shard's last, from which to resume; an event at least every [`HEARTBEAT`].
//! Back-pressure: the next event is built only when the client has room for it, so a slow client costs no more than a fast one
//! and gets fewer events. Between events it holds no strong reference to the endpoint.

use std::{future::pending, sync::Weak, time::Duration};

use axum::body::{Body, Bytes};
use futures::stream;
use serde::Serialize;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use super::{
    Format,
    get::{child_shards, is_end, records},
    types::{ChildShard, Record},
};
use crate::{
    auth::Session,
    error::{ApiError, ErrorCode},
    events,
    inner::Inner,
    metrics::add,
    sequence::RecordPosition,
    store::{Page, Shard, Stream, shard_id},
    subscriptions::{Ending, Seat, SubscriptionKey},
};

/// How long a subscription lasts; then its client subscribes again.
pub(super) const LIFE: Duration = Duration::from_secs(300);
/// The longest time without an event.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// The limits of an event: bytes of data and partition keys (unless the first record alone is larger), and records.
const EVENT_BYTES: usize = 1024 * 1024;
const EVENT_RECORDS: usize = 1000;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    records: Vec<Record>,
    /// None: the shard has ended, and `child_shards` continue it.
    #[serde(skip_serializing_if = "Option::is_none")]
    continuation_sequence_number: Option<String>,
    millis_behind_latest: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    child_shards: Option<Vec<ChildShard>>,
}

/// The payload of an exception.
#[derive(Serialize)]
struct Message<'a> {
    message: &'a str,
}

#[derive(Serialize)]
struct Nothing {}

/// One client's subscription to one shard.
pub(super) struct Subscription {
    pub(super) endpoint: Weak<Inner>,
    pub(super) seat: Seat,
    /// The key of the seat.
    pub(super) place: SubscriptionKey,
    pub(super) format: Format,
    /// The first position that was not pushed yet.
    pub(super) from: RecordPosition,
    /// The watch on the shard; none once there can be no more changes.
    pub(super) changes: Option<watch::Receiver<u64>>,
    /// The caller's session, which may expire or be denied meanwhile; none: the root key.
    pub(super) session: Option<Session>,
    pub(super) times: Times,
}

/// The deadlines of a subscription, on the monotonic clock.
pub(super) struct Times {
    ends: Instant,
    /// When the next event is sent at the latest, with or without records.
    event_by: Instant,
    /// When the rate limit allows the next event.
    paid: Instant,
}

impl Times {
    /// Begins now, with an event at once: a client that starts at LATEST needs that position to resume from.
    pub(super) fn from(now: Instant) -> Self {
        Self { ends: now + LIFE, event_by: now, paid: now }
    }
}

/// The state of a subscription.
enum State {
    Begins(Subscription),
    Listens(Subscription),
    Over,
}

/// The result of reading the log.
enum Found {
    /// An event; `bytes` of it count against the rate limit.
    Event { frame: Bytes, bytes: usize, next: RecordPosition, last: bool },
    /// No event is due yet.
    Nothing { next: RecordPosition },
}

/// Why a subscription ends by itself.
enum Over {
    /// Without an exception: the client may subscribe again.
    Quietly,
    With(ApiError),
}

impl From<ApiError> for Over {
    fn from(error: ApiError) -> Self {
        Self::With(error)
    }
}

impl Subscription {
    /// The body of the answer: frames, each built when it is polled for.
    pub(super) fn into_body(self) -> Body {
        Body::from_stream(stream::unfold(State::Begins(self), |state| async move {
            let (frame, state) = state.next().await?;
            Some((Ok::<_, std::convert::Infallible>(frame), state))
        }))
    }

    /// The next event, and whether it is the last one of the shard.
    async fn event(&mut self) -> Result<(Bytes, bool), Over> {
        loop {
            if let Ok(ending) = self.seat.ended.try_recv() {
                return Err(self.told(ending));
            }
            self.must_be_current()?;
            if self.times.paid > Instant::now() {
                self.wait(self.times.paid, false).await?;
                continue;
            }
            // Reset before reading, so that a later change ends the wait.
            self.changes.iter_mut().for_each(watch::Receiver::mark_unchanged);
            match self.look().await? {
                Found::Event { frame, bytes, next, last } => {
                    self.from = next;
                    self.times.event_by = Instant::now() + HEARTBEAT;
                    self.times.paid = self.seat.charge(bytes);
                    return Ok((frame, last));
                }
                Found::Nothing { next } => self.from = next,
            }
            self.wait(self.times.event_by, true).await?;
        }
    }

    /// Waits until `until` or the subscription's end or, if `changes`, until something changes in the shard.
    async fn wait(&mut self, until: Instant, changes: bool) -> Result<(), Over> {
        let changed = async {
            match self.changes.as_mut().filter(|_| changes) {
                Some(changes) => changes.changed().await.is_ok(),
                None => pending().await,
            }
        };
        tokio::select! {
            ending = &mut self.seat.ended => return Err(self.told(ending.unwrap_or(Ending::Closing))),
            goes_on = changed => if !goes_on {
                // The watch is closed, since the store is gone; the next read of the log reports it.
                self.changes = None;
            },
            () = sleep_until(until.min(self.times.ends)) => {}
        }
        Ok(())
    }

    fn must_be_current(&self) -> Result<(), Over> {
        let endpoint = self.endpoint.upgrade().ok_or(Over::Quietly)?;
        let now_ms = endpoint.clock.now_ms();
        // Event streams have no exception for this; the client's next request gets the reason.
        let expired = self
            .session
            .as_ref()
            .is_some_and(|session| now_ms >= session.expires_ms || endpoint.denials.cover(session, now_ms));
        if expired || Instant::now() >= self.times.ends { Err(Over::Quietly) } else { Ok(()) }
    }

    fn told(&self, ending: Ending) -> Over {
        let (consumer, shard) = (&self.place.consumer, shard_id(self.place.shard));
        match ending {
            Ending::Closing => Over::Quietly,
            Ending::TakenOver => Over::With(ApiError::new(
                ErrorCode::ResourceInUse,
                format!("Another subscription of consumer {consumer} to {shard} has taken over."),
            )),
            Ending::Deregistered => Over::With(no_consumer(consumer)),
        }
    }

    /// Reads what is new in the log into an event, on a blocking thread.
    async fn look(&self) -> Result<Found, Over> {
        let endpoint = self.endpoint.upgrade().ok_or(Over::Quietly)?;
        let (place, format, from) = (self.place.clone(), self.format, self.from);
        let is_due = Instant::now() >= self.times.event_by;
        let looked = tokio::task::spawn_blocking(move || look(&endpoint, &place, format, from, is_due)).await;
        looked.map_err(|error| {
            tracing::error!(%error, "a subscription could not look at the log");
            Over::With(ApiError::new(ErrorCode::InternalFailure, "The log could not be read."))
        })?
    }
}

impl State {
    async fn next(self) -> Option<(Bytes, Self)> {
        match self {
            Self::Begins(subscription) => {
                let format = subscription.format;
                match format
                    .encode(&Nothing {})
                    .and_then(|nothing| events::event("initial-response", format.content_type(), nothing))
                {
                    Ok(frame) => Some((frame, Self::Listens(subscription))),
                    Err(error) => failed(format, &error),
                }
            }
            Self::Listens(mut subscription) => match subscription.event().await {
                Ok((frame, true)) => Some((frame, Self::Over)),
                Ok((frame, false)) => Some((frame, Self::Listens(subscription))),
                Err(Over::With(error)) => failed(subscription.format, &error),
                Err(Over::Quietly) => None,
            },
            Self::Over => None,
        }
    }
}

/// The exception that ends a subscription.
fn failed(format: Format, error: &ApiError) -> Option<(Bytes, State)> {
    let name = match error.kind {
        ErrorCode::InternalFailure => "InternalFailureException",
        kind => kind.kinesis_name(),
    };
    let payload = format.encode(&Message { message: &error.message }).ok()?;
    Some((events::exception(name, format.content_type(), payload).ok()?, State::Over))
}

fn look(
    endpoint: &Inner,
    place: &SubscriptionKey,
    format: Format,
    from: RecordPosition,
    is_due: bool,
) -> Result<Found, Over> {
    let store = &endpoint.store;
    // The tip and the stream are read before the records: so these include all that was acknowledged by then, and
    // everything before the end of a shard that is closed.
    let tip = store.tip();
    let now_ms = store.now_ms();
    let stream = store.stream_by_id(place.stream).ok_or_else(|| {
        ApiError::new(ErrorCode::ResourceNotFound, "The stream of this subscription does not exist any more.")
    })?;
    let registered = stream.consumer(&place.consumer).is_some_and(|known| known.created_ms == place.registered_ms);
    if !registered {
        return Err(no_consumer(&place.consumer).into());
    }
    // Readers do not see records past retention, whether or not they were trimmed yet.
    let from = from.max(RecordPosition::at(stream.horizon(now_ms)));
    let page = store.read(place.stream, place.shard, from, EVENT_RECORDS, EVENT_BYTES).map_err(|error| {
        tracing::error!(%error, stream = &*stream.meta.name, "the log could not be read");
        ApiError::new(ErrorCode::InternalFailure, "The log could not be read.")
    })?;
    let shard = stream.shard(place.shard);
    let ended = is_end(shard, &page);
    // Everything up to the tip was read of an open shard, so the subscription continues at the tip, not after its last record.
    let seen = !page.more && shard.is_some_and(Shard::is_open);
    let next = if seen { page.next.max(tip) } else { page.next };
    if page.records.is_empty() && !ended && !is_due {
        return Ok(Found::Nothing { next });
    }
    let counters = &endpoint.counters;
    add(&counters.records_pushed, page.records.len() as u64);
    add(&counters.bytes_pushed, page.records.iter().map(|record| record.data.len() as u64).sum());
    let bytes = page.bytes;
    let event = describe(&stream, place.shard, page, next, ended, now_ms);
    let frame = events::event("SubscribeToShardEvent", format.content_type(), format.encode(&event)?)?;
    Ok(Found::Event { frame, bytes, next, last: ended })
}

fn describe(stream: &Stream, shard: u32, page: Page, next: RecordPosition, ended: bool, now_ms: u64) -> Event {
    let known = stream.shard(shard);
    let behind = page.records.last().filter(|_| page.more);
    Event {
        millis_behind_latest: behind.map_or(0, |last| now_ms.saturating_sub(last.position.ms)),
        records: known.map_or_else(Vec::new, |known| records(known, page.records)),
        continuation_sequence_number: known
            .filter(|_| !ended)
            // The position before the next is valid for both AT_ and AFTER_SEQUENCE_NUMBER.
            .map(|known| known.sequence(next.previous()).to_string()),
        child_shards: ended.then(|| child_shards(stream, shard)),
    }
}

fn no_consumer(name: &str) -> ApiError {
    ApiError::new(ErrorCode::ResourceNotFound, format!("Consumer {name} is not registered any more."))
}
