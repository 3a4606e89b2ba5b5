//! An invitation of moderators, as the streamer of a room sees it.

use serde::{Deserialize, Serialize};

/// An invitation: a link that makes whoever opens it a moderator of a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// Its id. Not its token, which nobody is shown again.
    pub id: String,
    /// For whom it is, as the streamer calls them; may be empty.
    pub label: String,
    /// When it was made, Unix milliseconds.
    pub made_ms: i64,
    /// When it ends by itself, Unix milliseconds; `None`: never.
    pub expires_ms: Option<i64>,
    /// When somebody last came by it, Unix milliseconds.
    pub used_ms: Option<i64>,
    /// How often somebody came by it.
    pub uses: i64,
    /// How it stands.
    pub state: InvitationState,
}

/// How an invitation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InvitationState {
    /// Whoever has it is, or becomes, a moderator.
    InForce,
    /// It has ended by itself.
    Expired,
    /// The streamer has ended it.
    Revoked,
}
