//! What the parts of a relay share.

use std::{sync::Arc, time::Duration};

use danmu_identity::identity::RecordVerifier;

use super::{super::metrics::Metrics, status::Status};
use crate::moderation::Moderation;

/// What the dispatcher and the tasks of all rooms share. A handle.
#[derive(Clone, Debug)]
pub struct Means {
    /// Verifies the authors of records.
    pub verifier: Arc<RecordVerifier>,
    /// The moderators' decisions.
    pub moderation: Moderation,
    /// Status of the reader.
    pub status: Arc<Status>,
    /// The relay's counters.
    pub metrics: Arc<Metrics>,
    /// How often a busy room makes a frame.
    pub tick: Duration,
    /// Budget of danmu a second that a room shows; 0: all.
    pub density: u32,
    /// From which arrival time on (Unix milliseconds) gates know all that they judge by; records from before are read for that.
    pub settled_ms: i64,
}
