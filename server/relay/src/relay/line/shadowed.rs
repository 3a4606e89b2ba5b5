//! What shadow-banned viewers said: their own pages show it as told, after a reload too; nobody else has it.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use danmu::{feed::Item, gate::Admitted, viewer::ViewerId};

/// The most danmu of a room that are kept.
const MOST: usize = 500;

/// The last danmu of a room's shadow-banned viewers.
#[derive(Debug, Default)]
pub struct Shadowed {
    said: Mutex<VecDeque<(ViewerId, Item)>>,
    count: AtomicUsize,
}

impl Shadowed {
    /// Whether there are any, so that mostly nobody is asked who it is.
    pub fn is_empty(&self) -> bool {
        self.count.load(Relaxed) == 0
    }

    /// Keeps a danmu that its author alone is shown.
    pub fn keep(&self, admitted: Admitted) {
        let Some(viewer) = admitted.evidence.as_ref().map(|evidence| evidence.viewer.clone()) else { return };
        let mut said = self.lock();
        if said.len() == MOST {
            said.pop_front();
        }
        said.push_back((viewer, Item::new(admitted)));
        self.count.store(said.len(), Relaxed);
    }

    /// Adds to the history of a viewer what it said itself, by arrival; of both, the last `most` are left.
    pub fn add(&self, viewer: &ViewerId, history: &mut Vec<Item>, most: usize) {
        let said = self.lock();
        let own = said.iter().filter(|(author, _)| author == viewer).map(|(_, item)| item.clone());
        history.extend(own);
        drop(said);
        history.sort_by_key(|item| item.at);
        history.drain(..history.len().saturating_sub(most));
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(ViewerId, Item)>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
