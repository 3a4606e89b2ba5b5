//! A viewer of a room: its place in the feed, and the answer it gets.
//!
//! Over HTTP/1 a viewer has its own connection, which [`socket`](super::socket) and [`batch`](super::batch) write to.
//! Over HTTP/2, where connections are shared, the answer is an ordinary body, which takes each event from the ring when the
//! connection has capacity for it.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use danmu::{
    feed::{self, FeedToken, Progress, Told},
    gate::Retracted,
    record::DanmuKey,
    viewer::ViewerId,
};
use danmu_identity::{capacity::Permit, clock::now_ms};
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

/// A ban may have arrived this much earlier than a returning viewer's position without the viewer knowing of it, in
/// milliseconds: it was read from another shard, by another replica.
const LATE_MS: i64 = 60_000;

/// Up to this many retractions are told to a returning viewer unfiltered (some 7 KB); of more, only those of recent speakers.
const MOST_RETRACTED: usize = 100;

/// A viewer who has just joined.
pub struct Viewer {
    seat: Seat,
    /// The room's batches, one of which it may enter.
    batches: Arc<Batches>,
    /// The events before the live feed, in reverse order.
    first: Vec<Bytes>,
    waits: Option<Waits>,
    /// Its own permit, on a shared connection (HTTP/2).
    _permit: Option<Permit>,
}

/// What a viewer asks for when it joins.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// How much it has heard, by its own token.
    pub heard: Option<Progress<FeedToken>>,
    /// Whether that token is the feed's position when its page was rendered: it has heard nothing yet.
    pub page: bool,
    /// How many of the last danmu it wants, if it has heard nothing.
    pub history: usize,
    /// Who it is, where that was asked for ([`Relay::asks_who`](super::super::Relay::asks_who)).
    pub viewer: Option<ViewerId>,
}

impl Viewer {
    /// Lets a viewer in, with what it [asks for](Asked). What it missed beyond the window is requested by `ask` (a refill
    /// between two positions), if there is one.
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
            // A page older than the window starts at the present, without a refill.
            Some(heard) if asked.page => Start::Page(heard.after),
            Some(heard) if heard.ahead.is_empty() && feed.ring.reaches(&heard.after) => Start::After(heard.after),
            Some(heard) if ask.is_some() => Start::Absent(heard),
            Some(heard) => Start::After(heard.after),
        };
        let mut joined = feed.ring.join(start, asked.history);
        if let Some(viewer) = asked.viewer.as_ref().filter(|_| asked.heard.is_none() || asked.page) {
            feed.shadowed.add(viewer, &mut joined.history, asked.history);
        }
        metrics.joined(asked.heard.is_some(), joined.recovered);
        let (reading, behind_ms) = status.reading();
        // A page that has heard nothing has nothing to retract.
        let since_ms = asked.heard.as_ref().filter(|_| !asked.page).map(|heard| heard.after.arrival_ms() - LATE_MS);
        let hello = Told {
            recovered: joined.recovered,
            from: asked.heard.as_ref().map(ToString::to_string),
            missed: joined.recovered.then_some(0),
            modes: Some(feed.bans.told_modes(now_ms()).into()),
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

    /// Holds this permit until the viewer is dropped.
    #[must_use]
    pub fn holding(self, permit: Permit) -> Self {
        Self { _permit: Some(permit), ..self }
    }

    /// Serves it over its own connection, from which its request has been read, in a batch with others of the room. `permit` is
    /// released when it is gone.
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

/// What was retracted since `since_ms` (Unix milliseconds); of more than [`MOST_RETRACTED`], only that of recent speakers, and
/// hidden danmu that the viewer may have: those from before it was away.
fn retracted(feed: &RoomFeed, since_ms: i64) -> Vec<Retracted> {
    let all = feed.bans.retracted(since_ms);
    if all.len() <= MOST_RETRACTED {
        return all;
    }
    let (hidden, all): (Vec<_>, Vec<_>) = all.into_iter().partition(|retracted| retracted.id.is_some());
    let had = |retracted: &Retracted| match retracted.id.as_deref().map(str::parse) {
        Some(Ok(DanmuKey::Record(id))) => id.at_ms() < since_ms + 2 * LATE_MS,
        _ => true,
    };
    let mut told = feed.ring.of_speakers(all.into_iter(), |retracted| retracted.viewer.as_deref().unwrap_or_default());
    told.extend(hidden.into_iter().filter(had));
    told
}
