//! Reviewed mode: what waits, and what the crew does about it.

use std::{future::Future, pin::Pin};

use danmu::{record::DanmuRef, room::RoomId};

use super::{Decider, DecisionFuture};
use crate::{error::ApiError, review::WaitingChanges};

/// The future that [`Reviewing::waiting`] returns.
pub type WaitingFuture = Pin<Box<dyn Future<Output = Result<WaitingChanges, ApiError>> + Send>>;
/// The future that [`Reviewing::pass`] returns.
pub type PassFuture = Pin<Box<dyn Future<Output = Result<u32, ApiError>> + Send>>;

/// Lets danmu of a reviewed room through, or takes them out. The caller must have checked the decider's rank in the room.
pub trait Reviewing: Send + Sync {
    /// What changed among what waits in a room, after that change; after 0 all that waits.
    ///
    /// Fails with [`CrewError::Store`](crate::error::CrewError::Store).
    fn waiting(&self, room: RoomId, since: i64) -> WaitingFuture;
    /// Lets danmu through; returns how many of them waited.
    ///
    /// Fails with [`CrewError::NotWaiting`](crate::error::CrewError::NotWaiting) if none did, [`ApiError::TooMany`] over the decider's rate limit, and
    /// [`CrewError::Store`](crate::error::CrewError::Store). Then nothing is decided.
    fn pass(&self, by: Decider, room: RoomId, danmu: Vec<DanmuRef>) -> PassFuture;
    /// Takes a danmu out: it is not shown. Fails like [`Self::pass`].
    fn take_out(&self, by: Decider, room: RoomId, danmu: DanmuRef) -> DecisionFuture;
}
