//! What the page does with the browser beyond its own elements; implemented in `page.js`.

use wasm_bindgen::{closure::Closure, prelude::wasm_bindgen};
use web_sys::{Element, HtmlMediaElement};

#[wasm_bindgen(module = "/src/client/page.js")]
extern "C" {
    /// Plays a video, if the browser lets it.
    pub fn play(media: &HtmlMediaElement);
    /// Plays a video with its sound: at once if the browser lets it, otherwise at the viewer's first click or key on the page.
    pub fn play_aloud(media: &HtmlMediaElement);
    /// Tells the style sheet which part of the window can be seen, by `--seen` (its height) and `--above` (where it begins).
    pub fn follow_window();
    #[wasm_bindgen(js_name = copy)]
    fn copy_then(text: &str, done: &Closure<dyn FnMut()>);
    #[wasm_bindgen(js_name = on_resize)]
    fn listen(list: &Element, act: &Closure<dyn FnMut()>);
}

/// Calls `act` whenever a list or its content changes size, until the page goes.
pub fn on_resize(list: &Element, act: impl FnMut() + 'static) {
    let act = Closure::new(act);
    listen(list, &act);
    act.forget();
}

/// Copies a text to the clipboard; calls `done` if that worked.
pub fn copy(text: &str, done: impl FnOnce() + 'static) {
    let done = Closure::once(done);
    copy_then(text, &done);
    done.forget();
}
