//! The viewer's own key pair, and Ed25519 as this browser computes it; implemented in `identity.js`.
//!
//! Guarantees: no key is stored or read before the viewer means to speak; the signer module is loaded only where the browser
//! cannot sign, and only to sign or to verify. The private half never comes here.

use danmu::{
    ticket::{Check, PublicKey, Signature},
    viewer::Role,
};
use js_sys::{Array, Promise, Uint8Array};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::JsFuture;

use super::module::{PAGE, SIGNER};
use crate::live::Author;

#[wasm_bindgen(module = "/src/client/identity.js")]
extern "C" {
    #[wasm_bindgen(js_name = public_key)]
    fn own_key(signer: &JsValue, page: &JsValue) -> Promise;
    #[wasm_bindgen(js_name = sign)]
    fn own_signature(message: &[u8]) -> Promise;
    #[wasm_bindgen(catch, js_name = read_ticket)]
    fn claims(ticket: &str) -> Result<Array, JsValue>;
    #[wasm_bindgen(js_name = verify)]
    fn verified(signer: &JsValue, page: &JsValue, key: &[u8], message: &[u8], signature: &[u8]) -> Promise;
}

/// The public half. `None` where this browser cannot sign at all, or the module for it did not load.
pub async fn public_key() -> Option<PublicKey> {
    let key = SIGNER.with(|signer| PAGE.with(|page| own_key(signer, page)));
    bytes(key).await.map(PublicKey::new)
}

/// The signature of `message` by the private half. Must follow [`public_key`].
pub async fn sign(message: &[u8]) -> Option<Signature> {
    bytes(own_signature(message)).await.map(Signature::new)
}

/// The viewer that a ticket names, and when it expires, in Unix milliseconds. Not verified: it came from our server.
pub fn read_ticket(ticket: &str) -> Option<(Author, i64)> {
    let claims = claims(ticket).ok()?;
    let role = match claims.get(2).as_string()?.as_str() {
        "streamer" => Role::Streamer,
        "moderator" => Role::Moderator,
        "member" => Role::Member,
        _ => Role::Viewer,
    };
    let author = Author { viewer: claims.get(0).as_string()?, name: claims.get(1).as_string(), role };
    Some((author, claims.get(3).as_f64()? as i64))
}

/// Whether a signature check holds. It starts before the future is awaited, so many can run at once.
pub fn verify(check: &Check<'_>) -> impl Future<Output = bool> + use<> {
    let Check { key, message, signature } = check;
    let verified =
        SIGNER.with(|signer| PAGE.with(|page| verified(signer, page, key.as_bytes(), message, signature.as_bytes())));
    let verified = JsFuture::from(verified);
    async { verified.await.is_ok_and(|verified| verified == JsValue::TRUE) }
}

/// The promised bytes, if there are exactly `N`.
async fn bytes<const N: usize>(promise: Promise) -> Option<[u8; N]> {
    let bytes = JsFuture::from(promise).await.ok()?.dyn_into::<Uint8Array>().ok()?;
    bytes.to_vec().try_into().ok()
}
