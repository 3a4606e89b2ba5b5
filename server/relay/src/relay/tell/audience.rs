//! What all viewers of a room share.

use std::sync::Arc;

use tokio_util::task::TaskTracker;

use super::super::{line::feed::RoomFeed, metrics::Metrics, take::status::Status};

/// A room, as its viewers' connections need it.
#[derive(Debug)]
pub struct Audience {
    /// The room's feed.
    pub feed: Arc<RoomFeed>,
    /// Status of the reader.
    pub status: Arc<Status>,
    /// The relay's counters.
    pub metrics: Arc<Metrics>,
    /// The tasks that write to viewers; they end with the feeds.
    pub tasks: TaskTracker,
}
