//! The refill's share of a shard, which others read as well: two reads at a time, and a rate limit.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep},
};

use crate::relay::take::log_position::by_age;

/// Concurrent reads of a shard.
const AT_ONCE: usize = 2;
/// Rate limit of a shard's refill reads together, bytes a second, of the 2 MiB that a shard allows
/// ([limits](https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html)).
const RATE: f64 = 1.6 * 1_024.0 * 1_024.0;
/// Minimum charge of a call, in bytes, which allows about two of a shard's five reads a second.
pub const CALL: usize = 800 * 1_024;

/// The shards that the refill reads.
#[derive(Debug, Default)]
pub struct Shards(Mutex<HashMap<Arc<str>, Arc<Shard>>>);

#[derive(Debug)]
struct Shard {
    turns: Arc<Semaphore>,
    allowance: Mutex<Allowance>,
}

/// A token bucket that may go into debt, with a capacity of one second's rate.
#[derive(Debug)]
struct Allowance {
    level: f64,
    at: Instant,
}

impl Shards {
    /// Waits for a turn at all of these shards, held until the permits are dropped.
    pub async fn enter(&self, mut shards: Vec<Arc<str>>) -> Vec<OwnedSemaphorePermit> {
        // Always in the same order, to avoid a deadlock.
        shards.sort_unstable_by(|one, other| by_age(one, other));
        let mut turns = Vec::with_capacity(shards.len());
        for shard in &shards {
            // The semaphore is never closed.
            turns.extend(Arc::clone(&self.shard(shard).turns).acquire_owned().await.ok());
        }
        turns
    }

    /// Waits until the rate limit allows a call to a shard.
    pub async fn ready(&self, shard: &str) {
        let shard = self.shard(shard);
        loop {
            let debt = shard.allowance().debt(Instant::now());
            if debt.is_zero() {
                return;
            }
            sleep(debt).await;
        }
    }

    /// Charges a call that returned this many bytes.
    pub fn charge(&self, shard: &str, bytes: usize) {
        self.shard(shard).allowance().level -= bytes.max(CALL) as f64;
    }

    fn shard(&self, id: &str) -> Arc<Shard> {
        let mut shards = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shard) = shards.get(id) {
            return Arc::clone(shard);
        }
        // Forget shards without a reader whose bucket is full again.
        let now = Instant::now();
        shards.retain(|_, shard| Arc::strong_count(shard) > 1 || !shard.allowance().is_full(now));
        let shard = Arc::new(Shard {
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            allowance: Mutex::new(Allowance { level: RATE, at: now }),
        });
        shards.insert(id.into(), Arc::clone(&shard));
        shard
    }
}

impl Shard {
    fn allowance(&self) -> std::sync::MutexGuard<'_, Allowance> {
        self.allowance.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Allowance {
    /// How long until the debt is paid off.
    fn debt(&mut self, now: Instant) -> Duration {
        let gained = now.saturating_duration_since(self.at).as_secs_f64() * RATE;
        (self.level, self.at) = ((self.level + gained).min(RATE), now);
        // Rounded up to milliseconds: the caller would loop on a remainder below the clock's resolution.
        Duration::from_millis((-self.level / RATE * 1_000.0).max(0.0).ceil() as u64)
    }

    fn is_full(&mut self, now: Instant) -> bool {
        self.debt(now).is_zero() && self.level >= RATE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_shard_is_read_at_its_pace_however_many_read_it() {
        let (shards, begun) = (Shards::default(), Instant::now());
        for _ in 0..100 {
            shards.ready("s").await;
            shards.charge("s", 1);
        }
        let seconds = begun.elapsed().as_secs_f64();
        let calls = 100.0 * CALL as f64 / RATE;
        assert!((calls - 2.0..calls).contains(&seconds), "a hundred calls took {seconds} s");
        shards.ready("another").await;
        assert!(begun.elapsed().as_secs_f64() <= seconds, "another shard has an allowance of its own");
    }

    #[tokio::test(start_paused = true)]
    async fn two_read_a_shard_at_a_time_and_the_third_waits_for_its_turn() {
        let shards = Shards::default();
        let (one, _other) = (shards.enter(vec!["a".into(), "b".into()]).await, shards.enter(vec!["b".into()]).await);
        let second = Duration::from_secs(1);
        assert!(tokio::time::timeout(second, shards.enter(vec!["c".into(), "b".into()])).await.is_err());
        drop(one);
        assert_eq!(shards.enter(vec!["c".into(), "b".into()]).await.len(), 2);
    }
}
