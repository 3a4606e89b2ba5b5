//! A viewer's place in a room: its cursor on the feed, its absence if it has one, and what it is sent next.

use std::{
    sync::Arc,
    task::{Poll, Waker},
};

use hyper::body::Bytes;

use super::{
    super::line::{
        event::{gap, state},
        feed::RoomFeed,
        ring::{Cursor, Next, Slot},
    },
    absence::{Absence, Past},
    audience::Audience,
};

/// A viewer's place in a room; counts among the room's viewers until it is dropped.
pub struct Seat {
    /// What it shares with the room's other viewers.
    pub audience: Arc<Audience>,
    /// The next live event.
    pub cursor: Cursor,
    /// What it missed while away, if that is still being sent.
    pub absence: Option<Box<Absence>>,
}

/// A slot among the ring's wakers, given back when it is dropped.
pub struct Waits {
    feed: Arc<RoomFeed>,
    /// The slot.
    pub slot: Slot,
}

impl Seat {
    /// The next bytes to send, counted: live events before the absence. `Pending` if there are none yet, `None` at the end.
    pub fn take(&mut self, wait: Option<(&Slot, &Waker)>) -> Poll<Option<Bytes>> {
        let waker = wait.map(|(_, waker)| waker);
        match self.take_live(wait) {
            Poll::Pending => self.take_past(waker),
            live => live,
        }
    }

    /// The same, of live events only.
    pub fn take_live(&mut self, wait: Option<(&Slot, &Waker)>) -> Poll<Option<Bytes>> {
        let Self { audience, cursor, absence } = self;
        let ring = &audience.feed.ring;
        let next = match wait {
            Some((slot, waker)) => ring.poll_next(cursor, slot, waker),
            None => ring.next(cursor),
        };
        match next {
            Next::Event { frame, made } => {
                audience.metrics.sent(made, 1, frame.danmu());
                Poll::Ready(Some(match absence {
                    Some(absence) => absence.beside(&frame),
                    None => frame.bytes,
                }))
            }
            Next::Missed(danmu) => {
                audience.metrics.missed(danmu);
                Poll::Ready(Some(gap(None, Some(danmu))))
            }
            Next::Nothing => Poll::Pending,
            Next::Closed => Poll::Ready(None),
        }
    }

    fn take_past(&mut self, waker: Option<&Waker>) -> Poll<Option<Bytes>> {
        let Self { audience, absence, .. } = self;
        let Some(told) = absence else { return Poll::Pending };
        match told.next(&audience.feed.ring, waker) {
            Past::Event(bytes, danmu) => {
                audience.metrics.sent_again(1, danmu);
                return Poll::Ready(Some(bytes));
            }
            Past::Lost(place) => {
                *absence = None;
                return Poll::Ready(Some(gap(Some(&place), None)));
            }
            Past::Over(place) => {
                *absence = None;
                return Poll::Ready(Some(state(audience.status.reading(), Some(&place))));
            }
            Past::Nothing => {}
        }
        Poll::Pending
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.audience.feed.ring.leave();
    }
}

impl Waits {
    /// Takes a slot in the room's ring.
    pub fn new(feed: &Arc<RoomFeed>) -> Self {
        Self { feed: Arc::clone(feed), slot: feed.ring.wait() }
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.feed.ring.wait_no_more(&self.slot);
    }
}
