//! What can be wrong with a ticket, or with a proof that contains one.

use thiserror::Error;

use super::{MAX_TICKET_BYTES, PublicKey};

/// Why a proof is invalid. For the gate all are the same: the record is forged.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TicketError {
    /// More bytes than any ticket has.
    #[error("a ticket of {0} bytes is too long; {MAX_TICKET_BYTES} are allowed")]
    TooLong(usize),
    /// Another number of parts between full stops.
    #[error(
        "a proof is header.claims.signature of the ticket and the record's signature, with full stops between them"
    )]
    Parts,
    /// A part that is not base64url without padding, or of a wrong length.
    #[error("the {0} is not base64url of the length that it has")]
    Base64(&'static str),
    /// Signed by another algorithm, or none: such a ticket is rejected at once
    /// ([RFC 8725, 3.1](https://www.rfc-editor.org/rfc/rfc8725#section-3.1)).
    #[error("the algorithm {0:?}; tickets are signed by EdDSA alone")]
    Algorithm(String),
    /// Another header than ours: another type, a `crit`, another order.
    #[error(r#"the header {0:?}; a ticket's is {{"alg":"EdDSA","typ":"danmu+jwt","kid":…}} and nothing else"#)]
    Header(String),
    /// Signed by a key that is not known here.
    #[error("the key {0:?} is not known here; a server whose key it is must share it")]
    UnknownKey(String),
    /// Signed by a key of ours, but with invalid claims.
    #[error("claims that cannot be read: {0}")]
    Claims(String),
    /// For a key of another type.
    #[error("a key of kind {kty:?} on curve {crv:?}; a viewer's is OKP on Ed25519")]
    Key {
        /// `kty`.
        kty: String,
        /// `crv`.
        crv: String,
    },
    /// For a key that the host cannot use.
    #[error("the key {0} is no point of Ed25519, or one of small order, for which every signature is true")]
    NoPoint(PublicKey),
    /// The ticket's signature is not by its key (found by the host).
    #[error("the ticket is not signed by the key that it names")]
    TicketForged,
    /// The record's signature is not by the ticket's key (found by the host).
    #[error("the record is not signed by the key of its ticket")]
    RecordForged,
}
