//! Liveness and readiness probes.

use axum::extract::State;
use danmu_stream::Endpoint;
use http::StatusCode;

use super::AppState;

/// `GET /healthz`: the process is alive.
pub async fn alive() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: the server is not draining, its tasks run, the stream writes, the relay has caught up, and the site's files
/// are there.
pub async fn ready(State(state): State<AppState>) -> (StatusCode, String) {
    let writes = state.stream.as_ref().is_none_or(Endpoint::writes);
    let caught_up = state.relay.as_ref().is_none_or(|relay| *relay.caught_up().borrow());
    match state.health.verdict(writes, caught_up, state.site.lacks()) {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, why + "\n"),
    }
}
