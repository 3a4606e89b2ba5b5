//! The one error that the server answers the app with.

use leptos::server_fn::{
    codec::JsonEncoding,
    error::{FromServerFnError, ServerFnErrorErr},
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a server function could not do what it was asked. Every variant has an HTTP status, and a text in each language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Error)]
pub enum ApiError {
    /// Such an id cannot be a room's. Status 404: it is somebody's mistyped address.
    #[error("{0:?} cannot be the id of a room: use a-z, 0-9, - and _")]
    BadRoom(String),
    /// No room has that id. Status 404.
    #[error("there is no room {0:?}")]
    NoRoom(String),
    /// The viewer, its network, or all together asked too often. Status 429, with `Retry-After`.
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
    /// Only who is signed in may do that. Status 401.
    #[error("sign in to speak here")]
    SignIn,
    /// Only moderators and streamers of the room may do that. Status 403.
    #[error("only moderators and streamers of the room may do that")]
    NotModerator,
    /// Whom it concerns, or who decided before, does not stand below who decides. Status 403.
    #[error("that is for somebody who stands higher in this room")]
    NotAbove,
    /// No viewer can have such an id. Status 400.
    #[error("{0:?} cannot be the id of a viewer: 1 to 64 visible ASCII characters")]
    BadViewer(String),
    /// What was decided could not be written down; nothing is decided. Status 503. The reason is in the server's log.
    #[error("that could not be written down; nothing is decided, try again")]
    Store,
    /// STS cannot be reached, or refuses. Status 503. The reason is in the server's log.
    #[error("no credentials can be had at the moment; try again in a few seconds")]
    VendingDown,
    /// The request did not arrive, or its answer did not. Status 503.
    #[error("the server cannot be reached: {0}")]
    Network(String),
    /// Whatever else: a bug, or a request that no page of ours makes. Status 400.
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
