//! A native [`Host`] of the Kinesis client: the system's clock, tokio's timer, plain HTTP/1.1 over a connection pool.

use std::{future::Future, time::Duration};

use danmu::kinesis::{Host, NetError, Reply};
use danmu_identity::clock;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

/// The longest response that is read: a full `GetRecords`, in base64.
const MAX_REPLY: usize = 16 << 20;

/// A native host. Clones share the connections. Single-threaded, like the client; needs a tokio runtime.
#[derive(Clone)]
pub struct Native {
    http: Client<HttpConnector, Full<Bytes>>,
}

impl Native {
    /// With no connection yet.
    #[must_use]
    pub fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let http = Client::builder(TokioExecutor::new()).build(connector);
        Self { http }
    }

    /// A random number, 0 or more and less than 1.
    pub(super) fn fraction(&self) -> f64 {
        fastrand::f64()
    }

    /// Sends `POST url`, and reads the whole response.
    pub(super) async fn exchange(
        &self,
        url: &str,
        headers: &[(&str, String)],
        body: Vec<u8>,
    ) -> Result<Response<Bytes>, NetError> {
        fn net(error: impl std::error::Error) -> NetError {
            // The outer error says "client error (Connect)" only; its source says why.
            NetError(error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}")))
        }
        let mut request = Request::post(url);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let request = request.body(Full::from(body)).map_err(net)?;
        let (head, body) = self.http.request(request).await.map_err(net)?.into_parts();
        let body = Limited::new(body, MAX_REPLY).collect().await.map_err(|error| NetError(error.to_string()))?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }
}

impl Default for Native {
    fn default() -> Self {
        Self::new()
    }
}

impl Host for Native {
    fn now_ms(&self) -> i64 {
        clock::now_ms()
    }

    fn random(&self) -> u64 {
        fastrand::u64(..)
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> {
        tokio::time::sleep(duration)
    }

    async fn post(&self, url: &str, headers: &[(&str, String)], body: Vec<u8>) -> Result<Reply, NetError> {
        let reply = self.exchange(url, headers, body).await?;
        let date = text(reply.headers(), header::DATE);
        Ok(Reply { status: reply.status().as_u16(), date, body: reply.into_body().into() })
    }
}

pub(super) fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// The delay from `Retry-After`; three seconds by default where a retry makes sense.
pub(super) fn retry_after(status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    let said = text(headers, header::RETRY_AFTER).and_then(|text| text.parse().ok()).map(Duration::from_secs);
    let passing = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
    said.or(passing.then_some(Duration::from_secs(3)))
}
