//! What goes in and what comes out of the stage: options, items, placed danmu, counts.

pub use crate::record::Mode;

/// Beyond any picture; sums of it are still exact enough.
const MAX_LENGTH: f32 = 1e6;

/// An hour.
const MAX_TIME: f64 = 3.6e6;

/// The nearest value in the range; the least for NaN, which `clamp` would pass on.
fn within<N: PartialOrd>(value: N, least: N, most: N) -> N {
    if value > most {
        most
    } else if value > least {
        value
    } else {
        least
    }
}

/// Who is placed first when there is not room for all. The greater one goes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Anybody's danmu.
    #[default]
    Normal,
    /// The streamer's, a pinned one.
    Important,
    /// The viewer's own: whoever speaks wants to see it.
    Own,
}

/// A danmu that asks for a place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Item {
    /// The caller's name for it, unique among those on the stage.
    pub id: u64,
    /// Pixels, outline included.
    pub width: f32,
    /// Pixels; it takes as many lanes as that needs, at most all of them.
    pub height: f32,
    /// How it moves.
    pub mode: Mode,
    /// Whom it may pass while waiting.
    pub priority: Priority,
}

impl Item {
    /// The same with a size that a picture can have.
    pub(super) fn sane(self) -> Self {
        let (width, height) = (within(self.width, 1.0, MAX_LENGTH), within(self.height, 1.0, MAX_LENGTH));
        Self { width, height, ..self }
    }
}

/// What became of a danmu at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has its lane.
    Placed,
    /// No lane is free; it will get one within the bound or be given up.
    Waiting,
    /// No lane is free and the waiting list is full of others that are no less important.
    GivenUp,
}

/// A danmu on the stage at some moment. Pixels from the top left corner of the stage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placed<'a, T> {
    /// As given in [`Item::id`].
    pub id: u64,
    /// Left edge; negative while it leaves, up to the stage's width as it enters.
    pub x: f32,
    /// Upper edge of its first lane.
    pub y: f32,
    /// As given, times the zoom since.
    pub width: f32,
    /// As given, times the zoom since.
    pub height: f32,
    /// How it moves.
    pub mode: Mode,
    /// Its first lane, counted from the edge that its mode counts from.
    pub lane: u16,
    /// What the caller keeps with it.
    pub content: &'a T,
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
    /// Time from the first to the last pixel of a scrolling danmu, milliseconds.
    pub scroll_ms: f64,
    /// Time that a fixed danmu stands, milliseconds.
    pub fixed_ms: f64,
    /// The least distance between two danmu in a lane, pixels.
    pub gap: f32,
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
            scroll_ms: 8_000.0,
            fixed_ms: 4_000.0,
            gap: 24.0,
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
            scroll_ms: within(self.scroll_ms, 1.0, MAX_TIME),
            fixed_ms: within(self.fixed_ms, 1.0, MAX_TIME),
            gap: within(self.gap, 0.0, MAX_LENGTH),
            max_wait_ms: within(self.max_wait_ms, 0.0, MAX_TIME),
            max_waiting: self.max_waiting,
        }
    }

    /// Number of lanes. None on an empty stage, otherwise at least one.
    pub(super) fn lanes(&self) -> u16 {
        if self.width <= 0.0 || self.height <= 0.0 {
            return 0;
        }
        let fitting = (self.height * self.area / self.lane_height).floor() as u16;
        fitting.clamp(1, Self::MAX_LANES)
    }
}

/// What happened so far. `pushed` is always `shown + waiting + given_up + withdrawn`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StageStats {
    /// All that asked for a place.
    pub pushed: u64,
    /// Those that got one.
    pub shown: u64,
    /// Those that wait for one now.
    pub waiting: usize,
    /// Those that found none within the bound.
    pub given_up: u64,
    /// Those that were retracted or cleared away while they waited.
    pub withdrawn: u64,
    /// Those that are on the stage now.
    pub on_stage: usize,
}
