//! The refill desk of a room: takes the requests for missed danmu, and caches what was read until viewers have taken it.
//!
//! Each request has its own position, so no viewer gets a frame twice. The cache (shelf) is a contiguous part of the room's
//! log, bounded in bytes; the oldest frames are dropped first, once all who need them have them or their time is up.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
};

use danmu::gate::Bans;
use tokio::{sync::Notify, time::Instant};

use super::super::{
    retracted::is_retracted,
    ring::{Base, Frame, Ring},
};
use crate::relay::take::log_position::LogPosition;

/// How much earlier than requested a read begins, in milliseconds: other viewers may have been cut off a little earlier.
const SLACK_MS: i64 = 5_000;

/// The desk of a room.
#[derive(Debug)]
pub struct Desk {
    ring: Arc<Ring>,
    /// Capacity of the shelf, bytes.
    bytes: usize,
    /// The room's bans.
    bans: Bans,
    state: Mutex<State>,
    /// A request was added, was served a frame, or was dropped.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    asked: HashMap<u64, Asked>,
    /// The id of the next request.
    next: u64,
    shelf: Option<Shelf>,
    /// The number of retractions so far.
    retractions: u64,
    /// Whether the room's refill task is running.
    at_work: bool,
}

/// A request.
#[derive(Debug)]
struct Asked {
    /// It asks for what follows `after`, up to `until`.
    after: LogPosition,
    until: LogPosition,
    since: Instant,
    lost: bool,
    waker: Option<Waker>,
}

/// The cache: what was read, or is being read.
#[derive(Debug)]
struct Shelf {
    base: Base,
    /// The frames reach up to this position.
    until: Option<LogPosition>,
    /// Or the read has caught up with the newest record.
    all: bool,
    /// Whether a read is under way.
    open: bool,
    /// Whether a request was completed.
    served: bool,
    /// The frames, each with the number of retractions that are applied to it.
    frames: VecDeque<(Frame, u64)>,
    bytes: usize,
}

/// What a request is given.
#[derive(Debug)]
pub enum Got {
    /// The next frame.
    Frame(Frame),
    /// All up to this position was given; what follows is in the ring, if there is more.
    Rest(LogPosition),
    /// It is lost: tell a gap.
    Lost,
    /// Nothing yet.
    Nothing,
}

/// Whether a read has to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A request needs more.
    GoOn,
    /// No request needs more, and one has what it asked for.
    Done,
    /// No request from before the read waits for it any more: all were dropped, or later ones need another read.
    Left,
}

/// A viewer's request, withdrawn when this is dropped.
#[derive(Debug)]
pub struct Request {
    desk: Arc<Desk>,
    id: u64,
}

impl Desk {
    /// A desk without requests, with up to `bytes` on its shelf; what the ring has is left to the ring.
    pub fn new(ring: Arc<Ring>, bytes: usize, bans: Bans) -> Self {
        Self { ring, bytes, bans, state: Mutex::default(), changed: Notify::new() }
    }

    /// Requests what follows `after`, up to `until`. Returns also whether the caller has to start the refill task.
    pub fn ask(self: &Arc<Self>, after: LogPosition, until: LogPosition) -> (Request, bool) {
        let mut state = self.state();
        let id = state.next;
        state.next += 1;
        state.asked.insert(id, Asked { after, until, since: Instant::now(), lost: false, waker: None });
        let begin = !std::mem::replace(&mut state.at_work, true);
        drop(state);
        self.changed.notify_one();
        (Request { desk: Arc::clone(self), id }, begin)
    }

    /// Waits for a change of the requests. For one caller at a time.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Whether a request needs what is neither on the shelf nor being read.
    pub fn is_waited_for(&self) -> bool {
        let state = self.state();
        state.asked.values().any(|asked| self.waits(&state, asked))
    }

    /// Begins a read if a request needs one; returns from which arrival time (Unix milliseconds) on.
    pub fn open(&self) -> Option<i64> {
        let mut state = self.state();
        if !state.asked.values().any(|asked| self.waits(&state, asked)) {
            return None;
        }
        // Requests that still take from the old shelf continue with the new one.
        let oldest = state.asked.values().filter(|asked| !asked.lost).map(|asked| asked.after.arrival_ms()).min()?;
        let since_ms = oldest.saturating_sub(SLACK_MS);
        state.shelf = Some(Shelf {
            base: Base::Since(since_ms),
            until: None,
            all: false,
            open: true,
            served: false,
            frames: VecDeque::new(),
            bytes: 0,
        });
        Some(since_ms)
    }

    /// Notes that something was retracted: it is removed from frames on the shelf, or still being read, when a request takes
    /// them. So the caller does not wait for it.
    pub fn retract(&self) {
        self.state().retractions += 1;
    }

    /// The number of retractions so far.
    pub fn retractions(&self) -> u64 {
        self.state().retractions
    }

    /// Adds frames that were read to the shelf, which then reaches up to `until`; `all` if the read has caught up. The first
    /// `as_of` retractions are already applied to them.
    pub fn put(&self, frames: Vec<Frame>, until: Option<LogPosition>, all: bool, as_of: u64) {
        let mut state = self.state();
        let State { shelf: Some(shelf), .. } = &mut *state else { return };
        shelf.bytes += frames.iter().map(|frame| frame.bytes.len()).sum::<usize>();
        shelf.frames.extend(frames.into_iter().map(|frame| (frame, as_of)));
        shelf.until = until.or(shelf.until.take());
        shelf.all |= all;
        Self::wake(state);
    }

    /// Whether the read that began at `begun` has to go on.
    pub fn verdict(&self, begun: Instant) -> Verdict {
        let state = self.state();
        let Some(shelf) = &state.shelf else { return Verdict::Left };
        let needs = |asked: &&Asked| !self.waits(&state, asked) && !self.has_enough(shelf, asked);
        let mut needy = state.asked.values().filter(needs).peekable();
        if needy.peek().is_none() {
            // A request that is gone may have been completed.
            let there = shelf.served || state.asked.values().any(|asked| !self.waits(&state, asked));
            return if there { Verdict::Done } else { Verdict::Left };
        }
        let others = state.asked.values().any(|asked| self.waits(&state, asked));
        if others && !needy.any(|asked| asked.since <= begun) { Verdict::Left } else { Verdict::GoOn }
    }

    /// Waits until no request needs the read that began at `begun`.
    pub async fn is_left(&self, begun: Instant) -> Verdict {
        loop {
            match self.verdict(begun) {
                Verdict::GoOn => self.changed().await,
                verdict => return verdict,
            }
        }
    }

    /// Waits until the shelf is within its capacity, or can be made so by dropping only frames that no request needs.
    pub async fn has_room(&self) {
        while !self.let_go(false) {
            self.changed().await;
        }
    }

    /// Drops frames beyond the capacity; requests that still need them are lost.
    pub fn make_room(&self) {
        self.let_go(true);
    }

    /// Ends the read; if it failed, all requests are lost.
    pub fn end(&self, well: bool) {
        let mut state = self.state();
        if let Some(shelf) = &mut state.shelf {
            shelf.open = false;
        }
        if !well {
            state.asked.values_mut().for_each(|asked| asked.lost = true);
        }
        Self::wake(state);
    }

    /// Ends the refill task and drops the shelf, if there is no request. Returns whether it did.
    pub fn close(&self) -> bool {
        let mut state = self.state();
        if !state.asked.is_empty() {
            return false;
        }
        *state = State { next: state.next, retractions: state.retractions, ..State::default() };
        true
    }

    /// The stream was recreated: all requests are lost.
    pub fn clear(&self) {
        let mut state = self.state();
        state.shelf = None;
        state.asked.values_mut().for_each(|asked| asked.lost = true);
        Self::wake(state);
        self.changed.notify_one();
    }

    /// Bytes on the shelf.
    pub fn size(&self) -> usize {
        self.state().shelf.as_ref().map_or(0, |shelf| shelf.bytes)
    }

    /// Whether a request needs a read that has not begun.
    fn waits(&self, state: &State, asked: &Asked) -> bool {
        let here = |shelf: &Shelf| {
            let reaches = shelf.open || self.has_enough(shelf, asked);
            shelf.base.is_before(&asked.after) && reaches
        };
        !asked.lost && !state.shelf.as_ref().is_some_and(here) && !self.ring.reaches(&asked.after)
    }

    /// Whether a request finds all that it asks for on the shelf, and then in the ring.
    fn has_enough(&self, shelf: &Shelf, asked: &Asked) -> bool {
        let until = shelf.until.as_ref().map_or(&asked.after, |until| until.max(&asked.after));
        // If nothing was shown, there may be no position to compare; but if the ring has dropped nothing, `all` is enough.
        let whole = shelf.all && self.ring.is_whole();
        asked.lost || whole || *until >= asked.until || self.ring.reaches(until)
    }

    fn let_go(&self, of_all: bool) -> bool {
        let mut state = self.state();
        let State { asked, shelf: Some(shelf), .. } = &mut *state else { return true };
        while shelf.bytes > self.bytes
            && let Some(end) = shelf.frames.front().and_then(|(frame, _)| frame.end())
        {
            let needs = |asked: &&mut Asked| !asked.lost && shelf.base.is_before(&asked.after) && asked.after < *end;
            let mut needy = asked.values_mut().filter(needs).peekable();
            if !of_all && needy.peek().is_some() {
                return false;
            }
            for late in needy {
                late.lost = true;
                late.waker.take().into_iter().for_each(Waker::wake);
            }
            shelf.base = Base::After(end.clone());
            shelf.bytes -= shelf.frames.pop_front().map_or(0, |(frame, _)| frame.bytes.len());
        }
        true
    }

    fn wake(mut state: MutexGuard<'_, State>) {
        let woken: Vec<_> = state.asked.values_mut().filter_map(|asked| asked.waker.take()).collect();
        drop(state);
        woken.into_iter().for_each(Waker::wake);
    }

    // Nothing panics while holding the lock, and after a panic the state would still be consistent.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    /// A frame of the shelf, without what is retracted by now.
    fn frame(&mut self, at: usize, bans: &Bans, retractions: u64) -> Option<Frame> {
        let (frame, as_of) = self.frames.get_mut(at)?;
        if *as_of != retractions {
            if let Some(rest) = frame.without(|item| is_retracted(bans, item)) {
                self.bytes = self.bytes - frame.bytes.len() + rest.bytes.len();
                *frame = rest;
            }
            *as_of = retractions;
        }
        Some(frame.clone())
    }
}

impl Request {
    /// What comes next. If there is nothing yet, `waker` is woken when there is.
    pub fn take(&self, waker: Option<&Waker>) -> Got {
        let desk = &self.desk;
        let mut state = desk.state();
        let State { asked, shelf, retractions, .. } = &mut *state;
        let Some(asked) = asked.get_mut(&self.id).filter(|asked| !asked.lost) else { return Got::Lost };
        if let Some(shelf) = shelf.as_mut().filter(|shelf| shelf.base.is_before(&asked.after)) {
            let at = shelf.frames.partition_point(|(frame, _)| frame.end().is_some_and(|end| *end <= asked.after));
            if let Some(frame) = shelf.frame(at, &desk.bans, *retractions) {
                if let Some(end) = frame.end() {
                    asked.after.clone_from(end);
                }
                desk.changed.notify_one();
                return Got::Frame(frame);
            }
            // Nothing is shown between the last frame and the read's position.
            if let Some(until) = shelf.until.as_ref().filter(|until| **until > asked.after) {
                asked.after = until.clone();
            }
            if desk.has_enough(shelf, asked) {
                shelf.served = true;
                return Got::Rest(asked.after.clone());
            }
        } else if desk.ring.reaches(&asked.after) {
            return Got::Rest(asked.after.clone());
        }
        if !asked.waker.as_ref().zip(waker).is_some_and(|(known, waker)| known.will_wake(waker)) {
            asked.waker = waker.cloned();
        }
        Got::Nothing
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.desk.state().asked.remove(&self.id);
        self.desk.changed.notify_one();
    }
}
