//! Turns at STS: limits concurrent calls, the queue for them, and the time in that queue.
//!
//! Promises: at most [`AT_ONCE`] calls are in flight and at most [`WAITING`] wait, first come, first served; none waits longer
//! than [`PATIENCE`]; a caller that is dropped, waiting or during its call, frees its place at once. So each request beyond
//! what STS can serve costs a short response, and no memory. Knows nothing of the callers.

use std::time::Duration;

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

/// Concurrent calls. STS allows 600 a second for an account
/// ([quotas](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html)) and answers within 0.1 s.
const AT_ONCE: usize = 64;
/// Length of the queue: enough for a burst when a show begins.
const WAITING: usize = 256;
/// Longest time in the queue: a page that is told to retry loses less than one that waits longer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The limiter.
#[derive(Debug)]
pub(super) struct Turns {
    calls: Semaphore,
    waiting: Semaphore,
}

/// The right to one call; dropping it frees the place.
pub(super) type Turn<'a> = SemaphorePermit<'a>;

impl Turns {
    pub(super) fn new() -> Self {
        Self { calls: Semaphore::new(AT_ONCE), waiting: Semaphore::new(WAITING) }
    }

    /// Whether another caller would be refused at once.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.available_permits() == 0
    }

    /// A turn, at once or after waiting in the queue; `None` if the queue is full, or after [`PATIENCE`].
    pub(super) async fn take(&self) -> Option<Turn<'_>> {
        // The semaphore is fair: a permit that is released while callers wait goes to them, so this overtakes nobody.
        if let Ok(turn) = self.calls.try_acquire() {
            return Some(turn);
        }
        let _place = self.waiting.try_acquire().ok()?;
        timeout(PATIENCE, self.calls.acquire()).await.ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::{task::JoinSet, time::Instant};

    use super::*;

    /// So many that take turns and keep them for so long; how long each waited, or that it was sent away.
    fn ask(turns: &Arc<Turns>, count: usize, kept: Duration) -> JoinSet<(bool, Duration)> {
        let mut all = JoinSet::new();
        for _ in 0..count {
            let turns = Arc::clone(turns);
            all.spawn(async move {
                let since = Instant::now();
                let turn = turns.take().await;
                let waited = since.elapsed();
                if turn.is_some() {
                    tokio::time::sleep(kept).await;
                }
                (turn.is_some(), waited)
            });
        }
        all
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_cannot_be_served_in_time_is_sent_away_in_time() {
        let turns = Arc::new(Turns::new());
        let mut all = ask(&turns, 10 * (AT_ONCE + WAITING), Duration::from_secs(3_600));
        // Nine tenths are answered before anybody is served.
        for _ in 0..9 * (AT_ONCE + WAITING) {
            let answer = all.join_next().await.expect("an answer").expect("no panic");
            assert_eq!(answer, (false, Duration::ZERO));
        }
        assert!(turns.is_full());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_longer_than_patience_lasts_however_long_calls_take() {
        let turns = Arc::new(Turns::new());
        let begun = Instant::now();
        let mut held = ask(&turns, AT_ONCE, Duration::from_secs(3_600));
        tokio::time::sleep(Duration::from_millis(1)).await;
        let waited = ask(&turns, 2 * WAITING, Duration::ZERO).join_all().await;
        assert!(waited.iter().all(|(served, _)| !served));
        assert_eq!(waited.iter().filter(|(_, waited)| waited.is_zero()).count(), WAITING, "no more than may wait");
        assert!(waited.iter().all(|(_, waited)| *waited <= PATIENCE + Duration::from_millis(10)));
        assert!(begun.elapsed() < PATIENCE * 2);
        held.abort_all();
    }

    #[tokio::test(start_paused = true)]
    async fn all_that_waiting_can_help_are_served() {
        let turns = Arc::new(Turns::new());
        let served = ask(&turns, AT_ONCE + WAITING, Duration::from_millis(100)).join_all().await;
        assert!(served.iter().all(|(served, _)| *served));
        assert!(!turns.is_full());
    }

    #[tokio::test(start_paused = true)]
    async fn who_goes_away_frees_the_place_waiting_or_being_served() {
        let turns = Arc::new(Turns::new());
        for _ in 0..3 {
            let mut gone = ask(&turns, AT_ONCE + WAITING, Duration::from_secs(3_600));
            tokio::time::sleep(Duration::from_millis(1)).await;
            assert!(turns.is_full());
            gone.shutdown().await;
            assert_eq!(turns.calls.available_permits(), AT_ONCE);
            assert_eq!(turns.waiting.available_permits(), WAITING);
        }
    }
}
