//! What draws danmu, as a module of its own: the page's module has only the way to it, so that a viewer can speak before this
//! one is there. `cargo leptos watch` builds one module for both, `danmu-browser` with its feature `whole`.

mod alone;

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
