//! An absence: what a viewer missed while away, sent beside live events. First what the refill reads, then what the ring has,
//! up to the position at which its live part began.
//!
//! The id of each event says how much the viewer has heard of both parts, so that a viewer cut off in the middle resumes from
//! there.

use std::task::Waker;

use danmu::feed::Progress;
use hyper::body::Bytes;

use super::super::{
    line::{
        refill::{Got, Request},
        ring::{Cursor, Frame, Next, Ring},
        sse,
    },
    take::log_position::LogPosition,
};

/// An absence that is being sent.
#[derive(Debug)]
pub struct Absence {
    /// What the viewer has heard; the last span ahead is the live part.
    heard: Progress<LogPosition>,
    /// The end of the absence.
    until: LogPosition,
    from: Source,
}

/// Where an absence is read from.
#[derive(Debug)]
enum Source {
    /// The stream, by refill.
    Refill(Request),
    /// The ring, which has the rest.
    Ring(Cursor),
}

/// The next step of an absence.
#[derive(Debug)]
pub enum Past {
    /// An event, and the number of danmu in it.
    Event(Bytes, u64),
    /// The absence is over. The viewer's position.
    Over(LogPosition),
    /// The rest is lost (a gap). The viewer's position.
    Lost(LogPosition),
    /// Nothing to send yet.
    Nothing,
}

impl Absence {
    /// The absence of a viewer that has heard `heard`, whose last span ahead is the live part; `ask` requests a refill between
    /// two positions, if the ring does not reach back far enough.
    pub fn new(
        heard: Progress<LogPosition>,
        ring: &Ring,
        ask: impl FnOnce(LogPosition, LogPosition) -> Request,
    ) -> Self {
        let until = heard.ahead.last().map_or(&heard.after, |(from, _)| from).clone();
        let from = match ring.reaches(&heard.after) {
            true => Source::Ring(ring.after(&heard.after)),
            false => Source::Refill(ask(heard.after.clone(), until.clone())),
        };
        Self { heard, until, from }
    }

    /// A live frame as sent to this viewer: its id also tells how much of the absence was heard.
    pub fn beside(&mut self, live: &Frame) -> Bytes {
        let (Some(end), Some((_, to))) = (live.end(), self.heard.ahead.last_mut()) else { return live.bytes.clone() };
        to.clone_from(end);
        sse::again(&live.bytes, &self.heard.to_string(), false)
    }

    /// The next step. If the refill has nothing yet, `waker` is woken when it has.
    pub fn next(&mut self, ring: &Ring, waker: Option<&Waker>) -> Past {
        while self.heard.after < self.until {
            let frame = match &mut self.from {
                Source::Refill(request) => match request.take(waker) {
                    Got::Frame(frame) => frame,
                    Got::Rest(place) => {
                        self.from = Source::Ring(ring.after(&place));
                        continue;
                    }
                    Got::Lost => return Past::Lost(self.live()),
                    Got::Nothing => return Past::Nothing,
                },
                Source::Ring(cursor) => match ring.next(cursor) {
                    Next::Event { frame, .. } => frame,
                    Next::Missed(_) => return Past::Lost(self.live()),
                    Next::Nothing | Next::Closed => break,
                },
            };
            let Some(end) = frame.end() else { continue };
            let new = frame.only(|place| *place <= self.until && !self.heard.has(place));
            self.heard.after = end.min(&self.until).clone();
            if let Some(new) = new {
                return Past::Event(sse::again(&new.bytes, &self.heard.to_string(), true), new.danmu());
            }
        }
        Past::Over(self.live())
    }

    fn live(&self) -> LogPosition {
        self.heard.ahead.last().map_or(&self.until, |(_, to)| to).clone()
    }
}
