//! The studio, as a module of its own: its pages load this one in the place of the watch page's. `cargo leptos watch` builds one
//! module for all, `danmu-browser` with its feature `whole`.

// Views are one type, as deep as the page.
#![recursion_limit = "256"]

use wasm_bindgen::prelude::wasm_bindgen;

/// Makes the page that the server rendered live.
#[wasm_bindgen]
pub fn hydrate() {
    danmu_app::start_studio();
}
