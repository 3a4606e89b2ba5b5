//! HTTPS client for the server's own requests: each has a timeout and a size limit for its response, and follows no redirects.

use std::time::Duration;

use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

/// An HTTPS client that trusts the system's certificates. Plain `http://` also works; the settings allow it for loopback
/// addresses only. Cheap to clone; clones share connections.
#[derive(Clone, Debug)]
pub struct Https(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl Https {
    /// With no connection yet.
    ///
    /// # Errors
    /// Where the system's certificates cannot be read, for the log.
    pub fn new() -> Result<Self, String> {
        let connector = HttpsConnectorBuilder::new()
            .with_native_roots()
            .map_err(|error| format!("the system's certificates cannot be read: {error}"))?
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self(Client::builder(TokioExecutor::new()).build(connector)))
    }

    /// Sends a request, and returns the response if it has at most `max_bytes` and arrives within `patience`.
    ///
    /// # Errors
    /// Why it failed, for the log.
    pub async fn send(
        &self,
        request: Request<Full<Bytes>>,
        max_bytes: usize,
        patience: Duration,
    ) -> Result<Response<Bytes>, String> {
        let exchange = async {
            let (head, body) = self.0.request(request).await.map_err(|error| chain(&error))?.into_parts();
            let body = Limited::new(body, max_bytes).collect().await.map_err(|error| error.to_string())?;
            Ok(Response::from_parts(head, body.to_bytes()))
        };
        let in_time = tokio::time::timeout(patience, exchange).await;
        in_time.unwrap_or_else(|_| Err(format!("no answer within {} s", patience.as_secs())))
    }
}

/// An error followed by its causes: the outermost one says only that something failed.
pub fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
