//! `GET /rooms/events`: the feeds of several rooms in one response. Over HTTP/1.1 a browser has six connections to an origin,
//! so one of its tabs listens for the others.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    Extension,
    body::Body,
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
};
use danmu_relay::relay::Viewer;
use http::{HeaderMap, StatusCode};
use hyper::body::{Body as HttpBody, Bytes, Frame};

use super::{
    AppState,
    client::ClientAddr,
    connection::Admitted,
    events::{Wishes, admit, answer, caught_up, full, no_relay, no_room, seat},
    guest::viewer_of,
};

/// The most rooms in one response.
const MAX_ROOMS: usize = 50;

/// Merges the feeds of several rooms, round robin.
struct Several {
    viewers: Vec<Viewer>,
    /// The feed that sent last; the next one is polled first.
    told: Option<usize>,
}

/// Answers with the feeds of all rooms in the query: `room=`, each followed by its parameters ([`Wishes`]).
pub async fn events(
    State(state): State<AppState>,
    RawQuery(query): RawQuery,
    client: Option<Extension<ClientAddr>>,
    admitted: Option<Extension<Admitted>>,
    headers: HeaderMap,
) -> Response {
    let Some(relay) = state.relay else { return no_relay() };
    let asked = parse(&query.unwrap_or_default());
    if !(1..=MAX_ROOMS).contains(&asked.len()) {
        return (StatusCode::BAD_REQUEST, format!("1 to {MAX_ROOMS} rooms; {} are named.\n", asked.len()))
            .into_response();
    }
    if let Err(not_yet) = caught_up(&relay).await {
        return not_yet;
    }
    let (client, admitted) = (client.map(|client| client.0.0), admitted.map(|admitted| admitted.0));
    let mut viewers = Vec::with_capacity(asked.len());
    for (room, wishes) in asked {
        let viewer = room.parse().ok().and_then(|room| {
            let who = if relay.asks_who(&room) { viewer_of(&state.identity, &headers) } else { None };
            admit(&relay, &room, wishes, who)
        });
        let Some(viewer) = viewer else { return no_room() };
        let Some(viewer) = seat(viewer, client, admitted.as_ref()) else { return full() };
        viewers.push(viewer);
    }
    answer(Body::new(Several { viewers, told: None }))
}

fn parse(query: &str) -> Vec<(String, Wishes)> {
    let mut asked: Vec<(String, Wishes)> = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name == "room" {
            asked.push((value.into_owned(), Wishes::default()));
        } else if let Some((_, wishes)) = asked.last_mut() {
            match &*name {
                "from" => wishes.from = Some(value.into_owned()),
                "since" => wishes.since = Some(value.into_owned()),
                "history" => wishes.history = value.parse().unwrap_or_default(),
                _ => {}
            }
        }
    }
    asked
}

impl HttpBody for Several {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Self { viewers, told } = &mut *self;
        let first = told.map_or(0, |told| told + 1);
        let count = viewers.len();
        for at in (0..count).map(|n| (first + n) % count) {
            let Poll::Ready(frame) = Pin::new(&mut viewers[at]).poll_frame(context) else { continue };
            // The server ends a feed, so all end, and clients reconnect where they may.
            let Some(Ok(frame)) = frame else { return Poll::Ready(None) };
            let Ok(bytes) = frame.into_data() else { continue };
            if *told == Some(at) {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            *told = Some(at);
            // The feed's index in the request. The empty id clears the browser's last event id, which is the other feed's.
            let whose = format!("event: room\nid:\ndata: {at}\n\n");
            return Poll::Ready(Some(Ok(Frame::data([whose.as_bytes(), &bytes].concat().into()))));
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_room_is_asked_for_follows_its_name() {
        let asked = parse("from=0&room=a&from=1~x&history=5&room=b&since=2%7Ey&history=many");
        let [(a, first), (b, second)] = &asked[..] else { panic!("{asked:?}") };
        assert_eq!(
            (a.as_str(), first.from.as_deref(), first.since.as_deref(), first.history),
            ("a", Some("1~x"), None, 5)
        );
        assert_eq!(
            (b.as_str(), second.from.as_deref(), second.since.as_deref(), second.history),
            ("b", None, Some("2~y"), 0)
        );
    }
}
