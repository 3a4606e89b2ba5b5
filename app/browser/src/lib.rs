//! The WebAssembly entry points, and nothing else: what they start is in `danmu-app`.

// Views are one type, as deep as the page.
#![recursion_limit = "256"]

use wasm_bindgen::prelude::wasm_bindgen;

/// Makes the page that the server rendered live. Called by the page's script, not on load: the same module may be
/// loaded by workers too.
#[wasm_bindgen]
pub fn hydrate() {
    #[cfg(feature = "whole")]
    if is_studio() {
        return danmu_app::start_studio();
    }
    danmu_app::start();
}

/// Whether this page is one of the studio's, which is a module of its own elsewhere.
#[cfg(feature = "whole")]
fn is_studio() -> bool {
    let path = web_sys::window().and_then(|window| window.location().pathname().ok());
    path.is_some_and(|path| danmu_app::studio::is_path(&path))
}

#[cfg(feature = "whole")]
mod drawing {
    use wasm_bindgen::prelude::wasm_bindgen;
    use web_sys::{HtmlCanvasElement, MessagePort};

    /// Draws in a worker. Called by the worker's script, which the overlay writes itself.
    #[wasm_bindgen]
    pub fn draw() {
        danmu_app::overlay::draw();
    }

    /// Draws on the page's own thread, where there can be no worker, what `port` tells.
    #[wasm_bindgen]
    pub fn draw_on(canvas: HtmlCanvasElement, port: MessagePort) {
        danmu_app::overlay::draw_on(canvas, port);
    }
}

#[cfg(feature = "whole")]
mod signing {
    use danmu_app::signing;
    use wasm_bindgen::prelude::wasm_bindgen;

    /// See [`signing::public_key`].
    #[wasm_bindgen]
    pub fn public_key(seed: &[u8]) -> Option<Vec<u8>> {
        signing::public_key(seed)
    }

    /// See [`signing::sign`].
    #[wasm_bindgen]
    pub fn sign(seed: &[u8], message: &[u8]) -> Option<Vec<u8>> {
        signing::sign(seed, message)
    }

    /// See [`signing::verify`].
    #[wasm_bindgen]
    pub fn verify(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
        signing::verify(key, message, signature)
    }
}

#[cfg(feature = "whole")]
mod reading {
    use danmu_app::direct;
    use js_sys::Promise;
    use wasm_bindgen::prelude::wasm_bindgen;

    /// See [`direct::Reading`].
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
            now_ms: f64,
        ) -> Self {
            Self(direct::Reading::new(room, signed_only, [viewer, member, moderator], place, now_ms))
        }

        /// See [`direct::Reading::next`].
        pub fn next(&self) -> Promise {
            self.0.next()
        }
    }
}

#[cfg(feature = "whole")]
mod signing_in {
    use danmu_app::account;
    use wasm_bindgen::prelude::wasm_bindgen;
    use web_sys::HtmlElement;

    /// See [`account::open`].
    #[wasm_bindgen]
    pub fn open_account(slot: HtmlElement) {
        account::open(slot);
    }

    /// See [`account::renew`].
    #[wasm_bindgen]
    pub fn renew_account(slot: HtmlElement) {
        account::renew(slot);
    }
}
