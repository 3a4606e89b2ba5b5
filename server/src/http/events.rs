//! `GET /rooms/{room}/events`: the feed of a room, as Server-Sent Events that can be resumed.

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
    viewer::ViewerId,
};
use danmu_relay::relay::{Asked, Relay, Viewer};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::Deserialize;
use tokio::time::timeout;

use super::{AppState, client::ClientAddr, connection::Admitted, guest::viewer_of, handover::Handover};

/// How long a viewer waits for a server that has just started to catch up.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest resume token that is parsed, bytes; ours hold seven positions at most.
const MAX_TOKEN: usize = 1_024;
/// Range of the reconnect delay, milliseconds; a range, so that viewers do not all return at once.
const RETRY_MS: std::ops::Range<u32> = 500..3_000;

/// The parameters of a feed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wishes {
    /// The resume token: the id of the last event. `Last-Event-ID`, which browsers send by themselves, overrides it.
    pub from: Option<String>,
    /// The token at which the page was rendered, for its first connection: everything after it is new to the page.
    pub since: Option<String>,
    /// How many of the latest danmu to send first, if the feed does not resume: 0 to 50.
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
    // HEAD: asks only whether the feed exists, so it takes no place.
    if method != Method::GET {
        return ([(header::CONTENT_TYPE, "text/event-stream")], ()).into_response();
    }
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    let wishes = Wishes { from: last.or(wishes.from), ..wishes };
    let viewer = if relay.asks_who(&room) { viewer_of(&state.identity, &headers) } else { None };
    let Some(viewer) = admit(&relay, &room, wishes, viewer) else { return no_room() };
    let (client, admitted) = (client.map(|client| client.0.0), admitted.map(|admitted| admitted.0));
    let Some(Extension(handover)) = handover else {
        let seated = seat(viewer, client, admitted.as_ref());
        return seated.map_or_else(full, |viewer| answer(Body::new(viewer)));
    };
    if admitted.as_ref().is_some_and(|admitted| admitted.is_reserve) {
        return full();
    }
    // The connection has a permit and is counted, unless a proxy opened it: then the viewer takes a share.
    let share = match admitted.filter(|admitted| !admitted.is_counted).zip(client) {
        Some((admitted, client)) => match admitted.capacity.share(client) {
            Some(share) => Some(share),
            None => return full(),
        },
        None => None,
    };
    handover.give((viewer, share)).await
}

/// The response of a server without a relay.
pub fn no_relay() -> Response {
    (StatusCode::NOT_FOUND, "This server does not relay (--role).\n").into_response()
}

/// The response for an unknown room.
pub fn no_room() -> Response {
    (StatusCode::NOT_FOUND, "There is no such room.\n").into_response()
}

/// Waits a while until the relay has caught up.
///
/// # Errors
/// The response if that takes longer.
pub async fn caught_up(relay: &Relay) -> Result<(), Response> {
    let mut caught_up = relay.caught_up();
    if timeout(PATIENCE, caught_up.wait_for(|caught_up| *caught_up)).await.is_ok() {
        return Ok(());
    }
    let answer = (StatusCode::SERVICE_UNAVAILABLE, "The stream cannot be read at the moment; try again.\n");
    Err(([(header::RETRY_AFTER, "2")], answer).into_response())
}

/// Admits a viewer to a room, who is known where the room [asks who it is](Relay::asks_who); `None` if there is no such room.
pub fn admit(relay: &Relay, room: &RoomId, wishes: Wishes, viewer: Option<ViewerId>) -> Option<Viewer> {
    let known = |token: &String| !token.is_empty() && token.len() <= MAX_TOKEN;
    let token = wishes.from.filter(known);
    let page = token.is_none();
    let token = token.or(wishes.since.filter(known));
    let spread = RETRY_MS.end - RETRY_MS.start;
    let retry_ms =
        RETRY_MS.start + u32::try_from(danmu_identity::clock::now_ms().unsigned_abs() % u64::from(spread)).unwrap_or(0);
    let heard = token.and_then(|token| token.parse::<Progress<FeedToken>>().ok());
    let asked = Asked { heard, page, history: wishes.history.min(MAX_HISTORY), viewer };
    relay.join(room, &asked, retry_ms)
}

/// Takes a permit for a viewer on a shared connection. `None` if there is none, in all or for its network: [`full`].
pub fn seat(viewer: Viewer, client: Option<IpAddr>, admitted: Option<&Admitted>) -> Option<Viewer> {
    // Missing only where a test calls the router without a connection.
    let Some((client, admitted)) = client.zip(admitted) else { return Some(viewer) };
    let permit = if admitted.is_reserve { None } else { admitted.capacity.viewer(client) };
    Some(viewer.holding(permit?))
}

/// The response when the server, or the network's share of it, is full.
pub fn full() -> Response {
    let answer =
        (StatusCode::SERVICE_UNAVAILABLE, "There are too many viewers here, or from your network; try again.\n");
    ([(header::RETRY_AFTER, "10")], answer).into_response()
}

/// The response that streams a feed, or several.
pub fn answer(body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Stops nginx from buffering the events.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}
