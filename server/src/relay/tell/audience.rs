//! What all who watch a room share.

use std::sync::Arc;

use tokio_util::task::TaskTracker;

use super::super::{line::feed::RoomFeed, metrics::Metrics, take::status::Status};

/// A room, as connections need it.
#[derive(Debug)]
pub struct Audience {
    /// What it is told.
    pub feed: Arc<RoomFeed>,
    /// How the reading goes.
    pub status: Arc<Status>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Those that tell viewers; they end with the feeds.
    pub tasks: TaskTracker,
}
