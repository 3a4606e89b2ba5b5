//! The figures of a room that are kept.

use std::{future::Future, pin::Pin};

use danmu::room::RoomId;

use crate::{error::ApiError, figures::HourFigures};

/// The future that [`Figuring::hour`] returns.
pub type HourFuture = Pin<Box<dyn Future<Output = Result<HourFigures, ApiError>> + Send>>;

/// Reads the figures of rooms. The caller must have checked who may read them.
pub trait Figuring: Send + Sync {
    /// What happened in a room in the last 60 minutes.
    ///
    /// Fails with [`CrewError::Store`](crate::error::CrewError::Store).
    fn hour(&self, room: RoomId) -> HourFuture;
}
