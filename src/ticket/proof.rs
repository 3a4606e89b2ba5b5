//! The proof that a record is its author's: line 2 of the record.

use super::{MAX_TICKET_BYTES, PublicKey, Signature, TicketError};

/// What a host is to check by Ed25519. True where the signature is the key's, over that message.
///
/// Strictly ([Taming the many EdDSAs](https://eprint.iacr.org/2020/1244)): a key of small order signs everything.
#[derive(Clone, Copy, Debug)]
pub struct Check<'a> {
    /// By this key,
    pub key: PublicKey,
    /// over these bytes,
    pub message: &'a [u8],
    /// this signature.
    pub signature: Signature,
}

/// A record's second line, parted: a ticket, a full stop, and the signature over the exact bytes of the first line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof<'a> {
    /// The ticket, unverified.
    pub ticket: &'a str,
    /// The record's signature, unverified.
    pub signature: Signature,
}

impl<'a> Proof<'a> {
    /// Parts the line.
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

    /// What is to be checked of a record whose first line this is, once it is known whose key the ticket names.
    #[must_use]
    pub fn check<'b>(&self, key: PublicKey, line: &'b [u8]) -> Check<'b> {
        Check { key, message: line, signature: self.signature }
    }

    /// The signed record: `line`, as [`crate::record::Danmu::encode`] made it and the viewer's key signed it, and its proof.
    #[must_use]
    pub fn attach(&self, mut line: Vec<u8>) -> Vec<u8> {
        line.push(b'\n');
        line.extend_from_slice(self.ticket.as_bytes());
        line.push(b'.');
        line.extend_from_slice(self.signature.to_string().as_bytes());
        line
    }
}
