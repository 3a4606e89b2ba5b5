//! A document of an issuer's, by HTTPS: at most so large, within such a time, from the address that was named and no other.

use std::time::Duration;

use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};

/// No set of keys, and no description of an issuer, is longer, in bytes.
const MAX_BYTES: usize = 256 * 1024;
/// No issuer that can be used takes longer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Gets the document at `address`. No redirection is followed: an issuer's keys are where it says.
///
/// # Errors
/// What went wrong, for the log.
pub(super) async fn get(address: &str) -> Result<Bytes, String> {
    match tokio::time::timeout(TIMEOUT, receive(address)).await {
        Ok(received) => received.map_err(|error| format!("{address}: {error}")),
        Err(_) => Err(format!("{address}: no answer within {} s", TIMEOUT.as_secs())),
    }
}

async fn receive(address: &str) -> Result<Bytes, String> {
    // A connection now and then: it is not worth keeping one.
    let connector = HttpsConnectorBuilder::new()
        .with_native_roots()
        .map_err(|error| format!("the system's certificates cannot be read: {error}"))?
        .https_or_http()
        .enable_http1()
        .build();
    let client = Client::builder(TokioExecutor::new()).build::<_, Empty<Bytes>>(connector);
    let request = Request::get(address)
        .header(header::ACCEPT, "application/json")
        .body(Empty::new())
        .map_err(|error| error.to_string())?;
    let response = client.request(request).await.map_err(|error| chain(&error))?;
    if response.status() != StatusCode::OK {
        return Err(format!("it answers {}", response.status()));
    }
    let body = Limited::new(response.into_body(), MAX_BYTES).collect().await;
    body.map(|body| body.to_bytes()).map_err(|error| error.to_string())
}

/// An error with what caused it: the outer one says only that it failed.
fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
