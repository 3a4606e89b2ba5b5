//! A room's figures.

use serde::{Deserialize, Serialize};

/// How a room does, on the server that answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomFigures {
    /// The server's clock, Unix milliseconds.
    pub now_ms: i64,
    /// The viewers that it has here.
    pub viewers: u32,
    /// The danmu that were admitted since the relay began.
    pub admitted: u64,
    /// The records that were refused since, by reason.
    pub refused: Vec<(String, u64)>,
}
