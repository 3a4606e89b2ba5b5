//! The measures of a stage and what it allows.

/// Beyond any picture; sums of it are still exact enough.
pub(super) const MAX_LENGTH: f32 = 1e6;

/// An hour.
const MAX_TIME: f64 = 3.6e6;

/// The nearest value in the range; the least for NaN, which `clamp` would pass on.
pub(super) fn within<N: PartialOrd>(value: N, least: N, most: N) -> N {
    if value > most {
        most
    } else if value > least {
        value
    } else {
        least
    }
}

/// What `scroll_ms` means for danmu of different lengths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Pace {
    /// Each takes that time from its first to its last pixel: a longer one is faster.
    #[default]
    SameTime,
    /// Each edge takes that time across the picture: all are equally fast, a longer one is there for longer.
    SameSpeed,
}

/// Who may cover whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Overlap {
    /// Nobody, ever.
    Never,
    /// A fixed danmu may stand in front of moving ones where no lane is without them.
    #[default]
    FixedInFront,
    /// Whoever finds no lane goes at once to where it is least in the way. Nobody waits but for [`StageOptions::max_on_stage`].
    Allowed,
}

/// The measures of a stage. Values out of range, NaN included, are taken as the nearest that make sense.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StageOptions {
    /// Pixels.
    pub width: f32,
    /// Pixels.
    pub height: f32,
    /// Height of a lane, pixels, at least 1.
    pub lane_height: f32,
    /// The part of the height that has lanes, 0 to 1, from the edge that the mode counts from. Never less than one lane.
    pub area: f32,
    /// The most lanes, whatever the area has room for; at least one.
    pub max_lanes: u16,
    /// Time in which a moving danmu crosses the picture, milliseconds; [`Pace`] says what that means.
    pub scroll_ms: f64,
    /// How danmu of different lengths move.
    pub pace: Pace,
    /// Time that a fixed danmu stands, milliseconds.
    pub fixed_ms: f64,
    /// The least distance between two danmu in a lane, pixels.
    pub gap: f32,
    /// Who may cover whom.
    pub overlap: Overlap,
    /// How many may be on the stage together.
    pub max_on_stage: usize,
    /// The longest wait for a lane, milliseconds. 0: at once or never.
    pub max_wait_ms: f64,
    /// How many may wait together.
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
    /// More lanes than any picture has; keeps lane numbers and memory small whatever the measures are.
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

    /// Number of lanes. None on an empty stage, otherwise at least one.
    pub(super) fn lanes(&self) -> u16 {
        if self.width <= 0.0 || self.height <= 0.0 {
            return 0;
        }
        let fitting = (self.height * self.area / self.lane_height).floor() as u16;
        fitting.clamp(1, self.max_lanes)
    }

    /// Number of rows of the height of a lane in the whole picture: the lanes, and where those were that a viewer has taken away.
    pub(super) fn rows(&self) -> u16 {
        let fitting = (self.height / self.lane_height).floor() as u16;
        fitting.min(Self::MAX_LANES).max(self.lanes())
    }
}
