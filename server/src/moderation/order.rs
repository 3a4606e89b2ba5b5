//! A decision as it goes onto the stream: signed by the server, as a danmu is by its viewer.

use danmu::{
    gate::Handed,
    record::{Danmu, Moderation, Order, RecordId, SERVICE_KEY},
    room::RoomId,
    ticket::{Claims, Proof, PublicKey, Signature},
    viewer::{Role, ViewerId},
};
use ed25519_dalek::{Signer as _, SigningKey};

use crate::identity::Identity;

/// How long the ticket of an order holds, seconds: longer than a record may be on its way.
const TICKET_S: i64 = 300;

/// Signs orders, by a key of its own that lives as long as the process.
pub struct Signer {
    identity: Identity,
    key: SigningKey,
}

/// A record, and the partition key that it is put under.
pub(super) struct Signed {
    pub key: String,
    pub data: Vec<u8>,
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

    /// The record that tells this now (Unix milliseconds): for a room, or for every one.
    pub(super) fn record(&self, id: RecordId, room: Option<&RoomId>, told: Moderation, now_ms: i64) -> Signed {
        match room {
            Some(room) => Signed {
                key: room.as_str().to_owned(),
                data: self.sign(Danmu::moderation(id, room.clone(), told, now_ms).encode(), room.clone(), now_ms),
            },
            // Its scope stands in the order; a ticket names a room, and no other room has use for this one.
            None => Signed {
                key: SERVICE_KEY.to_owned(),
                data: self.sign(Order::new(id, told, now_ms).encode(), RoomId::demo(), now_ms),
            },
        }
    }

    /// What is handed along to the gate of one who reads a room.
    pub(super) fn handed(&self, room: &RoomId, told: Moderation, now_ms: i64) -> String {
        let line = Handed::new(room.clone(), told, now_ms).encode();
        // JSON and base64.
        String::from_utf8(self.sign(line, room.clone(), now_ms)).unwrap_or_default()
    }

    fn sign(&self, line: Vec<u8>, room: RoomId, now_ms: i64) -> Vec<u8> {
        let now_s = now_ms.div_euclid(1_000);
        let ticket = self.identity.issue(Claims {
            viewer: ViewerId::server(),
            name: None,
            // Nobody bans the server.
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
