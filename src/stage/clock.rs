//! Stage time: the caller's clock without its pauses, at its rate, and monotonic.

/// The slowest and the fastest that stage time may run, as for a video
/// ([`playbackRate`](https://html.spec.whatwg.org/multipage/media.html#dom-media-playbackrate) in browsers).
const RATES: (f64, f64) = (0.0625, 16.0);

/// Turns the caller's milliseconds into stage milliseconds.
///
/// A frame's timestamp may be before an event's `performance.now()`, so the caller's clock can step back a little; stage time
/// then stands still.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    /// A moment by the caller's clock, and its stage time.
    anchor: (f64, f64),
    /// Stage milliseconds per millisecond of the caller's clock, while it runs.
    rate: f64,
    /// The latest stage time that was used.
    latest: f64,
    paused: bool,
}

impl Default for Clock {
    fn default() -> Self {
        Self { anchor: (0.0, 0.0), rate: 1.0, latest: 0.0, paused: false }
    }
}

impl Clock {
    /// Stage time at the caller's `now`; the latest one while paused or if `now` is older or not finite.
    pub(super) fn read(&self, now: f64) -> f64 {
        if self.paused || !now.is_finite() {
            return self.latest;
        }
        let (then, time) = self.anchor;
        (time + (now - then) * self.rate).max(self.latest)
    }

    /// Reads, and makes that the earliest time from now on.
    pub(super) fn advance(&mut self, now: f64) -> f64 {
        self.latest = self.read(now);
        self.latest
    }

    /// Stands still from `now` on.
    pub(super) fn pause(&mut self, now: f64) {
        self.advance(now);
        self.paused = true;
    }

    /// Runs again from `now` on, from where it stopped.
    pub(super) fn resume(&mut self, now: f64) {
        if self.paused && now.is_finite() {
            self.paused = false;
            self.anchor = (now, self.latest);
        }
    }

    /// Runs at another rate from `now` on. Returns by which factor it is faster than before.
    pub(super) fn set_rate(&mut self, rate: f64, now: f64) -> f64 {
        if !rate.is_finite() || !now.is_finite() {
            return 1.0;
        }
        self.advance(now);
        if !self.paused {
            self.anchor = (now, self.latest);
        }
        let before = std::mem::replace(&mut self.rate, rate.clamp(RATES.0, RATES.1));
        self.rate / before
    }

    /// `now` may be any moment, also an earlier one: stage time continues from there.
    pub(super) fn seek(&mut self, now: f64) {
        if now.is_finite() {
            self.anchor = (now, now);
            self.latest = now;
        }
    }

    pub(super) fn latest(&self) -> f64 {
        self.latest
    }

    pub(super) fn rate(&self) -> f64 {
        self.rate
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused
    }
}
