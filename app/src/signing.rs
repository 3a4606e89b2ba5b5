//! Ed25519 ([RFC 8032](https://www.rfc-editor.org/rfc/rfc8032)) for browsers without it, or with it in secure contexts only.
//! Bytes in, bytes out; called from JavaScript, so input of a wrong length gives `None` or `false`, never a panic.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

fn key(seed: &[u8]) -> Option<SigningKey> {
    seed.try_into().ok().map(SigningKey::from_bytes)
}

/// The public key (32 bytes) of the private key `seed` (32 bytes).
#[must_use]
pub fn public_key(seed: &[u8]) -> Option<Vec<u8>> {
    key(seed).map(|key| key.verifying_key().to_bytes().to_vec())
}

/// The signature (64 bytes) of `message` by the private key `seed`.
#[must_use]
pub fn sign(seed: &[u8], message: &[u8]) -> Option<Vec<u8>> {
    key(seed).map(|key| key.sign(message).to_bytes().to_vec())
}

/// Whether `signature` over `message` is by the public key `key`; strict, as on the server.
#[must_use]
pub fn verify(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let key = key.try_into().ok().and_then(|key| VerifyingKey::from_bytes(key).ok());
    let signature = Signature::from_slice(signature);
    key.zip(signature.ok()).is_some_and(|(key, signature)| key.verify_strict(message, &signature).is_ok())
}
