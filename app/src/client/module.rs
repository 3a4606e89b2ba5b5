//! Where the modules are that a page loads when it has use for them: a build for release writes their addresses here. Without
//! (`cargo leptos watch` builds one module), the page's own does what they do.

use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

#[wasm_bindgen]
extern "C" {
    /// Where this module's glue was loaded from.
    #[wasm_bindgen(thread_local_v2, js_namespace = ["import", "meta"], js_name = url)]
    pub static PAGE: JsValue;
    /// Where the glue of the module is that signs.
    #[wasm_bindgen(thread_local_v2, js_namespace = ["import", "meta"], js_name = signer)]
    pub static SIGNER: JsValue;
    /// Where the glue of the module is that reads the stream.
    #[wasm_bindgen(thread_local_v2, js_namespace = ["import", "meta"], js_name = reader)]
    pub static READER: JsValue;
}
