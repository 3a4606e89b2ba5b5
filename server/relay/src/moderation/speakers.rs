//! Buffer of recent speakers: written to the store in batches, since each write syncs the disk.
//!
//! Bounded: beyond [`MOST`] viewers between two writes, further ones are dropped.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Mutex, MutexGuard, PoisonError},
};

use danmu::{gate::Admitted, room::RoomId, viewer::ViewerId};
use danmu_identity::store::Speaker;

/// The most viewers in the buffer.
const MOST: usize = 10_000;
/// Characters of a danmu that are kept, enough for an operator to recognize its author.
const WORDS: usize = 60;

/// Speakers who are not written to the store yet.
#[derive(Debug, Default)]
pub(super) struct Speakers(Mutex<HashMap<ViewerId, Speaker>>);

impl Speakers {
    /// Adds the author of a danmu that the gate admitted.
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

    /// Takes all of them out.
    pub(super) fn take(&self) -> Vec<Speaker> {
        std::mem::take(&mut *self.lock()).into_values().collect()
    }

    /// Adds a speaker, also one whose write to the store failed.
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
