//! The stage's input and output: items, placed danmu, counts.

use super::options::{MAX_LENGTH, within};

pub use crate::record::Mode;

/// The placing order when there is not room for all; the greater goes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Any viewer's danmu.
    #[default]
    Normal,
    /// The streamer's, or a pinned one.
    Important,
    /// The viewer's own: its author wants to see it.
    Own,
}

/// A danmu to be placed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Item {
    /// The caller's id for it, unique among those on the stage.
    pub id: u64,
    /// Pixels, outline included.
    pub width: f32,
    /// Pixels; it takes as many lanes as that needs, at most all of them.
    pub height: f32,
    /// How it moves.
    pub mode: Mode,
    /// Its priority in the waiting list.
    pub priority: Priority,
}

impl Item {
    /// The same with a plausible size.
    pub(super) fn sane(self) -> Self {
        let (width, height) = (within(self.width, 1.0, MAX_LENGTH), within(self.height, 1.0, MAX_LENGTH));
        Self { width, height, ..self }
    }
}

/// The immediate outcome of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has a lane.
    Placed,
    /// No lane is free; it will get one within the longest wait or be given up.
    Waiting,
    /// No lane is free and the waiting list is full of others that are no less important.
    GivenUp,
}

/// A danmu on the stage at some moment. Pixels from the top left corner of the stage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placed<'a, T> {
    /// As given in [`Item::id`].
    pub id: u64,
    /// Left edge; outside the picture, by up to its own width, while it enters and leaves.
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

/// The counts so far. `pushed` is always `shown + waiting + given_up + withdrawn`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StageStats {
    /// All that were pushed.
    pub pushed: u64,
    /// Those that got a lane.
    pub shown: u64,
    /// Those of `shown` that got one although others were in the way.
    pub overlapping: u64,
    /// Those that wait for one now.
    pub waiting: usize,
    /// Those that got none: the wait or the waiting list was over its limit.
    pub given_up: u64,
    /// Those that were retracted or cleared while they waited.
    pub withdrawn: u64,
    /// Those that are on the stage now.
    pub on_stage: usize,
}
