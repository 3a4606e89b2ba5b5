//! Reviewed mode: the server functions by which the crew of a room sees what waits, lets it through, or takes it out.

#![allow(missing_docs, reason = "the macro makes a struct of each function's arguments, and documents none")]

use leptos::prelude::*;

#[cfg(feature = "ssr")]
use super::answer;
use crate::{error::ApiError, review::WaitingChanges};

/// What changed among what waits in a room, after that change; after 0 all that waits. For its moderators and its streamer, as
/// all of these.
#[server(endpoint = "waiting")]
pub async fn waiting(room: String, since: i64) -> Result<WaitingChanges, ApiError> {
    answer(ssr::waiting(room, since).await)
}

/// Lets 1 to [`MOST_AT_ONCE`](crate::review::MOST_AT_ONCE) danmu through, by their ids ([`waiting_id`](crate::review::waiting_id)); returns how many of them waited.
#[server(endpoint = "let_through")]
pub async fn let_through(room: String, danmu: Vec<String>) -> Result<u32, ApiError> {
    answer(ssr::let_through(room, &danmu).await)
}

/// Takes a danmu out, by its id: nobody is shown it.
#[server(endpoint = "take_out")]
pub async fn take_out(room: String, danmu: String) -> Result<(), ApiError> {
    answer(ssr::take_out(room, &danmu).await)
}

#[cfg(feature = "ssr")]
mod ssr {
    use danmu::record::DanmuRef;

    use crate::{
        api::ssr::{crew, services},
        error::{ApiError, CrewError},
        review::{MOST_AT_ONCE, WaitingChanges, waiting_danmu},
    };

    pub(super) async fn waiting(room: String, since: i64) -> Result<WaitingChanges, ApiError> {
        let (_, _, room) = crew(room)?;
        services()?.reviewing.waiting(room.id, since).await
    }

    pub(super) async fn let_through(room: String, ids: &[String]) -> Result<u32, ApiError> {
        let (_, by, room) = crew(room)?;
        if !(1..=MOST_AT_ONCE).contains(&ids.len()) {
            let count = ids.len();
            return Err(ApiError::Other(format!("1 to {MOST_AT_ONCE} danmu are let through at a time, not {count}")));
        }
        let danmu = ids.iter().map(|id| parse(id)).collect::<Result<_, _>>()?;
        services()?.reviewing.pass(by, room.id, danmu).await
    }

    pub(super) async fn take_out(room: String, id: &str) -> Result<(), ApiError> {
        let (_, by, room) = crew(room)?;
        services()?.reviewing.take_out(by, room.id, parse(id)?).await
    }

    fn parse(id: &str) -> Result<DanmuRef, ApiError> {
        waiting_danmu(id).ok_or_else(|| CrewError::BadDanmu(id.to_owned()).into())
    }
}
