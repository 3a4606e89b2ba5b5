//! The primitives behind tokens, secrets and iterators: HMAC-SHA256, base32, random bytes.
//!
//! Tags are compared in constant time.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Length of a tag in bytes.
pub(crate) const TAG: usize = 32;

/// Base64 as clients send it: with or without padding.
pub(crate) const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A key for one purpose, derived from the root secret so that no two purposes share one.
#[derive(Clone)]
pub(crate) struct Key([u8; TAG]);

impl Key {
    /// Derives the key of `purpose` from `secret`.
    pub(crate) fn derive(secret: &[u8], purpose: &str) -> Self {
        Self(mac(secret, purpose.as_bytes()).finalize().into_bytes().into())
    }

    /// The tag of `message` under this key.
    pub(crate) fn tag(&self, message: &[u8]) -> [u8; TAG] {
        mac(&self.0, message).finalize().into_bytes().into()
    }

    /// `message` followed by its tag.
    pub(crate) fn seal(&self, mut message: Vec<u8>) -> Vec<u8> {
        let tag = self.tag(&message);
        message.extend_from_slice(&tag);
        message
    }

    /// The message in `sealed`, if the tag at its end is valid.
    pub(crate) fn open<'a>(&self, sealed: &'a [u8]) -> Option<&'a [u8]> {
        let (message, tag) = sealed.split_at_checked(sealed.len().checked_sub(TAG)?)?;
        mac(&self.0, message).verify_slice(tag).ok()?;
        Some(message)
    }
}

fn mac(key: &[u8], message: &[u8]) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(message);
    mac
}

/// `N` bytes from the operating system's generator.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// A secret of 40 characters, in AWS' format, from 30 bytes.
pub(crate) fn secret_of(bytes: &[u8; 30]) -> String {
    STANDARD.encode(bytes)
}

/// Ten bytes as 16 letters and digits, for an access key id.
pub(crate) fn base32(bytes: [u8; 10]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits = bytes.iter().fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
    (0..16).rev().map(|letter| char::from(ALPHABET[(bits >> (letter * 5) & 31) as usize])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_message_opens_and_a_changed_one_does_not() {
        let key = Key::derive(b"secret", "test");
        let mut sealed = key.seal(b"hello".to_vec());
        assert_eq!(key.open(&sealed), Some(&b"hello"[..]));
        assert_eq!(Key::derive(b"secret", "other").open(&sealed), None);
        sealed[0] ^= 1;
        assert_eq!(key.open(&sealed), None);
        assert_eq!(key.open(b"short"), None);
    }

    #[test]
    fn base32_is_the_one_of_rfc_4648() {
        assert_eq!(base32([0; 10]), "AAAAAAAAAAAAAAAA");
        assert_eq!(base32(*b"foobarfoob"), "MZXW6YTBOJTG633C");
    }
}
