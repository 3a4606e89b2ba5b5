//! The WebAssembly entry points, and nothing else: what they start is in `danmu-app`.

// Views are one type, as deep as the page.
#![recursion_limit = "256"]

use danmu_app::App;
use wasm_bindgen::prelude::wasm_bindgen;

/// Makes the page that the server rendered live. Called by the page's script, not on load: the same module is to be
/// loaded by workers too.
#[wasm_bindgen]
pub fn hydrate() {
    leptos::mount::hydrate_body(App);
}

/// Draws an overlay in a worker. Called by the worker's script, which the overlay writes itself.
#[wasm_bindgen]
pub fn draw() {
    danmu_app::overlay::draw();
}
