//! What bitmaps are painted on.

use std::cell::Cell;
use std::rc::Rc;

use wasm_bindgen::{JsCast, JsValue};
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, ImageBitmap, OffscreenCanvas};

/// Makes bitmaps, and counts their pixels.
pub(super) struct Paper {
    /// `None` where the browser has no such canvas; then each bitmap is an element.
    scratch: Option<OffscreenCanvas>,
    pixels: Rc<Cell<u64>>,
}

/// Painted pixels.
pub(super) struct Bitmap {
    /// A canvas, or an `ImageBitmap`, which a context draws in the same way.
    image: HtmlCanvasElement,
    area: u64,
    pixels: Rc<Cell<u64>>,
}

impl Paper {
    pub(super) fn new() -> Self {
        Self { scratch: OffscreenCanvas::new(1, 1).ok(), pixels: Rc::default() }
    }

    /// How many pixels all bitmaps have together, four bytes each.
    pub(super) fn pixels(&self) -> u64 {
        self.pixels.get()
    }

    /// Paints a bitmap of `width` × `height` pixels.
    pub(super) fn paint(
        &self,
        width: u32,
        height: u32,
        paint: impl FnOnce(&CanvasRenderingContext2d) -> Result<(), JsValue>,
    ) -> Result<Bitmap, JsValue> {
        let canvas = match &self.scratch {
            Some(scratch) => scratch.clone().unchecked_into(),
            None => element()?,
        };
        // Clears the canvas, and resets its context.
        canvas.set_width(width);
        canvas.set_height(height);
        paint(&context_of(&canvas).ok_or(JsValue::NULL)?)?;
        let image = match &self.scratch {
            Some(scratch) => scratch.transfer_to_image_bitmap()?.unchecked_into(),
            None => canvas,
        };
        let area = u64::from(width) * u64::from(height);
        self.pixels.set(self.pixels.get() + area);
        Ok(Bitmap { image, area, pixels: Rc::clone(&self.pixels) })
    }
}

impl Bitmap {
    /// The image for a context to draw.
    pub(super) fn image(&self) -> &HtmlCanvasElement {
        &self.image
    }
}

impl Drop for Bitmap {
    fn drop(&mut self) {
        self.pixels.set(self.pixels.get().saturating_sub(self.area));
        // Gives the memory back now; the object itself waits for the garbage collector.
        match self.image.dyn_ref::<HtmlCanvasElement>() {
            Some(element) => element.set_width(0),
            None => self.image.unchecked_ref::<ImageBitmap>().close(),
        }
    }
}

fn element() -> Result<HtmlCanvasElement, JsValue> {
    let document = web_sys::window().and_then(|window| window.document()).ok_or(JsValue::NULL)?;
    document.create_element("canvas").map(JsCast::unchecked_into)
}

/// The 2D context of a canvas, offscreen or not, unless it has one of another kind.
pub(super) fn context_of(canvas: &HtmlCanvasElement) -> Option<CanvasRenderingContext2d> {
    Some(canvas.get_context("2d").ok()??.unchecked_into())
}
