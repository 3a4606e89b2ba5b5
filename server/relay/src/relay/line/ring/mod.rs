//! The ring buffer of a room's feed: one append-only log of framed events, and a cursor for each reader.
//!
//! Promises: an event is encoded once, whatever the number of viewers, and its bytes are shared by all; no viewer has a
//! queue, so a slow one costs what a fast one costs; events within the window can be read again, so joining and resuming
//! leave no gap; a viewer whose cursor fell out of the window is told how many danmu it lost.
//! Never waits for a viewer.

mod frame;
mod log;
mod speakers;
mod waiting;

#[cfg(test)]
mod tests;

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::Waker,
    time::{Duration, Instant},
};

use danmu::{
    feed::{Item, MAX_HISTORY, Progress, Told},
    gate::Retracted,
};
use hyper::body::Bytes;

pub use self::{
    frame::{Frame, Said, frame_end},
    log::Base,
    waiting::Slot,
};
use self::{log::RoomLog, waiting::Waiting};
use super::{event::gap, sse};
use crate::relay::take::log_position::LogPosition;

/// How much of a room's feed is kept.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// The greatest age of an event that is kept.
    pub age: Duration,
    /// The most bytes that are kept.
    pub bytes: usize,
}

/// The ring buffer of one room, shared by the room's task, which appends, and the connections, which read.
#[derive(Debug)]
pub struct Ring {
    window: Window,
    line: Mutex<RoomLog>,
    waiting: Mutex<Waiting>,
    viewers: AtomicUsize,
}

/// What follows a cursor.
#[derive(Debug)]
pub enum Next {
    /// An event.
    Event {
        /// The event as it is sent, and what is in it.
        frame: Frame,
        /// When it was appended.
        made: Instant,
    },
    /// The window has passed the cursor, which now stands at its beginning: the reader missed this many danmu.
    Missed(u64),
    /// Nothing yet.
    Nothing,
    /// The feed has ended: the server stops, or the room was removed.
    Closed,
}

/// A reader's cursor in the ring.
#[derive(Clone, Debug)]
pub struct Cursor {
    next: u64,
    told: u64,
    /// The reader already has everything up to this position. The ring may reach it only later: the replica that the reader
    /// comes from had read further.
    known: Option<Box<LogPosition>>,
}

/// Where a joining viewer starts.
#[derive(Clone, Debug)]
pub enum Start {
    /// At the present: it has no position.
    Now,
    /// After this position, up to which it has heard all.
    After(LogPosition),
    /// After the position at which its page was rendered. It has heard nothing: what came before is its history.
    Page(LogPosition),
    /// After an absence so long that what it missed is sent beside live events: this is what it has heard.
    Absent(Progress<LogPosition>),
}

/// How a viewer starts.
#[derive(Debug)]
pub struct Joined {
    /// Where it reads on.
    pub cursor: Cursor,
    /// Whether everything since the position that it asked for follows.
    pub recovered: bool,
    /// Its position: the one that it asked for if it was recovered, else the newest.
    pub place: Option<LogPosition>,
    /// For an absence: what it has heard; the last span ahead is its live part.
    pub absent: Option<Progress<LogPosition>>,
    /// The last danmu before that; empty for a viewer who has heard them.
    pub history: Vec<Item>,
}

impl Ring {
    /// An empty ring.
    pub fn new(window: Window) -> Self {
        Self { window, line: Mutex::new(RoomLog::new()), waiting: Mutex::default(), viewers: AtomicUsize::new(0) }
    }

    /// Appends a frame of what was said, with the position of each.
    pub fn tell(&self, said: Vec<(LogPosition, Said)>) {
        let Some((frame, items)) = Frame::new(said) else { return };
        let mut line = self.line();
        line.tip = frame.end().cloned();
        for item in items {
            if let Some(viewer) = &item.1.viewer {
                line.speakers.told(viewer);
            }
            if line.history.len() == MAX_HISTORY {
                line.history.pop_front();
            }
            line.history.push_back(item);
        }
        line.append(frame, self.window);
        drop(line);
        self.wake();
    }

    /// Filters those whose viewer is a recent speaker here.
    pub fn of_speakers<T>(&self, all: impl Iterator<Item = T>, viewer: impl Fn(&T) -> &str) -> Vec<T> {
        let line = self.line();
        all.filter(|one| line.speakers.has(viewer(one))).collect()
    }

    /// Removes retracted danmu from the ring and the history, and appends an event that tells viewers to remove them. Only for
    /// the task that appends.
    pub fn retract(&self, retracted: Vec<Retracted>) {
        if retracted.is_empty() {
            return;
        }
        let is_gone = |item: &Item| item.is_among(&retracted);
        // Re-encoded without the lock: there may be megabytes of it, and only the caller changes the frames.
        let frames: Vec<_> = self.line().frames().map(|(number, frame)| (number, frame.clone())).collect();
        let cleaned: Vec<_> =
            frames.into_iter().filter_map(|(number, frame)| Some((number, frame.without(is_gone)?))).collect();
        let mut line = self.line();
        cleaned.into_iter().for_each(|(number, frame)| line.replace(number, frame));
        line.history.retain(|(_, item)| !is_gone(item));
        let event = sse::event(None, None, &Told { retracted, ..Told::default() });
        line.append(Frame::of(event), self.window);
        drop(line);
        self.wake();
    }

    /// Appends an event without danmu, which has no position.
    pub fn note(&self, bytes: Bytes) {
        self.line().append(Frame::of(bytes), self.window);
        self.wake();
    }

    /// Begins an epoch, the first or that of a recreated stream: all that arrives at `since_ms` or later will be in the ring.
    /// Connected viewers are told a gap, and go on; a token of the old stream is no longer recovered.
    pub fn begin(&self, beginning: LogPosition, since_ms: i64) {
        let mut line = self.line();
        let anew = line.tip.is_some();
        let gap = gap(Some(&beginning), None);
        line.begin(beginning, since_ms);
        if anew {
            line.append(Frame::of(gap), self.window);
        }
        drop(line);
        self.wake();
    }

    /// Whether the ring has everything after a position.
    pub fn reaches(&self, place: &LogPosition) -> bool {
        self.line().base().is_before(place)
    }

    /// Whether no danmu has dropped out since it began.
    pub fn is_whole(&self) -> bool {
        matches!(self.line().base(), Base::Since(_))
    }

    /// Ends the feed of all readers.
    pub fn close(&self) {
        self.line().closed = true;
        self.wake();
    }

    /// The number of viewers now.
    pub fn viewers(&self) -> usize {
        self.viewers.load(Relaxed)
    }

    /// The bytes and danmu kept.
    pub fn size(&self) -> (usize, u64) {
        let line = self.line();
        (line.bytes(), line.told - line.oldest_told())
    }

    /// The feed's newest position; `None` until the stream's shards are listed.
    pub fn tip(&self) -> Option<LogPosition> {
        self.line().tip.clone()
    }

    /// Lets a viewer in: after the position that it asks for, if the ring has everything after it, else at the end. A viewer
    /// who has heard nothing gets up to `history` of the last danmu before that.
    pub fn join(&self, start: Start, history: usize) -> Joined {
        self.viewers.fetch_add(1, Relaxed);
        let line = self.line();
        let last = |until: Option<&LogPosition>| {
            let end = line.history.partition_point(|(place, _)| until.is_none_or(|until| place <= until));
            line.history.range(end.saturating_sub(history)..end).map(|(_, item)| item.clone()).collect()
        };
        let now = || Cursor { next: line.end(), told: line.told, known: None };
        let (place, history) = match start {
            Start::After(place) if line.base().is_before(&place) => (place, Vec::new()),
            Start::Page(place) if line.base().is_before(&place) => {
                let history = last(Some(&place));
                (place, history)
            }
            Start::Absent(mut heard) if line.tip.is_some() => {
                // It goes on after the last span it heard, if the ring still reaches that, else at the present.
                let (cursor, span) = match (heard.ahead.pop(), &line.tip) {
                    (Some((from, to)), _) if line.base().is_before(&to) => (line.after(&to), Some((from, to))),
                    (lost, tip) => {
                        heard.ahead.extend(lost);
                        (now(), tip.clone().map(|tip| (tip.clone(), tip)))
                    }
                };
                heard.ahead.extend(span);
                let place = Some(heard.after.clone());
                return Joined { cursor, recovered: true, place, absent: Some(heard), history: Vec::new() };
            }
            _ => {
                let place = line.tip.clone();
                return Joined { cursor: now(), recovered: false, place, absent: None, history: last(None) };
            }
        };
        Joined { cursor: line.after(&place), recovered: true, place: Some(place), absent: None, history }
    }

    /// A cursor for what follows a position.
    pub fn after(&self, place: &LogPosition) -> Cursor {
        self.line().after(place)
    }

    /// A viewer has left.
    pub fn leave(&self) {
        self.viewers.fetch_sub(1, Relaxed);
    }

    /// A cursor at the end of the ring.
    pub fn at_end(&self) -> Cursor {
        let line = self.line();
        Cursor { next: line.end(), told: line.told, known: None }
    }

    /// The next event after the cursor, which moves on.
    pub fn next(&self, cursor: &mut Cursor) -> Next {
        let line = self.line();
        if cursor.next < line.first() {
            cursor.next = line.first();
            let oldest = line.oldest_told();
            let missed = oldest.saturating_sub(std::mem::replace(&mut cursor.told, oldest));
            if missed > 0 {
                return Next::Missed(missed);
            }
        }
        loop {
            let Some(chunk) = line.get(cursor.next) else {
                return if line.closed { Next::Closed } else { Next::Nothing };
            };
            cursor.next += 1;
            cursor.told = chunk.told;
            let mut frame = chunk.frame.clone();
            if let (Some(known), Some(_)) = (&cursor.known, frame.end()) {
                let Some(new) = frame.only(|place| place > known) else { continue };
                frame = new;
                cursor.known = None;
            }
            return Next::Event { frame, made: chunk.made };
        }
    }

    /// The same; if there is nothing yet, `waker` will be woken when there is.
    pub fn poll_next(&self, cursor: &mut Cursor, slot: &Slot, waker: &Waker) -> Next {
        match self.next(cursor) {
            Next::Nothing => {}
            next => return next,
        }
        self.waiting().register(slot, waker);
        // Something may have been appended before the registration, without waking this waker.
        self.next(cursor)
    }

    /// Takes a slot to wait in.
    pub fn wait(&self) -> Slot {
        self.waiting().take()
    }

    /// Gives back a slot.
    pub fn wait_no_more(&self, slot: &Slot) {
        self.waiting().give_back(slot);
    }

    fn wake(&self) {
        // Woken without the lock: a woken reader may register again at once.
        let woken = self.waiting().drain();
        woken.into_iter().for_each(Waker::wake);
    }

    // Nothing panics while holding either lock, and after a panic the data would still be consistent.
    fn line(&self) -> MutexGuard<'_, RoomLog> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cursor {
    /// Whether both are at the same event, and neither has to skip what its reader already has.
    pub fn is_at(&self, other: &Self) -> bool {
        self.next == other.next && self.known.is_none() && other.known.is_none()
    }

    /// Moves on over events that were sent, with `danmu` in all.
    pub fn pass(&mut self, events: u64, danmu: u64) {
        self.next += events;
        self.told += danmu;
    }
}

impl RoomLog {
    fn after(&self, place: &LogPosition) -> Cursor {
        let (next, told) = self.behind(place);
        Cursor { next, told, known: Some(Box::new(place.clone())) }
    }
}
