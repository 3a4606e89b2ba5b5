//! Holds back who speaks faster than the room lets those of one's role: the gate would refuse it, and its author would never know.

use danmu::room::Pace;

/// What a danmu costs. The bucket gains [`Pace::per_minute`] a millisecond, as the gate's do.
const COST: i64 = 60_000;

/// The viewer's own bucket. It is never fuller than the gate's, whatever the viewer says in other tabs aside.
#[derive(Debug, Default)]
pub struct OwnPace {
    taken: i64,
    at_ms: i64,
}

impl OwnPace {
    /// Takes a danmu out of the bucket, by the pace of the viewer's role as of now, in Unix milliseconds of any clock.
    ///
    /// # Errors
    /// In how many seconds there will be one in it.
    pub fn take(&mut self, pace: Pace, now_ms: i64) -> Result<(), u32> {
        let per_ms = i64::from(pace.per_minute);
        // A minute is enough to fill what is asked about here; the clock may have been set.
        let gained = (now_ms - self.at_ms).clamp(0, COST) * per_ms;
        self.taken = (self.taken - gained).max(0);
        self.at_ms = now_ms;
        let over = self.taken + COST - i64::from(pace.burst) * COST;
        if over > 0 {
            return Err(u32::try_from((over / per_ms.max(1) + 999) / 1_000).unwrap_or(u32::MAX));
        }
        self.taken += COST;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_too_fast_is_told_for_how_long() {
        let (mut own, pace) = (OwnPace::default(), Pace { per_minute: 60, burst: 2 });
        let mut take = |now| own.take(pace, now);
        let now = 1_800_000_000_000;
        assert_eq!([take(now), take(now), take(now)], [Ok(()), Ok(()), Err(1)]);
        assert_eq!(take(now + 500), Err(1));
        assert_eq!(take(now + 1_000), Ok(()));
        // A clock that is set back gives nothing, and takes nothing.
        assert_eq!(take(now), Err(1));
        assert_eq!(take(now + 60_000), Ok(()));
        let (mut own, slow) = (OwnPace::default(), Pace { per_minute: 1, burst: 1 });
        assert_eq!([own.take(slow, now), own.take(slow, now + 15_000)], [Ok(()), Err(45)]);
    }

    #[test]
    fn who_gets_another_role_goes_on_by_its_pace() {
        let mut own = OwnPace::default();
        let (guest, member) = (Pace { per_minute: 2, burst: 1 }, Pace { per_minute: 60, burst: 3 });
        let now = 1_800_000_000_000;
        assert_eq!([own.take(guest, now), own.take(guest, now)], [Ok(()), Err(30)]);
        assert_eq!([own.take(member, now), own.take(member, now), own.take(member, now)], [Ok(()), Ok(()), Err(1)]);
        assert_eq!(own.take(guest, now + 1_000), Err(89));
    }
}
