//! What a viewer is told of its absence, beside what is said now: first what is read again, then what the ring has, up to the
//! place at which its live part began.
//!
//! Each event says by its id how much the viewer has heard of either, so that one who is cut off in the middle goes on from
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

/// An absence that is being told.
#[derive(Debug)]
pub struct Absence {
    /// The last span ahead is what was told live.
    heard: Progress<LogPosition>,
    /// Up to here it was absent.
    until: LogPosition,
    from: Source,
}

/// Where it is told from.
#[derive(Debug)]
enum Source {
    /// From the stream.
    Refill(Request),
    /// From the ring, which has the rest.
    Ring(Cursor),
}

/// What is told next of an absence.
#[derive(Debug)]
pub enum Past {
    /// This event, with so many danmu.
    Event(Bytes, u64),
    /// All was told. The place at which the viewer is.
    Over(LogPosition),
    /// What is left will not come. The place at which the viewer is.
    Lost(LogPosition),
    /// Nothing yet.
    Nothing,
}

impl Absence {
    /// The absence of a viewer that has heard so much, the last span being what it hears live; `ask` is called where it is to be
    /// read again, from a place up to another.
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

    /// How the viewer is told a frame of what is said now.
    pub fn beside(&mut self, live: &Frame) -> Bytes {
        let (Some(end), Some((_, to))) = (live.end(), self.heard.ahead.last_mut()) else { return live.bytes.clone() };
        to.clone_from(end);
        sse::again(&live.bytes, &self.heard.to_string(), false)
    }

    /// What comes next. Where there is nothing yet, `waker` is woken when there is.
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
