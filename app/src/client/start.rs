//! The start of a page: its elements come alive, whatever other programs made of them.

use leptos::mount::hydrate_from;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::HtmlElement;

use crate::{
    BUILD,
    element_ids::{APP_ID, COPY_ID, FAILURE_ID},
    shell::App,
};

#[wasm_bindgen(module = "/src/client/tree.js")]
extern "C" {
    fn restore(app: &str, copy: &str) -> HtmlElement;
    fn keep(app: &HtmlElement);
    fn started(failure: &str, build: &str);
}

/// Makes the page that the server rendered live. What follows in the same task finds the tree as the server wrote it, so that
/// hydration holds. Where it panics all the same, the page's own script says so.
pub fn start() {
    let app = restore(APP_ID, COPY_ID);
    hydrate_from(app.clone(), App).forget();
    keep(&app);
    started(FAILURE_ID, BUILD);
}
