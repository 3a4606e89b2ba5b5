//! Sealed values: what a cookie says, as JSON, and an HMAC-SHA256 over it; each in base64url, with a dot between.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::Mac;
use serde::{Serialize, de::DeserializeOwned};

use super::guest::code;

/// The cookie's value. `usage` separates the kinds of cookies, so that none is taken for another.
pub(super) fn seal(secret: &[u8; 32], usage: &[u8], value: &impl Serialize) -> String {
    // Serialization fails only for maps whose keys are not strings.
    let said = BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(value).unwrap_or_default());
    let code = BASE64_URL_SAFE_NO_PAD.encode(code(secret, usage, &said).finalize().into_bytes());
    [said, code].join(".")
}

/// What a cookie's value says, if the MAC is ours and of that usage.
pub(super) fn unseal<T: DeserializeOwned>(secret: &[u8; 32], usage: &[u8], cookie: &str) -> Option<T> {
    let (said, theirs) = cookie.split_once('.')?;
    let theirs = BASE64_URL_SAFE_NO_PAD.decode(theirs).ok()?;
    // Constant-time comparison, before anything is parsed.
    code(secret, usage, said).verify_slice(&theirs).ok()?;
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(said).ok()?).ok()
}
