//! Rate limits of sessions: a token bucket for puts, and one large body at a time, so that no client with a few sessions
//! fills a shard, or the memory, for everybody else.
//!
//! The sessions of one source identity share one allowance; a session without one has its own; the root key has no limit here.
//! A record over the allowance is refused at once and costs nothing. Idle allowances are full again and are dropped. Nothing
//! is kept on disk.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    error::{ApiError, ErrorCode},
    limits::WriteAllowance,
    quotas::MAX_BODY,
};

/// The number of allowances from which on full ones are dropped.
const MANY: usize = 1024;
/// How often the log warns about the same session.
const TOLD_AGAIN: Duration = Duration::from_secs(60);
/// Room in a body for everything but data (names, partition keys, hash keys), bytes.
const FRAME: usize = 256 * 1024;

/// The write rate limit of a session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionRate {
    /// Bytes of partition keys and data a second.
    pub(crate) bytes: u64,
    /// Records a second.
    pub(crate) records: u32,
    /// The burst, in seconds of the rate.
    pub(crate) burst_s: u32,
}

/// The allowances of all sessions.
#[derive(Debug)]
pub(crate) struct Meters {
    rate: SessionRate,
    allowances: Mutex<Allowances>,
    /// The sessions that have a large body in progress.
    busy: Mutex<HashSet<String>>,
}

#[derive(Debug)]
struct Allowances {
    known: HashMap<String, Allowance>,
    /// The number of allowances at which full ones are dropped next; it doubles, so the scan's amortised cost is small.
    look_at: usize,
}

#[derive(Debug)]
struct Allowance {
    left: WriteAllowance,
    /// When the log last warned that it is used up.
    told: Option<Instant>,
}

/// The right to one large body, released on drop.
#[derive(Debug)]
pub(crate) struct Slot {
    meters: Arc<Meters>,
    who: String,
}

impl Meters {
    pub(crate) fn new(rate: SessionRate) -> Self {
        let allowances = Allowances { known: HashMap::new(), look_at: MANY };
        Self { rate, allowances: Mutex::new(allowances), busy: Mutex::default() }
    }

    /// Takes records of these sizes (bytes) from the allowance of `who`; returns for each whether it was within the allowance.
    pub(crate) fn take(&self, who: &str, sizes: impl Iterator<Item = usize>, now: Instant) -> Vec<bool> {
        let mut allowances = self.allowances.lock().unwrap_or_else(PoisonError::into_inner);
        let Allowances { known, look_at } = &mut *allowances;
        if known.len() >= *look_at {
            known.retain(|_, allowance| !allowance.left.is_full(now));
            *look_at = MANY.max(known.len() * 2);
        }
        if !known.contains_key(who) {
            let SessionRate { bytes, records, burst_s } = self.rate;
            let left = WriteAllowance::of(bytes as f64, f64::from(records), f64::from(burst_s), now);
            known.insert(who.to_owned(), Allowance { left, told: None });
        }
        let Some(allowance) = known.get_mut(who) else { return Vec::new() };
        let within: Vec<bool> = sizes.map(|size| allowance.left.take(size, now)).collect();
        let over = within.iter().filter(|within| !**within).count();
        if over > 0 && allowance.told.is_none_or(|told| now.duration_since(told) >= TOLD_AGAIN) {
            allowance.told = Some(now);
            tracing::warn!(source_identity = who, refused = over, "a session puts more than it may");
        }
        within
    }

    /// Reserves the one large body of `who`; without a rate limit any number is allowed.
    ///
    /// # Errors
    /// `ProvisionedThroughputExceededException` while `who` has another one in progress.
    pub(crate) fn occupy(self: &Arc<Self>, who: &str) -> Result<Option<Slot>, ApiError> {
        if self.rate.bytes == u64::MAX {
            return Ok(None);
        }
        if !self.busy.lock().unwrap_or_else(PoisonError::into_inner).insert(who.to_owned()) {
            let message =
                "This session has a large request on its way already, the most that it may at a time. Try again.";
            return Err(ApiError::new(ErrorCode::ProvisionedThroughputExceeded, message));
        }
        Ok(Some(Slot { meters: Arc::clone(self), who: who.to_owned() }))
    }

    /// The largest body that a session may send, bytes: its burst as base64, and room for everything else.
    pub(crate) fn max_body(&self) -> usize {
        let burst = self.rate.bytes.saturating_mul(u64::from(self.rate.burst_s));
        let most = usize::try_from(burst / 3).unwrap_or(usize::MAX).saturating_mul(4).saturating_add(FRAME);
        most.min(MAX_BODY)
    }

    /// The error message for a record over the allowance.
    pub(crate) fn exceeded(&self) -> String {
        let SessionRate { bytes, records, burst_s } = self.rate;
        format!(
            "Rate exceeded for this session: it may put {records} records and {bytes} bytes a second, and {burst_s} times as \
             much at once."
        )
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.meters.busy.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.who);
    }
}

#[cfg(test)]
mod tests {
    use std::iter::repeat_n;

    use super::*;

    const RATE: SessionRate = SessionRate { bytes: 1_000, records: 20, burst_s: 5 };

    fn taken(meters: &Meters, who: &str, count: usize, size: usize, now: Instant) -> usize {
        meters.take(who, repeat_n(size, count), now).into_iter().filter(|taken| *taken).count()
    }

    #[test]
    fn a_session_has_its_burst_and_then_its_rate_and_takes_nothing_from_another() {
        let (meters, now) = (Meters::new(RATE), Instant::now());
        assert_eq!(taken(&meters, "ann", 1_000, 1, now), 100);
        assert_eq!(taken(&meters, "ann", 1_000, 1, now + Duration::from_secs(1)), 20);
        assert_eq!(
            taken(&meters, "ann", 1_000, 1, now + Duration::from_secs(60)),
            100,
            "no more than the burst is saved"
        );
        assert_eq!(taken(&meters, "bob", 60, 100, now), 50, "by bytes as well as by records");
    }

    #[test]
    fn memory_of_sessions_is_bounded_by_those_that_put_lately() {
        let (meters, mut now) = (Meters::new(RATE), Instant::now());
        for n in 0..10_000 {
            assert_eq!(taken(&meters, &n.to_string(), 1, 1, now), 1);
            now += Duration::from_millis(1);
        }
        assert!(meters.allowances.lock().unwrap_or_else(PoisonError::into_inner).known.len() <= MANY);
    }

    #[test]
    fn a_session_sends_one_large_body_at_a_time_of_what_it_may_put() -> Result<(), ApiError> {
        let meters = Arc::new(Meters::new(RATE));
        let slot = meters.occupy("ann")?;
        assert!(meters.occupy("ann").is_err());
        assert!(meters.occupy("bob").is_ok());
        drop(slot);
        assert!(meters.occupy("ann").is_ok());
        assert_eq!(meters.max_body(), 5_000 / 3 * 4 + FRAME);
        assert_eq!(Meters::new(SessionRate { bytes: u64::MAX, ..RATE }).max_body(), MAX_BODY);
        Ok(())
    }
}
