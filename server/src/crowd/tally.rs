//! Counters of what the audience did.

use std::{
    cell::{Cell, RefCell},
    fmt,
    time::Duration,
};

/// The counters of a run.
#[derive(Default)]
pub(super) struct Tally {
    sent: Cell<u64>,
    confirmed: Cell<u64>,
    failed: Cell<u64>,
    turned_away: Cell<u64>,
    /// Put latencies in milliseconds: of the whole run, and since the last report.
    waits: RefCell<Vec<u32>>,
    recent: RefCell<Vec<u32>>,
    trouble: RefCell<Option<String>>,
}

/// The totals of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Danmu that were sent, with a session.
    pub sent: u64,
    /// Of these, acknowledged with a sequence number.
    pub confirmed: u64,
    /// Of these, failed.
    pub failed: u64,
    /// Danmu that were not sent, because no session could be had.
    pub turned_away: u64,
    /// Median latency of confirmed puts, milliseconds.
    pub p50_ms: u32,
    /// 95th percentile of the same.
    pub p95_ms: u32,
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, confirmed, failed, turned_away, p50_ms, p95_ms } = self;
        write!(f, "sent {sent}, confirmed {confirmed}, failed {failed}")?;
        if *turned_away > 0 {
            write!(f, ", without a session {turned_away}")?;
        }
        write!(f, "; put p50 {p50_ms} ms, p95 {p95_ms} ms")
    }
}

impl Tally {
    pub(super) fn sent(&self) {
        self.sent.set(self.sent.get() + 1);
    }

    pub(super) fn confirmed(&self, wait: Duration) {
        self.confirmed.set(self.confirmed.get() + 1);
        let wait = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX);
        self.waits.borrow_mut().push(wait);
        self.recent.borrow_mut().push(wait);
    }

    pub(super) fn failed(&self, why: String) {
        self.failed.set(self.failed.get() + 1);
        self.trouble.replace(Some(why));
    }

    pub(super) fn turned_away(&self, why: String) {
        self.turned_away.set(self.turned_away.get() + 1);
        self.trouble.replace(Some(why));
    }

    pub(super) fn totals(&self) -> Totals {
        self.count(&mut self.waits.borrow_mut())
    }

    /// The counts so far, with latencies and the last error since the previous report.
    pub(super) fn report(&self) -> String {
        let mut line = self.count(&mut self.recent.take()).to_string();
        if let Some(trouble) = self.trouble.take() {
            line.push_str("; last trouble: ");
            line.push_str(&trouble);
        }
        line
    }

    fn count(&self, waits: &mut [u32]) -> Totals {
        waits.sort_unstable();
        let at = |percent: usize| waits.get(waits.len().saturating_sub(1) * percent / 100).copied().unwrap_or_default();
        Totals {
            sent: self.sent.get(),
            confirmed: self.confirmed.get(),
            failed: self.failed.get(),
            turned_away: self.turned_away.get(),
            p50_ms: at(50),
            p95_ms: at(95),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_speaks_of_the_time_since_the_last_and_the_totals_of_all() {
        let tally = Tally::default();
        for ms in 1..=100 {
            tally.sent();
            tally.confirmed(Duration::from_millis(ms));
        }
        tally.failed("why".into());
        assert_eq!(tally.report(), "sent 100, confirmed 100, failed 1; put p50 50 ms, p95 95 ms; last trouble: why");
        assert_eq!(tally.report(), "sent 100, confirmed 100, failed 1; put p50 0 ms, p95 0 ms");
        assert_eq!((tally.totals().p50_ms, tally.totals().p95_ms), (50, 95));
    }
}
