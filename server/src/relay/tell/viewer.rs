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

use danmu::{
    feed::{self, FeedToken, Progress, Told},
    gate::Retracted,
};
use hyper::body::{Body, Bytes, Frame as BodyFrame};
use tokio::net::TcpStream;

use super::{
    super::{
        line::{feed::RoomFeed, refill::Request, ring::Start, sse},
        take::log_position::LogPosition,
    },
    absence::Absence,
    audience::Audience,
    batch::Batches,
    seat::{Seat, Waits},
    socket::Socket,
};
use crate::{capacity::Permit, clock::now_ms};

/// So much earlier than the place of one who comes back, in milliseconds, a ban may have arrived that it was not told of: it was read
/// on another shard, by another replica.
const LATE_MS: i64 = 60_000;

/// So much is told to one who comes back of what was retracted meanwhile, whoever said it: some 7 KB.
const MOST_RETRACTED: usize = 100;

/// A viewer who has just come.
pub struct Viewer {
    seat: Seat,
    /// Where it may be told together with others.
    batches: Arc<Batches>,
    /// What it is told before it is told what is new, the last first.
    first: Vec<Bytes>,
    waits: Option<Waits>,
    /// Its own, where its connection is not.
    _permit: Option<Permit>,
}

/// What a viewer asks for.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// How much it has heard, as it says.
    pub heard: Option<Progress<FeedToken>>,
    /// Whether that is where the feed stood when its page was made: it has heard nothing yet.
    pub page: bool,
    /// So many of the last danmu, if it has heard nothing.
    pub history: usize,
}

impl Viewer {
    /// Lets a viewer in, with what it [asks for](Asked). What the window has passed of it is had of `ask`, where that may be:
    /// what follows a place, up to another.
    pub fn join(
        audience: Arc<Audience>,
        batches: Arc<Batches>,
        asked: &Asked,
        retry_ms: u32,
        ask: Option<impl FnOnce(LogPosition, LogPosition) -> Request>,
    ) -> Self {
        let Audience { feed, status, metrics, .. } = &*audience;
        let resolve =
            |heard: &Progress<FeedToken>| feed.learn(|lineage| heard.try_map(|position| lineage.resolve(position)));
        let start = match asked.heard.as_ref().and_then(resolve) {
            None => Start::Now,
            // A page that was made so long ago is to show what is said now.
            Some(heard) if asked.page => Start::Page(heard.after),
            Some(heard) if heard.ahead.is_empty() && feed.ring.reaches(&heard.after) => Start::After(heard.after),
            Some(heard) if ask.is_some() => Start::Absent(heard),
            Some(heard) => Start::After(heard.after),
        };
        let joined = feed.ring.join(start, asked.history);
        metrics.joined(asked.heard.is_some(), joined.recovered);
        let (reading, behind_ms) = status.reading();
        // A page that has heard nothing has nothing to take down.
        let since_ms = asked.heard.as_ref().filter(|_| !asked.page).map(|heard| heard.after.arrival_ms() - LATE_MS);
        let hello = Told {
            recovered: joined.recovered,
            from: asked.heard.as_ref().map(ToString::to_string),
            missed: joined.recovered.then_some(0),
            reading: Some(reading),
            behind_ms,
            now: Some(now_ms()),
            danmu: joined.history,
            retracted: since_ms.map(|since_ms| retracted(feed, since_ms)).unwrap_or_default(),
            ..Told::default()
        };
        let place = match &joined.absent {
            Some(heard) => Some(heard.to_string()),
            None => joined.place.map(|place| place.to_string()),
        };
        let absence = joined.absent.zip(ask).map(|(heard, ask)| Box::new(Absence::new(heard, &feed.ring, ask)));
        let first = vec![sse::event(Some(feed::HELLO), place.as_deref(), &hello), sse::retry(retry_ms)];
        Self { seat: Seat { audience, cursor: joined.cursor, absence }, batches, first, waits: None, _permit: None }
    }

    /// Keeps this permit for as long as it is told anything.
    #[must_use]
    pub fn holding(self, permit: Permit) -> Self {
        Self { _permit: Some(permit), ..self }
    }

    /// Tells it over a connection that is its own from now on, and in which its request was read, together with others of the
    /// room. `permit` is given back when it is gone.
    pub fn sit(self, stream: TcpStream, permit: Permit) {
        let Self { seat, batches, first, .. } = self;
        let batch = batches.one_with_room(&seat.audience);
        Socket::open(stream, seat, first.into_iter().rev(), batch, permit);
    }
}

impl Body for Viewer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<BodyFrame<Bytes>, Infallible>>> {
        let Self { seat, first, waits, .. } = &mut *self;
        if let Some(bytes) = first.pop() {
            return Poll::Ready(Some(Ok(BodyFrame::data(bytes))));
        }
        let Waits { slot, .. } = waits.get_or_insert_with(|| Waits::new(&seat.audience.feed));
        seat.take(Some((slot, context.waker()))).map(|bytes| bytes.map(|bytes| Ok(BodyFrame::data(bytes))))
    }
}

/// What was retracted since then (Unix milliseconds); of thousands what those said who spoke here.
fn retracted(feed: &RoomFeed, since_ms: i64) -> Vec<Retracted> {
    let all = feed.bans.retracted(since_ms);
    if all.len() <= MOST_RETRACTED {
        return all;
    }
    feed.ring.of_speakers(all.into_iter(), |retracted| retracted.viewer.as_str())
}
