//! Whether the server lives, and whether it wants requests.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::extract::State;
use http::StatusCode;

use super::AppState;

/// Whether requests are wanted: from the start until the server is told to end.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<AtomicBool>);

impl Health {
    /// From now on balancers should send requests elsewhere; those that come are still answered.
    pub fn drain(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn draining(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// `GET /healthz`: the process answers.
pub async fn alive() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: it wants requests, and has read what was said before it started.
pub async fn ready(State(state): State<AppState>) -> (StatusCode, &'static str) {
    if state.health.draining() {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n");
    }
    if state.relay.is_some_and(|relay| !*relay.caught_up().borrow()) {
        return (StatusCode::SERVICE_UNAVAILABLE, "the stream has not been read yet\n");
    }
    (StatusCode::OK, "ready\n")
}
