//! The log of a room's ring buffer: chunks of one event each, oldest first, with consecutive numbers.
//!
//! Promises: numbers and positions only grow from chunk to chunk, and no number is reused, not even in a new epoch; what is
//! kept is bounded by the window, except that the newest chunk always stays.

use std::{collections::VecDeque, time::Instant};

use danmu::feed::Item;

use super::{Frame, Window, speakers::Speakers};
use crate::relay::take::log_position::LogPosition;

/// The ring buffer of a room's events.
#[derive(Debug)]
pub struct RoomLog {
    chunks: VecDeque<Chunk>,
    /// The number of the oldest chunk.
    first: u64,
    bytes: usize,
    /// Danmu appended since the log was created.
    pub told: u64,
    base: Base,
    /// The position after the newest danmu; `None` until the stream's shards are listed.
    pub tip: Option<LogPosition>,
    /// The last danmu with their positions, for viewers who join.
    pub history: VecDeque<(LogPosition, Item)>,
    /// The recent speakers.
    pub speakers: Speakers,
    pub closed: bool,
}

/// Where a log begins.
#[derive(Clone, Debug, PartialEq)]
pub enum Base {
    /// It has all that arrived at this time (Unix milliseconds) or later.
    Since(i64),
    /// It has all that follows this position.
    After(LogPosition),
}

/// One event.
#[derive(Debug)]
pub struct Chunk {
    pub frame: Frame,
    pub made: Instant,
    /// Danmu appended before it; `told` includes its own.
    pub before: u64,
    pub told: u64,
}

impl RoomLog {
    /// An empty log without a beginning.
    pub fn new() -> Self {
        Self {
            chunks: VecDeque::new(),
            first: 0,
            bytes: 0,
            told: 0,
            base: Base::Since(i64::MAX),
            tip: None,
            history: VecDeque::new(),
            speakers: Speakers::default(),
            closed: false,
        }
    }

    /// Starts a new epoch: the events before are dropped.
    pub fn begin(&mut self, beginning: LogPosition, since_ms: i64) {
        self.tip = Some(beginning);
        self.base = Base::Since(since_ms);
        self.first = self.end();
        self.chunks.clear();
        self.history.clear();
        self.bytes = 0;
    }

    /// Appends an event; what no longer fits the window is dropped.
    pub fn append(&mut self, frame: Frame, window: Window) {
        let (made, before) = (Instant::now(), self.told);
        self.told += frame.danmu();
        self.bytes += frame.bytes.len();
        self.chunks.push_back(Chunk { frame, made, before, told: self.told });
        // The newest chunk stays, whatever its size.
        while self.chunks.len() > 1
            && let Some(oldest) = self.chunks.front()
            && (self.bytes > window.bytes || made.duration_since(oldest.made) > window.age)
            && let Some(Chunk { frame, .. }) = self.chunks.pop_front()
        {
            self.bytes -= frame.bytes.len();
            self.first += 1;
            if let Some(end) = frame.end() {
                self.base = Base::After(end.clone());
            }
        }
    }

    /// All frames with their numbers.
    pub fn frames(&self) -> impl Iterator<Item = (u64, &Frame)> {
        (self.first..).zip(self.chunks.iter().map(|chunk| &chunk.frame))
    }

    /// Replaces the frame of that number, if it is still here.
    pub fn replace(&mut self, number: u64, frame: Frame) {
        let at = number.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        if let Some(chunk) = at.and_then(|at| self.chunks.get_mut(at)) {
            self.bytes = self.bytes - chunk.frame.bytes.len() + frame.bytes.len();
            chunk.frame = frame;
        }
    }

    /// Where the log begins.
    pub fn base(&self) -> &Base {
        &self.base
    }

    /// The number of its oldest chunk.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// The number of the next chunk to be appended.
    pub fn end(&self) -> u64 {
        self.first + self.chunks.len() as u64
    }

    /// Danmu appended before the oldest chunk.
    pub fn oldest_told(&self) -> u64 {
        self.chunks.front().map_or(self.told, |chunk| chunk.before)
    }

    /// The chunk of that number.
    pub fn get(&self, number: u64) -> Option<&Chunk> {
        self.chunks.get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }

    /// The number of the first chunk that reaches beyond a position, and the danmu appended before it.
    pub fn behind(&self, place: &LogPosition) -> (u64, u64) {
        let is_behind = |chunk: &Chunk| chunk.frame.end().is_some_and(|end| end > place);
        let found = (self.first..).zip(&self.chunks).find(|(_, chunk)| is_behind(chunk));
        found.map_or((self.end(), self.told), |(number, chunk)| (number, chunk.before))
    }

    /// Bytes kept.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Base {
    /// Whether everything after `place` is also after this.
    pub fn is_before(&self, place: &LogPosition) -> bool {
        match self {
            // What follows `place` arrived no earlier.
            Self::Since(ms) => !place.is_before(*ms),
            Self::After(base) => place >= base,
        }
    }
}
