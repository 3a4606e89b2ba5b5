//! Supervises long-lived tasks: one that ends unexpectedly is logged and reported by `/readyz`, and restarted where that is
//! safe. Knows nothing of what the tasks do.

use std::time::Duration;

use tokio::{
    task::{JoinError, JoinHandle},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use crate::health::Health;

/// Back-off before a restart: the first and the longest pause. The longest plus [`PROVEN`] stays below five seconds.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3));
/// A restarted task that has run this long counts as healthy.
const PROVEN: Duration = Duration::from_secs(1);

/// Supervises tasks.
#[derive(Clone, Debug)]
pub struct Supervisor {
    health: Health,
}

impl Supervisor {
    /// Reports failed tasks to this health.
    #[must_use]
    pub fn new(health: Health) -> Self {
        Self { health }
    }

    /// Runs a task that should end only after `stop` is cancelled. If it ends earlier, the server stays not ready: the task's
    /// state is lost, and only a restart of the process restores it.
    pub fn watch(
        &self,
        name: &'static str,
        stop: &CancellationToken,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> JoinHandle<()> {
        let (health, stop) = (self.health.clone(), stop.clone());
        tokio::spawn(async move {
            let ended = tokio::spawn(task).await;
            if !stop.is_cancelled() {
                fail(&health, name, ended);
            }
        })
    }

    /// Like [`Self::watch`], for a task that may finish its work and return: only a panic makes the server not ready.
    pub fn finish(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        let health = self.health.clone();
        tokio::spawn(async move {
            let ended = tokio::spawn(task).await;
            if ended.is_err() {
                fail(&health, name, ended);
            }
        })
    }

    /// Like [`Self::watch`], for a stateless task: it is restarted, with back-off, until `stop` is cancelled. The server is not
    /// ready from its end until the restarted task has run for a second.
    pub fn restart<F: Future<Output = ()> + Send + 'static>(
        &self,
        name: &'static str,
        stop: &CancellationToken,
        begin: impl Fn() -> F + Send + 'static,
    ) -> JoinHandle<()> {
        let (health, stop) = (self.health.clone(), stop.clone());
        tokio::spawn(async move {
            let mut pause = PAUSE.0;
            loop {
                let mut task = tokio::spawn(begin());
                let ended = tokio::select! {
                    ended = &mut task => ended,
                    () = sleep(PROVEN) => {
                        health.recover(name);
                        pause = PAUSE.0;
                        task.await
                    }
                };
                if stop.is_cancelled() {
                    return;
                }
                health.fail(name);
                tracing::error!(task = name, reason = why(ended), ?pause, "a task has ended; it is begun again");
                tokio::select! {
                    () = sleep(pause) => pause = (pause * 2).min(PAUSE.1),
                    () = stop.cancelled() => return,
                }
            }
        })
    }
}

fn fail(health: &Health, name: &'static str, ended: Result<(), JoinError>) {
    health.fail(name);
    tracing::error!(task = name, reason = why(ended), "a task has ended that the server needs; restart the server");
}

fn why(ended: Result<(), JoinError>) -> String {
    ended.map_or_else(|error| error.to_string(), |()| "it returned".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    };

    use tokio::time::{Instant, timeout};

    use super::*;

    /// As long as `/readyz` may take to follow.
    const FOLLOWS: Duration = Duration::from_secs(5);

    async fn until(health: &Health, failed: bool) -> Duration {
        let begun = Instant::now();
        let changed = async {
            while health.failed().is_empty() == failed {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(FOLLOWS, changed).await.expect("readiness follows within 5 s");
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_returns_or_panics_makes_the_server_not_ready_by_its_name() {
        for panics in [false, true] {
            let (health, stop) = (Health::default(), CancellationToken::new());
            let task = async move {
                sleep(Duration::from_secs(60)).await;
                assert!(!panics, "as it may");
            };
            Supervisor::new(health.clone()).watch("relay", &stop, task);
            sleep(Duration::from_secs(59)).await;
            assert!(health.failed().is_empty());
            sleep(Duration::from_secs(1)).await;
            until(&health, true).await;
            assert_eq!(health.failed(), ["relay"]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_has_work_to_finish_may_return_and_not_panic() {
        for panics in [false, true] {
            let health = Health::default();
            let task = async move {
                sleep(Duration::from_secs(60)).await;
                assert!(!panics, "as it may");
            };
            Supervisor::new(health.clone()).finish("what was decided", task).await.expect("it is watched");
            assert_eq!(!health.failed().is_empty(), panics);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_fails_again_and_again_is_begun_again_and_readiness_follows_both_ways() {
        let (health, stop) = (Health::default(), CancellationToken::new());
        // Fails each time for as long as its cause lasts, then after a minute of work once more.
        let (cause, begun) = (Arc::new(AtomicU32::new(1)), Arc::new(AtomicU32::new(0)));
        let (of_task, counted) = (Arc::clone(&cause), Arc::clone(&begun));
        let begin = move || {
            counted.fetch_add(1, Relaxed);
            let cause = Arc::clone(&of_task);
            async move {
                assert!(cause.load(Relaxed) == 0, "as it may");
                sleep(Duration::from_secs(60)).await;
            }
        };
        Supervisor::new(health.clone()).restart("ticket keys", &stop, begin);
        until(&health, true).await;
        // Never ready meanwhile, and no hot loop.
        let since = Instant::now();
        while since.elapsed() < Duration::from_secs(300) {
            sleep(Duration::from_millis(10)).await;
            assert_eq!(health.failed(), ["ticket keys"]);
        }
        assert!((90..120).contains(&begun.load(Relaxed)), "{} times", begun.load(Relaxed));
        cause.store(0, Relaxed);
        until(&health, false).await;
        sleep(Duration::from_secs(58)).await;
        assert!(health.failed().is_empty());
        until(&health, true).await;
        until(&health, false).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_ends_because_it_was_told_to_is_no_failure() {
        let (health, stop) = (Health::default(), CancellationToken::new());
        let supervisor = Supervisor::new(health.clone());
        let (one, other) = (stop.clone(), stop.clone());
        let watched = supervisor.watch("relay", &stop, async move { one.cancelled().await });
        let restarted = supervisor.restart("limits", &stop, move || other.clone().cancelled_owned());
        sleep(Duration::from_secs(60)).await;
        stop.cancel();
        for task in [watched, restarted] {
            task.await.expect("it ends");
        }
        assert!(health.failed().is_empty());
    }
}
