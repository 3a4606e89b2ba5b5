//! The pages, one a file, and which of them an address means.

mod home;
mod missing;
mod overlay;
mod room;

use danmu::{feed::Ways, room::Room};
use leptos::{either::EitherOf4, prelude::*};
use serde::{Deserialize, Serialize};

use self::{
    home::HomePage,
    missing::MissingPage,
    overlay::{Options, OverlayPage},
    room::RoomPage,
};
use crate::{error::ApiError, live::FeedStart};

/// A page, with all that the server knows of what it shows: of a room its [`FeedStart`] in parts, whose parser would weigh.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Page {
    /// `/`: the rooms.
    Home(Vec<Room>),
    /// `/room/{room}`: the watch page.
    Room(Room, Ways, String),
    /// `/overlay/{room}`: danmu on a transparent page.
    Overlay(Room, Ways, String, Options),
    /// Any other address, or a room that does not exist.
    Missing(Option<ApiError>),
}

/// Shows the page that the address means.
///
/// The server finds out which that is and sends it along, and every link loads its page: a viewer comes for one page
/// and stays. So the browser needs no router, no resource and no suspense, which together weighed 95 kB (brotli).
#[component]
pub fn CurrentPage() -> impl IntoView {
    // As text that is parsed here, not by a codec: that one would bring a second JSON parser (see `danmu::record`).
    let page = SharedValue::new_str(|| serde_json::to_string(&find()).unwrap_or_default()).into_inner();
    match serde_json::from_slice(page.as_bytes()).unwrap_or(Page::Missing(None)) {
        Page::Home(rooms) => EitherOf4::A(view! { <HomePage rooms /> }),
        Page::Room(room, ways, place) => EitherOf4::B(view! { <RoomPage room entry=FeedStart { ways, place } /> }),
        Page::Overlay(room, ways, place, options) => {
            EitherOf4::C(view! { <OverlayPage room entry=FeedStart { ways, place } options /> })
        }
        Page::Missing(error) => EitherOf4::D(view! { <MissingPage error /> }),
    }
}

/// The page of this request; sets the status of its response too.
#[cfg(feature = "ssr")]
fn find() -> Page {
    use http::{StatusCode, request::Parts};
    use leptos_axum::ResponseOptions;

    use crate::api;

    let uri = use_context::<Parts>().map(|parts| parts.uri).unwrap_or_default();
    let path = uri.path();
    // A name that cannot be a room's is shown as it was typed.
    let decoded = |id: &str| percent_encoding::percent_decode_str(id).decode_utf8_lossy().into_owned();
    let page = match path.trim_end_matches('/').split('/').collect::<Vec<_>>()[..] {
        [""] => api::rooms().map(Page::Home),
        ["", "room", id] => {
            api::room(decoded(id)).map(|(room, FeedStart { ways, place })| Page::Room(room, ways, place))
        }
        ["", "overlay", id] => api::room(decoded(id)).map(|(room, FeedStart { ways, place })| {
            Page::Overlay(room, ways, place, Options::of(uri.query().unwrap_or_default()))
        }),
        _ => {
            if let Some(response) = use_context::<ResponseOptions>() {
                response.set_status(StatusCode::NOT_FOUND);
            }
            Ok(Page::Missing(None))
        }
    };
    api::answer(page).unwrap_or_else(|error| Page::Missing(Some(error)))
}

/// What the server found comes with the document; this is what a document without it means.
#[cfg(not(feature = "ssr"))]
fn find() -> Page {
    Page::Missing(None)
}
