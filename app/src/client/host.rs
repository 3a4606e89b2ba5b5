//! The browser as a host of the Kinesis client: its clock, its timers, its `fetch`.

use std::{future::Future, time::Duration};

use danmu::kinesis::{Host, NetError, Reply};
use gloo_net::http::Request;
use js_sys::Uint8Array;
use web_sys::AbortController;

/// The browser.
#[derive(Clone, Copy, Debug)]
pub struct Browser;

/// Aborts a request whose future is dropped.
struct AbortOnDrop(Option<AbortController>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        if let Some(controller) = &self.0 {
            controller.abort();
        }
    }
}

impl Host for Browser {
    fn now_ms(&self) -> i64 {
        js_sys::Date::now() as i64
    }

    fn random(&self) -> u64 {
        random_u128() as u64
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> {
        gloo_timers::future::sleep(duration)
    }

    async fn post(&self, url: &str, headers: &[(&str, String)], body: Vec<u8>) -> Result<Reply, NetError> {
        let guard = AbortOnDrop(AbortController::new().ok());
        let signal = guard.0.as_ref().map(AbortController::signal);
        let mut request = Request::post(url).abort_signal(signal.as_ref());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let net = |error: gloo_net::Error| NetError(error.to_string());
        let request = request.body(Uint8Array::from(body.as_slice())).map_err(net)?;
        let response = request.send().await.map_err(net)?;
        let (status, date) = (response.status(), response.headers().get("date"));
        let body = response.binary().await.map_err(net)?;
        Ok(Reply { status, date, body })
    }
}

/// 128 random bits of the browser's secure generator. Zero without one, which no current browser lacks.
pub fn random_u128() -> u128 {
    let mut bytes = [0; 16];
    if let Some(crypto) = web_sys::window().and_then(|window| window.crypto().ok()) {
        let _ = crypto.get_random_values_with_u8_array(&mut bytes);
    }
    u128::from_le_bytes(bytes)
}

/// The page's origin.
pub fn origin() -> String {
    web_sys::window().and_then(|window| window.location().origin().ok()).unwrap_or_default()
}
