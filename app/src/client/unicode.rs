//! The browser's Unicode functions, as the domain needs them.

use danmu::record::Unicode;
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen(module = "/src/client/unicode.js")]
extern "C" {
    fn graphemes(text: &str) -> usize;
}

/// The browser's own normalization (NFC) and graphemes.
pub const UNICODE: Unicode = Unicode { nfc, graphemes };

fn nfc(text: &str) -> String {
    js_sys::JsString::from(text).normalize("NFC").into()
}
