//! What the parts of a relay work with.

use std::{sync::Arc, time::Duration};

use super::{super::metrics::Metrics, status::Status};
use crate::{identity::RecordVerifier, moderation::Moderation};

/// What the dispatcher and the tasks of all rooms work with. A handle.
#[derive(Clone, Debug)]
pub struct Means {
    /// Verifies what records say of their authors.
    pub verifier: Arc<RecordVerifier>,
    /// Is told what moderators decide.
    pub moderation: Moderation,
    /// How the reading goes.
    pub status: Arc<Status>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// How often a busy room says what is new.
    pub tick: Duration,
    /// What is shown of a room, a second; 0: all.
    pub density: u32,
}
