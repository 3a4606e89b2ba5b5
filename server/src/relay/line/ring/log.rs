//! What a ring holds: chunks of events, the oldest first, each with its number.
//!
//! Promises: numbers and places only ever grow from chunk to chunk, and no number is given twice; what is kept is bounded by
//! the window.

use std::{collections::VecDeque, time::Instant};

use danmu::feed::Item;

use super::{Frame, Window, speakers::Speakers};
use crate::relay::take::log_position::LogPosition;

/// The line of a room.
#[derive(Debug)]
pub struct RoomLog {
    chunks: VecDeque<Chunk>,
    /// The number of the oldest of them.
    first: u64,
    bytes: usize,
    /// Danmu told since the beginning.
    pub told: u64,
    base: Base,
    /// The place after the newest danmu; unknown as long as nobody knows the stream's shards.
    pub tip: Option<LogPosition>,
    /// What was said last, and where, for those who join.
    pub history: VecDeque<(LogPosition, Item)>,
    /// Who may be heard of in what was told.
    pub speakers: Speakers,
    pub closed: bool,
}

/// Where a line begins.
#[derive(Clone, Debug, PartialEq)]
pub enum Base {
    /// All that arrived then, in Unix milliseconds, or later is in it.
    Since(i64),
    /// All that follows this place is in it.
    After(LogPosition),
}

/// One event.
#[derive(Debug)]
pub struct Chunk {
    pub frame: Frame,
    pub made: Instant,
    /// Danmu told before it, and with it.
    pub before: u64,
    pub told: u64,
}

impl RoomLog {
    /// An empty line, of which nobody knows where it begins.
    pub fn new() -> Self {
        Self {
            chunks: VecDeque::new(),
            first: 0,
            bytes: 0,
            told: 0,
            base: Base::Since(i64::MAX),
            tip: None,
            history: VecDeque::with_capacity(danmu::feed::MAX_HISTORY),
            speakers: Speakers::default(),
            closed: false,
        }
    }

    /// Begins anew: what there was is gone.
    pub fn begin(&mut self, beginning: LogPosition, since_ms: i64) {
        self.tip = Some(beginning);
        self.base = Base::Since(since_ms);
        self.first = self.end();
        self.chunks.clear();
        self.history.clear();
        self.bytes = 0;
    }

    /// Appends an event; what the window has no room for goes.
    pub fn append(&mut self, frame: Frame, window: Window) {
        let (made, before) = (Instant::now(), self.told);
        self.told += frame.danmu();
        self.bytes += frame.bytes.len();
        self.chunks.push_back(Chunk { frame, made, before, told: self.told });
        // The newest stays, whatever its size.
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

    /// All frames, with their numbers.
    pub fn frames(&self) -> impl Iterator<Item = (u64, &Frame)> {
        (self.first..).zip(self.chunks.iter().map(|chunk| &chunk.frame))
    }

    /// Another frame in the place of one that is still here.
    pub fn replace(&mut self, number: u64, frame: Frame) {
        let at = number.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        if let Some(chunk) = at.and_then(|at| self.chunks.get_mut(at)) {
            self.bytes = self.bytes - chunk.frame.bytes.len() + frame.bytes.len();
            chunk.frame = frame;
        }
    }

    /// Where it begins.
    pub fn base(&self) -> &Base {
        &self.base
    }

    /// The number of its oldest chunk.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// The number that its next chunk will have.
    pub fn end(&self) -> u64 {
        self.first + self.chunks.len() as u64
    }

    /// Danmu told before its oldest chunk.
    pub fn oldest_told(&self) -> u64 {
        self.chunks.front().map_or(self.told, |chunk| chunk.before)
    }

    /// The chunk of that number.
    pub fn get(&self, number: u64) -> Option<&Chunk> {
        self.chunks.get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }

    /// The number of the first chunk that tells something behind a place, and the danmu told before it.
    pub fn behind(&self, place: &LogPosition) -> (u64, u64) {
        let is_behind = |chunk: &Chunk| chunk.frame.end().is_some_and(|end| end > place);
        let found = (self.first..).zip(&self.chunks).find(|(_, chunk)| is_behind(chunk));
        found.map_or((self.end(), self.told), |(number, chunk)| (number, chunk.before))
    }

    /// Bytes that are kept.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Base {
    /// Whether all that follows `place` follows this.
    pub fn is_before(&self, place: &LogPosition) -> bool {
        match self {
            // What follows it arrived no earlier.
            Self::Since(ms) => !place.is_before(*ms),
            Self::After(base) => place >= base,
        }
    }
}
