//! One text as a picture, for all danmu that look the same.

use std::cell::RefCell;
use std::rc::Rc;

use wasm_bindgen::JsValue;
use web_sys::{CanvasRenderingContext2d, TextMetrics};

use super::paper::{Bitmap, Paper};
use super::{Outline, text};

/// The widest bitmap, device pixels: browsers refuse or slow down beyond it.
const MAX_BITMAP_WIDTH: f64 = 8_192.0;
/// Zooms that differ by less are equal but for rounding.
const SAME_ZOOM: f64 = 1e-3;

/// Fractions of the font size.
const OUTLINE: f64 = 0.15;
const SHADOW_BLUR: f64 = 0.16;
const SHADOW_DROP: f64 = 0.05;
const PADDING: f64 = 0.32;
const FRAME: f64 = 0.07;
/// The baseline, measured from the middle of the lane: between the best for CJK and for Latin capitals.
const BASELINE: f64 = 0.36;
/// How far a text may overhang its lane, where its neighbours are empty; a fraction of the lane's height.
pub(super) const OVERHANG: f64 = 1.0 / 16.0;

/// The cache key of a sprite: everything that distinguishes one bitmap from another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Look {
    pub(super) text: String,
    pub(super) color: u32,
    /// Size of the text, CSS pixels.
    pub(super) size: u16,
    pub(super) frame: Frame,
    pub(super) outline: Outline,
}

impl Look {
    /// How far the outline extends beyond the text, as a fraction of its size.
    fn stroke(&self) -> f64 {
        if self.outline == Outline::Stroke { OUTLINE / 2.0 } else { 0.0 }
    }
}

/// The frame of the viewer's own danmu, in the text's colour; while pending it is dashed, and the text dimmer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Frame {
    None,
    Own,
    Pending,
}

/// A text that is shown or may be again, with its bitmap once it is painted.
pub(super) struct Sprite {
    pub(super) look: Rc<Look>,
    width: f32,
    height: f32,
    /// Where the text begins: the left end of its baseline.
    origin: (f64, f64),
    /// The part of it that is not empty.
    ink: Ink,
    bitmap: RefCell<Option<(Bitmap, f64)>>,
}

/// A rectangle, CSS pixels from the top left corner.
#[derive(Clone, Copy)]
struct Ink {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

impl Ink {
    /// Cuts off the empty space around the text, so that frames copy less.
    fn cut(self, (x, y): (f64, f64), look: &Look, metrics: &TextMetrics) -> Self {
        // One more pixel for soft edges; a shadow fades out at about its own length.
        let around = 1.0
            + f64::from(look.size)
                * if look.outline == Outline::Shadow { SHADOW_BLUR + SHADOW_DROP } else { look.stroke() };
        let overhang = (OVERHANG * self.bottom).round();
        Self {
            left: (x - metrics.actual_bounding_box_left() - around).floor().max(self.left),
            top: (y - metrics.actual_bounding_box_ascent() - around).floor().max(self.top - overhang),
            right: (x + metrics.actual_bounding_box_right() + around).ceil().min(self.right),
            bottom: (y + metrics.actual_bounding_box_descent() + around).ceil().min(self.bottom + overhang),
        }
    }

    /// Width and height at a zoom, whole pixels.
    fn pixels(&self, zoom: f64) -> (f64, f64) {
        (((self.right - self.left) * zoom).ceil().max(1.0), ((self.bottom - self.top) * zoom).ceil().max(1.0))
    }
}

/// The left end of a text's baseline in its lane. A text that reaches unusually far down, such as Arabic, or up is moved as far
/// as there is room: lanes have one height, so it would be cut off.
fn origin(look: &Look, height: f64, metrics: &TextMetrics) -> (f64, f64) {
    let size = f64::from(look.size);
    let (baseline, stroke) = (height / 2.0 + BASELINE * size, look.stroke() * size);
    let above = baseline - metrics.actual_bounding_box_ascent() - stroke;
    let below = height - baseline - metrics.actual_bounding_box_descent() - stroke;
    // Not `clamp`, which panics on NaN: a browser without these metrics gives NaN.
    let down = if below < 0.0 { below.max(-above.max(0.0)) } else { (-above).max(0.0).min(below) };
    (PADDING * size, baseline + down)
}

impl Sprite {
    /// Measures the text with a context that has its font.
    pub(super) fn new(look: Rc<Look>, context: &CanvasRenderingContext2d) -> Option<Self> {
        let metrics = context.measure_text(&look.text).ok()?;
        let size = f64::from(look.size);
        let height = text::lane_height(f32::from(look.size));
        let width = (metrics.width() as f32 + 2.0 * PADDING as f32 * size as f32).ceil();
        let origin = origin(&look, height.into(), &metrics);
        let whole = Ink { left: 0.0, top: 0.0, right: width.into(), bottom: height.into() };
        let ink = if look.frame == Frame::None { whole.cut(origin, &look, &metrics) } else { whole };
        Some(Self { look, width, height, origin, ink, bitmap: RefCell::default() })
    }

    /// Width and height, CSS pixels, outline included.
    pub(super) fn size(&self) -> (f32, f32) {
        (self.width, self.height)
    }

    /// Paints it for a zoom, which is device pixels per CSS pixel of its own.
    pub(super) fn prepare(&self, zoom: f64, paper: &Paper, font: &str) {
        let zoom = self.zoom(zoom);
        // If the browser has no memory for it, the next frame tries again.
        if let Ok(bitmap) = self.paint(zoom, font, paper) {
            self.bitmap.replace(Some((bitmap, zoom)));
        }
    }

    /// Whether it is painted for that zoom.
    pub(super) fn is_ready(&self, zoom: f64) -> bool {
        let zoom = self.zoom(zoom);
        self.bitmap.borrow().as_ref().is_some_and(|(_, painted)| (painted / zoom - 1.0).abs() < SAME_ZOOM)
    }

    fn zoom(&self, zoom: f64) -> f64 {
        zoom.min(MAX_BITMAP_WIDTH / f64::from(self.width))
    }

    /// Copies it to its place (top left corner, device pixels). Returns whether there was a bitmap to copy.
    pub(super) fn draw(&self, (x, y): (f64, f64), zoom: f64, context: &CanvasRenderingContext2d) -> bool {
        let zoom = self.zoom(zoom);
        let slot = self.bitmap.borrow();
        let Some((bitmap, painted)) = &*slot else { return false };
        let (image, x, y) = (bitmap.image(), x + self.ink.left * zoom, y + self.ink.top * zoom);
        // Whole device pixels keep the text crisp, and need no filter. Fails only for a bitmap without pixels.
        let _ = if (painted / zoom - 1.0).abs() < SAME_ZOOM {
            context.draw_image_with_html_canvas_element(image, x.round(), y.round())
        } else {
            // Just resized: scales the old bitmap until there is time to paint a new one.
            let (width, height) = self.ink.pixels(zoom);
            context.draw_image_with_html_canvas_element_and_dw_and_dh(image, x.round(), y.round(), width, height)
        };
        true
    }

    fn paint(&self, zoom: f64, font: &str, paper: &Paper) -> Result<Bitmap, JsValue> {
        let (width, height) = self.ink.pixels(zoom);
        paper.paint(width as u32, height as u32, |context| {
            context.scale(zoom, zoom)?;
            context.translate(-self.ink.left, -self.ink.top)?;
            text::set_up(context, font);
            self.paint_text(zoom, context)?;
            if self.look.frame == Frame::None { Ok(()) } else { self.paint_frame(context) }
        })
    }

    fn paint_text(&self, zoom: f64, context: &CanvasRenderingContext2d) -> Result<(), JsValue> {
        let Look { text, color, outline, frame, .. } = &*self.look;
        let (size, (x, y)) = (f64::from(self.look.size), self.origin);
        if *frame == Frame::Pending {
            context.set_global_alpha(0.65);
        }
        match outline {
            Outline::Stroke => {
                context.set_line_join("round");
                context.set_stroke_style_str(text::outline(*color));
                context.set_line_width(OUTLINE * size);
                context.stroke_text(text, x, y)?;
            }
            // Blurring takes more time than all the rest. Its radius is in device pixels, whatever the scale.
            Outline::Shadow => {
                context.set_shadow_color(text::outline(*color));
                context.set_shadow_blur(SHADOW_BLUR * size * zoom);
                context.set_shadow_offset_y(SHADOW_DROP * size * zoom);
            }
            Outline::None => {}
        }
        context.set_fill_style_str(&text::css(*color));
        context.fill_text(text, x, y)?;
        if *outline == Outline::Shadow {
            // A single shadow is too faint for white on white.
            context.fill_text(text, x, y)?;
        }
        context.set_shadow_color("transparent");
        Ok(())
    }

    fn paint_frame(&self, context: &CanvasRenderingContext2d) -> Result<(), JsValue> {
        let (width, height, size) = (f64::from(self.width), f64::from(self.height), f64::from(self.look.size));
        if self.look.frame == Frame::Pending {
            let dash = js_sys::Array::of2(&(0.28 * size).into(), &(0.2 * size).into());
            context.set_line_dash(&dash)?;
        }
        let inset = FRAME * size;
        context.begin_path();
        context.round_rect_with_f64(inset, inset, width - 2.0 * inset, height - 2.0 * inset, 0.28 * size)?;
        for (color, part) in [("rgba(0,0,0,.55)", 2.0), (text::css(self.look.color).as_str(), 1.0)] {
            context.set_stroke_style_str(color);
            context.set_line_width(FRAME * size * part);
            context.stroke();
        }
        Ok(())
    }
}
