//! Viewers who sign what they say, as pages do: some 800 bytes a record.

use std::time::{SystemTime, UNIX_EPOCH};

use danmu::{
    record::Danmu,
    room::RoomId,
    ticket::{Claims, Proof, PublicKey, Signature},
    viewer::{Role, ViewerId},
};
use danmu_identity::identity::Identity;
use ed25519_dalek::{Signer, SigningKey};

use crate::{
    kit::{Failure, Noise},
    numbered::{id, text},
    subject::Server,
};

/// So many that none says too much.
const SPEAKERS: usize = 400;

/// Those who speak, in turns.
pub struct Signers(Vec<(String, SigningKey)>);

impl Signers {
    /// With tickets of that server.
    pub fn new(server: &Server) -> Result<Self, Failure> {
        let (identity, mut noise) = (Identity::load(&server.data().join("ticket-keys.json"))?, Noise::new(3));
        let issued_s = unix_ms()? / 1_000;
        let speaker = |_| {
            let mut seed = [0; 32];
            seed.copy_from_slice(&noise.bytes(32));
            let key = SigningKey::from_bytes(&seed);
            let ticket = identity.issue(Claims {
                viewer: ViewerId::guest(u128::from(noise.next())),
                name: None,
                role: Role::Viewer,
                room: RoomId::demo(),
                issued_s,
                expires_s: issued_s + 7_200,
                key: PublicKey::new(key.verifying_key().to_bytes()),
            });
            (ticket, key)
        };
        Ok(Self((0..SPEAKERS).map(speaker).collect()))
    }

    /// The record of a number.
    pub fn record(&self, number: u32) -> Result<Vec<u8>, Failure> {
        let (ticket, key) = &self.0[number as usize % self.0.len()];
        let line = Danmu::new(id(number), RoomId::demo(), text(number), unix_ms()?).encode();
        let signature = Signature::new(key.sign(&line).to_bytes());
        Ok(Proof { ticket, signature }.attach(line))
    }
}

fn unix_ms() -> Result<i64, Failure> {
    Ok(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?)
}
