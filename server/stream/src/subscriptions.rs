//! The registry of subscriptions: one at a time for each consumer and shard.
//!
//! As in the real service, a call within [`SETTLING`] of a successful one is refused; a later one takes over, and the earlier
//! subscription ends. The push rate limit belongs to the consumer and shard, so a takeover inherits it. Subscriptions also end
//! when their consumer is deregistered or the endpoint closes. Holds no reference to the endpoint, so that a subscription does
//! not keep the data directory locked.
//! <https://docs.aws.amazon.com/kinesis/latest/APIReference/API_SubscribeToShard.html>

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::oneshot, time::Instant};

use crate::limits::PushAllowance;

/// How long a new subscription cannot be taken over.
const SETTLING: Duration = Duration::from_secs(5);
/// The rate limit of calls for the same consumer and shard: one in this time.
const CALL_EVERY: Duration = Duration::from_secs(1);

/// A consumer and a shard, which have one subscription at a time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SubscriptionKey {
    /// The stream's id.
    pub(crate) stream: u64,
    pub(crate) shard: u32,
    pub(crate) consumer: Arc<str>,
    /// When the consumer was registered: one that is registered again under the same name is a different consumer.
    pub(crate) registered_ms: u64,
}

/// Why a subscription ends early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// A newer subscription has taken over.
    TakenOver,
    /// The consumer was deregistered.
    Deregistered,
    /// The endpoint is closing or closed.
    Closing,
}

/// Why a subscription is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occupied {
    /// Another one began less than [`SETTLING`] ago.
    TooSoon,
    /// As [`Occupied::TooSoon`], and the last such refusal was less than [`CALL_EVERY`] ago.
    TooOften,
    /// The endpoint is closing.
    Closing,
}

/// All subscriptions, and those that began within the last [`SETTLING`].
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    closed: bool,
    last: u64,
    taken: HashMap<SubscriptionKey, Taken>,
}

#[derive(Debug)]
struct Taken {
    number: u64,
    since: Instant,
    refused: Option<Instant>,
    allowance: PushAllowance,
    /// None: the subscription has ended.
    end: Option<oneshot::Sender<Ending>>,
}

/// The right to one subscription, until this is dropped or taken over.
#[derive(Debug)]
pub(crate) struct Seat {
    subscriptions: Arc<Subscriptions>,
    place: SubscriptionKey,
    number: u64,
    /// Receives the reason to end, once.
    pub(crate) ended: oneshot::Receiver<Ending>,
}

impl Subscriptions {
    /// Takes `place`; an earlier subscription is told to end.
    pub(crate) fn take(self: &Arc<Self>, place: SubscriptionKey) -> Result<Seat, Occupied> {
        let now = Instant::now();
        let mut state = self.state();
        if state.closed {
            return Err(Occupied::Closing);
        }
        state.taken.retain(|_, taken| taken.end.is_some() || now - taken.since < SETTLING);
        let mut allowance = PushAllowance::new(now);
        if let Some(taken) = state.taken.get_mut(&place) {
            if now - taken.since < SETTLING {
                let too_often = taken.refused.is_some_and(|refused| now - refused < CALL_EVERY);
                taken.refused = Some(now);
                return Err(if too_often { Occupied::TooOften } else { Occupied::TooSoon });
            }
            allowance = taken.allowance;
            taken.tell(Ending::TakenOver);
        }
        state.last += 1;
        let number = state.last;
        let (end, ended) = oneshot::channel();
        state.taken.insert(place.clone(), Taken { number, since: now, refused: None, allowance, end: Some(end) });
        Ok(Seat { subscriptions: Arc::clone(self), place, number, ended })
    }

    /// Ends all subscriptions of a consumer that was registered then, and not those of one that has its name since.
    pub(crate) fn deregistered(&self, stream: u64, consumer: &str, registered_ms: u64) {
        for (place, taken) in &mut self.state().taken {
            if place.stream == stream && &*place.consumer == consumer && place.registered_ms == registered_ms {
                taken.tell(Ending::Deregistered);
            }
        }
    }

    /// Ends all subscriptions and refuses new ones.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.taken.values_mut().for_each(|taken| taken.tell(Ending::Closing));
    }

    /// The number of active subscriptions.
    pub(crate) fn active(&self) -> u64 {
        self.state().taken.values().filter(|taken| taken.end.is_some()).count() as u64
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn tell(&mut self, ending: Ending) {
        if let Some(end) = self.end.take() {
            // The receiver may just have been dropped.
            let _ = end.send(ending);
        }
    }
}

impl Seat {
    /// Charges pushed bytes to the rate limit; returns when more may be pushed.
    pub(crate) fn charge(&self, bytes: usize) -> Instant {
        let now = Instant::now();
        match self.subscriptions.state().taken.get_mut(&self.place) {
            Some(taken) => taken.allowance.charge(bytes, now),
            None => now,
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(taken) = self.subscriptions.state().taken.get_mut(&self.place)
            && taken.number == self.number
        {
            taken.end = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn place(consumer: &str, shard: u32) -> SubscriptionKey {
        SubscriptionKey { stream: 1, shard, consumer: consumer.into(), registered_ms: 1 }
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_call_is_refused_for_five_seconds_and_then_takes_over() {
        let subscriptions = Arc::new(Subscriptions::default());
        let mut first = subscriptions.take(place("a", 0)).ok();
        assert_eq!(subscriptions.take(place("a", 0)).err(), Some(Occupied::TooSoon));
        assert!(subscriptions.take(place("a", 1)).is_ok(), "another shard");
        assert!(subscriptions.take(place("b", 0)).is_ok(), "another consumer");
        assert!(subscriptions.take(SubscriptionKey { registered_ms: 2, ..place("a", 0) }).is_ok(), "registered again");
        advance(SETTLING - Duration::from_millis(1)).await;
        assert_eq!(subscriptions.take(place("a", 0)).err(), Some(Occupied::TooSoon));
        assert!(first.as_mut().is_some_and(|first| first.ended.try_recv().is_err()), "it still listens");
        advance(Duration::from_millis(1)).await;
        let second = subscriptions.take(place("a", 0)).ok();
        assert_eq!(first.as_mut().and_then(|first| first.ended.try_recv().ok()), Some(Ending::TakenOver));
        drop(first);
        assert_eq!(subscriptions.active(), 1, "the place is not given up by whoever lost it");
        drop(second);
        assert_eq!(subscriptions.active(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_goes_may_not_come_back_at_once() {
        let subscriptions = Arc::new(Subscriptions::default());
        drop(subscriptions.take(place("a", 0)));
        assert_eq!(subscriptions.take(place("a", 0)).err(), Some(Occupied::TooSoon));
        assert_eq!(subscriptions.take(place("a", 0)).err(), Some(Occupied::TooOften));
        advance(CALL_EVERY).await;
        assert_eq!(subscriptions.take(place("a", 0)).err(), Some(Occupied::TooSoon));
        advance(SETTLING).await;
        assert!(subscriptions.take(place("a", 0)).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn what_one_was_pushed_counts_for_whoever_takes_over() -> Result<(), Occupied> {
        const MIB: usize = 1024 * 1024;
        let subscriptions = Arc::new(Subscriptions::default());
        let first = subscriptions.take(place("a", 0))?;
        advance(SETTLING).await;
        let started = Instant::now();
        assert_eq!(first.charge(2 * MIB), started, "a second's worth is saved up");
        let second = subscriptions.take(place("a", 0))?;
        assert_eq!(second.charge(MIB) - started, Duration::from_millis(500), "half a second pays it off");
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn all_are_told_when_the_endpoint_closes_and_nobody_comes_after() {
        let subscriptions = Arc::new(Subscriptions::default());
        let mut seats: Vec<_> = (0..3).flat_map(|shard| subscriptions.take(place("a", shard))).collect();
        let mut other = subscriptions.take(place("b", 0)).ok();
        let again = subscriptions.take(SubscriptionKey { registered_ms: 2, ..place("b", 0) });
        subscriptions.deregistered(1, "b", 1);
        assert_eq!(again.ok().and_then(|mut seat| seat.ended.try_recv().ok()), None, "registered again meanwhile");
        assert_eq!(other.as_mut().and_then(|seat| seat.ended.try_recv().ok()), Some(Ending::Deregistered));
        subscriptions.close();
        assert_eq!(seats.len(), 3);
        for seat in &mut seats {
            assert_eq!(seat.ended.try_recv(), Ok(Ending::Closing));
        }
        assert_eq!(subscriptions.take(place("c", 0)).err(), Some(Occupied::Closing));
        assert_eq!(subscriptions.active(), 0);
    }
}
