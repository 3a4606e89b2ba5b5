//! The options of a stage: its measures, times and limits.

/// Larger than any picture; sums of it are still exact enough.
pub(super) const MAX_LENGTH: f32 = 1e6;

/// An hour.
const MAX_TIME: f64 = 3.6e6;

/// The nearest value in the range; the minimum for NaN, which `clamp` would pass on.
pub(super) fn within<N: PartialOrd>(value: N, least: N, most: N) -> N {
    if value > most {
        most
    } else if value > least {
        value
    } else {
        least
    }
}

/// The meaning of `scroll_ms` for danmu of different lengths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Pace {
    /// Each takes that time from entering to leaving: a longer one is faster.
    #[default]
    SameTime,
    /// Each edge takes that time across the picture: all have the same speed, and a longer one is visible for longer.
    SameSpeed,
}

/// Which danmu may cover others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Overlap {
    /// None, ever.
    Never,
    /// A fixed danmu may be in front of moving ones if no lane is without them.
    #[default]
    FixedInFront,
    /// A danmu without a free lane enters where it is least in the way. It waits only for [`StageOptions::max_on_stage`].
    Allowed,
}

/// The options of a stage. Values out of range, NaN included, are replaced by the nearest valid ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StageOptions {
    /// Pixels.
    pub width: f32,
    /// Pixels.
    pub height: f32,
    /// Height of a lane, pixels, at least 1.
    pub lane_height: f32,
    /// The fraction of the height that has lanes, 0 to 1, from the edge that the mode counts from. At least one lane.
    pub area: f32,
    /// The most lanes, even if the area has room for more; at least one.
    pub max_lanes: u16,
    /// The time in which a moving danmu crosses the picture, milliseconds; see [`Pace`].
    pub scroll_ms: f64,
    /// How danmu of different lengths move.
    pub pace: Pace,
    /// How long a fixed danmu is shown, milliseconds.
    pub fixed_ms: f64,
    /// The least distance between two danmu in a lane, pixels.
    pub gap: f32,
    /// Which danmu may cover others.
    pub overlap: Overlap,
    /// The most danmu on the stage.
    pub max_on_stage: usize,
    /// The longest wait for a lane, milliseconds. 0: no waiting.
    pub max_wait_ms: f64,
    /// The most danmu in the waiting list.
    pub max_waiting: usize,
}

impl Default for StageOptions {
    fn default() -> Self {
        Self {
            width: 0.0,
            height: 0.0,
            lane_height: 36.0,
            area: 1.0,
            max_lanes: Self::MAX_LANES,
            scroll_ms: 8_000.0,
            pace: Pace::default(),
            fixed_ms: 4_000.0,
            gap: 24.0,
            overlap: Overlap::default(),
            max_on_stage: 10_000,
            max_wait_ms: 1_000.0,
            max_waiting: 128,
        }
    }
}

impl StageOptions {
    /// More lanes than any picture has; bounds lane numbers and memory.
    const MAX_LANES: u16 = 1_024;

    /// The same with every value in its range.
    pub(super) fn sane(self) -> Self {
        Self {
            width: within(self.width, 0.0, MAX_LENGTH),
            height: within(self.height, 0.0, MAX_LENGTH),
            lane_height: within(self.lane_height, 1.0, MAX_LENGTH),
            area: within(self.area, 0.0, 1.0),
            max_lanes: within(self.max_lanes, 1, Self::MAX_LANES),
            scroll_ms: within(self.scroll_ms, 1.0, MAX_TIME),
            fixed_ms: within(self.fixed_ms, 1.0, MAX_TIME),
            gap: within(self.gap, 0.0, MAX_LENGTH),
            max_wait_ms: within(self.max_wait_ms, 0.0, MAX_TIME),
            ..self
        }
    }

    /// The number of lanes: none on an empty stage, otherwise at least one.
    pub(super) fn lanes(&self) -> u16 {
        if self.width <= 0.0 || self.height <= 0.0 {
            return 0;
        }
        let fitting = (self.height * self.area / self.lane_height).floor() as u16;
        fitting.clamp(1, self.max_lanes)
    }

    /// The number of lane-high rows in the whole picture: the lanes, and the rows of lanes that a viewer has disabled.
    pub(super) fn rows(&self) -> u16 {
        let fitting = (self.height / self.lane_height).floor() as u16;
        fitting.min(Self::MAX_LANES).max(self.lanes())
    }
}
