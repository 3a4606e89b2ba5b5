//! The rooms: as the app's pages query them, and those that are made in the studio.

mod stored;

use danmu::room::{Room, RoomId};
use danmu_app::{figures::RoomFigures, refusals::RefusedDanmu, services::Rooms};
use danmu_identity::clock::now_ms;
use danmu_relay::{relay::Relay, rooms::RoomMap};

pub use self::stored::{StoredRooms, checked};

/// The rooms, as the app's pages query them.
pub struct ServedRooms {
    rooms: RoomMap,
    relay: Option<Relay>,
}

impl ServedRooms {
    /// With these rooms, and the relay if there is one.
    pub const fn new(rooms: RoomMap, relay: Option<Relay>) -> Self {
        Self { rooms, relay }
    }
}

impl Rooms for ServedRooms {
    fn room(&self, id: &RoomId) -> Option<Room> {
        self.rooms.get(id)
    }

    fn rooms(&self) -> Vec<Room> {
        self.rooms.all().to_vec()
    }

    fn place(&self, id: &RoomId) -> Option<String> {
        self.relay.as_ref()?.place(id)
    }

    fn figures(&self, id: &RoomId) -> Option<RoomFigures> {
        let (viewers, counts) = self.relay.as_ref()?.figures(id)?;
        let refused = counts.refused().into_iter().filter(|(_, count)| *count > 0);
        Some(RoomFigures {
            now_ms: now_ms(),
            viewers: u32::try_from(viewers).unwrap_or(u32::MAX),
            admitted: counts.admitted,
            refused: refused.map(|(reason, count)| (reason.to_owned(), count)).collect(),
        })
    }

    fn refused(&self, id: &RoomId, since: u64) -> Vec<RefusedDanmu> {
        self.relay.as_ref().map_or_else(Vec::new, |relay| relay.refused(id, since))
    }

    fn plain_origins(&self) -> Vec<String> {
        let rooms = self.rooms.all();
        let addresses = rooms.iter().flat_map(|room| [Some(&room.video), room.poster.as_ref()]).flatten();
        let hosts = addresses.filter_map(|address| address.strip_prefix("http://")?.split(['/', '?', '#']).next());
        hosts.map(|host| format!("http://{host}")).collect()
    }
}
