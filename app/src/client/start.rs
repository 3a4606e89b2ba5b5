//! Hydration: starts the page, whatever other programs did to its elements.

use leptos::{mount::hydrate_from, prelude::IntoView};
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::HtmlElement;

use crate::{
    BUILD,
    element_ids::{APP_ID, COPY_ID, FAILURE_ID},
    shell::App,
    studio::StudioApp,
};

#[wasm_bindgen(module = "/src/client/tree.js")]
extern "C" {
    fn restore(app: &str, copy: &str) -> HtmlElement;
    fn keep(app: &HtmlElement);
    fn started(failure: &str, build: &str);
}

/// Hydrates a page for viewers.
pub fn start() {
    hydrate(App);
}

/// Hydrates a page of the studio.
pub fn start_studio() {
    hydrate(StudioApp);
}

/// Hydrates the page that the server rendered. It all runs in the same task as `restore`, so the tree is as the server wrote
/// it. If hydration panics all the same, a script of the page says so (`failure`).
fn hydrate<V: IntoView + 'static>(page: impl FnOnce() -> V + 'static)
where
    V::State: 'static,
{
    let app = restore(APP_ID, COPY_ID);
    hydrate_from(app.clone(), page).forget();
    keep(&app);
    started(FAILURE_ID, BUILD);
}
