//! Danmu that were refused: the server function by which a room's crew lists them.

#![allow(missing_docs, reason = "the macro makes a struct of each function's arguments, and documents none")]

use leptos::prelude::*;

#[cfg(feature = "ssr")]
use super::answer;
use crate::{error::ApiError, refusals::RefusedDanmu};

/// The last danmu of a room that were refused on the server that answers, after number `since`, the oldest first; at most 200. For
/// its crew.
#[server(endpoint = "refused")]
pub async fn refused(room: String, since: u64) -> Result<Vec<RefusedDanmu>, ApiError> {
    answer(ssr::list(room, since))
}

#[cfg(feature = "ssr")]
mod ssr {
    use crate::{
        api::ssr::{crew, services},
        error::ApiError,
        refusals::RefusedDanmu,
    };

    pub(super) fn list(room: String, since: u64) -> Result<Vec<RefusedDanmu>, ApiError> {
        let (_, _, room) = crew(room)?;
        Ok(services()?.rooms.refused(&room.id, since))
    }
}
