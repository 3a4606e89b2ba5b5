//! Studios for the app's server functions: streamer keys in, cookies out.

use danmu::room::RoomId;
use danmu_app::{
    error::ApiError,
    services::{Caller, StudioFuture, StudioKeys},
};
use danmu_identity::{identity::STUDIO_AGE_S, studio::Studio};
use http::{HeaderMap, HeaderValue};

use super::guest::STUDIO;

/// Opens and closes studios for browsers.
pub struct StudioDoor(Studio);

impl StudioDoor {
    /// By these keys.
    #[must_use]
    pub const fn new(studio: Studio) -> Self {
        Self(studio)
    }
}

impl StudioKeys for StudioDoor {
    fn open(&self, room: RoomId, key: String, caller: Caller, headers: HeaderMap) -> StudioFuture {
        let studio = self.0.clone();
        Box::pin(async move {
            let value = studio.enter(room.clone(), &key, caller).await?;
            let cookie = STUDIO.set_for(room.as_str(), &value, STUDIO_AGE_S, &headers);
            cookie.ok_or_else(|| ApiError::Other("the cookie cannot be set".to_owned()))
        })
    }

    fn close(&self, room: &RoomId, headers: &HeaderMap) -> Option<HeaderValue> {
        STUDIO.set_for(room.as_str(), "", 0, headers)
    }
}
