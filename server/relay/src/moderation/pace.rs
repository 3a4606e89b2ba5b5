//! Rate limits of the crew's calls, by who calls: each is a write to the store.

use std::num::NonZeroU32;

use danmu::viewer::ViewerId;
use danmu_app::error::ApiError;
use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};

/// Calls a minute, and at once.
const DECISIONS: (NonZeroU32, NonZeroU32) = (NonZeroU32::new(60).unwrap(), NonZeroU32::new(30).unwrap());
const REVIEWS: (NonZeroU32, NonZeroU32) = (NonZeroU32::new(600).unwrap(), NonZeroU32::new(60).unwrap());

/// A rate limit.
#[derive(Debug)]
pub(super) struct Pace(DefaultKeyedRateLimiter<ViewerId>);

impl Pace {
    /// Of decisions. No room needs more.
    pub(super) fn of_decisions() -> Self {
        Self(RateLimiter::keyed(Quota::per_minute(DECISIONS.0).allow_burst(DECISIONS.1)))
    }

    /// Of calls about danmu that wait. Nobody reads faster.
    pub(super) fn of_reviews() -> Self {
        Self(RateLimiter::keyed(Quota::per_minute(REVIEWS.0).allow_burst(REVIEWS.1)))
    }

    /// Counts a call.
    ///
    /// # Errors
    /// [`ApiError::TooMany`].
    pub(super) fn check(&self, viewer: &ViewerId) -> Result<(), ApiError> {
        self.0.check_key(viewer).map_err(|not_yet| {
            let wait = not_yet.wait_time_from(DefaultClock::default().now());
            ApiError::TooMany { retry_after_s: u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1) }
        })
    }

    /// Forgets idle callers.
    pub(super) fn forget_idle(&self) {
        self.0.retain_recent();
    }
}
