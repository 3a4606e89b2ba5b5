//! Where viewers of a room ask for what they missed, and where what was read of it lies until they have taken it.
//!
//! Nobody is given what it has: each asks by the place that it has come to. What a read brings is an unbroken part of the
//! room's order, bounded in bytes; the oldest goes first, when all who need it have it or have had their time.

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

/// So much more is read than was asked for, in milliseconds: others were cut off at the same time, a little earlier.
const SLACK_MS: i64 = 5_000;

/// The desk of a room.
#[derive(Debug)]
pub struct Desk {
    ring: Arc<Ring>,
    /// What may lie here, bytes.
    bytes: usize,
    /// Who may not speak in the room.
    bans: Bans,
    state: Mutex<State>,
    /// Somebody asked, took something, or left.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    asked: HashMap<u64, Asked>,
    /// Names those who ask.
    next: u64,
    shelf: Option<Shelf>,
    /// How often something was retracted.
    retractions: u64,
    /// Whether somebody reads, or waits for a turn to.
    at_work: bool,
}

/// Somebody who asks.
#[derive(Debug)]
struct Asked {
    /// What follows here, up to there.
    after: LogPosition,
    until: LogPosition,
    since: Instant,
    lost: bool,
    waker: Option<Waker>,
}

/// What was read, or is being read.
#[derive(Debug)]
struct Shelf {
    base: Base,
    /// What lies here reaches up to this place.
    until: Option<LogPosition>,
    /// Or up to all there was then.
    all: bool,
    /// Whether more is being read.
    open: bool,
    /// Whether somebody has had all that it asked for.
    served: bool,
    /// With how many of the retractions each was looked through.
    frames: VecDeque<(Frame, u64)>,
    bytes: usize,
}

/// What somebody who asks is given.
#[derive(Debug)]
pub enum Got {
    /// This comes next.
    Frame(Frame),
    /// All up to this place was given; what follows is in the ring, if there is more.
    Rest(LogPosition),
    /// It cannot be had.
    Lost,
    /// Nothing yet.
    Nothing,
}

/// Whether a read is to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Somebody needs more.
    GoOn,
    /// Nobody needs more, and somebody has what it asked for.
    Done,
    /// Nobody who was there when it began waits for it any more: all have left, or those who came later need another one.
    Left,
}

/// A place among those who ask. Left with this value.
#[derive(Debug)]
pub struct Request {
    desk: Arc<Desk>,
    id: u64,
}

impl Desk {
    /// Nobody asks. Up to `bytes` may lie here; what the ring has is taken from there.
    pub fn new(ring: Arc<Ring>, bytes: usize, bans: Bans) -> Self {
        Self { ring, bytes, bans, state: Mutex::default(), changed: Notify::new() }
    }

    /// Asks for what follows `after`, up to `until`. Gives also whether nobody is at work here: then somebody has to be.
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

    /// Waits until something is different here. For one at a time.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Whether somebody needs what is neither here nor being read.
    pub fn is_waited_for(&self) -> bool {
        let state = self.state();
        state.asked.values().any(|asked| self.waits(&state, asked))
    }

    /// A read begins if somebody needs one: at what arrived then, in Unix milliseconds.
    pub fn open(&self) -> Option<i64> {
        let mut state = self.state();
        if !state.asked.values().any(|asked| self.waits(&state, asked)) {
            return None;
        }
        // Who still takes from what lies here goes on with what comes.
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

    /// Something is retracted by now that was not before: of what lies here, and of what is being read, it is taken out when
    /// somebody takes that. Whoever decides does not wait for it.
    pub fn retract(&self) {
        self.state().retractions += 1;
    }

    /// How often something was retracted.
    pub fn retractions(&self) -> u64 {
        self.state().retractions
    }

    /// Takes in what was read: these follow what lies here, which reaches up to `until` then; or `all` was read that there is.
    /// They have nothing of the first `as_of` retractions.
    pub fn put(&self, frames: Vec<Frame>, until: Option<LogPosition>, all: bool, as_of: u64) {
        let mut state = self.state();
        let State { shelf: Some(shelf), .. } = &mut *state else { return };
        shelf.bytes += frames.iter().map(|frame| frame.bytes.len()).sum::<usize>();
        shelf.frames.extend(frames.into_iter().map(|frame| (frame, as_of)));
        shelf.until = until.or(shelf.until.take());
        shelf.all |= all;
        Self::wake(state);
    }

    /// Whether the read that began then is to go on.
    pub fn verdict(&self, begun: Instant) -> Verdict {
        let state = self.state();
        let Some(shelf) = &state.shelf else { return Verdict::Left };
        let needs = |asked: &&Asked| !self.waits(&state, asked) && !self.has_enough(shelf, asked);
        let mut needy = state.asked.values().filter(needs).peekable();
        if needy.peek().is_none() {
            // Whoever is gone by now may have had all.
            let there = shelf.served || state.asked.values().any(|asked| !self.waits(&state, asked));
            return if there { Verdict::Done } else { Verdict::Left };
        }
        let others = state.asked.values().any(|asked| self.waits(&state, asked));
        if others && !needy.any(|asked| asked.since <= begun) { Verdict::Left } else { Verdict::GoOn }
    }

    /// Waits until nobody waits for the read that began then.
    pub async fn is_left(&self, begun: Instant) -> Verdict {
        loop {
            match self.verdict(begun) {
                Verdict::GoOn => self.changed().await,
                verdict => return verdict,
            }
        }
    }

    /// Waits until what lies here is no more than may, or can be made so without taking anything from anybody.
    pub async fn has_room(&self) {
        while !self.let_go(false) {
            self.changed().await;
        }
    }

    /// Lets go of what is too much, whoever needs it.
    pub fn make_room(&self) {
        self.let_go(true);
    }

    /// The read has ended; where it was in vain, all who wait are told so.
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

    /// Nobody is at work here any more, and nothing is kept, if nobody asks. Answers whether it is so.
    pub fn close(&self) -> bool {
        let mut state = self.state();
        if !state.asked.is_empty() {
            return false;
        }
        *state = State { next: state.next, retractions: state.retractions, ..State::default() };
        true
    }

    /// The stream was made anew: what was asked for is gone.
    pub fn clear(&self) {
        let mut state = self.state();
        state.shelf = None;
        state.asked.values_mut().for_each(|asked| asked.lost = true);
        Self::wake(state);
        self.changed.notify_one();
    }

    /// Bytes that lie here.
    pub fn size(&self) -> usize {
        self.state().shelf.as_ref().map_or(0, |shelf| shelf.bytes)
    }

    /// Whether somebody needs a read that has not begun.
    fn waits(&self, state: &State, asked: &Asked) -> bool {
        let here = |shelf: &Shelf| {
            let reaches = shelf.open || self.has_enough(shelf, asked);
            shelf.base.is_before(&asked.after) && reaches
        };
        !asked.lost && !state.shelf.as_ref().is_some_and(here) && !self.ring.reaches(&asked.after)
    }

    /// Whether somebody finds here, and then in the ring, all that it asks for.
    fn has_enough(&self, shelf: &Shelf, asked: &Asked) -> bool {
        let until = shelf.until.as_ref().map_or(&asked.after, |until| until.max(&asked.after));
        // A room in which nothing was shown since its ring began has no place in it; what the ring let go of was said later.
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

    // Nobody panics while holding it, and if somebody did, what is in it would still be whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    /// A frame that lies here, without what is retracted by now.
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
    /// What comes next. Where there is nothing yet, `waker` is woken when there is.
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
            // Between the last frame and where the reading is nothing is shown.
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
