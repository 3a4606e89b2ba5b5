//! The rooms that the settings list.

use danmu::room::{Room, RoomId};
use danmu_app::services::Rooms;

use crate::{config::RoomSettings, relay::Relay};

/// The rooms of the settings, in their order, as they are relayed here, if they are.
pub struct ListedRooms {
    rooms: Vec<Room>,
    relay: Option<Relay>,
}

impl ListedRooms {
    pub fn new(rooms: Vec<RoomSettings>, relay: Option<Relay>) -> Self {
        Self { rooms: rooms.into_iter().map(Room::from).collect(), relay }
    }
}

impl Rooms for ListedRooms {
    fn room(&self, id: &RoomId) -> Option<Room> {
        self.rooms.iter().find(|room| room.id == *id).cloned()
    }

    fn rooms(&self) -> Vec<Room> {
        self.rooms.clone()
    }

    fn place(&self, id: &RoomId) -> Option<String> {
        self.relay.as_ref()?.place(id)
    }
}
