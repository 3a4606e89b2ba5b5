//! What goes in and what comes out of the stage: items, placed danmu, counts.

use super::options::{MAX_LENGTH, within};

pub use crate::record::Mode;

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

/// What happened so far. `pushed` is always `shown + waiting + given_up + withdrawn`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StageStats {
    /// All that asked for a place.
    pub pushed: u64,
    /// Those that got one.
    pub shown: u64,
    /// Those that got one in the way of others; of `shown`.
    pub overlapping: u64,
    /// Those that wait for one now.
    pub waiting: usize,
    /// Those that found none within the bound.
    pub given_up: u64,
    /// Those that were retracted or cleared away while they waited.
    pub withdrawn: u64,
    /// Those that are on the stage now.
    pub on_stage: usize,
}
