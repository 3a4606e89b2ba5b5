//! A room's feed in memory: one append-only line of events that are already framed, and a cursor for each reader.
//!
//! Promises: an event is encoded once, whatever the number of viewers, and its bytes are shared by all; no viewer has a
//! queue, so a slow one costs what a fast one costs; what was told within the window can be told again, so joining and
//! resuming leave no gap; a viewer whose place fell out of the window is told how many danmu it lost.
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
    /// For this long.
    pub age: Duration,
    /// And no more than this, bytes.
    pub bytes: usize,
}

/// The feed of one room. Shared by the room's task, which appends, and the connections, which read.
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
    /// This event.
    Event {
        /// As it is sent, and what is in it.
        frame: Frame,
        /// When it was made.
        made: Instant,
    },
    /// The window has passed the cursor, which stands at its beginning now: so many danmu are lost to its reader.
    Missed(u64),
    /// Nothing yet.
    Nothing,
    /// Nothing, ever: the server ends.
    Closed,
}

/// A reader's place in the line.
#[derive(Clone, Debug)]
pub struct Cursor {
    next: u64,
    told: u64,
    /// What stands up to here is known to the reader already. The line may reach it only later: this server read less
    /// far than the one that the reader comes from.
    known: Option<Box<LogPosition>>,
}

/// Where a viewer comes from.
#[derive(Clone, Debug)]
pub enum Start {
    /// From nowhere: what comes is new to it.
    Now,
    /// From this place, up to which it has heard all.
    After(LogPosition),
    /// From a page that was made when the feed stood at this place. It has heard nothing: what came before is history to it.
    Page(LogPosition),
    /// From so long ago that what it missed is told beside what is said now: this much it has heard.
    Absent(Progress<LogPosition>),
}

/// How a viewer begins.
#[derive(Debug)]
pub struct Joined {
    /// Where it goes on.
    pub cursor: Cursor,
    /// Whether everything since the place that it asked for follows.
    pub recovered: bool,
    /// Where it stands: the place that it asked for if it was recovered, else the newest.
    pub place: Option<LogPosition>,
    /// Of one who was absent: how much it has heard, the last of the spans ahead being that which it hears now.
    pub absent: Option<Progress<LogPosition>>,
    /// What was said last before that; empty for who has heard it.
    pub history: Vec<Item>,
}

impl Ring {
    /// An empty line.
    pub fn new(window: Window) -> Self {
        Self { window, line: Mutex::new(RoomLog::new()), waiting: Mutex::default(), viewers: AtomicUsize::new(0) }
    }

    /// Appends what was said, with the place of each.
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

    /// Those of these who spoke here lately.
    pub fn of_speakers<T>(&self, all: impl Iterator<Item = T>, viewer: impl Fn(&T) -> &str) -> Vec<T> {
        let line = self.line();
        all.filter(|one| line.speakers.has(viewer(one))).collect()
    }

    /// Takes back what is retracted, and tells all who may have heard it: it is in nothing that anybody is told from now on. By
    /// whoever appends.
    pub fn retract(&self, retracted: Vec<Retracted>) {
        if retracted.is_empty() {
            return;
        }
        let is_gone = |item: &Item| item.is_among(&retracted);
        // Read without the lock: there may be megabytes of it, and nobody but the caller changes it.
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

    /// Appends an event that is no danmu, and that nobody needs to be told again.
    pub fn note(&self, bytes: Bytes) {
        self.line().append(Frame::of(bytes), self.window);
        self.wake();
    }

    /// Begins, or begins anew when another stream stands behind the room: all that arrives at `since_ms` or later will be
    /// in it. Who is connected is told a gap, and goes on; who asks for a place of the old stream is told that it is gone.
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

    /// Whether all that follows a place can be told.
    pub fn reaches(&self, place: &LogPosition) -> bool {
        self.line().base().is_before(place)
    }

    /// Whether nothing has gone since it began.
    pub fn is_whole(&self) -> bool {
        matches!(self.line().base(), Base::Since(_))
    }

    /// Ends the feed of everybody.
    pub fn close(&self) {
        self.line().closed = true;
        self.wake();
    }

    /// Viewers at the moment.
    pub fn viewers(&self) -> usize {
        self.viewers.load(Relaxed)
    }

    /// Bytes and danmu that are kept.
    pub fn size(&self) -> (usize, u64) {
        let line = self.line();
        (line.bytes(), line.told - line.oldest_told())
    }

    /// Where the feed stands; unknown as long as nobody knows the stream's shards.
    pub fn tip(&self) -> Option<LogPosition> {
        self.line().tip.clone()
    }

    /// Lets a viewer in: after the place that it comes from, if all that followed it is here, else at the end of the line. Of
    /// what was said last before that, one who has heard nothing gets up to `history`.
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
                // It goes on from what it heard last where that is still here, else from now on.
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

    /// A reader of what follows a place.
    pub fn after(&self, place: &LogPosition) -> Cursor {
        self.line().after(place)
    }

    /// A viewer is gone.
    pub fn leave(&self) {
        self.viewers.fetch_sub(1, Relaxed);
    }

    /// A reader at the end of the line.
    pub fn at_end(&self) -> Cursor {
        let line = self.line();
        Cursor { next: line.end(), told: line.told, known: None }
    }

    /// What follows the cursor, which moves on.
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

    /// The same; where there is nothing yet, `waker` will be woken when there is.
    pub fn poll_next(&self, cursor: &mut Cursor, slot: &Slot, waker: &Waker) -> Next {
        match self.next(cursor) {
            Next::Nothing => {}
            next => return next,
        }
        self.waiting().register(slot, waker);
        // Between the look and the registration something may have been appended, and woken nobody here.
        self.next(cursor)
    }

    /// A slot to wait in.
    pub fn wait(&self) -> Slot {
        self.waiting().take()
    }

    /// Nobody waits in it any more.
    pub fn wait_no_more(&self, slot: &Slot) {
        self.waiting().give_back(slot);
    }

    fn wake(&self) {
        // Woken without the lock: whoever is woken may come back at once.
        let woken = self.waiting().drain();
        woken.into_iter().for_each(Waker::wake);
    }

    // Nobody panics while holding either lock, and if somebody did, what is in them would still be whole.
    fn line(&self) -> MutexGuard<'_, RoomLog> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cursor {
    /// Whether both stand at the same place, with nothing behind it that only one of them knows.
    pub fn is_at(&self, other: &Self) -> bool {
        self.next == other.next && self.known.is_none() && other.known.is_none()
    }

    /// So many events were told, with so many danmu.
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
