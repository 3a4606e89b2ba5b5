//! Who may not speak, handed along with a session to read: what was decided before the part of the stream that its reader reads.
//!
//! Each is a text of two lines as a record is, the first of them a [`Handed`], signed by the server for one room. It is no record:
//! put onto the stream it counts for nothing.

use serde::{Deserialize, Serialize};

use super::{Evidence, Gate, Incoming, Reason, admit_order};
use crate::{
    record::{self, Decided, Moderation, RecordError, RecordId, VERSION},
    room::RoomId,
};

/// Line 1 of what is handed along.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handed {
    /// Version of the wire form, [`VERSION`].
    pub v: u8,
    /// For the gate of which room.
    pub gate: RoomId,
    /// When, in Unix milliseconds.
    pub at: i64,
    /// Decisions that were told before, or guests of networks.
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
        // Cannot fail, as a danmu's cannot.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl Gate {
    /// Takes in what was handed along, by what was verified of it.
    ///
    /// # Errors
    /// Why it counts for nothing: it is not the server's, for another room, or cannot be read.
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

    /// Judges a record under [`SERVICE_KEY`](record::SERVICE_KEY), and takes in what it says of this room.
    ///
    /// # Errors
    /// Why it counts for nothing.
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
