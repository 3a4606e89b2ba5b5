//! Where danmu are drawn: in a module worker, on the canvas that the page hands over, or, without workers, on the page.
//!
//! Both are driven by messages, and run the drawing module: one of its own or, in development, the page's. The worker's script
//! is a line that imports that module's glue, so that no other file must be kept in step; as a blob it obeys the page's own
//! Content Security Policy (`worker-src blob:`).

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Array, Function, Reflect, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{
    Blob, BlobPropertyBag, DedicatedWorkerGlobalScope, HtmlCanvasElement, MessageChannel, MessageEvent, MessagePort,
    OffscreenCanvas, Url, Worker, WorkerOptions, WorkerType,
};

use super::painter::Painter;

#[wasm_bindgen]
extern "C" {
    /// Where this module's glue was loaded from.
    #[wasm_bindgen(thread_local_v2, js_namespace = ["import", "meta"], js_name = url)]
    static GLUE: String;
    /// The address of the drawing module's glue, if that is another one: a release build sets it.
    #[wasm_bindgen(thread_local_v2, js_namespace = ["import", "meta"], js_name = overlay)]
    static OVERLAY: JsValue;
}

#[wasm_bindgen(inline_js = "export async function draw_here(glue,starts,canvas,port,failed){\
    try{const module=await import(glue);if(starts)await module.default();module.draw_on(canvas,port)}catch{failed()}}")]
extern "C" {
    fn draw_here(glue: &str, starts: bool, canvas: &HtmlCanvasElement, port: &MessagePort, failed: &Function);
}

/// Throws where workers have no frames, and where the module does not start: either is an `error` event of the worker.
const SCRIPT: [&str; 2] = [
    "import init,{draw}from\"",
    "\";self.requestAnimationFrame.name;onmessage=({data})=>init({module_or_path:data}).then(draw,e=>setTimeout(()=>{throw e}))",
];

/// The address of the drawing module's glue, and whether it is another module than this.
fn glue() -> (String, bool) {
    match OVERLAY.with(JsValue::as_string) {
        Some(glue) => (glue, true),
        None => (GLUE.with(Clone::clone), false),
    }
}

/// Starts a worker. It sends a first message when it is ready for the canvas.
pub(super) fn start(canvas: &HtmlCanvasElement) -> Result<Worker, JsValue> {
    let transfers = Reflect::has(canvas, &"transferControlToOffscreen".into())?;
    // Some old browsers have an offscreen canvas with WebGL only.
    if !transfers || OffscreenCanvas::new(1, 1)?.get_context("2d")?.is_none() {
        return Err(JsValue::NULL);
    }
    let (glue, is_other) = glue();
    let kind = BlobPropertyBag::new();
    kind.set_type("text/javascript");
    let url = Url::create_object_url_with_blob(&Blob::new_with_str_sequence_and_options(
        &Array::of1(&SCRIPT.join(&glue).into()),
        &kind,
    )?)?;
    let options = WorkerOptions::new();
    options.set_type(WorkerType::Module);
    let worker = Worker::new_with_options(&url, &options)?;
    // Another module is found by its glue.
    worker.post_message(&if is_other { JsValue::UNDEFINED } else { wasm_bindgen::module() })?;
    Ok(worker)
}

/// Draws on this thread. The port sends a first message when all is ready; `failed` is called if it never will be.
pub(super) fn start_here(canvas: &HtmlCanvasElement, failed: &Function) -> Result<MessagePort, JsValue> {
    let channel = MessageChannel::new()?;
    let (glue, is_other) = glue();
    draw_here(&glue, is_other, canvas, &channel.port2(), failed);
    Ok(channel.port1())
}

/// Carries out the page's commands in this worker, until the page ends it. Called by the worker's script.
pub fn draw() {
    let scope: DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
    let receive = {
        let scope = scope.clone();
        move |listener: &Function| scope.set_onmessage(Some(listener))
    };
    serve(None, receive, move |message| scope.post_message(message));
}

/// Carries out the commands from `port` on this thread, until a null message ends it.
pub fn draw_on(canvas: HtmlCanvasElement, port: MessagePort) {
    let receive = {
        let port = port.clone();
        move |listener: &Function| port.set_onmessage(Some(listener))
    };
    serve(Some(canvas), receive, move |message| port.post_message(message));
}

/// Draws on `canvas`, or on the one that comes in a message; a null message is the last.
fn serve(
    canvas: Option<HtmlCanvasElement>,
    receive: impl FnOnce(&Function),
    send: impl Fn(&JsValue) -> Result<(), JsValue> + Clone + 'static,
) {
    let tell = {
        let send = send.clone();
        move |report: super::wire::Report| {
            // Fails only for what cannot be cloned.
            let _ = send(&Uint8Array::from(&*report.write()));
        }
    };
    let painter = canvas.and_then(|canvas| Painter::new(canvas, tell.clone()).ok());
    let painter = RefCell::new(painter);
    let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        let data = event.data();
        if let Some(bytes) = data.dyn_ref::<Uint8Array>() {
            let painter = painter.borrow().as_ref().map(Rc::clone);
            if let Some(painter) = painter {
                painter.take(&bytes.to_vec());
            }
        } else if data.is_null() {
            painter.take();
        } else {
            // An offscreen canvas has all of a canvas that is used here.
            painter.replace(Painter::new(data.unchecked_into(), tell.clone()).ok());
        }
    });
    receive(on_message.as_ref().unchecked_ref());
    // It lives as long as the worker, or as the port.
    on_message.forget();
    let _ = send(&JsValue::NULL);
}
