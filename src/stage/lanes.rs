//! The rules of who may share a lane with whom.
//!
//! A scrolling danmu is a straight line in time: its right edge is at `(exit - t) * speed`, where `exit` is the moment
//! when its last pixel leaves on the left. B may enter behind A at `t` on a stage of width `W` with gap `g` if
//!
//! - A's tail is in: `(exit - t) * speed_a + g <= W`, and
//! - B does not catch up before A has left: `W - (exit - t) * speed_b >= g`.
//!
//! Both are `(exit - t) * max(speed_a, speed_b) <= W - g`. With a constant crossing time `T` and `speed = (W + a) / T`
//! that is the rule known from other engines: `(tb - ta) * (W + a) / T >= a + g` and `W - (ta + T - tb) * (W + b) / T >= g`.
//! Written by exit and speed it stays exact for a danmu whose path was bent by a resize. As lines of one lane never
//! cross, the last one in is the only one that a newcomer must ask.

/// The last danmu that entered a lane.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tail {
    exit: f64,
    speed: f64,
}

impl Tail {
    /// A lane in which nothing flies.
    pub(super) const NONE: Self = Self { exit: f64::NEG_INFINITY, speed: 0.0 };

    pub(super) fn of(line: &Line) -> Self {
        Self { exit: line.exit, speed: line.speed }
    }

    /// Whether a danmu of `speed` may enter behind this one at `time`; `reach` is the stage's width less the gap.
    pub(super) fn admits(&self, speed: f64, time: f64, reach: f64) -> bool {
        // Asked first: on a stage narrower than the gap nothing else would ever let go of the lane.
        self.exit <= time || (self.exit - time) * self.speed.max(speed) <= reach
    }

    /// The least left edge behind this one at `time`, and the greatest speed from there that does not catch up.
    pub(super) fn behind(&self, time: f64, left: f64, gap: f64) -> (f64, f64) {
        let remaining = self.exit - time;
        if remaining <= 0.0 {
            return (left, f64::INFINITY);
        }
        let left = left.max(remaining * self.speed + gap);
        (left, (left - gap) / remaining)
    }
}

/// The path of a scrolling danmu.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    /// When the last pixel leaves, stage milliseconds.
    pub(super) exit: f64,
    /// Pixels per millisecond, leftwards.
    pub(super) speed: f64,
}

impl Line {
    /// Entering a stage of `stage` pixels at `time` and leaving it `duration` later.
    pub(super) fn entering(stage: f64, width: f64, time: f64, duration: f64) -> Self {
        Self { exit: time + duration, speed: (stage + width) / duration }
    }

    /// The right edge at `time`.
    pub(super) fn right(&self, time: f64) -> f64 {
        (self.exit - time) * self.speed
    }

    /// Whether any of it is within the gap of the fixed `span` at any moment from `from` to `until`.
    pub(super) fn crosses(&self, width: f64, span: Span, from: f64, until: f64, gap: f64) -> bool {
        let arrives = self.exit - (span.right + gap + width) / self.speed;
        let leaves = self.exit - (span.left - gap) / self.speed;
        arrives < until && leaves > from
    }
}

/// The horizontal extent of a fixed danmu, pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) left: f64,
    pub(super) right: f64,
}

impl Span {
    /// Centred on a stage of `stage` pixels.
    pub(super) fn centred(stage: f64, width: f64) -> Self {
        Self { left: (stage - width) / 2.0, right: (stage + width) / 2.0 }
    }
}

/// The vertical extent of some lanes, pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Band {
    pub(super) top: f32,
    pub(super) bottom: f32,
}

impl Band {
    /// Whether they share a pixel. Lanes that only touch do not, whatever rounding does to their edges.
    pub(super) fn meets(&self, other: &Self) -> bool {
        const ROUNDING: f32 = 0.01;
        self.top + ROUNDING < other.bottom && other.top + ROUNDING < self.bottom
    }
}
