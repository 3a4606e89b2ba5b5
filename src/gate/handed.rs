//! Handed-over bans: decisions from before the part of the stream that a direct reader reads, given to it with its session.
//!
//! Each is a text of two lines, like a record: a [`Handed`], and the server's signature for one room. It is not a record, and
//! has no effect on the stream.

use serde::{Deserialize, Serialize};

use super::{Evidence, Gate, Incoming, Reason, admit_order};
use crate::{
    record::{self, Decided, Moderation, RecordError, RecordId, VERSION},
    room::RoomId,
};

/// Line 1 of a handed-over text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handed {
    /// Version of the wire form, [`VERSION`].
    pub v: u8,
    /// The room whose gate it is for.
    pub gate: RoomId,
    /// When it was made, in Unix milliseconds.
    pub at: i64,
    /// A snapshot of decisions, or guests of networks.
    pub told: Moderation,
}

impl Handed {
    /// For the gate of a room; `at` is in Unix milliseconds.
    #[must_use]
    pub const fn new(gate: RoomId, told: Moderation, at: i64) -> Self {
        Self { v: VERSION, gate, at, told }
    }

    /// The wire form, without an end of line.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        // Cannot fail, as with a danmu.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl Gate {
    /// Takes in a handed-over text, with its verified evidence.
    ///
    /// # Errors
    /// Why it has no effect: it is not the server's, for another room, or cannot be read.
    pub fn take_handed(&self, data: &[u8], evidence: Option<&Evidence>) -> Result<(), Reason> {
        let evidence = evidence.ok_or(Reason::Forged)?;
        if !evidence.is_server() {
            return Err(Reason::NotModerator);
        }
        let (line, _) = record::signed(data).ok_or(Reason::Forged)?;
        let handed: Handed = serde_json::from_slice(line).map_err(|error| RecordError::Malformed(error.to_string()))?;
        if handed.gate != self.room || evidence.room != self.room {
            return Err(Reason::OtherRoom);
        }
        self.learn(RecordId::new(handed.at, 0), &handed.told, handed.at);
        Ok(())
    }

    /// Judges a record under [`SERVICE_KEY`](record::SERVICE_KEY), and applies its decisions to this room.
    ///
    /// # Errors
    /// Why it has no effect.
    pub fn take_order(&self, incoming: Incoming<'_>) -> Result<(), Reason> {
        let order = admit_order(incoming)?;
        self.learn(order.id, &order.moderation, incoming.arrival_ms);
        Ok(())
    }

    fn learn(&self, id: RecordId, told: &Moderation, arrival_ms: i64) {
        let (room, everywhere) = (self.bans.of_room(), self.bans.everywhere());
        match told {
            Moderation::Guests(guests) => _ = everywhere.learn_guests(guests, arrival_ms),
            Moderation::Snapshot(all) => {
                for Decided { id, room: of, decision, at } in all {
                    match of {
                        None => _ = everywhere.apply(*id, decision, *at),
                        Some(of) if *of == self.room => _ = room.apply(*id, decision, *at),
                        Some(_) => {}
                    }
                }
            }
            told => {
                if let Some(decision) = told.decision() {
                    everywhere.apply(id, &decision, arrival_ms);
                }
            }
        }
    }
}
