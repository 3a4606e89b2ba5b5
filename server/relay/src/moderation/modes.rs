//! Switches the modes of a room.

use danmu::{
    record::{Decision, Subject},
    room::{MAX_SLOW_S, MIN_REVIEW_S, Review, RoomId, RoomMode},
};
use danmu_app::{error::ApiError, services::Decider};
use danmu_identity::clock::now_ms;

use super::Moderation;

impl Moderation {
    /// Switches a mode on or off. One that has values ends those of its kind with other values.
    pub(super) async fn switch(&self, by: &Decider, room: &RoomId, mode: RoomMode, on: bool) -> Result<(), ApiError> {
        match mode {
            RoomMode::Slow(seconds) if !(1..=MAX_SLOW_S).contains(&seconds) => {
                return Err(ApiError::Other(format!("slow mode is 1 to {MAX_SLOW_S} seconds, not {seconds}")));
            }
            RoomMode::Reviewed(Review { after_s, .. }) if (1..MIN_REVIEW_S).contains(&after_s) => {
                let allowed = format!("after {MIN_REVIEW_S} to 255 seconds, or 0 for never");
                return Err(ApiError::Other(format!(
                    "reviewed danmu are shown by themselves {allowed}, not {after_s}"
                )));
            }
            _ => {}
        }
        tracing::info!(by = %by.viewer, %room, ?mode, on, "a moderator sets a mode");
        let end = |mode| Decision::end(Subject::Mode(mode), by.rank);
        if !on {
            return self.decide(by, room, end(mode)).await;
        }
        self.decide(by, room, Decision { on: Subject::Mode(mode), until: None, by: by.rank }).await?;
        for other in of_a_kind(mode).into_iter().filter(|other| *other != mode) {
            if self.0.ledger.until(Some(room), &Subject::Mode(other)) > now_ms() {
                self.decide(by, room, end(other)).await?;
            }
        }
        Ok(())
    }
}

/// The modes of the same kind, of which the strictest would count.
fn of_a_kind(mode: RoomMode) -> Vec<RoomMode> {
    let review = |after_s| [true, false].map(|members| RoomMode::Reviewed(Review { members, after_s }));
    match mode {
        RoomMode::Slow(_) => (1..=MAX_SLOW_S).map(RoomMode::Slow).collect(),
        RoomMode::Reviewed(_) => (0..=u8::MAX).flat_map(review).collect(),
        RoomMode::Quiet | RoomMode::Members | RoomMode::Emoji => Vec::new(),
    }
}
