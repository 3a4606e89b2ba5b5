//! The studio: where the streamer and the moderators of a room decide what stays on the picture. Pages `/studio` and
//! `/studio/{room}`.
//!
//! It is an app of its own in a WASM module of its own (`danmu-studio`), so that the watch page loads nothing of it.
//! `cargo leptos watch` builds one module for all.

mod aliases;
mod audit;
mod chart;
mod copy;
mod crew;
mod decided;
mod desk;
mod door;
mod fate;
mod figures;
mod home;
mod hour;
mod invited;
mod limits;
mod links;
mod look;
mod mode_name;
mod modes;
mod overlay_maker;
mod part;
mod problem;
mod reading;
mod refused;
mod review;
mod review_row;
mod reviewed_mode;
mod reviewing;
mod room_form;
mod row;
mod rules;
#[cfg(test)]
mod theme;

use danmu::{feed::Ways, room::Room, viewer::Role};
use leptos::{either::EitherOf4, prelude::*};
use leptos_meta::provide_meta_context;
use serde::{Deserialize, Serialize};

use self::{desk::DeskPage, door::DoorPage, home::StudioHome};
use crate::{components::AppTitle, error::ApiError, i18n::PageLanguage, live::FeedStart, pages::MissingPage};

/// A page of the studio, and its data from the server.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum StudioPage {
    /// `/studio`: the rooms, and whether the caller may make one.
    Home(Vec<Room>, bool),
    /// `/studio/{room}` for a viewer who may not moderate there.
    Door(Room),
    /// `/studio/{room}` for the crew.
    Desk(Room, Ways, String, DeskKind),
    /// A room that does not exist.
    Missing(Option<ApiError>),
}

/// What the desk of somebody has.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct DeskKind {
    /// The caller's role in the room.
    role: Role,
    /// Whether the room may be changed here.
    kept: bool,
    /// Whether only the list is wanted, for a dock of OBS (`?dock`).
    dock: bool,
}

/// Whether a path is one of the studio's.
#[must_use]
pub fn is_path(path: &str) -> bool {
    path.strip_prefix("/studio").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The studio: its languages and its pages.
#[component]
pub fn StudioApp() -> impl IntoView {
    provide_meta_context();
    view! {
        <PageLanguage />
        <AppTitle />
        <CurrentStudioPage />
    }
}

/// Shows the page that the address means; see [`CurrentPage`](crate::pages::CurrentPage).
#[component]
fn CurrentStudioPage() -> impl IntoView {
    let page = SharedValue::new_str(|| serde_json::to_string(&find()).unwrap_or_default()).into_inner();
    match serde_json::from_slice(page.as_bytes()).unwrap_or(StudioPage::Missing(None)) {
        StudioPage::Home(rooms, may_make) => EitherOf4::A(view! { <StudioHome rooms may_make /> }),
        StudioPage::Door(room) => EitherOf4::B(view! { <DoorPage room /> }),
        StudioPage::Desk(room, ways, place, kind) => {
            EitherOf4::C(view! { <DeskPage room entry=FeedStart { ways, place } kind /> })
        }
        StudioPage::Missing(error) => EitherOf4::D(view! { <MissingPage error /> }),
    }
}

/// The page of this request; sets the status of its response too.
#[cfg(feature = "ssr")]
fn find() -> StudioPage {
    use http::request::Parts;

    use crate::{api, pages::path_segment};

    let uri = use_context::<Parts>().map(|parts| parts.uri).unwrap_or_default();
    let page = match uri.path().trim_end_matches('/').strip_prefix("/studio/") {
        None => api::rooms().map(|rooms| StudioPage::Home(rooms, api::may_make_rooms())),
        Some(id) => api::room(path_segment(id)).map(|(room, FeedStart { ways, place })| match api::role_in(&room.id) {
            role if role.may_moderate() => {
                let kept = role == Role::Streamer && api::is_kept(&room.id);
                let dock =
                    uri.query().is_some_and(|query| query.split('&').any(|part| matches!(part, "dock" | "dock=")));
                StudioPage::Desk(room, ways, place, DeskKind { role, kept, dock })
            }
            _ => StudioPage::Door(room),
        }),
    };
    api::answer(page).unwrap_or_else(|error| StudioPage::Missing(Some(error)))
}

/// In the browser the page comes with the document; this is the fallback for a document without one.
#[cfg(not(feature = "ssr"))]
fn find() -> StudioPage {
    StudioPage::Missing(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_studio_has_its_own_paths_and_no_others() {
        for (path, is) in
            [("/studio", true), ("/studio/", true), ("/studio/demo", true), ("/studios", false), ("/", false)]
        {
            assert_eq!(is_path(path), is, "{path}");
        }
    }
}
