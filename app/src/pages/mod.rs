//! The pages, one per file, and the mapping from addresses to pages.

#[cfg(feature = "ssr")]
mod beside;
mod home;
mod missing;
mod overlay;
mod room;
#[cfg(feature = "ssr")]
mod wall;

#[cfg(feature = "ssr")]
pub use self::beside::{Beside, beside, body_style, wall_style};
pub use self::missing::MissingPage;
#[cfg(all(test, feature = "ssr"))]
pub use self::overlay::{Options, sheet::Sheet};
use danmu::{feed::Ways, room::Room};
use leptos::{either::EitherOf4, prelude::*};
use serde::{Deserialize, Serialize};

use self::{
    home::HomePage,
    overlay::{Options as OverlayOptions, OverlayPage},
    room::RoomPage,
};
use crate::{error::ApiError, live::FeedStart};

/// A page and its data from the server. A room's [`FeedStart`] is stored as its parts: a parser for it would be more code.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Page {
    /// `/`: the rooms.
    Home(Vec<Room>),
    /// `/room/{room}`: the watch page.
    Room(Room, Ways, String),
    /// `/overlay/{room}`: danmu on a transparent page; and `/wall/{room}`, around which the server puts more ([`Beside`]).
    Overlay(Room, Ways, String, OverlayOptions),
    /// Any other address, or a room that does not exist.
    Missing(Option<ApiError>),
}

/// Shows the page that the address means.
///
/// The server resolves the address and sends the page as data, and every link is a full page load, since most viewers stay on
/// one page. So the browser needs no router, resource or suspense, which together were 95 kB (brotli).
#[component]
pub fn CurrentPage() -> impl IntoView {
    // A string that is parsed here, since a Leptos codec would bring a second JSON parser (see `danmu::record`).
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

/// A part of a path, decoded, so that an invalid room id is shown as it was typed.
#[cfg(feature = "ssr")]
pub fn path_segment(part: &str) -> String {
    percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned()
}

/// The page of this request; sets the status of its response too.
#[cfg(feature = "ssr")]
fn find() -> Page {
    use http::{StatusCode, request::Parts};
    use leptos_axum::ResponseOptions;

    use crate::api;

    let uri = use_context::<Parts>().map(|parts| parts.uri).unwrap_or_default();
    let path = uri.path();
    let page = match path.trim_end_matches('/').split('/').collect::<Vec<_>>()[..] {
        [""] => api::rooms().map(Page::Home),
        ["", "room", id] => {
            api::room(path_segment(id)).map(|(room, FeedStart { ways, place })| Page::Room(room, ways, place))
        }
        ["", "overlay" | "wall", id] => api::room(path_segment(id)).map(|(room, FeedStart { ways, place })| {
            let options = Beside::of_request().map(|beside| beside.options).unwrap_or_default();
            Page::Overlay(room, ways, place, options.opened(now_ms()))
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

/// The time, in Unix milliseconds.
#[cfg(feature = "ssr")]
fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or_default()
}

/// In the browser the page comes with the document; this is the fallback for a document without one.
#[cfg(not(feature = "ssr"))]
fn find() -> Page {
    Page::Missing(None)
}
