//! Danmu that a room's gate refused lately, for its crew.

use danmu::viewer::Role;
use serde::{Deserialize, Serialize};

/// A danmu that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedDanmu {
    /// Its number among those of its room since this server began, from 1.
    pub number: u64,
    /// When the stream took it, Unix milliseconds.
    pub at_ms: i64,
    /// Its text, cut off at 200 characters. Text, never HTML.
    pub text: String,
    /// Its author's id, where that was verified.
    pub viewer: Option<String>,
    /// Its author's name, if any. Text, never HTML.
    pub name: Option<String>,
    /// What its author may do.
    pub role: Role,
    /// Why, by the reason's name in the metric `danmu_refused_total`.
    pub reason: String,
}
