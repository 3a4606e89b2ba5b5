//! Stage time: the caller's clock without its pauses, and never backwards.

/// Turns the caller's milliseconds into stage milliseconds.
///
/// Frame timestamps may lie before an event's `performance.now()`, so the caller's clock can step back a little; the
/// stage's stands still then.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock {
    /// Caller's time minus stage time, while it runs.
    offset: f64,
    /// The latest stage time that anything was decided at.
    latest: f64,
    paused: bool,
}

impl Clock {
    /// Stage time at the caller's `now`; the latest one while paused or when `now` is older or no number.
    pub(super) fn read(&self, now: f64) -> f64 {
        if self.paused || !now.is_finite() { self.latest } else { (now - self.offset).max(self.latest) }
    }

    /// Reads, and lets nothing happen before that any more.
    pub(super) fn advance(&mut self, now: f64) -> f64 {
        self.latest = self.read(now);
        self.latest
    }

    /// Stands still from `now` on.
    pub(super) fn pause(&mut self, now: f64) {
        self.advance(now);
        self.paused = true;
    }

    /// Runs again from `now` on, where it stood.
    pub(super) fn resume(&mut self, now: f64) {
        if self.paused && now.is_finite() {
            self.paused = false;
            self.offset = now - self.latest;
        }
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused
    }
}
