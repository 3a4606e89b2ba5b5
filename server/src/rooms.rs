//! The rooms that the settings list.

use danmu::room::{Room, RoomId};
use danmu_app::services::Rooms;

use crate::config::RoomSettings;

/// The rooms of the settings, in their order.
pub struct ListedRooms(Vec<Room>);

impl ListedRooms {
    pub fn new(rooms: Vec<RoomSettings>) -> Self {
        Self(rooms.into_iter().map(Room::from).collect())
    }
}

impl Rooms for ListedRooms {
    fn room(&self, id: &RoomId) -> Option<Room> {
        self.0.iter().find(|room| room.id == *id).cloned()
    }

    fn rooms(&self) -> Vec<Room> {
        self.0.clone()
    }
}
