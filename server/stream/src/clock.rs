//! Where the endpoint takes its wall-clock time from.
//!
//! Promises nothing about order: the store itself sees to it that arrival times and sequence numbers never go back,
//! whatever a clock says. Never used for waiting; limits run on the monotonic clock of the runtime.

use std::time::{SystemTime, UNIX_EPOCH};

/// A source of wall-clock time; tests put their own in to pass hours in an instant.
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
