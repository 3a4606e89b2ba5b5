//! Counters since the endpoint was opened. The only labels are names of errors, so their number is bounded.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// A snapshot of the counters. Most only grow; `subscriptions_active`, `bytes_retained` and `denials` are gauges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// Requests answered, successfully or not; CORS preflights are not counted.
    pub requests: u64,
    /// Records acknowledged.
    pub records_put: u64,
    /// Bytes of data acknowledged, without partition keys.
    pub bytes_put: u64,
    /// Records refused because their shard's write limit was reached.
    pub records_throttled: u64,
    /// Records refused because their session's allowance was used up.
    pub records_metered: u64,
    /// `GetRecords` calls that succeeded.
    pub reads: u64,
    /// Records returned by `GetRecords`.
    pub records_read: u64,
    /// Bytes of data returned by `GetRecords`.
    pub bytes_read: u64,
    /// `GetRecords` calls that had to wait for their turn.
    pub reads_delayed: u64,
    /// `GetRecords` calls refused because the shard's read limit was reached.
    pub reads_throttled: u64,
    /// Subscriptions to shards begun.
    pub subscriptions: u64,
    /// Gauge: subscriptions active now.
    pub subscriptions_active: u64,
    /// Records pushed, counted once per subscriber.
    pub records_pushed: u64,
    /// Bytes of data pushed.
    pub bytes_pushed: u64,
    /// Records removed because they were past retention or their stream was deleted.
    pub records_expired: u64,
    /// Records removed early because the log was over its limit.
    pub records_pushed_out: u64,
    /// Gauge: bytes of partition keys and data retained now.
    pub bytes_retained: u64,
    /// Group commits, each with a journal sync; `records_put` over this is the average group.
    pub commits: u64,
    /// Requests of denied sessions; all refused but `GetCallerIdentity`.
    pub denied: u64,
    /// Gauge: denials in force now.
    pub denials: u64,
    /// Requests refused, by the name of the error.
    pub rejected: BTreeMap<&'static str, u64>,
}

/// The live counters behind [`Metrics`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) requests: AtomicU64,
    pub(crate) records_put: AtomicU64,
    pub(crate) bytes_put: AtomicU64,
    pub(crate) records_throttled: AtomicU64,
    pub(crate) records_metered: AtomicU64,
    pub(crate) denied: AtomicU64,
    pub(crate) reads: AtomicU64,
    pub(crate) records_read: AtomicU64,
    pub(crate) bytes_read: AtomicU64,
    pub(crate) reads_delayed: AtomicU64,
    pub(crate) reads_throttled: AtomicU64,
    pub(crate) subscriptions: AtomicU64,
    pub(crate) records_pushed: AtomicU64,
    pub(crate) bytes_pushed: AtomicU64,
    pub(crate) records_expired: AtomicU64,
    pub(crate) records_pushed_out: AtomicU64,
    rejected: Mutex<BTreeMap<&'static str, u64>>,
}

impl Counters {
    pub(crate) fn reject(&self, name: &'static str) {
        *self.rejected.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default() += 1;
    }

    pub(crate) fn snapshot(
        &self,
        commits: u64,
        subscriptions_active: u64,
        bytes_retained: u64,
        denials: u64,
    ) -> Metrics {
        Metrics {
            requests: self.requests.load(Relaxed),
            records_put: self.records_put.load(Relaxed),
            bytes_put: self.bytes_put.load(Relaxed),
            records_throttled: self.records_throttled.load(Relaxed),
            records_metered: self.records_metered.load(Relaxed),
            reads: self.reads.load(Relaxed),
            records_read: self.records_read.load(Relaxed),
            bytes_read: self.bytes_read.load(Relaxed),
            reads_delayed: self.reads_delayed.load(Relaxed),
            reads_throttled: self.reads_throttled.load(Relaxed),
            subscriptions: self.subscriptions.load(Relaxed),
            subscriptions_active,
            records_pushed: self.records_pushed.load(Relaxed),
            bytes_pushed: self.bytes_pushed.load(Relaxed),
            records_expired: self.records_expired.load(Relaxed),
            records_pushed_out: self.records_pushed_out.load(Relaxed),
            bytes_retained,
            commits,
            denied: self.denied.load(Relaxed),
            denials,
            rejected: self.rejected.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}

/// Adds to a counter.
pub(crate) fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Relaxed);
}
