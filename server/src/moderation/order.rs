//! An order as it goes onto the stream: signed by the server, as a danmu is by its viewer.

use danmu::{
    record::{Danmu, Moderation, RecordId},
    room::RoomId,
    ticket::{Claims, Proof, PublicKey, Signature},
    viewer::{Role, ViewerId},
};
use ed25519_dalek::{Signer as _, SigningKey};

use crate::identity::Identity;

/// Who the server is, in tickets. No viewer is called so.
const SERVER: &str = "=server";
/// How long the ticket of an order holds, seconds: longer than a record may be on its way.
const TICKET_S: i64 = 300;

/// Signs orders, by a key of its own that lives as long as the process.
pub struct Signer {
    identity: Identity,
    key: SigningKey,
    server: ViewerId,
}

impl Signer {
    /// With a new key.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub fn new(identity: Identity) -> Result<Self, getrandom::Error> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)?;
        let server = SERVER.parse().map_err(|_| getrandom::Error::UNEXPECTED)?;
        Ok(Self { identity, key: SigningKey::from_bytes(&seed), server })
    }

    /// The record of an order for a room, made now (Unix milliseconds).
    #[must_use]
    pub fn record(&self, room: &RoomId, order: Moderation, now_ms: i64) -> Vec<u8> {
        let now_s = now_ms.div_euclid(1_000);
        let ticket = self.identity.issue(Claims {
            viewer: self.server.clone(),
            name: None,
            // Nobody bans the server.
            role: Role::Streamer,
            room: room.clone(),
            issued_s: now_s,
            expires_s: now_s + TICKET_S,
            key: PublicKey::new(self.key.verifying_key().to_bytes()),
        });
        let mut random = [0; 16];
        // Without it, orders of one millisecond would be one.
        if getrandom::fill(&mut random).is_err() {
            tracing::error!("no random bytes for the id of an order");
        }
        let id = RecordId::new(now_ms, u128::from_be_bytes(random));
        let line = Danmu::moderation(id, room.clone(), order, now_ms).encode();
        let signature = Signature::new(self.key.sign(&line).to_bytes());
        Proof { ticket: &ticket, signature }.attach(line)
    }
}
