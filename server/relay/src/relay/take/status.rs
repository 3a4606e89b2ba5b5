//! Status of the reader, as viewers and `/readyz` are told of it.

use std::sync::{Mutex, PoisonError};

use danmu::{feed, kinesis::State};
use tokio::sync::watch;

/// By how much the delay must change for viewers to be told, milliseconds.
const NOTICEABLE_MS: i64 = 2_000;

/// Status of the reader. Written by the dispatcher, read by all.
#[derive(Debug)]
pub struct Status {
    /// The reader's state, and how far behind it is, milliseconds.
    reading: Mutex<(feed::Reading, i64)>,
    caught_up: watch::Sender<bool>,
}

impl Default for Status {
    fn default() -> Self {
        Self { reading: Mutex::default(), caught_up: watch::Sender::new(false) }
    }
}

impl Status {
    /// The reader's state, and how far behind it is, milliseconds.
    pub fn reading(&self) -> (feed::Reading, i64) {
        *self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in the reader's state; returns it if it changed enough for viewers to be told.
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

    /// Whether all records that were there when reading began have been judged. Stays true once it is: viewers are told
    /// separately when the reader falls behind.
    pub fn caught_up(&self) -> watch::Receiver<bool> {
        self.caught_up.subscribe()
    }

    /// The current value of [`Self::caught_up`].
    pub fn is_caught_up(&self) -> bool {
        *self.caught_up.borrow()
    }

    /// Sets [`Self::caught_up`], for good.
    pub fn catch_up(&self) {
        self.caught_up.send_replace(true);
    }
}
