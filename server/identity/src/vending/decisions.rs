//! The decisions in force, as vending consults them.

use danmu::room::RoomId;
use danmu_app::{error::ApiError, services::Caller};

use crate::identity::Identity;

/// Who may have a session, by what was decided about viewers and networks.
pub trait Decisions: Send + Sync {
    /// Whether a viewer may have a session for a room. A ban of a network applies to guests only, and a ban applies only if
    /// its decider ranks above the viewer.
    ///
    /// # Errors
    /// [`ApiError::Banned`]; for everybody [`ApiError::Frozen`] while vending is frozen, and [`ApiError::VendingDown`] until
    /// earlier decisions are known.
    fn admits(&self, caller: &Caller, room: &RoomId) -> Result<(), ApiError>;

    /// Records that a viewer got a session for a room, until `until_ms`.
    fn vended(&self, caller: &Caller, room: &RoomId, until_ms: i64);

    /// Whether viewers may read the stream itself. Not while a danmu is hidden: its text is still on the stream, which has the
    /// records of all rooms. Sessions that were given before that last until they expire.
    fn allows_direct(&self) -> bool;

    /// What the gate of a direct reader must know: the decisions from the stream, as texts signed by the server. Bans of
    /// viewers older than any ticket's lifetime are left out.
    ///
    /// # Errors
    /// [`ApiError::VendingDown`] if the system gives no random bytes.
    fn handed(&self, room: &RoomId, identity: &Identity) -> Result<Vec<String>, ApiError>;
}
