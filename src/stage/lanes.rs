//! Lane rules: which danmu may share a lane.
//!
//! A moving danmu is a straight line in time. Seen from the edge that it leaves by, its last pixel is
//! `(exit - t) * speed` away, where `exit` is the moment when that pixel leaves. B may enter behind A at `t` on a stage of
//! width `W` with gap `g` if
//!
//! - A's tail is in the picture: `(exit - t) * speed_a + g <= W`, and
//! - B does not catch up before A has left: `W - (exit - t) * speed_b >= g`.
//!
//! Both are `(exit - t) * max(speed_a, speed_b) <= W - g`: from `exit - (W - g) / max(speed_a, speed_b)` on. With a
//! constant crossing time `T` and `speed = (W + a) / T` that is the rule known from other engines:
//! `(tb - ta) * (W + a) / T >= a + g` and `W - (ta + T - tb) * (W + b) / T >= g`. In terms of exit and speed it stays exact for
//! different times, and for a trajectory changed by a resize. As trajectories of one lane never cross, only the last one in a
//! lane limits a newcomer. Two in opposite directions always meet: then the lane must be empty.

use super::item::Mode;

/// The last danmu that entered a lane.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tail {
    pub(super) exit: f64,
    speed: f64,
    mode: Mode,
}

impl Tail {
    /// A lane in which nothing moves.
    pub(super) const NONE: Self = Self { exit: f64::NEG_INFINITY, speed: 0.0, mode: Mode::Scroll };

    pub(super) fn of(line: &Trajectory, mode: Mode) -> Self {
        Self { exit: line.exit, speed: line.speed, mode }
    }

    /// The earliest time at which a danmu of `mode` and `speed` may enter behind this one; `reach` is the width minus the gap.
    pub(super) fn admits_from(&self, mode: Mode, speed: f64, reach: f64) -> f64 {
        if self.mode != mode {
            return self.exit;
        }
        // On a stage narrower than the gap, the lane is free only after the exit.
        self.exit - reach.max(0.0) / self.speed.max(speed)
    }

    /// The limits for a newcomer after `other` entered although this one was in the way: those of both, or stricter.
    pub(super) fn and(&self, other: &Self) -> Self {
        if self.exit == f64::NEG_INFINITY {
            return *other;
        }
        let speed = if self.mode == other.mode { self.speed.max(other.speed) } else { f64::INFINITY };
        Self { exit: self.exit.max(other.exit), speed, mode: other.mode }
    }

    /// The least distance from the exit edge behind this one at `time`, and the greatest speed from there that does not catch
    /// up.
    pub(super) fn behind(&self, time: f64, distance: f64, gap: f64) -> (f64, f64) {
        let remaining = self.exit - time;
        if remaining <= 0.0 {
            return (distance, f64::INFINITY);
        }
        let distance = distance.max(remaining * self.speed + gap);
        (distance, (distance - gap) / remaining)
    }
}

/// The trajectory of a moving danmu.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trajectory {
    /// When the last pixel leaves, stage milliseconds.
    pub(super) exit: f64,
    /// Pixels per millisecond.
    pub(super) speed: f64,
}

impl Trajectory {
    /// How far its last pixel is from the exit edge.
    pub(super) fn remaining(&self, time: f64) -> f64 {
        (self.exit - time) * self.speed
    }

    /// Whether one on this trajectory stays in front of one of `width` on `other` from `time` until it leaves, in the same
    /// direction. Straight lines that keep the gap at both ends keep it in between.
    pub(super) fn stays_before(&self, other: &Self, width: f64, time: f64, gap: f64) -> bool {
        self.remaining(time) + gap <= other.remaining(time) - width && gap <= other.remaining(self.exit) - width
    }

    /// Whether any of it is within the gap of the fixed `span` between `from` and `until`. The span is centred, so the
    /// direction makes no difference.
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
    /// Whether they share a pixel. Lanes that only touch do not, in spite of rounding.
    pub(super) fn meets(&self, other: &Self) -> bool {
        const ROUNDING: f32 = 0.01;
        self.top + ROUNDING < other.bottom && other.top + ROUNDING < self.bottom
    }
}
