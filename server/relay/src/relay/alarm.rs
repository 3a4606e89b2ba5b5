//! The junk alarm: somebody fills the stream with records that no page of ours makes.
//!
//! Viewers never see such records, but they use up the shard, which takes 1 MiB and 1,000 records a second from all its writers
//! together. Kinesis does not say who put a record, so an operator has to be told in time. Promises: neither a few stray
//! records nor viewers refused for their text raise it; it is logged once when raised, with the remedies, and its end shows in
//! the gauge `junk_alarm` only. It takes no action by itself.

use std::sync::{Mutex, PoisonError};

/// Length of the span in which junk is counted, milliseconds.
const SPAN_MS: i64 = 10_000;
/// Threshold of junk records in a span: one in a hundred of what a shard takes.
const MANY: u32 = 100;
/// How long the alarm stays raised after the last junk record over the threshold, milliseconds.
const STAYS_MS: i64 = 60_000;

/// Counts junk records by arrival time.
#[derive(Debug, Default)]
pub struct Alarm(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    began_ms: i64,
    records: u32,
    bytes: u64,
    /// The alarm is raised until this time.
    until_ms: i64,
}

/// What the current span had in it when the alarm was raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raised {
    /// Records.
    pub records: u32,
    /// Their bytes.
    pub bytes: u64,
}

impl Alarm {
    /// Counts a record that no page of ours makes; `Some` if that raises the alarm. `now_ms` is its arrival time.
    pub fn count(&self, bytes: usize, now_ms: i64) -> Option<Raised> {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Shards are not read in step: a record may have arrived before the one that began the span, and still counts in it.
        let span = counted.began_ms.saturating_sub(STAYS_MS)..counted.began_ms.saturating_add(SPAN_MS);
        if !span.contains(&now_ms) {
            (counted.began_ms, counted.records, counted.bytes) = (now_ms, 0, 0);
        }
        counted.records = counted.records.saturating_add(1);
        counted.bytes = counted.bytes.saturating_add(bytes as u64);
        if counted.records < MANY {
            return None;
        }
        let was = now_ms < counted.until_ms;
        counted.until_ms = now_ms.saturating_add(STAYS_MS);
        (!was).then_some(Raised { records: counted.records, bytes: counted.bytes })
    }

    /// Whether the alarm is raised.
    pub fn is_raised(&self, now_ms: i64) -> bool {
        now_ms < self.0.lock().unwrap_or_else(PoisonError::into_inner).until_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_raises_it_once_and_it_ends_a_minute_after_the_last_of_it() {
        let alarm = Alarm::default();
        let raised: Vec<_> = (0..1_000).filter_map(|n| alarm.count(50, 1_000 + n)).collect();
        assert_eq!(raised, [Raised { records: 100, bytes: 5_000 }]);
        assert!(alarm.is_raised(2_000) && alarm.is_raised(61_998) && !alarm.is_raised(62_000));
        let again = (0..100).filter_map(|n| alarm.count(50, 100_000 + n)).count();
        assert_eq!(again, 1, "it was over, and begins anew");
    }

    #[test]
    fn a_flood_whose_arrival_times_step_back_a_little_raises_it_all_the_same() {
        let alarm = Alarm::default();
        // Two shards, one of them a little behind the other.
        let raised = (0..200).filter_map(|n| alarm.count(50, 100_000 + n - 40 * (n % 2))).count();
        assert_eq!(raised, 1);
    }

    #[test]
    fn a_flood_raises_it_though_arrival_times_step_back() {
        let alarm = Alarm::default();
        // Two shards, of which one is read with a delay.
        let raised = (0..200).filter_map(|n| alarm.count(50, 100_000 + n - 20_000 * (n % 2))).count();
        assert_eq!(raised, 1);
    }

    #[test]
    fn strays_raise_nothing_however_many_in_the_course_of_a_day() {
        let alarm = Alarm::default();
        // Nine a second.
        assert!((0..800_000_i64).all(|n| alarm.count(1_000, n * 111).is_none()));
    }
}
