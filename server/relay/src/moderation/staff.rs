//! Streamers and moderators with sessions from this server, while these last: used to tell a moderator that a ban of one of
//! them would have no effect.
//!
//! In memory, and not a security check: wherever a ban is applied, its decider's rank is compared with the viewer's role.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use danmu::{
    room::RoomId,
    viewer::{Rank, Role, ViewerId},
};

/// From this many entries on, expired ones are dropped.
const MANY: usize = 1_000;

/// By room and viewer: the role, and when the session ends, Unix milliseconds.
#[derive(Debug, Default)]
pub(super) struct Staff(Mutex<HashMap<(RoomId, ViewerId), (Role, i64)>>);

impl Staff {
    /// Records a session of a viewer with that role, until `until_ms`.
    pub(super) fn saw(&self, viewer: &ViewerId, room: &RoomId, role: Role, until_ms: i64, now_ms: i64) {
        if !role.may_moderate() {
            return;
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MANY {
            known.retain(|_, (_, ends_ms)| *ends_ms > now_ms);
        }
        known.insert((room.clone(), viewer.clone()), (role, until_ms));
    }

    /// Whether the viewer is known to rank as high as `rank`, or higher, in a room.
    pub(super) fn stands(&self, viewer: &ViewerId, room: &RoomId, rank: Rank, now_ms: i64) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let role = known.get(&(room.clone(), viewer.clone())).filter(|(_, ends_ms)| *ends_ms > now_ms);
        role.is_some_and(|(role, _)| !rank.is_above(*role))
    }
}
