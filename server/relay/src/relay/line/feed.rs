//! The feed of a room: its ring, lineage, refill desk, bans and broadcast.

use std::sync::{Arc, Mutex};

use danmu::gate::{Bans, Counts};
use danmu_identity::clock::now_ms;

use super::{
    super::take::{
        judge::Verdicts,
        log_position::{Lineage, SharedLineage},
    },
    refill::Desk,
    refusals::Refusals,
    ring::{Ring, Window},
    shadowed::Shadowed,
    tally::Tally,
};

/// The feed of a room.
#[derive(Debug)]
pub struct RoomFeed {
    /// The events for viewers.
    pub ring: Arc<Ring>,
    /// The shards that the room's key has lived on.
    pub lineage: SharedLineage,
    /// The refill of what the ring has dropped, for viewers who were away for longer.
    pub past: Arc<Desk>,
    /// The bans that all gates of the room judge by.
    pub bans: Bans,
    /// Broadcast of admitted danmu.
    pub verdicts: Verdicts,
    /// What shadow-banned viewers said.
    pub shadowed: Shadowed,
    /// What the room's gate refused lately, for its crew.
    pub refusals: Refusals,
    /// What the room's gate has admitted and refused, as of its last frame or heartbeat.
    pub counts: Mutex<Counts>,
    /// What happened in the last minutes, for the store.
    pub tally: Tally,
}

impl RoomFeed {
    /// An empty feed.
    pub fn new(window: Window, bans: Bans) -> Self {
        let ring = Arc::new(Ring::new(window));
        Self {
            past: Arc::new(Desk::new(Arc::clone(&ring), window.bytes, bans.clone())),
            ring,
            lineage: SharedLineage::default(),
            bans,
            verdicts: Verdicts::default(),
            shadowed: Shadowed::default(),
            refusals: Refusals::default(),
            counts: Mutex::default(),
            tally: Tally::new(now_ms()),
        }
    }

    /// Reads or changes the room's lineage under its lock.
    pub fn learn<T>(&self, f: impl FnOnce(&mut Lineage) -> T) -> T {
        self.lineage.learn(f)
    }
}
