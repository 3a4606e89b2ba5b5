//! Stalled HTTP/2 streams: responses that their client does not take. A client that opens no flow-control window is sent
//! nothing, but the connection goes on, so the buffers would stay.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hyper::rt::Executor;
use tokio::{
    task_local,
    time::{Instant, sleep_until},
};

task_local! {
    static PULSE: Pulse;
}

/// An executor that runs a connection's streams, and resets one whose client takes nothing of its response for this long.
#[derive(Clone, Copy, Debug)]
pub struct Streams(pub Duration);

/// Tracks whose turn it is on a response, and since when.
#[derive(Clone, Debug, Default)]
pub struct Pulse(Arc<Mutex<Turn>>);

#[derive(Clone, Copy, Debug, Default)]
enum Turn {
    /// The response has not begun.
    #[default]
    Handler,
    /// A piece is ready for the client.
    Client(Instant),
    /// The client had room, but there was no data. A feed sends something every few seconds, so this does not last.
    Ours { since: Instant, is_feed: bool },
}

impl<F: Future<Output: Send> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let pulse = Pulse::default();
        let (watched, patience) = (pulse.clone(), self.0);
        tokio::spawn(PULSE.scope(pulse, async move {
            tokio::select! {
                _ = stream => {}
                // Dropping the stream resets it.
                () = watched.stalled(patience) => {}
            }
        }));
    }
}

impl Pulse {
    /// The pulse of the stream whose task is running.
    pub fn of_this_stream() -> Option<Self> {
        PULSE.try_with(Clone::clone).ok()
    }

    /// A piece is ready; it is the client's turn.
    pub fn offer(&self) {
        *self.turn() = Turn::Client(Instant::now());
    }

    /// The client has room, but there is no data yet.
    pub fn wait(&self, is_feed: bool) {
        *self.turn() = Turn::Ours { since: Instant::now(), is_feed };
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn stalled(&self, patience: Duration) {
        loop {
            let turn = *self.turn();
            let end = match turn {
                Turn::Client(since) => Some(since + patience),
                // The client has closed its window since.
                Turn::Ours { since, is_feed: true } => Some(since + 2 * patience),
                Turn::Handler | Turn::Ours { .. } => None,
            };
            if end.is_some_and(|end| Instant::now() >= end) {
                return;
            }
            sleep_until(end.unwrap_or_else(|| Instant::now() + patience)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::{sleep, timeout};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_not_taken_is_dropped_and_one_that_waits_for_us_is_not() {
        let (told, taken) = tokio::sync::oneshot::channel::<()>();
        Streams(PATIENCE).execute(async move {
            let _held = told;
            let pulse = Pulse::of_this_stream().expect("its own");
            pulse.wait(false);
            sleep(10 * PATIENCE).await;
            for _ in 0..10 {
                pulse.offer();
                sleep(PATIENCE * 3 / 4).await;
            }
            pending::<()>().await;
        });
        let (mut taken, started) = (taken, Instant::now());
        assert!(timeout(17 * PATIENCE, &mut taken).await.is_err(), "it is taken slowly");
        assert!(timeout(10 * PATIENCE, &mut taken).await.is_ok_and(|held| held.is_err()), "it is not taken any more");
        assert!(started.elapsed() <= 20 * PATIENCE, "{:?}", started.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_feed_whose_client_shut_its_window_meanwhile_is_dropped_too() {
        let (told, taken) = tokio::sync::oneshot::channel::<()>();
        Streams(PATIENCE).execute(async move {
            let _held = told;
            let pulse = Pulse::of_this_stream().expect("its own");
            for _ in 0..10 {
                pulse.wait(true);
                sleep(PATIENCE).await;
            }
            pending::<()>().await;
        });
        let mut taken = taken;
        assert!(timeout(10 * PATIENCE, &mut taken).await.is_err(), "it is told something now and then");
        assert!(timeout(3 * PATIENCE, &mut taken).await.is_ok_and(|held| held.is_err()), "nobody polls it any more");
    }
}
