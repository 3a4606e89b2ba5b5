//! Readiness: whether the server wants requests.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Readiness: true from the start until draining, while all of its tasks run.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    draining: bool,
    /// The tasks that ended unexpectedly.
    failed: BTreeSet<&'static str>,
}

impl Health {
    /// Starts draining: balancers should send new requests elsewhere; requests that still arrive are answered.
    pub fn drain(&self) {
        self.known().draining = true;
    }

    /// Whether requests are wanted: the embedded stream (if any) writes, the relay (if any) has caught up, and the site's files
    /// are complete (`lacks` is `None`).
    ///
    /// # Errors
    /// The reason, as text for `/readyz`.
    pub fn verdict(&self, writes: bool, caught_up: bool, lacks: Option<String>) -> Result<(), String> {
        let known = self.known();
        if known.draining {
            return Err("draining".to_owned());
        }
        if !known.failed.is_empty() {
            let failed: Vec<_> = known.failed.iter().copied().collect();
            return Err(format!("ended, and needed: {}; see the log", failed.join(", ")));
        }
        if !writes {
            return Err("the embedded stream does not write any more; see the log".to_owned());
        }
        if !caught_up {
            return Err("the stream has not been read yet".to_owned());
        }
        lacks.map_or(Ok(()), Err)
    }

    /// A task has ended unexpectedly.
    pub fn fail(&self, task: &'static str) {
        self.known().failed.insert(task);
    }

    /// The task runs again.
    pub fn recover(&self, task: &'static str) {
        self.known().failed.remove(task);
    }

    /// The tasks that ended unexpectedly, by name.
    #[cfg(test)]
    #[must_use]
    pub fn failed(&self) -> Vec<&'static str> {
        self.known().failed.iter().copied().collect()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_ready_while_all_of_it_runs_and_says_what_does_not() {
        let health = Health::default();
        assert_eq!(health.verdict(true, true, None), Ok(()));
        assert_eq!(health.verdict(true, true, Some("a file".to_owned())), Err("a file".to_owned()));
        let why = |health: &Health, writes, caught_up| health.verdict(writes, caught_up, None).expect_err("not ready");
        assert_eq!(why(&health, true, false), "the stream has not been read yet");
        assert!(why(&health, false, true).contains("does not write"));
        health.fail("relay");
        health.fail("moderation");
        assert!(why(&health, true, true).contains("moderation, relay"));
        health.recover("relay");
        assert!(why(&health, true, true).contains(": moderation;"));
        health.drain();
        assert_eq!(why(&health, true, true), "draining");
    }
}
