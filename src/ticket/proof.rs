//! The proof that a record is its author's: line 2 of the record.

use super::{MAX_TICKET_BYTES, PublicKey, Signature, TicketError};

/// A check for the host: whether the Ed25519 signature is the key's, over that message.
///
/// Verify strictly ([Taming the many EdDSAs](https://eprint.iacr.org/2020/1244)): with a key of small order all are true.
#[derive(Clone, Copy, Debug)]
pub struct Check<'a> {
    /// The key.
    pub key: PublicKey,
    /// The signed bytes.
    pub message: &'a [u8],
    /// The signature.
    pub signature: Signature,
}

/// A record's second line, split: a ticket, a full stop, and the signature over the exact bytes of the first line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof<'a> {
    /// The ticket, unverified.
    pub ticket: &'a str,
    /// The record's signature, unverified.
    pub signature: Signature,
}

impl<'a> Proof<'a> {
    /// Splits the line.
    ///
    /// # Errors
    /// [`TicketError::TooLong`], [`TicketError::Parts`], [`TicketError::Base64`].
    pub fn parse(line: &'a str) -> Result<Self, TicketError> {
        let (ticket, signature) = line.rsplit_once('.').ok_or(TicketError::Parts)?;
        if ticket.len() > MAX_TICKET_BYTES {
            return Err(TicketError::TooLong(ticket.len()));
        }
        Ok(Self { ticket, signature: Signature::parse(signature, "record's signature")? })
    }

    /// The check of a record with this first line, once its ticket's key is known.
    #[must_use]
    pub fn check<'b>(&self, key: PublicKey, line: &'b [u8]) -> Check<'b> {
        Check { key, message: line, signature: self.signature }
    }

    /// The signed record: `line`, as made by [`crate::record::Danmu::encode`] and signed by the viewer's key, and its proof.
    #[must_use]
    pub fn attach(&self, mut line: Vec<u8>) -> Vec<u8> {
        line.push(b'\n');
        line.extend_from_slice(self.ticket.as_bytes());
        line.push(b'.');
        line.extend_from_slice(self.signature.to_string().as_bytes());
        line
    }
}
