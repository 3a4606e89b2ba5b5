//! Reviewed mode: what is said waits until the crew lets it through.

use serde::{Deserialize, Serialize};

use crate::viewer::Role;

/// How long a danmu may wait, in milliseconds; after that it is not shown any more.
pub const HELD_MS: i64 = 30 * 60_000;
/// The fewest seconds after which a danmu is shown by itself.
pub const MIN_REVIEW_S: u8 = 5;

/// Who waits in reviewed mode, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Review {
    /// Whether members wait too; guests always do, the crew never.
    #[serde(default)]
    pub members: bool,
    /// After how many seconds, [`MIN_REVIEW_S`] to 255, a danmu is shown that nobody took out; 0: never by itself.
    #[serde(default)]
    pub after_s: u8,
}

impl Review {
    /// Whether these seconds are allowed.
    #[must_use]
    pub const fn is_valid(self) -> bool {
        self.after_s == 0 || self.after_s >= MIN_REVIEW_S
    }

    /// Whether danmu of that role wait.
    #[must_use]
    pub const fn covers(self, role: Role) -> bool {
        match role {
            Role::Viewer => true,
            Role::Member => self.members,
            Role::Moderator | Role::Streamer => false,
        }
    }

    /// Of two, the stricter in each respect.
    #[must_use]
    pub(super) fn and(self, other: Self) -> Self {
        let after_s = if self.after_s == 0 || other.after_s == 0 { 0 } else { self.after_s.max(other.after_s) };
        Self { members: self.members || other.members, after_s }
    }
}
