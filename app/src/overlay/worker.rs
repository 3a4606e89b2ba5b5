//! The overlay's worker: a module worker that runs the page's own WebAssembly module, and draws on the canvas that the page
//! hands over.
//!
//! Its script is a line that imports the page's glue, so that there is no file more to load or to keep in step; as a blob
//! it obeys the page's own Content Security Policy (`worker-src blob:`).

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Array, Reflect, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{
    Blob, BlobPropertyBag, DedicatedWorkerGlobalScope, HtmlCanvasElement, MessageEvent, OffscreenCanvas, Url, Worker,
    WorkerOptions, WorkerType,
};

use super::painter::Painter;

#[wasm_bindgen]
extern "C" {
    /// Where the glue was loaded from.
    #[wasm_bindgen(thread_local_v2, js_namespace = ["import", "meta"], js_name = url)]
    static GLUE: String;
}

/// Throws where a worker has no frames, and where the module does not start: either is an error of the worker.
const SCRIPT: [&str; 2] = [
    "import init,{draw}from\"",
    "\";self.requestAnimationFrame.name;onmessage=({data})=>init({module_or_path:data}).then(draw,e=>setTimeout(()=>{throw e}))",
];

/// Starts a worker. It sends a first message when it is ready for the canvas.
pub(super) fn start(canvas: &HtmlCanvasElement) -> Result<Worker, JsValue> {
    let transfers = Reflect::has(canvas, &"transferControlToOffscreen".into())?;
    // There were browsers whose offscreen canvas draws by WebGL only.
    if !transfers || OffscreenCanvas::new(1, 1)?.get_context("2d")?.is_none() {
        return Err(JsValue::NULL);
    }
    let script = GLUE.with(|glue| SCRIPT.join(glue));
    let kind = BlobPropertyBag::new();
    kind.set_type("text/javascript");
    let url = Url::create_object_url_with_blob(&Blob::new_with_str_sequence_and_options(
        &Array::of1(&script.into()),
        &kind,
    )?)?;
    let options = WorkerOptions::new();
    options.set_type(WorkerType::Module);
    let worker = Worker::new_with_options(&url, &options)?;
    worker.post_message(&wasm_bindgen::module())?;
    Ok(worker)
}

/// Draws in this worker what the page tells, until the page ends it. Called by the worker's script.
pub fn draw() {
    let scope: DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
    let painter = RefCell::new(None::<Rc<Painter>>);
    let tell = {
        let scope = scope.clone();
        move |report: super::wire::Report| {
            // Fails for what cannot be cloned only.
            let _ = scope.post_message(&Uint8Array::from(&*report.write()));
        }
    };
    let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        match event.data().dyn_into::<Uint8Array>() {
            Ok(bytes) => {
                if let Some(painter) = &*painter.borrow() {
                    painter.take(&bytes.to_vec());
                }
            }
            // An offscreen canvas has all of a canvas that is used here.
            Err(canvas) => drop(painter.replace(Painter::new(canvas.unchecked_into(), tell.clone()).ok())),
        }
    });
    scope.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    // The worker's own life is its life.
    on_message.forget();
    let _ = scope.post_message(&JsValue::NULL);
}
