//! Calls of our own server: signing in by an ID token, and signing out.

use danmu::kinesis::Host;

use super::{AccountError, SignedIn};
use crate::client::Browser;

/// Exchanges an ID token for an identity: the cookie comes with the answer.
pub async fn sign_in(id_token: &str, nonce: Option<&str>) -> Result<SignedIn, AccountError> {
    // A token is letters, digits, `-`, `_` and `.`; a nonce of ours is, too.
    let nonce = nonce.map(|nonce| ["&nonce=", nonce].concat()).unwrap_or_default();
    let reply = post("/api/sign_in", ["id_token=", id_token, &nonce].concat()).await?;
    serde_json::from_slice(&reply).map_err(|error| AccountError::Network(error.to_string()))
}

/// Ends the identity here.
pub async fn sign_out() -> Result<(), AccountError> {
    post("/api/sign_out", String::new()).await.map(|_| ())
}

async fn post(url: &str, form: String) -> Result<Vec<u8>, AccountError> {
    let headers =
        [("content-type", "application/x-www-form-urlencoded".to_owned()), ("accept", "application/json".to_owned())];
    let reply = Browser.post(url, &headers, form.into_bytes()).await.map_err(|error| AccountError::Network(error.0))?;
    match reply.status {
        0..400 => Ok(reply.body),
        status => {
            Err(serde_json::from_slice(&reply.body).unwrap_or_else(|_| AccountError::Network(status.to_string())))
        }
    }
}
