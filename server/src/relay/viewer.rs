//! The answer to a viewer: a body that ends when the viewer goes or the server does, and takes each event from the ring
//! when the connection has room for it.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use danmu::feed::{self, Position, Told};
use hyper::body::{Body, Bytes, Frame as BodyFrame};

use super::{
    hub::{Board, Feed},
    ring::{Cursor, Next, gap},
    sse,
};
use crate::clock::now_ms;

/// A viewer's connection to a feed.
pub struct Viewer {
    board: Arc<Board>,
    feed: Arc<Feed>,
    cursor: Cursor,
    /// What it is told before it is told what is new, the last first.
    first: Vec<Bytes>,
}

impl Viewer {
    /// Lets a viewer in. `token` is the place that it comes from, as it says; of what was said last it wants `history`.
    pub fn join(board: Arc<Board>, feed: Arc<Feed>, token: Option<&str>, history: usize, retry_ms: u32) -> Self {
        let position = token.and_then(|token| token.parse::<Position>().ok());
        let place = position.as_ref().and_then(|position| feed.learn(|lineage| lineage.resolve(position)));
        let joined = feed.ring.join(place, history);
        board.metrics.joined(token.is_some(), joined.recovered);
        let (reading, behind_ms) = board.reading();
        let hello = Told {
            recovered: joined.recovered,
            from: position.map(|position| position.to_string()),
            missed: joined.recovered.then_some(0),
            reading: Some(reading),
            behind_ms,
            now: Some(now_ms()),
            danmu: joined.history,
            ..Told::default()
        };
        let place = joined.place.map(|place| place.to_string());
        let first = vec![sse::event(Some(feed::HELLO), place.as_deref(), &hello), sse::retry(retry_ms)];
        Self { board, feed, cursor: joined.cursor, first }
    }
}

impl Body for Viewer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<BodyFrame<Bytes>, Infallible>>> {
        let this = &mut *self;
        if let Some(bytes) = this.first.pop() {
            return Poll::Ready(Some(Ok(BodyFrame::data(bytes))));
        }
        let bytes = match this.feed.ring.next(&mut this.cursor, context.waker()) {
            Next::Event { bytes, made, danmu } => {
                this.board.metrics.sent(made, danmu);
                bytes
            }
            Next::Missed(danmu) => {
                this.board.metrics.missed(danmu);
                gap(danmu)
            }
            Next::Nothing => return Poll::Pending,
            Next::Closed => return Poll::Ready(None),
        };
        Poll::Ready(Some(Ok(BodyFrame::data(bytes))))
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.feed.ring.leave(&self.cursor);
    }
}
