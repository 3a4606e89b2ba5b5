//! Public keys and signatures of Ed25519 ([RFC 8032](https://www.rfc-editor.org/rfc/rfc8032)), as bytes. The host decides
//! whether the bytes are a point of the curve, since it computes with them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::TicketError;
use crate::base64;

/// A public key: 32 bytes, written as 43 characters of base64url ([RFC 8037, 2](https://www.rfc-editor.org/rfc/rfc8037#section-2), `x`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey([u8; 32]);

/// A signature: 64 bytes, written as 86 characters of base64url.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 64]);

impl PublicKey {
    /// From its bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Signature {
    /// From its bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }

    /// From its text; `what` names it in the error.
    pub(super) fn parse(text: &str, what: &'static str) -> Result<Self, TicketError> {
        bytes(text).map(Self).ok_or(TicketError::Base64(what))
    }
}

/// The bytes, if the text has exactly that many.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    // Before decoding: a text may be as long as a record.
    if text.len() != (N * 4).div_ceil(3) {
        return None;
    }
    base64::decode_url(text)?.try_into().ok()
}

fn write(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    let mut text = String::new();
    base64::encode_url(&mut text, bytes);
    f.write_str(&text)
}

impl FromStr for PublicKey {
    type Err = TicketError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        bytes(text).map(Self).ok_or(TicketError::Base64("public key"))
    }
}

impl TryFrom<String> for PublicKey {
    type Error = TicketError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        key.to_string()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, &self.0)
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, &self.0)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
