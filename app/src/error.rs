//! The error type of all server functions.

use leptos::server_fn::{
    codec::JsonEncoding,
    error::{FromServerFnError, ServerFnErrorErr},
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::review::NotWaiting;

/// Why a server function failed. Every variant has an HTTP status (`api::status`); the page has the texts (`Problem`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Error)]
pub enum ApiError {
    /// Not a valid room id. Status 404, since it is usually a mistyped address.
    #[error("{0:?} cannot be the id of a room: use a-z, 0-9, - and _")]
    BadRoom(String),
    /// No room has that id. Status 404.
    #[error("there is no room {0:?}")]
    NoRoom(String),
    /// The rate limit of the viewer, its network or the whole server is exceeded. Status 429, with `Retry-After`.
    #[error("too many requests; try again in {retry_after_s} s")]
    TooMany {
        /// Seconds until it may ask again.
        retry_after_s: u32,
    },
    /// Direct reading is switched off. Status 403.
    #[error("direct reading is switched off on this server")]
    DirectOff,
    /// The viewer is banned. Status 403.
    #[error("you are banned here")]
    Banned,
    /// The viewer must be signed in. Status 401.
    #[error("sign in to speak here")]
    SignIn,
    /// What is told to the crew of a room, and to who wants to be of it: a [`CrewError`], as text, since the watch page never has
    /// one. The status is that of the error.
    /// Three lines: the error's name, the value that is wrong (or nothing), and what the error says.
    #[error("{0}")]
    Crew(String),
    /// No credentials: STS or the identity pool fails. Status 503. The server's log has the reason.
    #[error("no credentials can be had at the moment; try again in a few seconds")]
    VendingDown,
    /// The operator has frozen vending (`danmu-server freeze`). Status 503.
    #[error("nobody gets credentials until the operator thaws vending")]
    Frozen,
    /// The request did not arrive, or its answer did not. Status 503.
    #[error("the server cannot be reached: {0}")]
    Network(String),
    /// A guest's name is refused: why, in the language of the page. Status 400.
    #[error("{0}")]
    Name(String),
    /// Anything else: a bug, or a request that no page of ours makes. Status 400.
    #[error("{0}")]
    Other(String),
}

impl FromServerFnError for ApiError {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        match error {
            ServerFnErrorErr::Request(reason) => Self::Network(reason),
            other => Self::Other(other.to_string()),
        }
    }
}

/// The most other ids of a room.
pub const MOST_ALIASES: u8 = 5;
/// The most with those that were taken away, which stay the room's.
pub const MOST_ALIASES_EVER: u8 = 20;

/// Why a call of the studio failed. It travels as [`ApiError::Crew`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CrewError {
    /// Only moderators and streamers of the room may do that. Status 403.
    #[error("only moderators and streamers of the room may do that")]
    NotModerator,
    /// The viewer ranks at least as high as the caller, or a higher rank decided before. Status 403.
    #[error("that is for somebody who stands higher in this room")]
    NotAbove,
    /// Not the room's streamer key, or the room has none. Status 403.
    #[error("the streamer key is wrong: copy it whole, and see that no newer one has been made")]
    WrongKey,
    /// Not an invitation to the room, or one that was revoked or has expired. Status 403.
    #[error("this invitation does not work (any more): ask the streamer for a new one")]
    BadInvitation,
    /// The caller may not make rooms. Status 403.
    #[error("you may not make rooms on this server; its operator says who may (studio.makers)")]
    MayNotMakeRooms,
    /// There is a room of that id, or there was one, or the id leads to another room, or did. Status 409.
    #[error("there is a room {0:?} already, or there was one, or that id leads to another; choose another id")]
    RoomExists(String),
    /// The room is one of the settings, or there is none. Status 409.
    #[error("that room is not kept in the store: it is changed where it is declared, in danmu.toml")]
    NotKept,
    /// The room has as many other ids as one may have. Status 409.
    #[error(
        "a room has up to {MOST_ALIASES} other ids, and {MOST_ALIASES_EVER} with those that were taken away; take one away, or bring one of before back"
    )]
    TooManyAliases,
    /// No room can have such a title. Status 400.
    #[error("a title has 1 to 100 characters that can be seen")]
    BadTitle,
    /// No browser could load it. Status 400.
    #[error("{0:?} is no address: https://…, http://…, or a path of this server that begins with /")]
    BadAddress(String),
    /// No viewer can have such an id. Status 400.
    #[error("{0:?} cannot be the id of a viewer: 1 to 64 visible ASCII characters")]
    BadViewer(String),
    /// No danmu can have such a key. Status 400.
    #[error("{0:?} cannot be the key of a danmu")]
    BadDanmu(String),
    /// The rule cannot be made: what is wrong with it. Status 400.
    #[error("{0}")]
    BadRule(String),
    /// The danmu does not wait, or not any more: it was let through (`passed`), taken out (`out`), or waited too long (`late`).
    /// Status 409.
    #[error("that danmu does not wait any more ({0}); nothing is changed")]
    NotWaiting(String),
    /// The decision could not be stored, so it does not hold. Status 503. The reason is in the server's log.
    #[error("that could not be written down; nothing is decided, try again")]
    Store,
}

impl From<NotWaiting> for CrewError {
    fn from(reason: NotWaiting) -> Self {
        Self::NotWaiting(reason.code().to_owned())
    }
}

impl CrewError {
    /// Its name.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotModerator => "NotModerator",
            Self::NotAbove => "NotAbove",
            Self::WrongKey => "WrongKey",
            Self::BadInvitation => "BadInvitation",
            Self::MayNotMakeRooms => "MayNotMakeRooms",
            Self::RoomExists(_) => "RoomExists",
            Self::NotKept => "NotKept",
            Self::TooManyAliases => "TooManyAliases",
            Self::BadTitle => "BadTitle",
            Self::BadAddress(_) => "BadAddress",
            Self::BadViewer(_) => "BadViewer",
            Self::BadDanmu(_) => "BadDanmu",
            Self::BadRule(_) => "BadRule",
            Self::NotWaiting(_) => "NotWaiting",
            Self::Store => "Store",
        }
    }

    /// The error in an [`ApiError::Crew`]; `None` for one that this version does not know.
    #[must_use]
    pub fn of(lines: &str) -> Option<Self> {
        let mut lines = lines.split('\n');
        let (code, about) = (lines.next()?, lines.next()?);
        let about = || about.to_owned();
        let all = [
            Self::NotModerator,
            Self::NotAbove,
            Self::WrongKey,
            Self::BadInvitation,
            Self::MayNotMakeRooms,
            Self::RoomExists(about()),
            Self::NotKept,
            Self::TooManyAliases,
            Self::BadTitle,
            Self::BadAddress(about()),
            Self::BadViewer(about()),
            Self::BadDanmu(about()),
            Self::BadRule(about()),
            Self::NotWaiting(about()),
            Self::Store,
        ];
        all.into_iter().find(|error| error.code() == code)
    }
}

impl From<CrewError> for ApiError {
    fn from(error: CrewError) -> Self {
        let (code, message) = (error.code(), error.to_string());
        let about = match error {
            CrewError::RoomExists(about)
            | CrewError::BadAddress(about)
            | CrewError::BadViewer(about)
            | CrewError::BadDanmu(about)
            | CrewError::BadRule(about)
            | CrewError::NotWaiting(about) => about,
            _ => String::new(),
        };
        Self::Crew([code, &about, &message].map(|line| line.replace('\n', " ")).join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_crew_survives_its_way_as_text() {
        for error in [CrewError::NotAbove, CrewError::RoomExists("anna".into()), CrewError::Store] {
            let json = serde_json::to_string(&ApiError::from(error.clone())).expect("JSON");
            let ApiError::Crew(lines) = serde_json::from_str(&json).expect("an error") else {
                panic!("another error: {json}");
            };
            assert_eq!(CrewError::of(&lines), Some(error.clone()));
            assert!(lines.ends_with(&format!("\n{error}")), "{lines}");
        }
        assert_eq!(CrewError::of("Elsewhere\n\n"), None);
    }
}
