//! The endpoint's source of wall-clock time.
//!
//! It may go back: the store itself keeps arrival times and sequence numbers monotonic. Waiting and limits a second use the
//! runtime's monotonic clock.

use std::time::{SystemTime, UNIX_EPOCH};

/// A source of wall-clock time; tests use their own to skip hours.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since the Unix epoch.
    fn now_ms(&self) -> i64;
}

/// The clock of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .ok()
            .and_then(|elapsed| i64::try_from(elapsed.as_millis()).ok())
            .unwrap_or(0)
    }
}
