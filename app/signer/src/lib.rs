//! Ed25519 as a module of its own: a page loads it where its browser's WebCrypto has none, and nobody else does. Called by
//! `app/src/client/identity.js`.

use danmu_app::signing;
use wasm_bindgen::prelude::wasm_bindgen;

/// See [`signing::public_key`].
#[wasm_bindgen]
pub fn public_key(seed: &[u8]) -> Option<Vec<u8>> {
    signing::public_key(seed)
}

/// See [`signing::sign`].
#[wasm_bindgen]
pub fn sign(seed: &[u8], message: &[u8]) -> Option<Vec<u8>> {
    signing::sign(seed, message)
}

/// See [`signing::verify`].
#[wasm_bindgen]
pub fn verify(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    signing::verify(key, message, signature)
}
