//! `GET /rooms/{room}/events`: what is said in a room, as Server-Sent Events that can be resumed.

use std::time::Duration;

use axum::{
    Extension,
    body::Body,
    extract::{Path, Query, State},
    response::{IntoResponse, Response},
};
use danmu::{
    feed::{MAX_HISTORY, Position, Progress},
    room::RoomId,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::Deserialize;
use tokio::time::timeout;

use super::{AppState, client::ClientAddr, connection::Admitted, handover::Handover};
use crate::relay::Asked;

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
    from: Option<String>,
    /// The place that its page was made at, which it has heard nothing of: all that followed is new to it. For its first
    /// connection.
    since: Option<String>,
    /// How many of the last danmu it wants first, if it does not go on from where it was: 0 to 50.
    history: usize,
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
    let Some(relay) = state.relay else {
        return (StatusCode::NOT_FOUND, "This server does not relay (--role).\n").into_response();
    };
    let Ok(room) = room.parse::<RoomId>() else {
        return (StatusCode::NOT_FOUND, "There is no such room.\n").into_response();
    };
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    let known = |token: &String| !token.is_empty() && token.len() <= MAX_TOKEN;
    let token = last.or(wishes.from).filter(known);
    let page = token.is_none();
    let token = token.or(wishes.since.filter(known));
    let mut caught_up = relay.caught_up();
    if timeout(PATIENCE, caught_up.wait_for(|caught_up| *caught_up)).await.is_err() {
        let answer = (StatusCode::SERVICE_UNAVAILABLE, "The stream cannot be read at the moment; try again.\n");
        return ([(header::RETRY_AFTER, "2")], answer).into_response();
    }
    let spread = RETRY_MS.end - RETRY_MS.start;
    let retry_ms =
        RETRY_MS.start + u32::try_from(crate::clock::now_ms().unsigned_abs() % u64::from(spread)).unwrap_or(0);
    // Whoever only asks whether there is such a feed takes no place in it.
    if method != Method::GET {
        return ([(header::CONTENT_TYPE, "text/event-stream")], ()).into_response();
    }
    let heard = token.and_then(|token| token.parse::<Progress<Position>>().ok());
    let asked = Asked { heard, page, history: wishes.history.min(MAX_HISTORY) };
    let Some(viewer) = relay.join(&room, &asked, retry_ms) else {
        return (StatusCode::NOT_FOUND, "There is no such room.\n").into_response();
    };
    // Only where a test calls the router without a connection there is neither.
    let (client, admitted) = (client.map(|client| client.0.0), admitted.map(|admitted| admitted.0));
    let (client, admitted) = client.zip(admitted).unzip();
    if admitted.as_ref().is_some_and(|admitted: &Admitted| admitted.is_reserve) {
        return full();
    }
    if let Some(Extension(handover)) = handover {
        // Its connection has a permit, and counts, but for a proxy's.
        let share = match admitted.filter(|admitted| !admitted.is_counted).zip(client) {
            Some((admitted, client)) => match admitted.capacity.share(client) {
                Some(share) => Some(share),
                None => return full(),
            },
            None => None,
        };
        return handover.give((viewer, share)).await;
    }
    let permit = admitted.zip(client).map(|(admitted, client)| admitted.capacity.viewer(client));
    let Some(permit) = permit.map_or(Some(None), |permit| permit.map(Some)) else { return full() };
    let mut response = Response::new(Body::new(viewer.holding(permit)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx would else gather the events before it passes them on.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// What a viewer is told for whom there is no permit, in all or of its network.
fn full() -> Response {
    let answer =
        (StatusCode::SERVICE_UNAVAILABLE, "There are too many viewers here, or from your network; try again.\n");
    ([(header::RETRY_AFTER, "10")], answer).into_response()
}
