//! The feed of a room: what is kept of it, and what judges and tells it go by.

use std::sync::Arc;

use danmu::gate::Bans;

use super::{
    super::take::{
        judge::Verdicts,
        log_position::{Lineage, SharedLineage},
    },
    refill::Desk,
    ring::{Ring, Window},
};

/// The feed of a room.
#[derive(Debug)]
pub struct RoomFeed {
    /// What viewers are told.
    pub ring: Arc<Ring>,
    /// The shards behind it.
    pub lineage: SharedLineage,
    /// What it has let go of, for those who were away for longer.
    pub past: Arc<Desk>,
    /// Who may not speak: what all gates of the room judge by.
    pub bans: Bans,
    /// What is let through.
    pub verdicts: Verdicts,
}

impl RoomFeed {
    /// A feed of which nothing is known yet.
    pub fn new(window: Window, bans: Bans) -> Self {
        let ring = Arc::new(Ring::new(window));
        Self {
            past: Arc::new(Desk::new(Arc::clone(&ring), window.bytes, bans.clone())),
            ring,
            lineage: SharedLineage::default(),
            bans,
            verdicts: Verdicts::default(),
        }
    }

    /// Looks at, or changes, what is known of the room's shards.
    pub fn learn<T>(&self, f: impl FnOnce(&mut Lineage) -> T) -> T {
        self.lineage.learn(f)
    }
}
