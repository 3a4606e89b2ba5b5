//! What is made of a room's records: each is judged, in its order, and has a place in the room.
//!
//! What may be shown is told to all who [subscribe](Verdicts::subscribe), beside the room's own line.

use std::sync::Arc;

use danmu::{
    gate::{Admitted, Bans, Gate, Incoming},
    kinesis::Record,
    room::Room,
};
use tokio::sync::broadcast;

use super::{
    log_position::{LogPosition, SharedLineage},
    refused::Refused,
};
use crate::{identity::RecordVerifier, unicode::UNICODE};

/// So much may wait for a subscriber that is slow; then it is told how much it lost, and may read that off the stream.
const WAITING: usize = 4_096;

/// A danmu that the gate let through.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Where it stands in its room's order.
    pub place: LogPosition,
    /// The danmu.
    pub admitted: Admitted,
    /// Its record's.
    pub sequence_number: String,
}

/// The judge of a room.
pub struct Judge {
    gate: Gate,
    lineage: SharedLineage,
    verifier: Arc<RecordVerifier>,
}

impl Judge {
    /// One who has seen nothing yet, and knows by `bans` who may not speak.
    pub fn new(room: &Room, bans: Bans, lineage: SharedLineage, verifier: Arc<RecordVerifier>) -> Self {
        Self { gate: Gate::new(room, UNICODE).with_bans(bans), lineage, verifier }
    }

    /// Goes by what is set for its room from now on.
    pub fn go_by(&mut self, room: &Room) {
        self.gate.go_by(room);
    }

    /// Judges a record, when what it says of its author was verified.
    ///
    /// # Errors
    /// Why it is told to nobody.
    pub fn judge(&mut self, record: &Record) -> Result<Judged, Refused> {
        // Whoever names a hash key of its own may put a room's record on any shard; its place in the room's order would then be
        // nowhere.
        let place =
            self.lineage.learn(|lineage| lineage.place(&record.shard_id, &record.sequence_number, record.arrival_ms));
        let place = place.ok_or(Refused::ForeignShard)?;
        let evidence = self.verifier.verify(&record.data);
        let admitted = self.gate.admit(Incoming {
            data: &record.data,
            partition_key: &record.partition_key,
            sequence_number: &record.sequence_number,
            arrival_ms: record.arrival_ms,
            evidence: evidence.as_ref(),
        })?;
        Ok(Judged { place, admitted, sequence_number: record.sequence_number.clone() })
    }
}

/// What a room's judge lets through, told to any number of subscribers. None of them holds the room up.
#[derive(Clone, Debug)]
pub struct Verdicts(broadcast::Sender<Arc<Judged>>);

impl Default for Verdicts {
    fn default() -> Self {
        Self(broadcast::Sender::new(WAITING))
    }
}

impl Verdicts {
    /// All that is let through from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Judged>> {
        self.0.subscribe()
    }

    /// Tells it to whoever subscribed.
    pub fn tell(&self, judged: &Judged) {
        if self.0.receiver_count() > 0 {
            // Whoever has gone meanwhile needs it no more.
            let _ = self.0.send(Arc::new(judged.clone()));
        }
    }
}
