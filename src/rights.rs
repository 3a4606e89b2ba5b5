//! Rights: a user's role in every room, and a higher one in some.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{room::RoomId, viewer::Role};

/// A user's role in each room. Where several apply, the highest counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rights {
    /// The role in every room.
    #[serde(rename = "role")]
    everywhere: Role,
    /// The rooms with a higher role.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    rooms: BTreeMap<RoomId, Role>,
}

impl Rights {
    /// This role in every room.
    #[must_use]
    pub const fn everywhere(role: Role) -> Self {
        Self { everywhere: role, rooms: BTreeMap::new() }
    }

    /// Adds this role in a room, where that is higher.
    #[must_use]
    pub fn and_in(mut self, room: RoomId, role: Role) -> Self {
        if role > self.role_in(&room) {
            self.rooms.insert(room, role);
        }
        self
    }

    /// The role in every room, the lowest that it has anywhere.
    #[must_use]
    pub const fn lowest(&self) -> Role {
        self.everywhere
    }

    /// The role in a room.
    #[must_use]
    pub fn role_in(&self, room: &RoomId) -> Role {
        self.rooms.get(room).copied().unwrap_or_default().max(self.everywhere)
    }

    /// The number of rooms with a higher role.
    #[must_use]
    pub fn rooms(&self) -> usize {
        self.rooms.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(id: &str) -> RoomId {
        id.parse().expect("an id")
    }

    #[test]
    fn a_role_of_one_room_is_none_of_another_and_the_highest_counts() {
        let rights = Rights::everywhere(Role::Member)
            .and_in(room("anna"), Role::Streamer)
            .and_in(room("bob"), Role::Moderator)
            .and_in(room("bob"), Role::Member)
            .and_in(room("cleo"), Role::Viewer);
        let roles = ["anna", "bob", "cleo", "demo"].map(|id| rights.role_in(&room(id)));
        assert_eq!(roles, [Role::Streamer, Role::Moderator, Role::Member, Role::Member]);
        assert_eq!(rights.rooms(), 2);
        let operator = Rights::everywhere(Role::Moderator).and_in(room("anna"), Role::Member);
        assert_eq!(operator.role_in(&room("anna")), Role::Moderator);
    }

    #[test]
    fn rights_survive_their_json_and_those_of_every_room_alone_are_a_role() {
        let rights = Rights::everywhere(Role::Member).and_in(room("anna"), Role::Streamer);
        let json = serde_json::to_string(&rights).expect("JSON");
        assert_eq!(json, r#"{"role":"member","rooms":{"anna":"streamer"}}"#);
        assert_eq!(serde_json::from_str::<Rights>(&json).expect("rights"), rights);
        let everywhere = Rights::everywhere(Role::Moderator);
        assert_eq!(serde_json::to_string(&everywhere).expect("JSON"), r#"{"role":"moderator"}"#);
        assert_eq!(serde_json::from_str::<Rights>(r#"{"role":"moderator"}"#).expect("rights"), everywhere);
    }
}
