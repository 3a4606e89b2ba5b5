//! What reads a room off the stream, as a module of its own: a page loads it for direct mode, and where the relay cannot be had.
//! Called by `app/src/client/feed/stream.js`.

use danmu_app::direct;
use js_sys::Promise;
use wasm_bindgen::prelude::wasm_bindgen;

/// See [`direct::Reading`]. `free()` ends it.
#[wasm_bindgen]
pub struct Reading(direct::Reading);

#[wasm_bindgen]
impl Reading {
    /// See [`direct::Reading::new`].
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new(
        room: &str,
        signed_only: bool,
        viewer: u32,
        member: u32,
        moderator: u32,
        place: &str,
        skew_ms: f64,
    ) -> Self {
        Self(direct::Reading::new(room, signed_only, [viewer, member, moderator], place, skew_ms))
    }

    /// See [`direct::Reading::next`].
    pub fn next(&self) -> Promise {
        self.0.next()
    }
}
