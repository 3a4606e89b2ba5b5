//! Who was heard since it was last written down: gathered, since each write of the store is a sync of the disk.
//!
//! Bounded: beyond [`MOST`] in a second those who come first are kept.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Mutex, MutexGuard, PoisonError},
};

use danmu::{gate::Admitted, room::RoomId, viewer::ViewerId};

use crate::store::Speaker;

/// The most that wait to be written down.
const MOST: usize = 10_000;
/// So many characters of what somebody said tell an operator who is meant.
const WORDS: usize = 60;

/// Who was heard and is not written down yet.
#[derive(Debug, Default)]
pub(super) struct Speakers(Mutex<HashMap<ViewerId, Speaker>>);

impl Speakers {
    /// The gate let that through in a room.
    pub(super) fn heard(&self, room: &RoomId, admitted: &Admitted) {
        let Some(evidence) = &admitted.evidence else { return };
        let mut words: String = admitted.text.chars().take(WORDS).collect();
        if words.len() < admitted.text.len() {
            words.push('…');
        }
        self.add(Speaker {
            viewer: evidence.viewer.clone(),
            name: evidence.name.as_ref().map(|name| name.as_str().to_owned()),
            room: room.clone(),
            first_ms: admitted.arrival_ms,
            last_ms: admitted.arrival_ms,
            words,
        });
    }

    /// Takes all of them.
    pub(super) fn take(&self) -> Vec<Speaker> {
        std::mem::take(&mut *self.lock()).into_values().collect()
    }

    /// One more, or once more one that could not be written down.
    pub(super) fn add(&self, heard: Speaker) {
        let mut known = self.lock();
        let has_room = known.len() < MOST;
        match known.entry(heard.viewer.clone()) {
            Entry::Occupied(mut entry) => {
                let first_ms = entry.get().first_ms.min(heard.first_ms);
                if heard.last_ms >= entry.get().last_ms {
                    entry.insert(heard);
                }
                entry.get_mut().first_ms = first_ms;
            }
            Entry::Vacant(entry) if has_room => _ = entry.insert(heard),
            Entry::Vacant(_) => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ViewerId, Speaker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
