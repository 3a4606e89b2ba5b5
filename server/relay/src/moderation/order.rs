//! Signs decisions as records (orders) for the stream, as a viewer signs a danmu.

use danmu::{
    gate::Handed,
    record::{Danmu, Moderation, Order, RecordId, SERVICE_KEY},
    room::RoomId,
    ticket::{Claims, Proof, PublicKey, Signature},
    viewer::{Role, ViewerId},
};
use danmu_identity::identity::Identity;
use ed25519_dalek::{Signer as _, SigningKey};

use crate::bus::BusRecord;

/// Lifetime of an order's ticket, seconds: longer than a record takes to arrive.
const TICKET_S: i64 = 300;

/// Signs orders with a key of its own, which lives as long as the process.
pub struct Signer {
    identity: Identity,
    key: SigningKey,
}

impl Signer {
    /// With a new key.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub fn new(identity: Identity) -> Result<Self, getrandom::Error> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)?;
        Ok(Self { identity, key: SigningKey::from_bytes(&seed) })
    }

    /// The record that publishes this at `now_ms` (Unix milliseconds), for one room or for every room.
    pub(super) fn record(&self, id: RecordId, room: Option<&RoomId>, told: Moderation, now_ms: i64) -> BusRecord {
        match room {
            Some(room) => BusRecord {
                partition_key: room.as_str().to_owned(),
                data: self.sign(Danmu::moderation(id, room.clone(), told, now_ms).encode(), room.clone(), now_ms),
            },
            // The order itself says its scope. A ticket must name a room; this one's is irrelevant.
            None => BusRecord {
                partition_key: SERVICE_KEY.to_owned(),
                data: self.sign(Order::new(id, told, now_ms).encode(), RoomId::demo(), now_ms),
            },
        }
    }

    /// The signed text that is handed to a direct reader of a room.
    pub(super) fn handed(&self, room: &RoomId, told: Moderation, now_ms: i64) -> String {
        let line = Handed::new(room.clone(), told, now_ms).encode();
        // JSON and base64, so valid UTF-8.
        String::from_utf8(self.sign(line, room.clone(), now_ms)).unwrap_or_default()
    }

    fn sign(&self, line: Vec<u8>, room: RoomId, now_ms: i64) -> Vec<u8> {
        let now_s = now_ms.div_euclid(1_000);
        let ticket = self.identity.issue(Claims {
            viewer: ViewerId::server(),
            name: None,
            // The highest role, so that no ban applies to the server.
            role: Role::Streamer,
            room,
            issued_s: now_s,
            expires_s: now_s + TICKET_S,
            key: PublicKey::new(self.key.verifying_key().to_bytes()),
        });
        let signature = Signature::new(self.key.sign(&line).to_bytes());
        Proof { ticket: &ticket, signature }.attach(line)
    }
}
