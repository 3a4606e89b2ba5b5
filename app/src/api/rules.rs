//! Rules of a room: the server functions by which its crew lists, tries, makes and ends them.

#![allow(missing_docs, reason = "the macro makes a struct of each function's arguments, and documents none")]

use leptos::prelude::*;

#[cfg(feature = "ssr")]
use super::answer;
use crate::{
    error::ApiError,
    rules::{Rule, RuleEntry, RuleTrial},
};

/// The rules in force in a room, the newest first. For its crew.
#[server(endpoint = "rules")]
pub async fn rules(room: String) -> Result<Vec<RuleEntry>, ApiError> {
    answer(ssr::list(room).await)
}

/// What a rule would have stopped of what viewers said in the last hour. It changes nothing. For the room's crew.
#[server(endpoint = "try_rule")]
pub async fn try_rule(room: String, rule: Rule) -> Result<RuleTrial, ApiError> {
    answer(ssr::try_out(room, rule).await)
}

/// Makes a rule: viewers of the room may not post what it forbids from now on; returns its id. For the room's crew.
#[server(endpoint = "make_rule")]
pub async fn make_rule(room: String, rule: Rule) -> Result<String, ApiError> {
    answer(ssr::make(room, rule).await)
}

/// Ends the rule of that id. For the room's crew, as with a ban: not below the rank of who made it.
#[server(endpoint = "end_rule")]
pub async fn end_rule(room: String, id: String) -> Result<(), ApiError> {
    answer(ssr::end(room, id).await)
}

#[cfg(feature = "ssr")]
mod ssr {
    use danmu::room::RuleIdError;

    use crate::{
        api::ssr::{crew, services},
        error::ApiError,
        rules::{Rule, RuleEntry, RuleTrial},
    };

    pub(super) async fn list(room: String) -> Result<Vec<RuleEntry>, ApiError> {
        let (_, _, room) = crew(room)?;
        services()?.ruling.list(room.id).await
    }

    pub(super) async fn try_out(room: String, rule: Rule) -> Result<RuleTrial, ApiError> {
        let (_, by, room) = crew(room)?;
        services()?.ruling.try_out(by, room.id, rule).await
    }

    pub(super) async fn make(room: String, rule: Rule) -> Result<String, ApiError> {
        let (_, by, room) = crew(room)?;
        services()?.ruling.make(by, room.id, rule).await
    }

    pub(super) async fn end(room: String, id: String) -> Result<(), ApiError> {
        let (_, by, room) = crew(room)?;
        let id = id.parse().map_err(|error: RuleIdError| ApiError::Other(error.to_string()))?;
        services()?.ruling.end(by, room.id, id).await
    }
}
