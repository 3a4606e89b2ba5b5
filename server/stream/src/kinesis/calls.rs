//! Rate limits of operations, as the real service has them.
//!
//! A call over the limit waits for its turn, in order of arrival, if that is at most [`PATIENCE`] away, and is refused
//! otherwise; a strict endpoint refuses at once. Nothing is kept on disk. Calls that are refused for another reason before
//! their turn cost nothing. Records, reads and subscriptions have limits of their own, elsewhere.
//! <https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html> and the pages of the operations.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

use super::Call;
use crate::{
    error::{ApiError, ErrorCode},
    limits::{Bucket, PATIENCE},
    store::{Stream, shard_id},
};

/// The scope over which calls are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    /// The whole endpoint.
    Account,
    Stream,
    Shard,
}

/// Calls a second by operation, and their scope.
const LIMITS: [(&str, f64, Over); 23] = [
    ("AddTagsToStream", 5.0, Over::Account),
    ("CreateStream", 5.0, Over::Account),
    ("DecreaseStreamRetentionPeriod", 5.0, Over::Stream),
    ("DeleteStream", 5.0, Over::Account),
    ("DeregisterStreamConsumer", 5.0, Over::Stream),
    ("DescribeLimits", 1.0, Over::Account),
    ("DescribeStream", 10.0, Over::Account),
    ("DescribeStreamConsumer", 20.0, Over::Stream),
    ("DescribeStreamSummary", 20.0, Over::Account),
    ("GetShardIterator", 5.0, Over::Shard),
    ("IncreaseStreamRetentionPeriod", 5.0, Over::Stream),
    ("ListShards", 1000.0, Over::Stream),
    ("ListStreamConsumers", 5.0, Over::Stream),
    ("ListStreams", 5.0, Over::Account),
    ("ListTagsForResource", 5.0, Over::Account),
    ("ListTagsForStream", 5.0, Over::Account),
    ("MergeShards", 5.0, Over::Account),
    ("RegisterStreamConsumer", 5.0, Over::Account),
    ("RemoveTagsFromStream", 5.0, Over::Account),
    ("SplitShard", 5.0, Over::Account),
    ("TagResource", 5.0, Over::Account),
    ("UntagResource", 5.0, Over::Account),
    ("UpdateShardCount", 10.0, Over::Account),
];

/// How often `UpdateShardCount` may scale a stream in [`DAY_MS`], if the endpoint is strict.
const SCALINGS: usize = 10;
const DAY_MS: u64 = 24 * 3_600_000;
/// The number of buckets from which on full ones are dropped.
const MANY: usize = 1024;

/// The operation, stream and shard of a bucket.
type Key = (&'static str, Option<u64>, Option<u32>);

/// The token buckets of all operations.
#[derive(Debug)]
pub(crate) struct CallLimits {
    strict: bool,
    buckets: Mutex<HashMap<Key, Bucket>>,
    /// When each stream was scaled, milliseconds, by the stream's id.
    scalings: Mutex<HashMap<u64, Vec<u64>>>,
}

impl CallLimits {
    pub(crate) fn new(strict: bool) -> Self {
        Self { strict, buckets: Mutex::default(), scalings: Mutex::default() }
    }

    /// Waits for the turn of a call; `false`: over the limit.
    async fn turn(&self, operation: &str, stream: Option<u64>, shard: Option<u32>) -> bool {
        // Fuzz targets run without rate limits.
        if cfg!(fuzzing) {
            return true;
        }
        let Some(&(operation, rate, over)) = LIMITS.iter().find(|(name, ..)| *name == operation) else { return true };
        let key = match over {
            Over::Account => (operation, None, None),
            Over::Stream => (operation, stream, None),
            Over::Shard => (operation, stream, shard),
        };
        let now = Instant::now();
        let patience = if self.strict { Duration::ZERO } else { PATIENCE };
        let ready = {
            let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
            if buckets.len() >= MANY {
                buckets.retain(|_, bucket| !bucket.is_full(now));
            }
            buckets.entry(key).or_insert_with(|| Bucket::full(rate, now)).reserve(now, patience)
        };
        let Some(ready) = ready else { return false };
        sleep_until(ready).await;
        true
    }

    /// Counts a scaling of a stream; `false`: too many within a day. Enforced only if the endpoint is strict, since a daily
    /// limit is a nuisance in development.
    fn scale(&self, stream: u64, now_ms: u64) -> bool {
        if !self.strict {
            return true;
        }
        let mut scalings = self.scalings.lock().unwrap_or_else(PoisonError::into_inner);
        scalings.retain(|_, times| {
            times.retain(|time| now_ms.saturating_sub(*time) < DAY_MS);
            !times.is_empty()
        });
        let times = scalings.entry(stream).or_default();
        let allowed = times.len() < SCALINGS;
        if allowed {
            times.push(now_ms);
        }
        allowed
    }
}

impl Call<'_> {
    /// Waits for this call's turn under a limit of the whole endpoint.
    pub(super) async fn turn(&self) -> Result<(), ApiError> {
        let account = &self.endpoint.place.account;
        let over = || ApiError::new(ErrorCode::LimitExceeded, format!("Rate exceeded for account {account}."));
        self.endpoint.calls.turn(self.operation, None, None).await.then_some(()).ok_or_else(over)
    }

    /// Waits for this call's turn under a limit of the whole endpoint or of `stream`.
    pub(super) async fn turn_on(&self, stream: &Stream) -> Result<(), ApiError> {
        let over = || {
            let (name, account) = (&stream.meta.name, &self.endpoint.place.account);
            ApiError::new(ErrorCode::LimitExceeded, format!("Rate exceeded for stream {name} under account {account}."))
        };
        self.endpoint.calls.turn(self.operation, Some(stream.meta.id), None).await.then_some(()).ok_or_else(over)
    }

    /// Waits for this call's turn under a limit of `shard` of `stream`.
    pub(super) async fn turn_on_shard(&self, stream: &Stream, shard: u32, kind: ErrorCode) -> Result<(), ApiError> {
        let over = || ApiError::new(kind, self.rate_exceeded(stream, shard));
        self.endpoint.calls.turn(self.operation, Some(stream.meta.id), Some(shard)).await.then_some(()).ok_or_else(over)
    }

    /// The error message for a call over a shard's limit.
    pub(super) fn rate_exceeded(&self, stream: &Stream, shard: u32) -> String {
        let (name, account) = (&stream.meta.name, &self.endpoint.place.account);
        format!("Rate exceeded for shard {} in stream {name} under account {account}.", shard_id(shard))
    }

    /// Counts a scaling of `stream` towards the daily limit.
    pub(super) fn count_scaling(&self, stream: &Stream) -> Result<(), ApiError> {
        if self.endpoint.calls.scale(stream.meta.id, self.endpoint.store.now_ms()) {
            return Ok(());
        }
        let (name, account) = (&stream.meta.name, &self.endpoint.place.account);
        let message = format!(
            "Stream {name} under account {account} was scaled {SCALINGS} times within 24 hours, the most that a stream may be."
        );
        Err(ApiError::new(ErrorCode::LimitExceeded, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_call_over_the_limit_waits_its_turn_and_is_refused_after_a_second() {
        let calls = std::sync::Arc::new(CallLimits::new(false));
        let started = Instant::now();
        for _ in 0..10 {
            assert!(calls.turn("CreateStream", Some(1), None).await);
        }
        assert!(started.elapsed() >= Duration::from_millis(999), "five at once, five within the second");

        // Twelve at once: five of another second wait, the others would wait for longer than that.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let mut asks = tokio::task::JoinSet::new();
        for _ in 0..12 {
            let calls = std::sync::Arc::clone(&calls);
            asks.spawn(async move { calls.turn("CreateStream", Some(2), None).await });
        }
        let admitted = asks.join_all().await.into_iter().filter(|admitted| *admitted).count();
        assert_eq!(admitted, 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_strict_endpoint_refuses_at_once() {
        let calls = CallLimits::new(true);
        let started = Instant::now();
        for _ in 0..5 {
            assert!(calls.turn("GetShardIterator", Some(1), Some(0)).await);
        }
        assert!(!calls.turn("GetShardIterator", Some(1), Some(0)).await);
        assert_eq!(started.elapsed(), Duration::ZERO);
        assert!(calls.turn("GetShardIterator", Some(1), Some(1)).await, "another shard has its own limit");
        assert!(calls.turn("GetShardIterator", Some(2), Some(0)).await, "another stream has its own limit");
        for _ in 0..5 {
            assert!(calls.turn("CreateStream", None, None).await);
        }
        assert!(!calls.turn("CreateStream", Some(7), None).await, "the account has one limit");
        assert!(calls.turn("PutRecord", Some(1), None).await, "records are limited by volume");
    }

    #[tokio::test(start_paused = true)]
    async fn idle_allowances_are_forgotten() {
        let calls = CallLimits::new(false);
        for stream in 0..3000 {
            assert!(calls.turn("ListShards", Some(stream), None).await);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert!(calls.buckets.lock().unwrap_or_else(PoisonError::into_inner).len() <= MANY);
    }

    #[test]
    fn a_stream_is_scaled_ten_times_a_day_where_it_is_strict() {
        let (strict, lenient) = (CallLimits::new(true), CallLimits::new(false));
        for hour in 0..10 {
            assert!(strict.scale(1, hour * 3_600_000));
        }
        assert!(!strict.scale(1, DAY_MS - 1));
        assert!(strict.scale(2, DAY_MS - 1));
        assert!(strict.scale(1, DAY_MS));
        assert!((0..100).all(|_| lenient.scale(1, 0)));
    }
}
