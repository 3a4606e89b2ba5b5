//! Other ids of a room: the server functions by which its streamer lists, makes and takes them away.

#![allow(missing_docs, reason = "the macro makes a struct of each function's arguments, and documents none")]

use leptos::prelude::*;

#[cfg(feature = "ssr")]
use super::answer;
use crate::error::ApiError;

/// The other ids that lead to a room, in the order in which they were made. For its streamer.
#[server(endpoint = "aliases")]
pub async fn aliases(room: String) -> Result<Vec<String>, ApiError> {
    answer(ssr::list(room).await)
}

/// Makes `alias` another id of a room that was made in the studio: pages under it lead to the room. For its streamer.
#[server(endpoint = "add_alias")]
pub async fn add_alias(room: String, alias: String) -> Result<(), ApiError> {
    answer(ssr::add(room, alias).await)
}

/// Takes another id of a room away. It leads nowhere then, and stays the room's: no other gets it. For the room's streamer.
#[server(endpoint = "end_alias")]
pub async fn end_alias(room: String, alias: String) -> Result<(), ApiError> {
    answer(ssr::end(room, alias).await)
}

#[cfg(feature = "ssr")]
mod ssr {
    use crate::{
        api::ssr::{own_room, room_id, services},
        error::ApiError,
    };

    pub(super) async fn list(room: String) -> Result<Vec<String>, ApiError> {
        let (_, room) = own_room(room)?;
        services()?.room_keeper.aliases(room).await
    }

    pub(super) async fn add(room: String, alias: String) -> Result<(), ApiError> {
        let ((by, room), alias) = (own_room(room)?, room_id(&alias)?);
        services()?.room_keeper.add_alias(by, room, alias).await
    }

    pub(super) async fn end(room: String, alias: String) -> Result<(), ApiError> {
        let ((by, room), alias) = (own_room(room)?, room_id(&alias)?);
        services()?.room_keeper.end_alias(by, room, alias).await
    }
}
