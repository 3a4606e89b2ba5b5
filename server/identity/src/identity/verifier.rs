//! Verifies the proofs of records with `ed25519-dalek`. What is verified, and in which order, is defined by [`danmu::ticket`].
//!
//! All readers share it, so each ticket is verified once. Signatures are verified without a lock; the lock covers the ticket
//! cache, and decoding the key of a ticket that is added to it.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use danmu::{
    gate::Evidence,
    record,
    session::TicketKey,
    ticket::{Bearer, Check, Look, Proof, PublicKey, TicketError, Tickets},
};
use danmu_stream::quoted;
use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};

/// Verifies records, and caches verified tickets.
#[derive(Debug)]
pub struct RecordVerifier {
    tickets: Mutex<Tickets<Sound>>,
    keys: Mutex<Vec<TicketKey>>,
    known: AtomicU64,
    new: AtomicU64,
    untrue: AtomicU64,
}

/// A usable public key of a viewer: a point on the curve, not of small order (such a key accepts any signature). It is kept
/// decoded, because decoding costs a tenth of a verification.
#[derive(Clone, Debug)]
pub struct Sound(Box<VerifyingKey>);

impl TryFrom<PublicKey> for Sound {
    type Error = TicketError;

    fn try_from(key: PublicKey) -> Result<Self, Self::Error> {
        let point = VerifyingKey::from_bytes(key.as_bytes()).ok().filter(|point| !point.is_weak());
        point.map(|point| Self(point.into())).ok_or(TicketError::NoPoint(key))
    }
}

/// Verification counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Records with a valid proof whose ticket was cached.
    pub known: u64,
    /// Records with a valid proof whose ticket was new.
    pub new: u64,
    /// Records with an invalid proof.
    pub untrue: u64,
    /// Tickets in the cache.
    pub remembered: u64,
}

impl RecordVerifier {
    /// Trusts these keys of the server; caches up to twice `most` tickets.
    #[must_use]
    pub fn new(keys: Vec<TicketKey>, most: usize) -> Self {
        let tickets = Mutex::new(Tickets::new(keys.clone(), most));
        let [known, new, untrue] = [const { AtomicU64::new(0) }; 3];
        Self { tickets, keys: Mutex::new(keys), known, new, untrue }
    }

    /// The verified evidence of a record's author; `None` without a valid proof.
    #[must_use]
    pub fn verify(&self, data: &[u8]) -> Option<Arc<Evidence>> {
        let (line, proof) = record::signed(data)?;
        match self.verify_lines(line, proof) {
            Ok((bearer, count)) => {
                count.fetch_add(1, Relaxed);
                Some(bearer.evidence)
            }
            Err(error) => {
                self.untrue.fetch_add(1, Relaxed);
                tracing::debug!(error = quoted(&error.to_string()), "a proof that is not true");
                None
            }
        }
    }

    fn verify_lines(&self, line: &[u8], proof: &str) -> Result<(Bearer<Sound>, &AtomicU64), TicketError> {
        let proof = Proof::parse(proof)?;
        let look = self.tickets().look(proof.ticket)?;
        let (bearer, count) = match look {
            Look::Known(bearer) => (bearer, &self.known),
            Look::New(ticket) if is_ours(&ticket.check()) => (self.tickets().learn(&ticket)?, &self.new),
            Look::New(_) => return Err(TicketError::TicketForged),
        };
        let signature = Signature::from_bytes(proof.signature.as_bytes());
        // The key was checked when its ticket was cached. `verify_strict` would add checks that browsers do not make, and
        // server and browser must agree.
        match bearer.key.0.verify(line, &signature) {
            Ok(()) => Ok((bearer, count)),
            Err(_) => Err(TicketError::RecordForged),
        }
    }

    /// Replaces the trusted keys. Where they are unchanged, the cache is kept.
    pub fn rekey(&self, keys: Vec<TicketKey>) {
        let mut known = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if *known != keys {
            known.clone_from(&keys);
            self.tickets().rekey(keys);
        }
    }

    /// The counters so far.
    #[must_use]
    pub fn verified(&self) -> Verified {
        let [known, new, untrue] = [&self.known, &self.new, &self.untrue].map(|count| count.load(Relaxed));
        Verified { known, new, untrue, remembered: self.tickets().remembered() as u64 }
    }

    fn tickets(&self) -> MutexGuard<'_, Tickets<Sound>> {
        self.tickets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_ours(check: &Check<'_>) -> bool {
    let signature = Signature::from_bytes(check.signature.as_bytes());
    VerifyingKey::from_bytes(check.key.as_bytes()).is_ok_and(|key| key.verify_strict(check.message, &signature).is_ok())
}
