//! The figures of a room's last hour: the server function by which its crew reads them.

#![allow(missing_docs, reason = "the macro makes a struct of each function's arguments, and documents none")]

use leptos::prelude::*;

#[cfg(feature = "ssr")]
use super::answer;
use crate::{error::ApiError, figures::HourFigures};

/// What happened in a room in the last hour, minute by minute. For its crew.
#[server(endpoint = "hour")]
pub async fn hour(room: String) -> Result<HourFigures, ApiError> {
    answer(ssr::hour(room).await)
}

#[cfg(feature = "ssr")]
mod ssr {
    use crate::{
        api::ssr::{crew, services},
        error::ApiError,
        figures::HourFigures,
    };

    pub(super) async fn hour(room: String) -> Result<HourFigures, ApiError> {
        let (_, _, room) = crew(room)?;
        services()?.figuring.hour(room.id).await
    }
}
