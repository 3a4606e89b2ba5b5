//! A viewer of a room: where it stands in the feed, and the answer that it is given.
//!
//! Over HTTP/1 a viewer has its connection to itself, and is told by [`socket`](super::socket) and [`batch`](super::batch).
//! Over HTTP/2, where a connection is shared, the answer is a body like any other, which takes each event from the ring
//! when the connection has room for it.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use danmu::feed::{self, Position, Told};
use hyper::body::{Body, Bytes, Frame as BodyFrame};
use tokio::{net::TcpStream, sync::OwnedSemaphorePermit};

use super::{
    hub::{Board, Feed},
    ring::{Cursor, Next, Slot, Start, gap},
    socket::Socket,
    sse,
};
use crate::clock::now_ms;

/// A viewer who has just come.
pub struct Viewer {
    seat: Seat,
    /// What it is told before it is told what is new, the last first.
    first: Vec<Bytes>,
    waits: Option<Waits>,
}

/// What a viewer asks for.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The place that it comes from, as it says.
    pub position: Option<Position>,
    /// Whether that is where the feed stood when its page was made: it has heard nothing yet.
    pub page: bool,
    /// So many of the last danmu, if it has heard nothing.
    pub history: usize,
}

/// Where a viewer is; counted among the room's viewers until it is dropped.
pub struct Seat {
    /// What it counts for.
    pub board: Arc<Board>,
    /// The room.
    pub feed: Arc<Feed>,
    /// How much of it the viewer was told.
    pub cursor: Cursor,
}

/// A slot to wait in, given back when it is dropped.
pub struct Waits {
    feed: Arc<Feed>,
    /// The slot.
    pub slot: Slot,
}

impl Viewer {
    /// Lets a viewer in, with what it [asks for](Asked).
    pub fn join(board: Arc<Board>, feed: Arc<Feed>, asked: &Asked, retry_ms: u32) -> Self {
        let position = asked.position.as_ref();
        let place = position.and_then(|position| feed.learn(|lineage| lineage.resolve(position)));
        let start = match place {
            None => Start::Now,
            Some(place) if asked.page => Start::Page(place),
            Some(place) => Start::After(place),
        };
        let joined = feed.ring.join(start, asked.history);
        board.metrics.joined(position.is_some(), joined.recovered);
        let (reading, behind_ms) = board.reading();
        let hello = Told {
            recovered: joined.recovered,
            from: position.map(ToString::to_string),
            missed: joined.recovered.then_some(0),
            reading: Some(reading),
            behind_ms,
            now: Some(now_ms()),
            danmu: joined.history,
            ..Told::default()
        };
        let place = joined.place.map(|place| place.to_string());
        let first = vec![sse::event(Some(feed::HELLO), place.as_deref(), &hello), sse::retry(retry_ms)];
        Self { seat: Seat { board, feed, cursor: joined.cursor }, first, waits: None }
    }

    /// Tells it over a connection that is its own from now on, and in which its request was read. `place` is given back when
    /// it is gone.
    pub fn sit(self, stream: TcpStream, place: OwnedSemaphorePermit) {
        let Self { seat, first, .. } = self;
        Socket::open(stream, seat, first.into_iter().rev(), place);
    }
}

impl Body for Viewer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<BodyFrame<Bytes>, Infallible>>> {
        let Self { seat: Seat { board, feed, cursor }, first, waits } = &mut *self;
        if let Some(bytes) = first.pop() {
            return Poll::Ready(Some(Ok(BodyFrame::data(bytes))));
        }
        let Waits { slot, .. } = waits.get_or_insert_with(|| Waits::new(feed));
        match board.take(feed.ring.poll_next(cursor, slot, context.waker())) {
            Poll::Ready(Some(bytes)) => Poll::Ready(Some(Ok(BodyFrame::data(bytes)))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Board {
    /// What a viewer is sent for what follows its cursor, counted. Nothing yet is pending, nothing ever is none.
    pub fn take(&self, next: Next) -> Poll<Option<Bytes>> {
        match next {
            Next::Event { bytes, made, danmu } => {
                self.metrics.sent(made, danmu, 1);
                Poll::Ready(Some(bytes))
            }
            Next::Missed(danmu) => {
                self.metrics.missed(danmu);
                Poll::Ready(Some(gap(danmu)))
            }
            Next::Nothing => Poll::Pending,
            Next::Closed => Poll::Ready(None),
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.feed.ring.leave();
    }
}

impl Waits {
    /// A slot in that room.
    pub fn new(feed: &Arc<Feed>) -> Self {
        Self { feed: Arc::clone(feed), slot: feed.ring.wait() }
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.feed.ring.wait_no_more(&self.slot);
    }
}
