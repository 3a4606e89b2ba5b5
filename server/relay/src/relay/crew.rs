//! Follows the map of rooms: creates what a new room needs, and ends a removed one.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use danmu::room::{Modes, Room, RoomId};
use tokio::{
    sync::{mpsc, watch},
    task::{JoinError, JoinSet},
};
use tokio_util::task::TaskTracker;

use super::{
    line::{event::modes, feed::RoomFeed, ring::Window, work::Work},
    take::{
        dispatch::{Change, Queue},
        means::Means,
    },
    tell::{audience::Audience, batch::Batches},
};

/// A relayed room.
#[derive(Clone, Debug)]
pub struct Relayed {
    /// Its settings.
    pub room: Room,
    /// What its viewers share.
    pub audience: Arc<Audience>,
    /// The batches in which its viewers are written to.
    pub batches: Arc<Batches>,
}

/// All relayed rooms. A handle.
#[derive(Clone, Debug, Default)]
pub struct AllRelayed(Arc<RwLock<HashMap<RoomId, Relayed>>>);

impl AllRelayed {
    /// The room of that id.
    pub fn get(&self, id: &RoomId) -> Option<Relayed> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// A copy of them all.
    pub fn all(&self) -> Vec<Relayed> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    fn put(&self, relayed: Relayed) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(relayed.room.id.clone(), relayed);
    }

    fn remove(&self, id: &RoomId) -> Option<Relayed> {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(id)
    }
}

/// The task that follows the rooms.
pub struct Crew {
    /// The rooms as they are now.
    pub relayed: AllRelayed,
    /// How much of each room's feed is kept.
    pub window: Window,
    /// What all parts share.
    pub means: Means,
    /// The tasks that write to viewers.
    pub tasks: TaskTracker,
    /// Changes of the rooms, for the dispatcher.
    pub changes: mpsc::UnboundedSender<Change>,
    /// The tasks of the rooms, and the dispatcher.
    pub parts: JoinSet<()>,
}

impl Crew {
    /// Creates, changes and ends relayed rooms to match `rooms`.
    pub fn bring(&mut self, rooms: &[Room]) {
        for ended in self.relayed.all() {
            if rooms.iter().all(|room| room.id != ended.room.id) {
                self.end(&ended.room.id);
            }
        }
        for room in rooms {
            match self.relayed.get(&room.id) {
                Some(known) if known.room == *room => {}
                Some(known) => {
                    self.relayed.put(Relayed { room: room.clone(), ..known });
                    self.change(Change::Set(room.clone()));
                }
                None => self.make(room.clone()),
            }
        }
    }

    /// Follows changes of the rooms until all parts have ended.
    ///
    /// # Panics
    /// If a part panicked.
    pub async fn run(mut self, mut rooms: watch::Receiver<Arc<[Room]>>) {
        loop {
            tokio::select! {
                Ok(()) = rooms.changed() => {
                    let now = Arc::clone(&rooms.borrow_and_update());
                    self.bring(&now);
                }
                ended = self.parts.join_next() => match ended.map(|ended| ended.map_err(JoinError::try_into_panic)) {
                    Some(Err(Ok(panic))) => std::panic::resume_unwind(panic),
                    Some(_) => {}
                    None => return,
                },
            }
        }
    }

    fn make(&mut self, room: Room) {
        let feed = Arc::new(RoomFeed::new(self.window, self.means.moderation.bans(&room.id)));
        let (queue, read) = Queue::new();
        self.parts.spawn(Work::new(room.clone(), Arc::clone(&feed), self.means.clone()).run(read));
        self.change(Change::Made(room.id.clone(), queue));
        let (status, metrics) = (Arc::clone(&self.means.status), Arc::clone(&self.means.metrics));
        let audience = Arc::new(Audience { feed, status, metrics, tasks: self.tasks.clone() });
        self.relayed.put(Relayed { room, audience, batches: Arc::default() });
    }

    fn end(&self, id: &RoomId) {
        if let Some(relayed) = self.relayed.remove(id) {
            self.change(Change::Ended(id.clone()));
            let ring = &relayed.audience.feed.ring;
            ring.note(modes(Modes::ENDED));
            ring.close();
        }
    }

    fn change(&self, change: Change) {
        // This fails only without a dispatcher, and then the relay ends.
        let _ = self.changes.send(change);
    }
}
