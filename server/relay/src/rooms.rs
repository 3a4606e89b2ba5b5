//! The map of rooms. Its users watch it, so that rooms can be created, changed or removed while the server runs.

use std::sync::Arc;

use danmu::room::{Room, RoomId};
use tokio::sync::watch;

/// The rooms, in the operator's order. A handle; clones share the map.
#[derive(Clone, Debug)]
pub struct RoomMap(Arc<watch::Sender<Arc<[Room]>>>);

impl RoomMap {
    /// A map of these rooms.
    #[must_use]
    pub fn new(rooms: impl IntoIterator<Item = Room>) -> Self {
        Self(Arc::new(watch::Sender::new(rooms.into_iter().collect())))
    }

    /// All rooms, at the moment.
    #[must_use]
    pub fn all(&self) -> Arc<[Room]> {
        Arc::clone(&self.0.borrow())
    }

    /// The room with that id, if there is one.
    #[must_use]
    pub fn get(&self, id: &RoomId) -> Option<Room> {
        self.0.borrow().iter().find(|room| room.id == *id).cloned()
    }

    /// All rooms, now and after each change.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Arc<[Room]>> {
        self.0.subscribe()
    }

    /// These are the rooms from now on.
    pub fn set(&self, all: Vec<Room>) {
        self.0.send_if_modified(|rooms| {
            let changed = **rooms != *all;
            if changed {
                *rooms = all.into();
            }
            changed
        });
    }

    /// Creates a room, or replaces the one with its id.
    pub fn put(&self, room: Room) {
        self.0.send_modify(|rooms| {
            let mut all = rooms.to_vec();
            match all.iter_mut().find(|known| known.id == room.id) {
                Some(known) => *known = room,
                None => all.push(room),
            }
            *rooms = all.into();
        });
    }

    /// Removes the room with that id, if there is one.
    pub fn remove(&self, id: &RoomId) {
        self.0.send_modify(|rooms| *rooms = rooms.iter().filter(|room| room.id != *id).cloned().collect());
    }
}

#[cfg(test)]
mod tests {
    use danmu::room::{Paces, Unsigned};

    use super::*;

    fn room(id: &str, title: &str) -> Room {
        Room {
            id: id.to_owned().try_into().expect("a room's id"),
            title: title.to_owned(),
            video: String::new(),
            poster: None,
            unsigned: Unsigned::Deny,
            paces: Paces::default(),
        }
    }

    #[test]
    fn rooms_are_made_changed_and_ended_for_all_who_watch() {
        let map = RoomMap::new([room("a", "first"), room("b", "second")]);
        let (other, mut watched) = (map.clone(), map.watch());
        other.put(room("c", "third"));
        other.put(room("a", "renamed"));
        other.remove(&room("b", "").id);
        assert!(watched.has_changed().expect("it is there"));
        let titles: Vec<_> = watched.borrow_and_update().iter().map(|room| room.title.clone()).collect();
        assert_eq!(titles, ["renamed", "third"], "in their order");
        assert_eq!((map.get(&room("a", "").id), map.get(&room("b", "").id)), (Some(room("a", "renamed")), None));
    }
}
