//! Invitations of moderators: the server functions by which the streamer of a room makes, lists and revokes them, and by which
//! whoever has one accepts it.

#![allow(missing_docs, reason = "the macro makes a struct of each function's arguments, and documents none")]

use leptos::prelude::*;

#[cfg(feature = "ssr")]
use super::answer;
use crate::{error::ApiError, invitation::Invitation};

/// Invites moderators to a room by a link; returns the link's token. `label` (0 to 40 characters) says to the streamer for whom
/// it is; it lasts so many `hours` (1 to 8760), or for good. For the room's streamer.
#[server(endpoint = "make_invitation")]
pub async fn make_invitation(room: String, label: String, hours: Option<u32>) -> Result<String, ApiError> {
    answer(ssr::make(room, label, hours).await)
}

/// The invitations to a room, the newest first, with those that have ended. For its streamer.
#[server(endpoint = "invitations")]
pub async fn invitations(room: String) -> Result<Vec<Invitation>, ApiError> {
    answer(ssr::list(room).await)
}

/// Revokes the invitation of that id: whoever came by it is no moderator any more. For the room's streamer.
#[server(endpoint = "revoke_invitation")]
pub async fn revoke_invitation(room: String, id: String) -> Result<(), ApiError> {
    answer(ssr::revoke(room, id).await)
}

/// Makes the caller a moderator of a room by an invitation's token, as `open_studio` makes a streamer: the cookie comes with the
/// answer. It counts while the caller is the same viewer and the invitation is in force.
#[server(endpoint = "accept_invitation")]
pub async fn accept_invitation(room: String, token: String) -> Result<(), ApiError> {
    answer(ssr::accept(room, token).await)
}

#[cfg(feature = "ssr")]
mod ssr {
    use crate::{
        api::ssr::{caller, headers, own_room, room_id, services, set_cookie},
        error::{ApiError, CrewError},
        invitation::Invitation,
    };

    pub(super) async fn make(room: String, label: String, hours: Option<u32>) -> Result<String, ApiError> {
        let (by, room) = own_room(room)?;
        services()?.inviting.invite(by, room, label, hours).await
    }

    pub(super) async fn list(room: String) -> Result<Vec<Invitation>, ApiError> {
        let (_, room) = own_room(room)?;
        services()?.inviting.list(room).await
    }

    pub(super) async fn revoke(room: String, id: String) -> Result<(), ApiError> {
        let (by, room) = own_room(room)?;
        services()?.inviting.revoke(by, room, id).await
    }

    pub(super) async fn accept(room: String, token: String) -> Result<(), ApiError> {
        let (room, services) = (room_id(&room)?, services()?);
        if services.rooms.room(&room).is_none() {
            // Of a room that is archived, too: it may be opened again.
            return Err(CrewError::BadInvitation.into());
        }
        let cookie = services.inviting.accept(room, token, caller()?, headers()?).await?;
        cookie.into_iter().for_each(set_cookie);
        Ok(())
    }
}
