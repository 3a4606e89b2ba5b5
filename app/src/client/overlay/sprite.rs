//! One danmu as a picture.

use std::cell::{Cell, RefCell};

use danmu::stage::{Mode, Placed};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{CanvasRenderingContext2d, Document, HtmlCanvasElement};

use super::Shown;
use super::text;

/// Browsers refuse or slow down beyond this; device pixels.
const MAX_BITMAP_WIDTH: f64 = 8_192.0;

/// Parts of the font size.
const OUTLINE: f64 = 0.15;
const SHADOW_BLUR: f64 = 0.16;
const SHADOW_DROP: f64 = 0.05;
const PADDING: f64 = 0.32;
const FRAME: f64 = 0.07;
/// Where the baseline is, counted from the middle of the lane: between what CJK and Latin capitals would like.
const BASELINE: f64 = 0.36;

/// A danmu that is shown or waits to be, with its bitmap once it was drawn.
pub(super) struct Sprite {
    pub(super) id: String,
    text: String,
    color: u32,
    own: bool,
    pending: Cell<bool>,
    announced: Cell<bool>,
    font_size: f32,
    width: f32,
    height: f32,
    bitmap: RefCell<Option<Bitmap>>,
}

impl Sprite {
    /// Measures the danmu at `font_size`, CSS pixels. Nothing if there is nothing to see.
    pub(super) fn new(danmu: Shown, font_size: f32, context: &CanvasRenderingContext2d) -> Option<Self> {
        let text = text::clean(&danmu.text);
        if text.is_empty() {
            return None;
        }
        // In the direction of its own first letter, as `<bdi>` does it; a canvas takes all for left to right.
        let text = ["\u{2068}", &text, "\u{2069}"].concat();
        context.set_font(&text::font(font_size));
        let advance = context.measure_text(&text).ok()?.width() as f32;
        Some(Self {
            id: danmu.id,
            text,
            color: danmu.color,
            own: danmu.own,
            pending: Cell::new(danmu.pending),
            announced: Cell::new(false),
            font_size,
            width: (advance + 2.0 * PADDING as f32 * font_size).ceil(),
            height: text::lane_height(font_size),
            bitmap: RefCell::new(None),
        })
    }

    /// Width and height, CSS pixels, outline included.
    pub(super) fn size(&self) -> (f32, f32) {
        (self.width, self.height)
    }

    /// From the next frame on it looks like one that is on the stream.
    pub(super) fn confirm(&self) {
        if self.pending.replace(false) {
            self.bitmap.take();
        }
    }

    /// True the first time only.
    pub(super) fn announce(&self) -> bool {
        !self.announced.replace(true)
    }

    /// Copies it to its place; `ratio` is device pixels per CSS pixel. Whole device pixels keep the text crisp.
    pub(super) fn draw(
        &self,
        placed: &Placed<'_, Self>,
        ratio: f64,
        document: &Document,
        context: &CanvasRenderingContext2d,
    ) {
        let zoom = ratio * f64::from(placed.height) / f64::from(self.height);
        let zoom = zoom.min(MAX_BITMAP_WIDTH / f64::from(self.width));
        let mut slot = self.bitmap.borrow_mut();
        if slot.as_ref().is_none_or(|bitmap| bitmap.zoom != zoom) {
            // A browser that has no memory left for it may have some in the next frame.
            *slot = self.paint(zoom, document).ok();
        }
        if let Some(bitmap) = &*slot {
            let (x, y) = ((f64::from(placed.x) * ratio).round(), (f64::from(placed.y) * ratio).round());
            let (width, height) = (f64::from(placed.width) * ratio, f64::from(placed.height) * ratio);
            let (width, height) = (width.ceil(), height.ceil());
            if matches!(placed.mode, Mode::Top | Mode::Bottom) {
                // In a full picture others pass behind it; two texts in one place could not be read.
                context.clear_rect(x, y, width, height);
            }
            // Fails for a bitmap without pixels only.
            let _ = context.draw_image_with_html_canvas_element_and_dw_and_dh(&bitmap.canvas, x, y, width, height);
        }
    }

    fn paint(&self, zoom: f64, document: &Document) -> Result<Bitmap, JsValue> {
        let canvas: HtmlCanvasElement = document.create_element("canvas")?.unchecked_into();
        let (width, height, size) = (f64::from(self.width), f64::from(self.height), f64::from(self.font_size));
        canvas.set_width((width * zoom).ceil() as u32);
        canvas.set_height((height * zoom).ceil() as u32);
        let bitmap = Bitmap { canvas, zoom };
        let context = context_of(&bitmap.canvas).ok_or(JsValue::NULL)?;
        context.scale(zoom, zoom)?;
        context.set_font(&text::font(self.font_size));
        context.set_line_join("round");
        if self.pending.get() {
            context.set_global_alpha(0.65);
        }
        let (left, baseline) = (PADDING * size, height / 2.0 + BASELINE * size);
        context.set_stroke_style_str(text::outline(self.color));
        context.set_line_width(OUTLINE * size);
        // Shadows are measured in device pixels, whatever the scale.
        context.set_shadow_color("rgba(0,0,0,.55)");
        context.set_shadow_blur(SHADOW_BLUR * size * zoom);
        context.set_shadow_offset_y(SHADOW_DROP * size * zoom);
        context.stroke_text(&self.text, left, baseline)?;
        context.set_shadow_color("transparent");
        context.set_fill_style_str(&text::css(self.color));
        context.fill_text(&self.text, left, baseline)?;
        if self.own {
            self.paint_frame(&context)?;
        }
        Ok(bitmap)
    }

    /// Around the viewer's own: in the text's colour; dashed while nobody else can see it.
    fn paint_frame(&self, context: &CanvasRenderingContext2d) -> Result<(), JsValue> {
        let (width, height, size) = (f64::from(self.width), f64::from(self.height), f64::from(self.font_size));
        if self.pending.get() {
            let dash = js_sys::Array::of2(&(0.28 * size).into(), &(0.2 * size).into());
            context.set_line_dash(&dash)?;
        }
        let inset = FRAME * size;
        context.begin_path();
        context.round_rect_with_f64(inset, inset, width - 2.0 * inset, height - 2.0 * inset, 0.28 * size)?;
        for (color, part) in [("rgba(0,0,0,.55)", 2.0), (text::css(self.color).as_str(), 1.0)] {
            context.set_stroke_style_str(color);
            context.set_line_width(FRAME * size * part);
            context.stroke();
        }
        Ok(())
    }
}

/// The pixels of a danmu, at `zoom` device pixels per CSS pixel of its own size.
struct Bitmap {
    canvas: HtmlCanvasElement,
    zoom: f64,
}

impl Drop for Bitmap {
    fn drop(&mut self) {
        // Gives the memory back now; the element itself waits for the garbage collector.
        self.canvas.set_width(0);
    }
}

/// The 2D context of a canvas, unless it has one of another kind.
pub(super) fn context_of(canvas: &HtmlCanvasElement) -> Option<CanvasRenderingContext2d> {
    Some(canvas.get_context("2d").ok()??.unchecked_into())
}
