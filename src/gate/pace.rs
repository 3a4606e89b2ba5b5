//! Pace, the rate limit of a viewer: a token bucket of danmu for each, refilled by arrival times.
//!
//! The stream's time is cut into spans of [`SPAN_MS`], the same on every replica. At the begin of a span a bucket is as full as
//! if it had been full when the previous span began and each danmu since, shown or not, had been taken out. So it depends on
//! the records of two spans at most, and a reader of these knows it as well as one that has always read. A viewer within the
//! pace never has less than without spans; and where a span refills a bucket whole, as in slow mode, nobody has more: the full
//! time lies between two danmu.

use std::collections::HashMap;

use crate::{room::Pace, viewer::ViewerId};

/// How long a span is, in milliseconds.
pub(super) const SPAN_MS: i64 = 30_000;
/// The most viewers that are known, as many as a shard takes records in two spans (a thousand a second): bounds the memory.
const MOST: usize = 60_000;
/// The cost of a danmu. A bucket gains [`Pace::per_minute`] per millisecond.
const COST: u64 = 60_000;

#[derive(Debug)]
pub(super) struct Buckets {
    span: i64,
    taken: HashMap<ViewerId, Taken>,
}

/// How much of a bucket was taken, as of `at_ms`.
#[derive(Debug)]
struct Taken {
    amount: u64,
    at_ms: i64,
    /// The span of `at_ms`.
    span: i64,
    /// How much it would be if the bucket had been full when that span began and all danmu since had been taken.
    said: u64,
}

impl Buckets {
    pub(super) fn new() -> Self {
        Self { span: i64::MIN, taken: HashMap::new() }
    }

    /// Takes a danmu out of the viewer's bucket, if it has one.
    pub(super) fn take(&mut self, viewer: &ViewerId, pace: Pace, arrival_ms: i64) -> bool {
        // Arrival times may go back a little; the current span does not.
        let span = self.span.max(arrival_ms.div_euclid(SPAN_MS));
        if span > self.span {
            self.span = span;
            self.taken.retain(|_, taken| taken.span + 1 == span);
        }
        if self.taken.len() >= MOST && !self.taken.contains_key(viewer) {
            self.taken.clear();
        }
        let taken = self.taken.entry(viewer.clone()).or_insert(Taken { amount: 0, at_ms: arrival_ms, span, said: 0 });
        if taken.span < span {
            (taken.amount, taken.said, taken.span) = (taken.said, 0, span);
        }
        let since = arrival_ms.saturating_sub(taken.at_ms).clamp(0, SPAN_MS).unsigned_abs();
        let (gained, whole) = (since * u64::from(pace.per_minute), u64::from(pace.burst) * COST);
        taken.amount = taken.amount.saturating_sub(gained);
        taken.said = (taken.said.saturating_sub(gained) + COST).min(whole);
        taken.at_ms = taken.at_ms.max(arrival_ms);
        let fits = taken.amount + COST <= whole;
        if fits {
            taken.amount += COST;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn viewer(n: usize) -> ViewerId {
        n.to_string().parse().expect("an id")
    }

    #[test]
    fn a_viewer_may_say_some_at_once_and_then_one_at_a_time() {
        let (mut buckets, pace) = (Buckets::new(), Pace { per_minute: 60, burst: 5 });
        let mut take = |n, arrival_ms| buckets.take(&viewer(n), pace, arrival_ms);
        assert_eq!((0..20).filter(|_| take(1, 500)).count(), 5);
        assert!(!take(1, 1_499));
        assert!(take(1, 1_500));
        assert!(!take(1, 1_501));
        assert!(take(2, 1_501), "another viewer has a bucket of its own");
        // Not one more than fits, however long nobody speaks.
        assert_eq!((0..20).filter(|_| take(1, 20_000)).count(), 5);
    }

    #[test]
    fn in_slow_mode_the_half_minute_gives_nobody_one_more() {
        let (mut buckets, slow) = (Buckets::new(), Pace { per_minute: 2, burst: 1 });
        assert!(buckets.take(&viewer(1), slow, 29_000));
        assert!(!buckets.take(&viewer(1), slow, 30_000), "a second later, in the next span");
        assert!(!buckets.take(&viewer(1), slow, 58_999));
        assert!(buckets.take(&viewer(1), slow, 59_000));
        assert!(buckets.take(&viewer(1), slow, 89_000), "who waits may speak");
    }

    #[test]
    fn memory_of_viewers_is_bounded() {
        let (mut buckets, pace) = (Buckets::new(), Pace::default());
        for n in 0..MOST + 10 {
            assert!(buckets.take(&viewer(n), pace, 5));
        }
        assert_eq!(buckets.taken.len(), 10);
        assert!(buckets.take(&viewer(1), pace, SPAN_MS));
        assert_eq!(buckets.taken.len(), 10 + 1);
        assert!(buckets.take(&viewer(2), pace, 2 * SPAN_MS));
        assert_eq!(buckets.taken.len(), 1 + 1);
    }

    proptest! {
        /// Nobody gets more than a full bucket, what it gains, and one more bucket for each span that begins.
        #[test]
        fn nobody_outruns_the_pace(
            steps in prop::collection::vec(0_i64..3_000, 1..300),
            per_minute in 1_u32..200,
            burst in 1_u32..10,
        ) {
            let (mut buckets, pace) = (Buckets::new(), Pace { per_minute, burst });
            let (mut now, mut passed) = (0_i64, 0_u64);
            for step in steps {
                now += step;
                passed += u64::from(buckets.take(&viewer(1), pace, now));
                let gained = now.unsigned_abs() * u64::from(per_minute) / COST;
                let spans = 1 + now.unsigned_abs() / SPAN_MS.unsigned_abs();
                prop_assert!(passed <= gained + spans * u64::from(burst));
            }
        }

        /// In slow mode nobody gets more at all.
        #[test]
        fn in_slow_mode_lies_the_whole_time_between_two(
            steps in prop::collection::vec(0_i64..20_000, 1..300),
            per_minute in 2_u32..=60,
        ) {
            let (mut buckets, pace) = (Buckets::new(), Pace { per_minute, burst: 1 });
            let (mut now, mut last) = (0_i64, None::<i64>);
            for step in steps {
                now += step;
                if buckets.take(&viewer(1), pace, now) {
                    let between = last.replace(now).map(|last| (now - last).unsigned_abs() * u64::from(per_minute));
                    prop_assert!(between.is_none_or(|gained| gained >= COST));
                }
            }
        }

        /// Who keeps to the pace, as pages do by a bucket of their own, is never held up.
        #[test]
        fn who_keeps_to_the_pace_is_never_held_up(
            steps in prop::collection::vec(0_i64..20_000, 1..300),
            per_minute in 1_u32..200,
            burst in 1_u32..10,
        ) {
            let (mut buckets, pace) = (Buckets::new(), Pace { per_minute, burst });
            let (mut now, mut own, whole) = (0_i64, 0_u64, u64::from(burst) * COST);
            for step in steps {
                now += step;
                own = own.saturating_sub(step.unsigned_abs() * u64::from(per_minute));
                if own + COST <= whole {
                    own += COST;
                    prop_assert!(buckets.take(&viewer(1), pace, now));
                }
            }
        }

        /// One that has read two spans judges as one that has read for ever.
        #[test]
        fn two_spans_are_all_there_is_to_know(
            steps in prop::collection::vec(0_i64..3_000, 1..300),
            per_minute in 1_u32..200,
            burst in 1_u32..10,
            begun in 0_i64..400_000,
        ) {
            let pace = Pace { per_minute, burst };
            let (mut all, mut late, mut now) = (Buckets::new(), Buckets::new(), 0_i64);
            for step in steps {
                now += step;
                let taken = all.take(&viewer(1), pace, now);
                if now >= begun {
                    let same = late.take(&viewer(1), pace, now) == taken;
                    prop_assert!(same || now < begun + 2 * SPAN_MS);
                }
            }
        }
    }
}
