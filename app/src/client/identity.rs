//! The viewer's own key pair, and Ed25519 as this browser computes it: the hands are in `identity.js`.
//!
//! Promises: no key is made or asked for before somebody means to speak; the module that signs where the browser cannot is
//! loaded there only, and then only to sign or to verify. The private half never comes here.

use danmu::ticket::{Check, PublicKey, Signature};
use js_sys::{Promise, Uint8Array};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    /// Where this module's glue was loaded from.
    #[wasm_bindgen(thread_local_v2, js_namespace = ["import", "meta"], js_name = url)]
    static PAGE: JsValue;
    /// Where the glue of the module that signs is, if that is another one: a build for release writes it there.
    #[wasm_bindgen(thread_local_v2, js_namespace = ["import", "meta"], js_name = signer)]
    static SIGNER: JsValue;
}

#[wasm_bindgen(module = "/src/client/identity.js")]
extern "C" {
    #[wasm_bindgen(js_name = public_key)]
    fn own_key(signer: &JsValue, page: &JsValue) -> Promise;
    #[wasm_bindgen(js_name = sign)]
    fn own_signature(message: &[u8]) -> Promise;
    #[wasm_bindgen(js_name = verify)]
    fn verified(signer: &JsValue, page: &JsValue, key: &[u8], message: &[u8], signature: &[u8]) -> Promise;
}

/// The public half. `None` where this browser cannot sign at all, or the module for it did not come.
pub async fn public_key() -> Option<PublicKey> {
    let key = SIGNER.with(|signer| PAGE.with(|page| own_key(signer, page)));
    bytes(key).await.map(PublicKey::new)
}

/// The signature of `message` by the private half. After [`public_key`].
pub async fn sign(message: &[u8]) -> Option<Signature> {
    bytes(own_signature(message)).await.map(Signature::new)
}

/// Whether a check holds. It is begun at once: many can be under way.
pub fn verify(check: &Check<'_>) -> impl Future<Output = bool> + use<> {
    let Check { key, message, signature } = check;
    let verified =
        SIGNER.with(|signer| PAGE.with(|page| verified(signer, page, key.as_bytes(), message, signature.as_bytes())));
    let verified = JsFuture::from(verified);
    async { verified.await.is_ok_and(|verified| verified == JsValue::TRUE) }
}

/// So many bytes, if that is what is promised.
async fn bytes<const N: usize>(promise: Promise) -> Option<[u8; N]> {
    let bytes = JsFuture::from(promise).await.ok()?.dyn_into::<Uint8Array>().ok()?;
    bytes.to_vec().try_into().ok()
}
