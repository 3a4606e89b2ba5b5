//! The server functions.

#![allow(missing_docs, reason = "the macro makes a struct of each function's arguments, and documents none")]

mod alias;
mod fate;
mod hour;
mod invite;
#[cfg(feature = "ssr")]
mod naming;
mod refused;
mod review;
mod rules;

use danmu::{
    room::{RoomMode, Unsigned},
    session::{Purpose, Session},
};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

pub use self::{
    alias::{add_alias, aliases, end_alias},
    fate::{delete_room, new_key},
    hour::hour,
    invite::{accept_invitation, invitations, make_invitation, revoke_invitation},
    refused::refused,
    review::{let_through, take_out, waiting},
    rules::{end_rule, make_rule, rules, try_rule},
};
use crate::{
    audit::{AuditEntry, AuditFilter},
    error::ApiError,
    figures::RoomFigures,
};

/// Temporary credentials for `purpose` on the room's stream, and nothing else. Given the viewer's public key
/// ([`danmu::ticket::PublicKey`] as text), with a ticket for that key. A guest is called by `name` there, marked as unproved, where the
/// room has such names.
#[server(endpoint = "session")]
pub async fn get_session(
    room: String,
    purpose: Purpose,
    key: Option<String>,
    name: Option<String>,
) -> Result<Session, ApiError> {
    ssr::answer(ssr::session(room, purpose, key, name).await)
}

/// The answer to a ban.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Banned {
    /// What the room does with unsigned danmu. Where it shows them, a banned viewer can go on without a ticket.
    pub unsigned: Unsigned,
}

/// A room's figures, for its crew.
#[server(endpoint = "figures")]
pub async fn figures(room: String) -> Result<RoomFigures, ApiError> {
    ssr::answer(ssr::figures(room))
}

/// Bans a viewer from a room, for `seconds` or for good. The caller must be a signed-in moderator or streamer of that room, and
/// rank above the viewer.
#[server(endpoint = "ban")]
pub async fn ban(room: String, viewer: String, seconds: Option<u32>) -> Result<Banned, ApiError> {
    ssr::answer(ssr::ban(room, viewer, seconds).await)
}

/// Lifts a ban, with the same rights as `ban`.
#[server(endpoint = "unban")]
pub async fn unban(room: String, viewer: String) -> Result<(), ApiError> {
    ssr::answer(ssr::unban(room, viewer).await)
}

/// Hides one danmu of a room from every picture and list, with the same rights as `ban`: `danmu` is its key
/// ([`danmu::record::DanmuKey`] as text), `viewer` its author, where one was verified.
#[server(endpoint = "hide")]
pub async fn hide(room: String, danmu: String, viewer: Option<String>) -> Result<(), ApiError> {
    ssr::answer(ssr::hide(room, danmu, viewer).await)
}

/// Switches a mode of a room on or off, with the same rights as `ban`.
#[server(endpoint = "set_mode")]
pub async fn set_mode(room: String, mode: RoomMode, on: bool) -> Result<(), ApiError> {
    ssr::answer(ssr::set_mode(room, mode, on).await)
}

/// Makes a room, and its caller the streamer there, as `open_studio` does; returns the room's streamer key, which nobody is shown
/// again. Addresses that are empty are none.
#[server(endpoint = "make_room")]
pub async fn make_room(room: String, title: String, video: String, poster: String) -> Result<String, ApiError> {
    ssr::answer(ssr::make_room(room, title, video, poster).await)
}

/// Changes a room that was made in the studio. For its streamer.
#[server(endpoint = "edit_room")]
pub async fn edit_room(room: String, title: String, video: String, poster: String) -> Result<(), ApiError> {
    ssr::answer(ssr::edit_room(room, title, video, poster).await)
}

/// Archives a room that was made in the studio: it ends for everybody, and keeps its id. For its streamer.
#[server(endpoint = "archive_room")]
pub async fn archive_room(room: String) -> Result<(), ApiError> {
    ssr::answer(ssr::archive_room(room).await)
}

/// Makes the caller the streamer of a room by the room's streamer key, for thirty days in this browser: the cookie comes with
/// the answer. It counts while the caller is the same viewer, and until the room gets a new key.
#[server(endpoint = "open_studio")]
pub async fn open_studio(room: String, key: String) -> Result<(), ApiError> {
    ssr::answer(ssr::open_studio(room, key).await)
}

/// Ends in this browser what `open_studio` began.
#[server(endpoint = "close_studio")]
pub async fn close_studio(room: String) -> Result<(), ApiError> {
    ssr::answer(ssr::close_studio(room))
}

/// What was done in a room, the newest first: 50 entries whose number is less than `before`. For its moderators and its streamer.
#[server(endpoint = "audit")]
pub async fn audit(
    room: String,
    before: Option<i64>,
    #[server(default)] filter: AuditFilter,
) -> Result<Vec<AuditEntry>, ApiError> {
    ssr::answer(ssr::audit(room, before, filter).await)
}

#[cfg(feature = "ssr")]
pub use ssr::status;
#[cfg(feature = "ssr")]
pub(crate) use ssr::{answer, is_kept, may_make_rooms, role_in, room, rooms};

#[cfg(feature = "ssr")]
mod ssr {
    use std::sync::Arc;

    use danmu::{
        record::DanmuRef,
        room::{Room, RoomId, RoomMode, RoomTexts},
        session::{Purpose, Session},
        ticket::PublicKey,
        viewer::{Rank, Role, ViewerId},
    };
    use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
    use leptos::prelude::use_context;
    use leptos_axum::ResponseOptions;

    use super::{AuditEntry, AuditFilter, Banned, RoomFigures, naming};
    use crate::{
        error::{ApiError, CrewError},
        live::FeedStart,
        services::{Caller, Decider, Moderating, Services},
    };

    pub(super) fn services() -> Result<Services, ApiError> {
        use_context().ok_or_else(|| ApiError::Other("the server offers no services".into()))
    }

    /// The room of that id, and how it can be followed.
    pub(crate) fn room(id: String) -> Result<(Room, FeedStart), ApiError> {
        let known = room_id(&id)?;
        let services = services()?;
        let room = services.rooms.room(&known).ok_or(ApiError::NoRoom(id))?;
        let place = services.rooms.place(&known).unwrap_or_default();
        Ok((room, FeedStart { ways: services.ways, place }))
    }

    pub(super) fn room_id(id: &str) -> Result<RoomId, ApiError> {
        id.parse().map_err(|_| ApiError::BadRoom(id.to_owned()))
    }

    /// All rooms, in the operator's order.
    pub(crate) fn rooms() -> Result<Vec<Room>, ApiError> {
        services().map(|services| services.rooms.rooms())
    }

    pub(super) async fn session(
        id: String,
        purpose: Purpose,
        key: Option<String>,
        name: Option<String>,
    ) -> Result<Session, ApiError> {
        let (room, _) = room(id)?;
        let key = key.map(|key| key.parse::<PublicKey>()).transpose();
        let key = key.map_err(|error| ApiError::Other(error.to_string()))?;
        let (services, mut caller) = (services()?, caller()?);
        if let Some(name) = name.filter(|name| caller.viewer.is_guest() && !name.trim().is_empty()) {
            let named = services.naming.named(room.id.clone(), caller.viewer.clone(), name).await;
            caller.name = named.map_err(|refused| ApiError::Name(naming::say_refused(refused)))?;
        }
        services.vending.vend(room.id, purpose, key, caller).await
    }

    pub(super) fn figures(room: String) -> Result<RoomFigures, ApiError> {
        let (_, _, room) = crew(room)?;
        Ok(services()?.rooms.figures(&room.id).unwrap_or_default())
    }

    pub(super) async fn ban(room: String, viewer: String, seconds: Option<u32>) -> Result<Banned, ApiError> {
        let ((moderating, by, room), whom) = (crew(room)?, parse_viewer(viewer)?);
        moderating.ban(by, &room, whom, seconds).await?;
        Ok(Banned { unsigned: room.unsigned })
    }

    pub(super) async fn unban(room: String, viewer: String) -> Result<(), ApiError> {
        let ((moderating, by, room), whom) = (crew(room)?, parse_viewer(viewer)?);
        moderating.unban(by, &room, whom).await
    }

    pub(super) async fn hide(room: String, danmu: String, viewer: Option<String>) -> Result<(), ApiError> {
        let (moderating, by, room) = crew(room)?;
        let key = danmu.parse().map_err(|_| CrewError::BadDanmu(danmu))?;
        let viewer = viewer.map(parse_viewer).transpose()?;
        moderating.hide(by, &room, DanmuRef { key, viewer }).await
    }

    pub(super) async fn set_mode(room: String, mode: RoomMode, on: bool) -> Result<(), ApiError> {
        let (moderating, by, room) = crew(room)?;
        moderating.set_mode(by, &room, mode, on).await
    }

    /// What decides, who decides, and in which room; only for those who may moderate there.
    pub(super) fn crew(room_id: String) -> Result<(Arc<dyn Moderating>, Decider, Room), ApiError> {
        let (caller, (room, _)) = (caller()?, room(room_id)?);
        let rank = Rank::of(caller.rights.role_in(&room.id)).ok_or(CrewError::NotModerator)?;
        Ok((services()?.moderating, Decider { viewer: caller.viewer, rank, name: caller.name }, room))
    }

    fn parse_viewer(viewer: String) -> Result<ViewerId, ApiError> {
        viewer.parse().map_err(|_| CrewError::BadViewer(viewer).into())
    }

    /// The caller's role in a room; the lowest if nobody knows who is asking.
    pub(crate) fn role_in(room: &RoomId) -> Role {
        caller().map(|caller| caller.rights.role_in(room)).unwrap_or_default()
    }

    pub(super) async fn open_studio(room: String, key: String) -> Result<(), ApiError> {
        let (room, studios) = (room_id(&room)?, services()?.studio_keys);
        set_cookie(studios.open(room, key, caller()?, headers()?).await?);
        Ok(())
    }

    pub(super) fn close_studio(room: String) -> Result<(), ApiError> {
        if let Some(cookie) = services()?.studio_keys.close(&room_id(&room)?, &headers()?) {
            set_cookie(cookie);
        }
        Ok(())
    }

    pub(super) async fn make_room(
        room: String,
        title: String,
        video: String,
        poster: String,
    ) -> Result<String, ApiError> {
        let (room, keeper) = (room_id(&room)?, services()?.room_keeper);
        let made = keeper.make(room, texts(title, video, poster), caller()?, headers()?).await?;
        made.cookie.into_iter().for_each(set_cookie);
        Ok(made.key)
    }

    pub(super) async fn edit_room(room: String, title: String, video: String, poster: String) -> Result<(), ApiError> {
        let (by, room) = own_room(room)?;
        services()?.room_keeper.edit(by, room, texts(title, video, poster)).await
    }

    pub(super) async fn archive_room(room: String) -> Result<(), ApiError> {
        let (by, room) = own_room(room)?;
        services()?.room_keeper.archive(by, room).await
    }

    fn texts(title: String, video: String, poster: String) -> RoomTexts {
        RoomTexts { title, video, poster: Some(poster) }
    }

    /// A room whose streamer the caller is, and the caller.
    pub(super) fn own_room(id: String) -> Result<(Decider, RoomId), ApiError> {
        let (_, by, room) = crew(id)?;
        if by.rank == Rank::Streamer { Ok((by, room.id)) } else { Err(CrewError::NotAbove.into()) }
    }

    pub(super) async fn audit(
        room: String,
        before: Option<i64>,
        filter: AuditFilter,
    ) -> Result<Vec<AuditEntry>, ApiError> {
        let (_, _, room) = crew(room)?;
        services()?.auditing.audit(room.id, before, filter).await
    }

    /// Whether the caller may make rooms. Who has no cookie yet will be a guest.
    pub(crate) fn may_make_rooms() -> bool {
        let rights = caller().map(|caller| caller.rights).unwrap_or_default();
        services().is_ok_and(|services| services.room_keeper.may_make(&rights))
    }

    /// Whether the studio may change a room, as it was made there.
    pub(crate) fn is_kept(room: &RoomId) -> bool {
        services().is_ok_and(|services| services.room_keeper.keeps(room))
    }

    pub(super) fn set_cookie(cookie: HeaderValue) {
        if let Some(response) = use_context::<ResponseOptions>() {
            response.append_header(header::SET_COOKIE, cookie);
        }
    }

    pub(super) fn headers() -> Result<HeaderMap, ApiError> {
        Ok(request()?.headers)
    }

    /// The head of the request, and what the server knows about it.
    pub(super) fn request() -> Result<Parts, ApiError> {
        use_context::<Parts>().ok_or_else(|| ApiError::Other("the request has no head".into()))
    }

    pub(super) fn caller() -> Result<Caller, ApiError> {
        use_context().ok_or_else(|| ApiError::Other("nobody knows who is asking".into()))
    }

    /// The HTTP status of an error.
    #[must_use]
    pub fn status(error: &ApiError) -> StatusCode {
        match error {
            ApiError::BadRoom(_) | ApiError::NoRoom(_) => StatusCode::NOT_FOUND,
            ApiError::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            ApiError::DirectOff | ApiError::Banned => StatusCode::FORBIDDEN,
            ApiError::SignIn => StatusCode::UNAUTHORIZED,
            ApiError::VendingDown | ApiError::Frozen | ApiError::Network(_) => StatusCode::SERVICE_UNAVAILABLE,
            ApiError::Crew(lines) => CrewError::of(lines).map_or(StatusCode::BAD_REQUEST, status_of_crew),
            ApiError::Other(_) | ApiError::Name(_) => StatusCode::BAD_REQUEST,
        }
    }

    fn status_of_crew(error: CrewError) -> StatusCode {
        match error {
            CrewError::NotModerator
            | CrewError::NotAbove
            | CrewError::WrongKey
            | CrewError::BadInvitation
            | CrewError::MayNotMakeRooms => StatusCode::FORBIDDEN,
            CrewError::RoomExists(_) | CrewError::NotKept | CrewError::TooManyAliases | CrewError::NotWaiting(_) => {
                StatusCode::CONFLICT
            }
            CrewError::BadTitle
            | CrewError::BadAddress(_)
            | CrewError::BadViewer(_)
            | CrewError::BadDanmu(_)
            | CrewError::BadRule(_) => StatusCode::BAD_REQUEST,
            CrewError::Store => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Gives the response the status of its error; Leptos would answer 500 to any error.
    pub(crate) fn answer<T>(result: Result<T, ApiError>) -> Result<T, ApiError> {
        if let (Err(error), Some(response)) = (&result, use_context::<ResponseOptions>()) {
            response.set_status(status(error));
            if let ApiError::TooMany { retry_after_s } = error {
                response.insert_header(header::RETRY_AFTER, HeaderValue::from(*retry_after_s));
            }
        }
        result
    }
}
