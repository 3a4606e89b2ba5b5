//! Tickets: who a viewer is, and the proof that a record is theirs.
//!
//! Whoever may put onto the stream can put any bytes, and a Kinesis record names no caller. So identity travels inside: the
//! server gives a viewer a ticket, a JSON Web Token ([RFC 7519](https://www.rfc-editor.org/rfc/rfc7519)) signed by Ed25519
//! ([RFC 8037](https://www.rfc-editor.org/rfc/rfc8037)), which names the viewer, the room, an end, and the viewer's own public
//! key ([RFC 7800](https://www.rfc-editor.org/rfc/rfc7800), `cnf`). A record carries the ticket and a signature by that key over
//! the exact bytes of its first line ([`Proof`]). A ticket that was read off the stream is worth nothing without the key.
//!
//! What is verified, and in which order, is said here; how Ed25519 is computed is the host's: the server has a library, the
//! browser has WebCrypto, whose answers come later. A host goes this way with each record:
//!
//! 1. [`crate::record::signed`] parts the record; without a proof nothing is to be verified.
//! 2. [`Proof::parse`] parts the proof, [`Tickets::look`] looks at its ticket.
//! 3. One that is not known has a [`Check`] of its own; when the host finds it true, [`Tickets::learn`] says whose it is.
//! 4. [`Proof::check`] is the check of the record; when the host finds it true, [`Bearer::evidence`] goes to the
//!    [gate](crate::gate), which alone judges whether the ticket holds in this room and at this time.
//!
//! Promises: nothing longer than [`MAX_TICKET_BYTES`] is decoded, nothing that a ticket claims is read before its signature was
//! found true, and memory is bounded. One form is understood, and no header chooses an algorithm.
//! Never computes a signature, never looks at a clock.

mod claims;
mod error;
mod key;
mod known;
mod proof;

pub use self::{
    claims::{Claims, unsigned},
    error::TicketError,
    key::{PublicKey, Signature},
    known::{Bearer, Look, Tickets, Unverified},
    proof::{Check, Proof},
};

/// The longest ticket, in bytes. Ours, with the longest ids and names, stay below it.
pub const MAX_TICKET_BYTES: usize = 1_024;

/// How long a ticket holds before it was issued, in milliseconds: the clock of the server that issues and that of the stream
/// may differ.
pub const LEEWAY_MS: i64 = 5 * 60 * 1_000;

#[cfg(test)]
mod tests;
