//! Whether the server lives, and whether it wants requests.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::extract::State;
use http::StatusCode;

use super::AppState;

/// Whether requests are wanted: from the start until the server is told to end, while all of its tasks run.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    draining: bool,
    /// The tasks that have ended before their time.
    failed: BTreeSet<&'static str>,
}

impl Health {
    /// From now on balancers should send requests elsewhere; those that come are still answered.
    pub fn drain(&self) {
        self.known().draining = true;
    }

    fn draining(&self) -> bool {
        self.known().draining
    }

    /// A task has ended before its time.
    pub fn fail(&self, task: &'static str) {
        self.known().failed.insert(task);
    }

    /// It runs again.
    pub fn recover(&self, task: &'static str) {
        self.known().failed.remove(task);
    }

    /// The tasks that have ended before their time, by name.
    #[must_use]
    pub fn failed(&self) -> Vec<&'static str> {
        self.known().failed.iter().copied().collect()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `GET /healthz`: the process answers.
pub async fn alive() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: it wants requests, all of it runs, and it has read what was said before it started.
pub async fn ready(State(state): State<AppState>) -> (StatusCode, String) {
    let not_yet = |why: &str| (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n"));
    if state.health.draining() {
        return not_yet("draining");
    }
    let failed = state.health.failed();
    if !failed.is_empty() {
        return not_yet(&format!("ended, and needed: {}; see the log", failed.join(", ")));
    }
    if state.stream.is_some_and(|stream| !stream.writes()) {
        return not_yet("the embedded stream does not write any more; see the log");
    }
    if state.relay.is_some_and(|relay| !*relay.caught_up().borrow()) {
        return not_yet("the stream has not been read yet");
    }
    (StatusCode::OK, "ready\n".to_owned())
}
