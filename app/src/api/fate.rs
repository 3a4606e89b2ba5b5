//! What becomes of a room: the server functions by which its streamer deletes it, and makes its streamer key anew.

#![allow(missing_docs, reason = "the macro makes a struct of each function's arguments, and documents none")]

use leptos::prelude::*;

#[cfg(feature = "ssr")]
use super::answer;
use crate::error::ApiError;

/// Deletes a room that was made in the studio, for good: it ends for everybody, its streamer key, invitations and rules are gone, and
/// its id stays taken. For its streamer.
#[server(endpoint = "delete_room")]
pub async fn delete_room(room: String) -> Result<(), ApiError> {
    answer(ssr::delete(room).await)
}

/// Makes a new streamer key for a room, and returns it; nobody is shown it again. The one before is worth nothing then, and neither
/// is what it opened. Who is to `stay` gets a cookie by which it is the streamer still, as of `open_studio`; the cookie of who is not
/// ends. For the room's streamer.
#[server(endpoint = "new_key")]
pub async fn new_key(room: String, stay: bool) -> Result<String, ApiError> {
    answer(ssr::renew(room, stay).await)
}

#[cfg(feature = "ssr")]
mod ssr {
    use crate::{
        api::ssr::{headers, own_room, request, services, set_cookie},
        error::ApiError,
        services::MadeRoom,
    };

    pub(super) async fn delete(room: String) -> Result<(), ApiError> {
        let ((by, room), services) = (own_room(room)?, services()?);
        services.room_keeper.delete(by, room.clone(), request()?).await?;
        // A browser sends so many cookies; that of a room that is gone is worth nothing.
        services.studio_keys.close(&room, &headers()?).into_iter().for_each(set_cookie);
        Ok(())
    }

    pub(super) async fn renew(room: String, stay: bool) -> Result<String, ApiError> {
        let ((by, room), services) = (own_room(room)?, services()?);
        let MadeRoom { key, cookie } = services.room_keeper.new_key(by, room.clone(), stay, request()?).await?;
        let ended = || headers().ok().and_then(|headers| services.studio_keys.close(&room, &headers));
        cookie.or_else(ended).into_iter().for_each(set_cookie);
        Ok(key)
    }
}
