//! Which streamers and moderators have sessions of this server's, for as long as these last: whoever bans one of them in vain is
//! told so.
//!
//! In memory, and no defence: a ban names how high who decided it stands, and wherever it acts the role is looked at.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use danmu::{
    room::RoomId,
    viewer::{Rank, Role, ViewerId},
};

/// With so many known, those are forgotten whose sessions have ended.
const MANY: usize = 1_000;

/// By room, the role of each, and when its session ends, Unix milliseconds.
#[derive(Debug, Default)]
pub(super) struct Staff(Mutex<HashMap<(RoomId, ViewerId), (Role, i64)>>);

impl Staff {
    /// A viewer of that role has a session for a room, until `until_ms`.
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

    /// Whether a viewer is known to stand as high in a room.
    pub(super) fn stands(&self, viewer: &ViewerId, room: &RoomId, rank: Rank, now_ms: i64) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let role = known.get(&(room.clone(), viewer.clone())).filter(|(_, ends_ms)| *ends_ms > now_ms);
        role.is_some_and(|(role, _)| !rank.is_above(*role))
    }
}
