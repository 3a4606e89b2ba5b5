//! Read pacing: how often one shard is read.
//!
//! A shard allows five reads a second for all its readers together. Alone, a reader stays just below that. Amazon Kinesis
//! throttles a read over the limit: then the interval grows by a fraction of itself, and shrinks again step by step (additive
//! increase, multiplicative decrease of the rate), so that independent readers share the shard; the throttled read itself is
//! retried soon, since latency depends on the one that succeeds. The embedded endpoint queues such a read instead: the interval
//! grows by a fraction of the wait, until the readers' turns are even.

/// 4.5 reads a second: alone, never throttled.
pub(super) const FLOOR_MS: u32 = 220;
const CEILING_MS: u32 = 2_000;
/// A throttled read is retried after half of this, plus jitter of up to this times the refusals in a row.
const RETRY_MS: u32 = 100;
/// A reply that took this much longer than the quickest was queued.
const WAITED_MS: u32 = 60;
const STEP_MS: u32 = 8;
/// Five reads may begin within it: the service's second, and some network jitter.
const WINDOW_MS: i64 = 1_020;
/// From this interval (or time in the queue) on, a viewer notices the limit.
const NOTICED_MS: u32 = 800;
const FORGOTTEN_MS: u32 = 500;

#[derive(Debug)]
pub(super) struct Pace {
    interval_ms: u32,
    /// When the last five reads began: to catch up, a reader uses all that the shard allows, and no more.
    begun: [i64; 5],
    /// How long a reply takes that is not queued.
    quickest_ms: u32,
    /// Refusals in a row.
    refusals: u32,
    noticed: bool,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self { interval_ms: FLOOR_MS, begun: [i64::MIN; 5], quickest_ms: u32::MAX, refusals: 0, noticed: false }
    }

    pub(super) fn interval_ms(&self) -> u32 {
        self.interval_ms
    }

    /// Whether the limit is noticeable: readers in need of low latency should use another way.
    pub(super) fn noticed(&self) -> bool {
        self.noticed
    }

    /// When the last read began.
    pub(super) fn begun(&self) -> i64 {
        self.begun[4]
    }

    /// A read begins now.
    pub(super) fn begin(&mut self, now: i64) {
        self.begun.rotate_left(1);
        self.begun[4] = now;
    }

    /// A read was answered now; returns when the next is due.
    pub(super) fn answered(&mut self, now: i64, behind: bool) -> i64 {
        let began = self.begun[4];
        self.refusals = 0;
        let unhindered = self.interval_ms == FLOOR_MS;
        let took = u32::try_from(now.saturating_sub(began)).unwrap_or_default();
        self.quickest_ms = took.min(self.quickest_ms.saturating_add(1));
        let waited = took - self.quickest_ms;
        self.interval_ms = match waited >= WAITED_MS {
            true => (self.interval_ms + waited / 4).min(CEILING_MS),
            false => self.interval_ms.saturating_sub(STEP_MS).max(FLOOR_MS),
        };
        let apart = took.max(self.interval_ms);
        self.noticed = apart >= NOTICED_MS || (self.noticed && apart > FORGOTTEN_MS);
        if behind && unhindered {
            self.begun[0].saturating_add(WINDOW_MS).max(now)
        } else {
            began.saturating_add(i64::from(self.interval_ms)).max(now)
        }
    }

    /// A read was throttled now; returns when to retry.
    pub(super) fn refused(&mut self, now: i64, random: u64) -> i64 {
        self.interval_ms = (self.interval_ms * 6 / 5).min(CEILING_MS);
        self.noticed |= self.interval_ms >= NOTICED_MS;
        self.refusals += 1;
        let spread = (u64::from(RETRY_MS) * u64::from(self.refusals)).min(u64::from(self.interval_ms));
        now.saturating_add(i64::from(RETRY_MS) / 2 + (random % (spread + 1)) as i64)
    }
}
