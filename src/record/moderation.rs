//! What a moderator decides, as it travels on the stream: `mod` in the object of a record.

use serde::{Deserialize, Serialize};

use crate::viewer::ViewerId;

/// A decision about the room that the record is for. It counts only in a record that is signed by one who
/// [may moderate](crate::viewer::Role::may_moderate), from when the record arrives on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moderation {
    /// What the viewer says is not shown.
    Ban {
        /// Whose.
        viewer: ViewerId,
        /// Until it arrives then, in Unix milliseconds; for good where there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<i64>,
    },
    /// What the viewer says is shown again.
    Unban {
        /// Whose.
        viewer: ViewerId,
    },
}
