//! Cookies that tell the server small facts with the next page.

use leptos::prelude::document;
use wasm_bindgen::JsCast;
use web_sys::HtmlDocument;

/// A year, in seconds.
const KEPT_S: &str = "31536000";

/// Sets a cookie for a year. Name and value must be plain: letters, digits, `-` and `_`.
pub fn set_cookie(name: &str, value: &str) {
    if let Some(document) = document().dyn_ref::<HtmlDocument>() {
        // Fails where cookies are blocked; then the choice ends with the page.
        let _ = document.set_cookie(&[name, "=", value, "; Path=/; SameSite=Lax; Max-Age=", KEPT_S].concat());
    }
}
