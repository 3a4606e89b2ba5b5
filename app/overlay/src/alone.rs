//! The overlay alone, for a page that is not Danmu's: a canvas, and what is shown on it.
//!
//! ```js
//! import init, { Overlay } from "/pkg/danmu-overlay.….js";
//! await init();
//! const overlay = new Overlay(document.querySelector("canvas"));
//! overlay.configure({ area: 1, overlap: true });
//! overlay.show("1", "前方高能", 0xffffff);
//! overlay.showAll([{ id: "2", text: "233", color: 0xff8800 }, { id: "3", text: "来了", mode: "top" }]);
//! ```

use danmu_app::overlay::{self, Mode, Settings, Shown};
use wasm_bindgen::prelude::{JsError, wasm_bindgen};
use web_sys::HtmlCanvasElement;

#[wasm_bindgen(module = "/src/pack.js")]
extern "C" {
    /// Danmu, as a page lists them.
    pub type List;

    fn pack(danmu: &List) -> String;
}

#[wasm_bindgen]
extern "C" {
    /// What a page chooses; what it leaves out is as usual. The fields of [`Settings`], in camel case.
    pub type Options;

    #[wasm_bindgen(method, getter)]
    fn opacity(this: &Options) -> Option<f32>;
    #[wasm_bindgen(method, getter)]
    fn scale(this: &Options) -> Option<f32>;
    #[wasm_bindgen(method, getter)]
    fn area(this: &Options) -> Option<f32>;
    #[wasm_bindgen(method, getter)]
    fn speed(this: &Options) -> Option<f32>;
    #[wasm_bindgen(method, getter, js_name = waitMs)]
    fn wait_ms(this: &Options) -> Option<f32>;
    #[wasm_bindgen(method, getter)]
    fn overlap(this: &Options) -> Option<bool>;
    #[wasm_bindgen(method, getter)]
    fn font(this: &Options) -> Option<String>;
}

/// An overlay on a canvas, with nothing of a room around it. `free()` ends it.
#[wasm_bindgen]
pub struct Overlay(overlay::Overlay);

#[wasm_bindgen]
impl Overlay {
    /// Draws on `canvas` from now on, in whatever size the page's layout gives it.
    ///
    /// # Errors
    /// When the browser cannot draw on this canvas.
    #[wasm_bindgen(constructor)]
    pub fn mount(canvas: HtmlCanvasElement) -> Result<Overlay, JsError> {
        Ok(Self(overlay::Overlay::mount(canvas)?))
    }

    /// Draws by these options from now on.
    pub fn configure(&self, options: &Options) {
        let usual = Settings::default();
        self.0.configure(Settings {
            opacity: options.opacity().unwrap_or(usual.opacity),
            scale: options.scale().unwrap_or(usual.scale),
            area: options.area().unwrap_or(usual.area),
            speed: options.speed().unwrap_or(usual.speed),
            wait_ms: options.wait_ms().unwrap_or(usual.wait_ms),
            overlap: options.overlap().unwrap_or(usual.overlap),
            font: options.font().unwrap_or_default(),
            ..usual
        });
    }

    /// Shows a danmu in the colour `0xRRGGBB`; it flies across unless `mode` is `top` or `bottom`. A second one of the same
    /// id is not shown.
    pub fn show(&self, id: String, text: String, color: u32, mode: Option<String>) {
        let mode = of_name(mode.as_deref().unwrap_or_default());
        self.0.show(Shown { id, text, color, mode, ..Shown::default() });
    }

    /// Shows many at once, for less than half of what they cost one by one: a list, or whatever can be gone through, of
    /// `{ id, text, color, mode }`, the last two as in [`Overlay::show`] and white and flying where they are left out. Neither
    /// an id nor a text has a tab or an end of line in it, as no danmu has.
    #[wasm_bindgen(js_name = showAll)]
    pub fn show_all(&self, danmu: &List) {
        for line in pack(danmu).lines() {
            let mut parts = line.splitn(4, '\t');
            let mut next = || parts.next().unwrap_or_default();
            let (id, color, mode, text) = (next().to_owned(), next(), of_name(next()), next().to_owned());
            self.0.show(Shown { id, text, color: color.parse().unwrap_or(0xff_ffff), mode, ..Shown::default() });
        }
    }
}

fn of_name(mode: &str) -> Mode {
    match mode {
        "top" => Mode::Top,
        "bottom" => Mode::Bottom,
        _ => Mode::Scroll,
    }
}
