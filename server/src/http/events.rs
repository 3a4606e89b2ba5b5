//! `GET /rooms/{room}/events`: what is said in a room, as Server-Sent Events that can be resumed.

use std::{net::IpAddr, time::Duration};

use axum::{
    Extension,
    body::Body,
    extract::{Path, Query, State},
    response::{IntoResponse, Response},
};
use danmu::{
    feed::{FeedToken, MAX_HISTORY, Progress},
    room::RoomId,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::Deserialize;
use tokio::time::timeout;

use super::{AppState, client::ClientAddr, connection::Admitted, handover::Handover};
use crate::relay::{Asked, Relay, Viewer};

/// How long a viewer waits for a server that has just started to have read what was said before.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest token that is looked at, bytes; ours have seven places at the most.
const MAX_TOKEN: usize = 1_024;
/// A viewer who was cut off comes back after a moment between these, milliseconds, so that all do not come at once.
const RETRY_MS: std::ops::Range<u32> = 500..3_000;

/// What a viewer asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wishes {
    /// The place to go on from, an event's id. Overruled by `Last-Event-ID`, which a browser sends by itself.
    pub from: Option<String>,
    /// The place that its page was made at, which it has heard nothing of: all that followed is new to it. For its first
    /// connection.
    pub since: Option<String>,
    /// How many of the last danmu it wants first, if it does not go on from where it was: 0 to 50.
    pub history: usize,
}

/// Answers with the room's feed.
pub async fn events(
    State(state): State<AppState>,
    Path(room): Path<String>,
    Query(wishes): Query<Wishes>,
    method: Method,
    client: Option<Extension<ClientAddr>>,
    (admitted, handover): (Option<Extension<Admitted>>, Option<Extension<Handover>>),
    headers: HeaderMap,
) -> Response {
    let Some(relay) = state.relay else { return no_relay() };
    let Ok(room) = room.parse::<RoomId>() else { return no_room() };
    if let Err(not_yet) = caught_up(&relay).await {
        return not_yet;
    }
    // Whoever only asks whether there is such a feed takes no place in it.
    if method != Method::GET {
        return ([(header::CONTENT_TYPE, "text/event-stream")], ()).into_response();
    }
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    let wishes = Wishes { from: last.or(wishes.from), ..wishes };
    let Some(viewer) = admit(&relay, &room, wishes) else { return no_room() };
    let (client, admitted) = (client.map(|client| client.0.0), admitted.map(|admitted| admitted.0));
    let Some(Extension(handover)) = handover else {
        let seated = seat(viewer, client, admitted.as_ref());
        return seated.map_or_else(full, |viewer| answer(Body::new(viewer)));
    };
    if admitted.as_ref().is_some_and(|admitted| admitted.is_reserve) {
        return full();
    }
    // Its connection has a permit, and counts, but for a proxy's.
    let share = match admitted.filter(|admitted| !admitted.is_counted).zip(client) {
        Some((admitted, client)) => match admitted.capacity.share(client) {
            Some(share) => Some(share),
            None => return full(),
        },
        None => None,
    };
    handover.give((viewer, share)).await
}

/// The answer of a server without a relay.
pub fn no_relay() -> Response {
    (StatusCode::NOT_FOUND, "This server does not relay (--role).\n").into_response()
}

/// The answer where there is no such room.
pub fn no_room() -> Response {
    (StatusCode::NOT_FOUND, "There is no such room.\n").into_response()
}

/// Waits a while for a server that has just started.
///
/// # Errors
/// The answer where it takes longer.
pub async fn caught_up(relay: &Relay) -> Result<(), Response> {
    let mut caught_up = relay.caught_up();
    if timeout(PATIENCE, caught_up.wait_for(|caught_up| *caught_up)).await.is_ok() {
        return Ok(());
    }
    let answer = (StatusCode::SERVICE_UNAVAILABLE, "The stream cannot be read at the moment; try again.\n");
    Err(([(header::RETRY_AFTER, "2")], answer).into_response())
}

/// Lets a viewer in; `None` where there is no such room.
pub fn admit(relay: &Relay, room: &RoomId, wishes: Wishes) -> Option<Viewer> {
    let known = |token: &String| !token.is_empty() && token.len() <= MAX_TOKEN;
    let token = wishes.from.filter(known);
    let page = token.is_none();
    let token = token.or(wishes.since.filter(known));
    let spread = RETRY_MS.end - RETRY_MS.start;
    let retry_ms =
        RETRY_MS.start + u32::try_from(crate::clock::now_ms().unsigned_abs() % u64::from(spread)).unwrap_or(0);
    let heard = token.and_then(|token| token.parse::<Progress<FeedToken>>().ok());
    let asked = Asked { heard, page, history: wishes.history.min(MAX_HISTORY) };
    relay.join(room, &asked, retry_ms)
}

/// Lets a viewer in whose connection is not its own. `None` where there is no place, in all or for its network: [`full`].
pub fn seat(viewer: Viewer, client: Option<IpAddr>, admitted: Option<&Admitted>) -> Option<Viewer> {
    // Only where a test calls the router without a connection there is neither.
    let Some((client, admitted)) = client.zip(admitted) else { return Some(viewer) };
    let permit = if admitted.is_reserve { None } else { admitted.capacity.viewer(client) };
    Some(viewer.holding(permit?))
}

/// What a viewer is told for whom there is no permit, in all or of its network.
pub fn full() -> Response {
    let answer =
        (StatusCode::SERVICE_UNAVAILABLE, "There are too many viewers here, or from your network; try again.\n");
    ([(header::RETRY_AFTER, "10")], answer).into_response()
}

/// The answer that tells a feed, or several.
pub fn answer(body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx would else gather the events before it passes them on.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}
