//! The viewer's own token bucket, by the rate limit of its role in the room: the gate would refuse without telling the author.

use danmu::room::Pace;

/// The cost of a danmu. The bucket gains [`Pace::per_minute`] a millisecond, as the gate's do.
const COST: i64 = 60_000;

/// The viewer's own token bucket. It is never fuller than the gate's, apart from what other tabs send. A danmu in flight
/// arrives at an unknown time, from which on the gate's bucket gains; so here it stays taken out until its outcome is known,
/// and the bucket gains from then on.
#[derive(Debug, Default)]
pub struct OwnPace {
    taken: i64,
    at_ms: i64,
    in_flight: i64,
}

impl OwnPace {
    /// Takes a danmu out of the bucket, by the current pace of the viewer's role; `now_ms` is Unix milliseconds of any clock.
    /// The danmu is in flight until [`Self::landed`].
    ///
    /// # Errors
    /// The seconds until a danmu can be taken, at the earliest.
    pub fn take(&mut self, pace: Pace, now_ms: i64) -> Result<(), u32> {
        self.gain(pace, now_ms);
        let per_ms = i64::from(pace.per_minute);
        let over = self.taken + (self.in_flight + 1) * COST - i64::from(pace.burst) * COST;
        if over > 0 {
            return Err(u32::try_from((over / per_ms.max(1) + 999) / 1_000).unwrap_or(u32::MAX));
        }
        self.in_flight += 1;
        Ok(())
    }

    /// The outcome of a danmu in flight is known: it arrived by now or, if `never`, did not, and goes back into the bucket.
    pub fn landed(&mut self, pace: Pace, now_ms: i64, never: bool) {
        self.gain(pace, now_ms);
        self.in_flight -= 1;
        self.taken += if never { 0 } else { COST };
    }

    fn gain(&mut self, pace: Pace, now_ms: i64) {
        // A clock that was set back gains nothing.
        let gained = (now_ms - self.at_ms).max(0).saturating_mul(i64::from(pace.per_minute));
        self.taken = (self.taken - gained).max(0);
        self.at_ms = now_ms;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Takes one that arrives at once.
    fn say(own: &mut OwnPace, pace: Pace, now: i64) -> Result<(), u32> {
        own.take(pace, now)?;
        own.landed(pace, now, false);
        Ok(())
    }

    #[test]
    fn who_is_too_fast_is_told_for_how_long() {
        let (mut own, pace) = (OwnPace::default(), Pace { per_minute: 60, burst: 2 });
        let mut say = |now| say(&mut own, pace, now);
        let now = 1_800_000_000_000;
        assert_eq!([say(now), say(now), say(now)], [Ok(()), Ok(()), Err(1)]);
        assert_eq!(say(now + 500), Err(1));
        assert_eq!(say(now + 1_000), Ok(()));
        // A clock that is set back gives nothing, and takes nothing.
        assert_eq!(say(now), Err(1));
        assert_eq!(say(now + 60_000), Ok(()));
        let (mut own, slow) = (OwnPace::default(), Pace { per_minute: 1, burst: 1 });
        assert_eq!([own.take(slow, now), own.take(slow, now + 15_000)], [Ok(()), Err(60)]);
    }

    #[test]
    fn who_gets_another_role_goes_on_by_its_pace() {
        let mut own = OwnPace::default();
        let (guest, member) = (Pace { per_minute: 2, burst: 1 }, Pace { per_minute: 60, burst: 3 });
        let now = 1_800_000_000_000;
        let mut say = |pace, now| say(&mut own, pace, now);
        assert_eq!([say(guest, now), say(guest, now)], [Ok(()), Err(30)]);
        assert_eq!([say(member, now), say(member, now), say(member, now)], [Ok(()), Ok(()), Err(1)]);
        assert_eq!(say(guest, now + 1_000), Err(89));
    }

    #[test]
    fn the_bucket_is_full_after_a_long_silence() {
        let (mut own, pace) = (OwnPace::default(), Pace { per_minute: 1, burst: 3 });
        let now = 1_800_000_000_000;
        let mut at_once = |now| (0..5).filter(|_| say(&mut own, pace, now).is_ok()).count();
        assert_eq!([at_once(now), at_once(now + 600_000)], [3, 3]);
    }

    #[test]
    fn what_never_arrived_costs_nothing() {
        let (mut own, slow) = (OwnPace::default(), Pace { per_minute: 2, burst: 1 });
        let now = 1_800_000_000_000;
        assert_eq!([own.take(slow, now), own.take(slow, now + 40_000)], [Ok(()), Err(30)]);
        own.landed(slow, now + 41_000, true);
        assert_eq!(own.take(slow, now + 41_000), Ok(()));
        own.landed(slow, now + 42_000, false);
        assert_eq!([own.take(slow, now + 71_999), own.take(slow, now + 72_000)], [Err(1), Ok(())]);
    }

    proptest! {
        /// However long what is said is under way: whatever its author could say, the gate lets through.
        #[test]
        fn what_one_may_say_passes_the_gate(
            steps in prop::collection::vec((0_i64..3_000, 0_i64..5_000, 0_i64..5_000, 0_u8..8), 1..200),
            per_minute in 1_u32..200,
            burst in 1_u32..10,
        ) {
            let (mut own, pace) = (OwnPace::default(), Pace { per_minute, burst });
            let (mut now, mut arrivals, mut outcomes) = (1_800_000_000_000_i64, vec![], vec![]);
            for (step, there, back, fate) in steps {
                now += step;
                outcomes.sort_unstable();
                for (at, never) in outcomes.extract_if(.., |(at, _)| *at <= now) {
                    own.landed(pace, at, never);
                }
                if own.take(pace, now).is_ok() {
                    let never = fate == 0;
                    outcomes.push((now + there + back, never));
                    arrivals.extend((!never).then_some(now + there));
                }
            }
            arrivals.sort_unstable();
            let (mut taken, mut last) = (0, 0);
            for at in arrivals {
                taken = (taken - (at - last) * i64::from(per_minute)).max(0) + COST;
                last = at;
                prop_assert!(taken <= i64::from(burst) * COST);
            }
        }
    }
}
