//! How the reading goes, for all who are told of it.

use std::sync::{Mutex, PoisonError};

use danmu::{feed, kinesis::State};
use tokio::sync::watch;

/// By how much a delay must change to be told, milliseconds.
const NOTICEABLE_MS: i64 = 2_000;

/// How the reading goes. The dispatcher says it, everybody may look.
#[derive(Debug)]
pub struct Status {
    /// And how far behind it is, milliseconds.
    reading: Mutex<(feed::Reading, i64)>,
    caught_up: watch::Sender<bool>,
}

impl Default for Status {
    fn default() -> Self {
        Self { reading: Mutex::default(), caught_up: watch::Sender::new(false) }
    }
}

impl Status {
    /// How the reading goes, and how far behind it is, milliseconds.
    pub fn reading(&self) -> (feed::Reading, i64) {
        *self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what the reader says of it; gives it if it is so much news that viewers are to be told.
    pub fn learn(&self, state: &State) -> Option<(feed::Reading, i64)> {
        let new = match state {
            State::Live | State::Throttled { .. } => (feed::Reading::Live, 0),
            State::Behind { ms } => (feed::Reading::Behind, *ms),
            State::Starting | State::Reconnecting { .. } | State::Failed { .. } => (feed::Reading::Reconnecting, 0),
        };
        let mut known = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let news = known.0 != new.0 || (known.1 - new.1).abs() >= NOTICEABLE_MS;
        if news {
            *known = new;
        }
        news.then_some(new)
    }

    /// Whether all that was said before now is in the feeds. Once it was, it stays so: viewers are told when the reading
    /// falls behind.
    pub fn caught_up(&self) -> watch::Receiver<bool> {
        self.caught_up.subscribe()
    }

    /// The same, at the moment.
    pub fn is_caught_up(&self) -> bool {
        *self.caught_up.borrow()
    }

    /// It is so from now on.
    pub fn catch_up(&self) {
        self.caught_up.send_replace(true);
    }
}
