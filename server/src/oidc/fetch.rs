//! A document of an issuer's, by HTTPS: at most so large, within such a time, from the address that was named and no other.

use std::time::Duration;

use http::{Request, StatusCode, header};
use http_body_util::Full;
use hyper::body::Bytes;

use crate::https::Https;

/// No set of keys, and no description of an issuer, is longer, in bytes.
const MAX_BYTES: usize = 256 * 1024;
/// No issuer that can be used takes longer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Gets the document at `address`. No redirection is followed: an issuer's keys are where it says.
///
/// # Errors
/// What went wrong, for the log.
pub(super) async fn get(address: &str) -> Result<Bytes, String> {
    receive(address).await.map_err(|error| format!("{address}: {error}"))
}

async fn receive(address: &str) -> Result<Bytes, String> {
    let request = Request::get(address).header(header::ACCEPT, "application/json").body(Full::default());
    // A document now and then: its connection is not worth keeping.
    let answer = Https::new()?.send(request.map_err(|error| error.to_string())?, MAX_BYTES, TIMEOUT).await?;
    match answer.status() {
        StatusCode::OK => Ok(answer.into_body()),
        status => Err(format!("it answers {status}")),
    }
}
