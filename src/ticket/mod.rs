//! Tickets: a viewer's identity, and the proof that a record is theirs.
//!
//! Anybody with a session can put any bytes onto the stream, and a Kinesis record names no caller. So identity is inside: the
//! server gives a viewer a ticket, a JSON Web Token ([RFC 7519](https://www.rfc-editor.org/rfc/rfc7519)) signed by Ed25519
//! ([RFC 8037](https://www.rfc-editor.org/rfc/rfc8037)), with the viewer, the room, an expiry, and the viewer's public key
//! ([RFC 7800](https://www.rfc-editor.org/rfc/rfc7800), `cnf`). A record carries the ticket and that key's signature over the
//! exact bytes of its first line ([`Proof`]). A ticket read off the stream is useless without the private key.
//!
//! This module defines what is verified, and in which order; the host computes Ed25519: the server by a library, the browser by
//! WebCrypto, which is asynchronous. The steps for each record:
//!
//! 1. [`crate::record::signed`] splits the record; without a proof there is nothing to verify.
//! 2. [`Proof::parse`] splits the proof, [`Tickets::look`] looks up its ticket.
//! 3. An unknown ticket has its own [`Check`]; when the host finds it true, [`Tickets::learn`] returns the bearer.
//! 4. [`Proof::check`] is the record's check; when the host finds it true, [`Bearer::evidence`] goes to the
//!    [gate](crate::gate), which alone judges whether the ticket is valid in this room and at this time.
//!
//! No ticket longer than [`MAX_TICKET_BYTES`] is decoded, no claim is read before the ticket's signature was found true, and
//! memory is bounded. Only one form is understood, and no header chooses an algorithm. It computes no signature and has no
//! clock.

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

/// The longest ticket, in bytes; ours are shorter even with the longest ids and names.
pub const MAX_TICKET_BYTES: usize = 1_024;

/// How long before its issue a ticket is already valid, in milliseconds: the clocks of the issuing server and the stream may
/// differ.
pub const LEEWAY_MS: i64 = 5 * 60 * 1_000;

#[cfg(test)]
mod tests;
