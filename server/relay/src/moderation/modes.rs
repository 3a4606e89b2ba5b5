//! Switches the modes of a room.

use std::mem::discriminant;

use danmu::{
    record::{Decision, Subject},
    room::{MAX_DENSITY, MAX_PACE, MAX_SLOW_S, MIN_REVIEW_S, Review, RoomId, RoomMode},
    viewer::Rank,
};
use danmu_app::{
    error::{ApiError, CrewError},
    services::Decider,
};
use danmu_identity::clock::now_ms;

use super::Moderation;

impl Moderation {
    /// Switches a mode on or off. One that has values ends those of its kind with other values; a pace or a density ends whichever
    /// is in force.
    pub(super) async fn switch(&self, by: &Decider, room: &RoomId, mode: RoomMode, on: bool) -> Result<(), ApiError> {
        let is_limit = matches!(mode, RoomMode::Pace(_) | RoomMode::Density(_));
        let is_streamers = is_limit || mode == RoomMode::Names;
        if is_streamers && by.rank < Rank::Streamer {
            return Err(CrewError::NotAbove.into());
        }
        check(mode).map_err(ApiError::Other)?;
        tracing::info!(by = %by.viewer, %room, ?mode, on, "a moderator sets a mode");
        let end = |mode| Decision::end(Subject::Mode(mode), by.rank);
        if on {
            self.decide(by, room, Decision { on: Subject::Mode(mode), until: None, by: by.rank }).await?;
        } else if !is_limit {
            return self.decide(by, room, end(mode)).await;
        }
        let of_its_kind = |other: &RoomMode| discriminant(other) == discriminant(&mode) && !(on && *other == mode);
        for other in self.0.ledger.modes(room).into_iter().filter(of_its_kind) {
            if self.0.ledger.until(Some(room), &Subject::Mode(other)) > now_ms() {
                self.decide(by, room, end(other)).await?;
            }
        }
        Ok(())
    }
}

/// Whether a mode's values are in their ranges; if not, what is wrong.
fn check(mode: RoomMode) -> Result<(), String> {
    match mode {
        RoomMode::Slow(seconds) if !(1..=MAX_SLOW_S).contains(&seconds) => {
            Err(format!("slow mode is 1 to {MAX_SLOW_S} seconds, not {seconds}"))
        }
        RoomMode::Reviewed(Review { after_s, .. }) if (1..MIN_REVIEW_S).contains(&after_s) => {
            let allowed = format!("after {MIN_REVIEW_S} to 255 seconds, or 0 for never");
            Err(format!("reviewed danmu are shown by themselves {allowed}, not {after_s}"))
        }
        RoomMode::Pace(pace) if !pace.is_valid() => Err(format!(
            "a pace is 1 to {} danmu a minute and 1 to {} at once, not {}/{} for guests and {}/{} for members",
            MAX_PACE.per_minute, MAX_PACE.burst, pace.guests, pace.guests_burst, pace.members, pace.members_burst
        )),
        RoomMode::Density(density) if !(1..=MAX_DENSITY).contains(&density) => {
            Err(format!("a room shows 1 to {MAX_DENSITY} danmu a second, not {density}"))
        }
        _ => Ok(()),
    }
}
