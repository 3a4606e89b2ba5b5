//! Judges a room's records in their order, and gives each that passes its position in the room's log.
//!
//! What may be shown is also broadcast to [subscribers](Verdicts::subscribe), beside the room's own line.

use std::sync::{Arc, OnceLock};

use danmu::{
    gate::{Admitted, Bans, Counts, Evidence, Gate, Incoming},
    kinesis::Record,
    room::Room,
};
use danmu_identity::{identity::RecordVerifier, unicode::UNICODE};
use tokio::sync::broadcast;

use super::{
    log_position::{LogPosition, SharedLineage},
    refused::Refused,
};

/// Broadcast buffer, in danmu: a slower subscriber is told how many it lost, and may read them from the stream.
const WAITING: usize = 4_096;

/// A danmu that the gate admitted.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Its position in the room's log.
    pub place: LogPosition,
    /// The danmu.
    pub admitted: Admitted,
    /// Its record's sequence number.
    pub sequence_number: String,
}

/// Judges the records of a room.
pub struct Judge {
    gate: Gate,
    lineage: SharedLineage,
    verifier: Arc<RecordVerifier>,
}

impl Judge {
    /// A judge that has seen no records yet; `bans` says who may not speak.
    pub fn new(room: &Room, bans: Bans, lineage: SharedLineage, verifier: Arc<RecordVerifier>) -> Self {
        Self { gate: Gate::new(room, UNICODE).with_bans(bans), lineage, verifier }
    }

    /// What it has admitted and refused so far.
    pub fn counts(&self) -> Counts {
        self.gate.counts()
    }

    /// Applies changed settings of the room from now on.
    pub fn go_by(&mut self, room: &Room) {
        self.gate.go_by(room);
    }

    /// Verifies a record's author, then has the gate judge the record.
    ///
    /// # Errors
    /// Why the record is refused.
    pub fn judge(&mut self, record: &Record) -> Result<Judged, Refused> {
        self.judge_and_tell(record).0
    }

    /// The same, with what the record's ticket says, where that was verified.
    pub fn judge_and_tell(&mut self, record: &Record) -> (Result<Judged, Refused>, Option<Arc<Evidence>>) {
        // An explicit hash key puts a room's record on any shard; outside the room's lineage it would have no position in the
        // room's log.
        let place =
            self.lineage.learn(|lineage| lineage.place(&record.shard_id, &record.sequence_number, record.arrival_ms));
        let Some(place) = place else { return (Err(Refused::ForeignShard), None) };
        let evidence = self.verifier.verify(&record.data);
        let admitted = self.gate.admit(Incoming {
            data: &record.data,
            partition_key: &record.partition_key,
            sequence_number: &record.sequence_number,
            arrival_ms: record.arrival_ms,
            evidence: evidence.as_ref(),
        });
        let sequence_number = record.sequence_number.clone();
        (admitted.map(|admitted| Judged { place, admitted, sequence_number }).map_err(Refused::from), evidence)
    }
}

/// Broadcast of what a room's judge admits, to any number of subscribers. None of them delays the room. A room without any has no
/// buffer either, which would be most of what an idle room costs (131 kB).
#[derive(Clone, Debug, Default)]
pub struct Verdicts(Arc<OnceLock<broadcast::Sender<Arc<Judged>>>>);

impl Verdicts {
    /// Subscribes to all danmu admitted from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Judged>> {
        self.0.get_or_init(|| broadcast::Sender::new(WAITING)).subscribe()
    }

    /// Sends a danmu to all subscribers.
    pub fn tell(&self, judged: &Judged) {
        if let Some(subscribers) = self.0.get().filter(|subscribers| subscribers.receiver_count() > 0) {
            // This fails only if the last subscriber has just left.
            let _ = subscribers.send(Arc::new(judged.clone()));
        }
    }
}
