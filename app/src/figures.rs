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

/// What happened in a room in one minute, on all servers that share the store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MinuteFigures {
    /// When the minute began, Unix milliseconds.
    pub at_ms: i64,
    /// The danmu that were shown.
    pub danmu: u64,
    /// The records that were refused, by reason, in the order of their names.
    pub refused: Vec<(String, u64)>,
    /// The most viewers at once, the servers' added up.
    pub viewers: u64,
    /// Within how many milliseconds half of the danmu were handed to viewers after the stream took them; `None`: none was.
    pub p50_ms: Option<u32>,
    /// The same for 95 of 100.
    pub p95_ms: Option<u32>,
}

/// A room's last hour.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HourFigures {
    /// The server's clock, Unix milliseconds.
    pub now_ms: i64,
    /// The minutes in which something happened, the oldest first; at most 60.
    pub minutes: Vec<MinuteFigures>,
    /// What was said most often, with how often, the most frequent first; at most 20. Text, never HTML.
    pub words: Vec<(String, u64)>,
}
