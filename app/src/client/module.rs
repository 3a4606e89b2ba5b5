//! The addresses of the modules that a page loads on demand: a release build sets them. Without them (`cargo leptos watch`
//! builds one module), the page's own module does their work.

use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

#[wasm_bindgen]
extern "C" {
    /// Where this module's glue was loaded from.
    #[wasm_bindgen(thread_local_v2, js_namespace = ["import", "meta"], js_name = url)]
    pub static PAGE: JsValue;
    /// The address of the signer module's glue.
    #[wasm_bindgen(thread_local_v2, js_namespace = ["import", "meta"], js_name = signer)]
    pub static SIGNER: JsValue;
    /// The address of the reader module's glue.
    #[wasm_bindgen(thread_local_v2, js_namespace = ["import", "meta"], js_name = reader)]
    pub static READER: JsValue;
}
