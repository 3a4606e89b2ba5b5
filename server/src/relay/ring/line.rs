//! What a ring holds: chunks of events, the oldest first, each with its number.
//!
//! Numbers begin in the middle of what they can be, so that what is older can be put in front of what there is. Promises:
//! numbers and places only ever grow from chunk to chunk; what is kept is bounded by the window, and what was put in front
//! of it by as many bytes once more and by its time.

use std::{collections::VecDeque, time::Instant};

use danmu::feed::{Item, Told};
use hyper::body::Bytes;

use super::{
    super::{place::Place, sse},
    Window,
};

/// The number of the first chunk that is ever told, and of the first danmu.
const ORIGIN: u64 = 1 << 48;

/// The line of a room.
#[derive(Debug)]
pub struct Line {
    chunks: VecDeque<Chunk>,
    /// The number of the oldest of them.
    first: u64,
    bytes: usize,
    /// Danmu told since the beginning.
    pub told: u64,
    base: Base,
    /// What was read again because somebody asked for it; it ends where `chunks` begin.
    older: Option<Older>,
    /// The place after the newest danmu; unknown as long as nobody knows the stream's shards.
    pub tip: Option<Place>,
    /// What was said last, and where, for those who join.
    pub history: VecDeque<(Place, Item)>,
    pub closed: bool,
}

/// Where a line begins.
#[derive(Clone, Debug, PartialEq)]
pub enum Base {
    /// All that arrived then, in Unix milliseconds, or later is in it.
    Since(i64),
    /// All that follows this place is in it.
    After(Place),
}

/// One event.
#[derive(Debug)]
pub struct Chunk {
    pub bytes: Bytes,
    pub made: Instant,
    /// Danmu told before it, and with it.
    pub before: u64,
    pub told: u64,
    /// Where each of its danmu stands; empty for what is no frame.
    pub places: Box<[Place]>,
}

/// A part of the line that is older than the window.
#[derive(Debug)]
struct Older {
    chunks: VecDeque<Chunk>,
    bytes: usize,
    base: Base,
    until: Instant,
}

/// A frame that is not in a line yet: its bytes, and where its danmu stand.
pub type Frame = (Bytes, Box<[Place]>);

impl Line {
    /// An empty line, of which nobody knows where it begins.
    pub fn new() -> Self {
        Self {
            chunks: VecDeque::new(),
            first: ORIGIN,
            bytes: 0,
            told: ORIGIN,
            base: Base::Since(i64::MAX),
            older: None,
            tip: None,
            history: VecDeque::with_capacity(danmu::feed::MAX_HISTORY),
            closed: false,
        }
    }

    /// Begins anew: what there was is gone, and no number is given twice.
    pub fn begin(&mut self, beginning: Place, since_ms: i64) {
        self.tip = Some(beginning);
        self.base = Base::Since(since_ms);
        self.first = self.end();
        self.chunks.clear();
        self.older = None;
        self.bytes = 0;
    }

    /// Appends an event; what the window has no room for goes.
    pub fn append(&mut self, bytes: Bytes, places: Box<[Place]>, window: Window) {
        let (made, before) = (Instant::now(), self.told);
        self.told += places.len() as u64;
        self.bytes += bytes.len();
        self.chunks.push_back(Chunk { bytes, made, before, told: self.told, places });
        if self.older.as_ref().is_some_and(|older| older.until < made || older.bytes > window.bytes) {
            self.older = None;
        }
        // The newest stays, whatever its size.
        while self.chunks.len() > 1
            && let Some(oldest) = self.chunks.front()
            && (self.bytes > window.bytes || made.duration_since(oldest.made) > window.age)
            && let Some(oldest) = self.chunks.pop_front()
        {
            self.bytes -= oldest.bytes.len();
            self.first += 1;
            if let Some(last) = oldest.places.last() {
                self.base = Base::After(last.clone());
            }
            // There must be no hole between the two.
            if let Some(older) = &mut self.older {
                older.bytes += oldest.bytes.len();
                older.chunks.push_back(oldest);
            }
        }
    }

    /// Puts frames in front of what there is, until then; they are all that follows `base`. Does nothing where they do not
    /// end at `end`, the base of before, because the line went on meanwhile.
    pub fn put_in_front(&mut self, frames: Vec<Frame>, base: Base, end: &Base, until: Instant) -> bool {
        if self.base() != end {
            return false;
        }
        let (mut before, made) = (self.oldest_told(), Instant::now());
        let older =
            self.older.get_or_insert_with(|| Older { chunks: VecDeque::new(), bytes: 0, base: base.clone(), until });
        for (bytes, places) in frames.into_iter().rev() {
            let told = before;
            before -= places.len() as u64;
            older.bytes += bytes.len();
            older.chunks.push_front(Chunk { bytes, made, before, told, places });
        }
        (older.base, older.until) = (base, until);
        true
    }

    /// Where it begins.
    pub fn base(&self) -> &Base {
        self.older.as_ref().map_or(&self.base, |older| &older.base)
    }

    /// The number of its oldest chunk.
    pub fn first(&self) -> u64 {
        self.first - self.older.as_ref().map_or(0, |older| older.chunks.len() as u64)
    }

    /// The number that its next chunk will have.
    pub fn end(&self) -> u64 {
        self.first + self.chunks.len() as u64
    }

    /// Danmu told before its oldest chunk.
    pub fn oldest_told(&self) -> u64 {
        self.iter().next().map_or(self.told, |(_, chunk)| chunk.before)
    }

    /// The chunk of that number.
    pub fn get(&self, number: u64) -> Option<&Chunk> {
        let (at, first, chunks) = match &self.older {
            Some(older) if number < self.first => (number, self.first(), &older.chunks),
            _ => (number, self.first, &self.chunks),
        };
        chunks.get(usize::try_from(at.checked_sub(first)?).ok()?)
    }

    /// All chunks with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Chunk)> {
        let older = self.older.iter().flat_map(|older| &older.chunks);
        (self.first()..).zip(older.chain(&self.chunks))
    }

    /// Bytes that are kept.
    pub fn bytes(&self) -> usize {
        self.bytes + self.older.as_ref().map_or(0, |older| older.bytes)
    }
}

impl Base {
    /// Whether all that follows `place` follows this.
    pub fn is_before(&self, place: &Place) -> bool {
        match self {
            // What follows it arrived no earlier.
            Self::Since(ms) => !place.is_before(*ms),
            Self::After(base) => place >= base,
        }
    }
}

impl Chunk {
    /// The frame without so many of its first danmu.
    pub fn without(&self, first: usize) -> Option<Bytes> {
        let mut frame: Told = serde_json::from_slice(sse::data(&self.bytes)?).ok()?;
        let danmu = frame.danmu.split_off(first.min(frame.danmu.len()));
        Some(sse::event(None, Some(&self.places.last()?.to_string()), &Told { danmu, ..frame }))
    }
}
