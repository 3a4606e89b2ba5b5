//! Fetches an issuer's documents by HTTPS: bounded in size and time, without redirects.

use std::time::Duration;

use http::{Request, StatusCode, header};
use http_body_util::Full;
use hyper::body::Bytes;

use crate::https::Https;

/// The longest document, in bytes.
const MAX_BYTES: usize = 256 * 1024;
/// Timeout of a fetch.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Gets the document at `address`. Redirects are not followed: an issuer's keys are where it says.
///
/// # Errors
/// What went wrong, for the log.
pub(super) async fn get(address: &str) -> Result<Bytes, String> {
    receive(address).await.map_err(|error| format!("{address}: {error}"))
}

async fn receive(address: &str) -> Result<Bytes, String> {
    let request = Request::get(address).header(header::ACCEPT, "application/json").body(Full::default());
    // A rare request: keeping the connection is not worth it.
    let answer = Https::new()?.send(request.map_err(|error| error.to_string())?, MAX_BYTES, TIMEOUT).await?;
    match answer.status() {
        StatusCode::OK => Ok(answer.into_body()),
        status => Err(format!("it answers {status}")),
    }
}
