//! Signing in, as a module of its own: the script beside the place in the page's header loads it when somebody opens the dialogue,
//! or is to stay signed in. `cargo leptos watch` builds one module for all, `danmu-browser` with its feature `whole`.

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
