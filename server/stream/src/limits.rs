//! Rate limits of a shard, as the real service has them: token buckets on the monotonic clock.
//!
//! Writes: 1 MiB and 1000 records a second. Reads: 5 calls and 2 MiB a second; one read may take 10 MiB, and the next ones
//! wait until that debt is paid. <https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html>
//!
//! Reads are served in order of arrival. Unless the endpoint is strict, one over the limit waits for up to [`PATIENCE`]; it
//! reads the log only at its turn, so its records are current.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Mutex as FairMutex, OwnedMutexGuard},
    time::{Instant, sleep_until, timeout_at},
};

/// How long a read waits for its turn before it is refused.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

const MIB: f64 = 1024.0 * 1024.0;

/// A token bucket: refilled by `rate` a second, up to `most`. May go into debt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    rate: f64,
    most: f64,
    level: f64,
    at: Instant,
}

impl Bucket {
    /// A full bucket with a burst of one second.
    pub(crate) fn full(rate: f64, at: Instant) -> Self {
        Self { rate, most: rate, level: rate, at }
    }

    fn refill(&mut self, now: Instant) {
        let gained = now.saturating_duration_since(self.at).as_secs_f64() * self.rate;
        self.level = (self.level + gained).min(self.most);
        self.at = self.at.max(now);
    }

    /// The earliest time at which the level is `wanted`. Call after [`Bucket::refill`].
    fn ready_at(&self, wanted: f64) -> Instant {
        // Tolerates rounding errors, which must not cost a reader another turn.
        let lack = wanted - self.level - 1e-9;
        if lack <= 0.0 { self.at } else { self.at + Duration::from_secs_f64(lack / self.rate) }
    }

    /// Reserves one token, first come, first served; returns when it may be used, or `None`, reserving nothing, if that is
    /// later than `patience` from now.
    pub(crate) fn reserve(&mut self, now: Instant, patience: Duration) -> Option<Instant> {
        self.refill(now);
        let ready = self.ready_at(1.0);
        if ready > now + patience {
            return None;
        }
        self.level -= 1.0;
        Some(ready)
    }

    /// Whether it is full again, so that it can be dropped.
    pub(crate) fn is_full(&mut self, now: Instant) -> bool {
        self.refill(now);
        self.level >= self.most
    }
}

/// The token buckets for writes of a shard, owned by the writer, or of a session.
#[derive(Debug)]
pub(crate) struct WriteAllowance {
    bytes: Bucket,
    records: Bucket,
}

impl WriteAllowance {
    pub(crate) fn new(now: Instant) -> Self {
        Self::of(MIB, 1000.0, 1.0, now)
    }

    /// Allows `bytes` and `records` a second, with a burst of `burst` seconds.
    pub(crate) fn of(bytes: f64, records: f64, burst: f64, now: Instant) -> Self {
        let bucket = |rate| Bucket { rate, most: rate * burst, level: rate * burst, at: now };
        Self { bytes: bucket(bytes), records: bucket(records) }
    }

    /// Whether it is full again, so that it can be dropped.
    pub(crate) fn is_full(&mut self, now: Instant) -> bool {
        self.bytes.is_full(now) && self.records.is_full(now)
    }

    /// Takes one record of `size` bytes from the allowance; `false`: refused, and nothing taken.
    pub(crate) fn take(&mut self, size: usize, now: Instant) -> bool {
        self.bytes.refill(now);
        self.records.refill(now);
        let size = size as f64;
        // A record may be larger than a session's bucket: a full one lets it pass and goes into debt.
        let fits = self.bytes.level >= size.min(self.bytes.most) && self.records.level >= 1.0;
        if fits {
            self.bytes.level -= size;
            self.records.level -= 1.0;
        }
        fits
    }
}

/// The token buckets for reads of a shard.
#[derive(Debug)]
struct ReadAllowance {
    bytes: Bucket,
    reads: Bucket,
}

impl ReadAllowance {
    fn new(now: Instant) -> Self {
        Self { bytes: Bucket::full(2.0 * MIB, now), reads: Bucket::full(5.0, now) }
    }

    fn ready_at(&mut self, now: Instant) -> Instant {
        self.bytes.refill(now);
        self.reads.refill(now);
        // The size of a read is known only afterwards: it may start as soon as the debt of earlier ones is paid.
        self.bytes.ready_at(0.0).max(self.reads.ready_at(1.0))
    }
}

/// The token bucket for pushes from a shard to one consumer: 2 MiB a second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PushAllowance {
    bytes: Bucket,
}

impl PushAllowance {
    pub(crate) fn new(now: Instant) -> Self {
        Self { bytes: Bucket::full(2.0 * MIB, now) }
    }

    /// Charges pushed bytes, going into debt if necessary; returns when the debt is paid.
    pub(crate) fn charge(&mut self, bytes: usize, now: Instant) -> Instant {
        self.bytes.refill(now);
        self.bytes.level -= bytes as f64;
        self.bytes.ready_at(0.0)
    }
}

type Gate = Arc<FairMutex<ReadAllowance>>;

/// The queues of readers, one per shard.
#[derive(Debug, Default)]
pub(crate) struct ReadGates {
    strict: bool,
    gates: Mutex<HashMap<(u64, u32), Gate>>,
}

/// The turn of a read. The next read waits until this is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    allowance: OwnedMutexGuard<ReadAllowance>,
    /// Whether the read had to wait.
    pub(crate) delayed: bool,
}

impl Turn {
    /// Charges the bytes of the read.
    pub(crate) fn charge(&mut self, bytes: usize) {
        self.allowance.bytes.level -= bytes as f64;
    }
}

impl ReadGates {
    pub(crate) fn new(strict: bool) -> Self {
        Self { strict, gates: Mutex::default() }
    }

    /// Waits for the turn of a read of `shard` of the stream with the id `stream`; `None`: over the limit.
    pub(crate) async fn enter(&self, stream: u64, shard: u32) -> Option<Turn> {
        let arrived = Instant::now();
        let deadline = arrived + PATIENCE;
        let gate = {
            let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
            let gate =
                gates.entry((stream, shard)).or_insert_with(|| Arc::new(FairMutex::new(ReadAllowance::new(arrived))));
            Arc::clone(gate)
        };
        // The lock is fair: first come, first served.
        let mut allowance = timeout_at(deadline, gate.lock_owned()).await.ok()?;
        let now = Instant::now();
        let ready = allowance.ready_at(now);
        // On a strict endpoint a read waits only while another one is served, which does not count as delay.
        let mut delayed = !self.strict && now.saturating_duration_since(arrived) > Duration::from_millis(1);
        if ready > now {
            if self.strict {
                return None;
            }
            sleep_until(ready.min(deadline)).await;
            if ready > deadline {
                return None;
            }
            delayed = true;
        }
        let now = Instant::now();
        allowance.ready_at(now);
        allowance.reads.level -= 1.0;
        Some(Turn { allowance, delayed })
    }

    /// Drops the queues of shards that no longer exist.
    pub(crate) fn retain(&self, exists: impl Fn(u64, u32) -> bool) {
        self.gates.lock().unwrap_or_else(PoisonError::into_inner).retain(|(stream, shard), _| exists(*stream, *shard));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_takes_a_thousand_records_at_once_and_then_no_more() {
        let now = Instant::now();
        let mut allowance = WriteAllowance::new(now);
        assert!((0..1000).all(|_| allowance.take(10, now)));
        assert!(!allowance.take(10, now));
        assert!(allowance.take(10, now + Duration::from_millis(2)));
    }

    #[test]
    fn the_largest_record_passes_a_full_bucket_and_has_to_be_paid_off() {
        let now = Instant::now();
        let mut allowance = WriteAllowance::new(now);
        assert!(allowance.take(1024 * 1024 + 256, now));
        assert!(!allowance.take(1, now));
        assert!(!allowance.take(1024 * 1024, now + Duration::from_millis(500)));
        assert!(allowance.take(1024 * 1024, now + Duration::from_millis(1001)));
    }

    #[tokio::test(start_paused = true)]
    async fn strict_refuses_the_sixth_read_at_once() {
        let gates = ReadGates::new(true);
        for _ in 0..5 {
            assert!(gates.enter(1, 0).await.is_some());
        }
        assert!(gates.enter(1, 0).await.is_none());
        assert!(gates.enter(1, 1).await.is_some(), "another shard has its own limit");
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_over_the_limit_waits_its_turn() {
        let gates = ReadGates::new(false);
        let started = Instant::now();
        for _ in 0..7 {
            assert!(gates.enter(1, 0).await.is_some());
        }
        let waited = started.elapsed();
        assert!(waited >= Duration::from_millis(399) && waited < Duration::from_millis(410), "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_read_makes_the_next_ones_wait_and_then_refuses_them() {
        let gates = ReadGates::new(false);
        if let Some(mut turn) = gates.enter(1, 0).await {
            turn.charge(10 * 1024 * 1024);
        }
        let started = Instant::now();
        assert!(gates.enter(1, 0).await.is_none(), "8 MiB of debt take four seconds");
        assert!(started.elapsed() >= Duration::from_millis(990));
    }

    #[tokio::test(start_paused = true)]
    async fn reads_are_served_in_the_order_of_their_arrival() {
        let gates = Arc::new(ReadGates::new(false));
        let served = Arc::new(Mutex::new(Vec::new()));
        let mut readers = tokio::task::JoinSet::new();
        for number in 0..14 {
            let (gates, served) = (Arc::clone(&gates), Arc::clone(&served));
            readers.spawn(async move {
                tokio::time::sleep(Duration::from_millis(number)).await;
                if gates.enter(1, 0).await.is_some() {
                    served.lock().unwrap_or_else(PoisonError::into_inner).push(number);
                }
            });
        }
        while readers.join_next().await.is_some() {}
        let served = served.lock().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(*served, (0..10).collect::<Vec<_>>(), "five at once, five within the second, four refused");
    }
}
