//! How fast a viewer may speak: a bucket of danmu for each, filled by arrival times.
//!
//! The stream's time is cut into spans of [`SPAN_MS`], the same everywhere, and every bucket is full when a span begins. So
//! what is in it follows from the records of at most one span, and whoever has read so much knows it as well as one that has
//! read for ever. A viewer gains at the most one bucket a span by it.

use std::collections::HashMap;

use crate::{room::Pace, viewer::ViewerId};

/// How long a span is, in milliseconds.
pub(super) const SPAN_MS: i64 = 30_000;
/// How many viewers are known at the most, as many as a shard takes records in a span (a thousand a second): bounds the
/// memory.
const MOST: usize = 30_000;
/// What a danmu costs. A bucket gains [`Pace::per_minute`] a millisecond.
const COST: u64 = 60_000;

#[derive(Debug)]
pub(super) struct Buckets {
    pace: Pace,
    span: i64,
    taken: HashMap<ViewerId, Taken>,
}

/// How much of a bucket was taken, as of then.
#[derive(Debug)]
struct Taken {
    amount: u64,
    at_ms: i64,
}

impl Buckets {
    pub(super) fn new(pace: Pace) -> Self {
        Self { pace, span: i64::MIN, taken: HashMap::new() }
    }

    /// Takes a danmu out of the viewer's bucket, if there is one in it.
    pub(super) fn take(&mut self, viewer: &ViewerId, arrival_ms: i64) -> bool {
        let span = arrival_ms.div_euclid(SPAN_MS);
        let is_full = self.taken.len() >= MOST && !self.taken.contains_key(viewer);
        // Arrival times may go back a little; spans do not.
        if span > self.span || is_full {
            self.span = self.span.max(span);
            self.taken.clear();
        }
        let taken = self.taken.entry(viewer.clone()).or_insert(Taken { amount: 0, at_ms: arrival_ms });
        let since = arrival_ms.saturating_sub(taken.at_ms).clamp(0, SPAN_MS).unsigned_abs();
        let gained = since * u64::from(self.pace.per_minute);
        taken.amount = taken.amount.saturating_sub(gained);
        taken.at_ms = taken.at_ms.max(arrival_ms);
        let fits = taken.amount + COST <= u64::from(self.pace.burst) * COST;
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
        let mut buckets = Buckets::new(Pace { per_minute: 60, burst: 5 });
        let at_once = (0..20).filter(|_| buckets.take(&viewer(1), 500)).count();
        assert_eq!(at_once, 5);
        assert!(!buckets.take(&viewer(1), 1_499));
        assert!(buckets.take(&viewer(1), 1_500));
        assert!(!buckets.take(&viewer(1), 1_501));
        assert!(buckets.take(&viewer(2), 1_501), "another viewer has a bucket of its own");
        // Not one more than fits, however long nobody speaks.
        assert_eq!((0..20).filter(|_| buckets.take(&viewer(1), 20_000)).count(), 5);
    }

    #[test]
    fn memory_of_viewers_is_bounded() {
        let mut buckets = Buckets::new(Pace::default());
        for n in 0..MOST + 10 {
            assert!(buckets.take(&viewer(n), 5));
        }
        assert_eq!(buckets.taken.len(), 10);
        assert!(buckets.take(&viewer(1), SPAN_MS));
        assert_eq!(buckets.taken.len(), 1);
    }

    proptest! {
        /// Nobody gets more than a full bucket, what it gains, and one more bucket for each span that begins.
        #[test]
        fn nobody_outruns_the_pace(
            steps in prop::collection::vec(0_i64..3_000, 1..300),
            per_minute in 1_u32..200,
            burst in 1_u32..10,
        ) {
            let mut buckets = Buckets::new(Pace { per_minute, burst });
            let (mut now, mut passed) = (0_i64, 0_u64);
            for step in steps {
                now += step;
                passed += u64::from(buckets.take(&viewer(1), now));
                let gained = now.unsigned_abs() * u64::from(per_minute) / COST;
                let spans = 1 + now.unsigned_abs() / SPAN_MS.unsigned_abs();
                prop_assert!(passed <= gained + spans * u64::from(burst));
            }
        }
    }
}
