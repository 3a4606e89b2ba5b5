//! What this browser stores of a sign-in, so that it outlives the page: the refresh token and its issuer.
//!
//! In `localStorage`, as in Amazon's own libraries. Scripts of the page could read it, but the Content Security Policy admits
//! no others; the identity itself is an `HttpOnly` cookie. Without storage, a sign-in ends with its ID token.

use leptos::prelude::window;
use serde::{Deserialize, Serialize};
use web_sys::Storage;

/// The storage key. The script beside the account slot reads it, too.
const KEY: &str = "danmu-account";

/// What is needed to renew a sign-in.
#[derive(Serialize, Deserialize)]
pub struct Kept {
    /// The issuer of the token.
    pub issuer: String,
    /// The token.
    pub refresh_token: String,
    /// The device key by which the user pool knows this browser.
    pub device_key: Option<String>,
    /// Whether it came by the issuer's own page, and is renewed at its token endpoint.
    pub hosted: bool,
    /// The nonce of the first ID token: later ones have the same, or none
    /// ([OpenID Connect Core, 12.2](https://openid.net/specs/openid-connect-core-1_0.html#RefreshTokenResponse)).
    pub nonce: Option<String>,
}

fn storage() -> Option<Storage> {
    window().local_storage().ok().flatten()
}

/// What is kept, if anything is.
pub fn load() -> Option<Kept> {
    serde_json::from_str(&storage()?.get_item(KEY).ok()??).ok()
}

/// Stores this, or removes what is stored.
pub fn store(kept: Option<&Kept>) {
    let Some(storage) = storage() else { return };
    let _ = match kept.and_then(|kept| serde_json::to_string(kept).ok()) {
        Some(text) => storage.set_item(KEY, &text),
        None => storage.remove_item(KEY),
    };
}
