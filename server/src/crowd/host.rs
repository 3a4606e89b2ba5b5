//! A native host of the Kinesis client: the system's clock, tokio's timer, plain HTTP/1.1 over a shared pool.

use std::{
    cell::Cell,
    future::Future,
    hash::{BuildHasher, RandomState},
    rc::Rc,
    time::Duration,
};

use danmu::kinesis::{Host, NetError, Reply};
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use crate::clock;

/// The longest reply that is read: a full `GetRecords`, in base64.
const MAX_REPLY: usize = 16 << 20;

/// A native host. Clones share the connections. For one thread, as the client itself; needs a tokio runtime.
#[derive(Clone)]
pub struct Native {
    http: Client<HttpConnector, Full<Bytes>>,
    seed: Rc<Cell<u64>>,
}

impl Native {
    /// With no connection yet.
    #[must_use]
    pub fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let http = Client::builder(TokioExecutor::new()).build(connector);
        Self { http, seed: Rc::new(Cell::new(RandomState::new().hash_one(0))) }
    }

    /// A number from 0 to below 1.
    pub(super) fn fraction(&self) -> f64 {
        (self.random() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// `POST url`, and the whole reply.
    pub(super) async fn exchange(
        &self,
        url: &str,
        headers: &[(&str, String)],
        body: Vec<u8>,
    ) -> Result<Response<Bytes>, NetError> {
        fn net(error: impl std::error::Error) -> NetError {
            // "client error (Connect)" alone helps nobody.
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

    /// SplitMix64: spread well, secret to nobody.
    fn random(&self) -> u64 {
        let state = self.seed.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.seed.set(state);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
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

/// Seconds to wait, as `Retry-After` has them.
pub(super) fn retry_after(status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    let said = text(headers, header::RETRY_AFTER).and_then(|text| text.parse().ok()).map(Duration::from_secs);
    let passing = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
    said.or(passing.then_some(Duration::from_secs(3)))
}
