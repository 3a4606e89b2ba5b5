//! What this browser keeps of a sign-in, so that it outlives the page: the refresh token, and whose it is.
//!
//! In `localStorage`, as Amazon's own libraries have it. Scripts of the page could read it, and the page's policy lets no others
//! in; the identity itself is a cookie that no script reads. Where nothing can be kept, a sign-in ends with its ID token.

use leptos::prelude::window;
use serde::{Deserialize, Serialize};
use web_sys::Storage;

/// Where. The script beside the place in the header looks here, too.
const KEY: &str = "danmu-account";

/// What is needed to go on.
#[derive(Serialize, Deserialize)]
pub struct Kept {
    /// Whose token it is.
    pub issuer: String,
    /// It.
    pub refresh_token: String,
    /// The device that the pool knows this browser as.
    pub device_key: Option<String>,
    /// Whether it came over the issuer's own page, and is renewed there.
    pub hosted: bool,
    /// The nonce that its first ID token had: later ones have it, or none
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

/// Keeps this from now on, or nothing.
pub fn store(kept: Option<&Kept>) {
    let Some(storage) = storage() else { return };
    let _ = match kept.and_then(|kept| serde_json::to_string(kept).ok()) {
        Some(text) => storage.set_item(KEY, &text),
        None => storage.remove_item(KEY),
    };
}
