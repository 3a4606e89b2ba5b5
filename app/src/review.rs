//! What waits in a reviewed room, as its crew sees it.

use danmu::{
    record::{Color, DanmuRef},
    viewer::Role,
};
use serde::{Deserialize, Serialize};

/// The most danmu that one call lets through.
pub const MOST_AT_ONCE: usize = 100;

/// A danmu that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Its id in the room: see [`waiting_id`].
    pub id: String,
    /// Its author; `None` where that was not verified.
    pub viewer: Option<String>,
    /// The author's name, if any.
    pub name: Option<String>,
    /// The author's role then.
    pub role: Role,
    /// Its text. Text, never HTML.
    pub text: String,
    /// Its colour.
    pub color: Color,
    /// When it arrived, Unix milliseconds.
    pub at_ms: i64,
    /// When it is shown by itself, Unix milliseconds; `None`: never.
    pub due_ms: Option<i64>,
}

/// What changed among the danmu of a room that wait.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingChanges {
    /// Up to which change this tells; the next call asks for what follows.
    pub upto: i64,
    /// Whether more is known already than this tells.
    pub more: bool,
    /// How many wait now.
    pub count: u32,
    /// Danmu that wait, in the order in which they came to.
    pub waiting: Vec<Waiting>,
    /// Ids of danmu that do not wait any more.
    pub gone: Vec<String>,
}

/// Why a danmu does not wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotWaiting {
    /// It was let through.
    Passed,
    /// It was taken out.
    Out,
    /// It waited too long, or it never waited.
    Late,
}

impl NotWaiting {
    /// Its code, in a [`CrewError`](crate::error::CrewError).
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Out => "out",
            Self::Late => "late",
        }
    }
}

/// The id of a danmu among those of its room: its key and, after a blank, its author, where one was verified.
#[must_use]
pub fn waiting_id(danmu: &DanmuRef) -> String {
    match &danmu.viewer {
        Some(viewer) => [&danmu.key.to_string(), " ", viewer.as_str()].concat(),
        None => danmu.key.to_string(),
    }
}

/// The danmu of that id, if it is one.
#[must_use]
pub fn waiting_danmu(id: &str) -> Option<DanmuRef> {
    let (key, viewer) = id.split_once(' ').map_or((id, None), |(key, viewer)| (key, Some(viewer)));
    Some(DanmuRef { key: key.parse().ok()?, viewer: viewer.map(str::parse).transpose().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_danmu_is_found_by_its_id_and_nothing_else_is_one() {
        for id in ["s7", "00000000010000000000000002 ann"] {
            assert_eq!(waiting_danmu(id).map(|danmu| waiting_id(&danmu)).as_deref(), Some(id));
        }
        for id in ["", " ann", "s7 ", "s7 a b", "7"] {
            assert_eq!(waiting_danmu(id), None, "{id:?}");
        }
    }
}
