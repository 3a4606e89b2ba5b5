//! What is drawn behind some danmu. Lengths are whole device pixels, rectangles are `(x, y, width, height)`.

use web_sys::CanvasRenderingContext2d;

use super::sprite::OVERHANG;

/// The width of the fade beside a wiped rectangle, as a fraction of its height.
const FADE: f64 = 0.25;
const STEPS: u8 = 8;

/// Clears a rectangle, and fades out what is beside it: danmu that pass there would look broken if they were cut
/// off.
pub(super) fn wipe(context: &CanvasRenderingContext2d, (x, y, width, height): (f64, f64, f64, f64)) {
    let overhang = (OVERHANG * height).ceil();
    let (y, height) = (y - overhang, height + 2.0 * overhang);
    let strip = (FADE * height / f64::from(STEPS)).ceil();
    // Erases by the alpha of what is painted. Fails only for an unknown operation.
    let _ = context.set_global_composite_operation("destination-out");
    context.set_fill_style_str("#000");
    for step in 0..STEPS {
        let out = strip * f64::from(STEPS - step);
        context.set_global_alpha(f64::from(step + 1) / f64::from(STEPS + 1));
        context.fill_rect(x - out, y, strip, height);
        context.fill_rect(x + width + out - strip, y, strip, height);
    }
    context.set_global_alpha(1.0);
    let _ = context.set_global_composite_operation("source-over");
    context.clear_rect(x, y, width, height);
}

/// Fills a rectangle with a plate: the danmu on it is held.
pub(super) fn plate(context: &CanvasRenderingContext2d, (x, y, width, height): (f64, f64, f64, f64)) {
    context.set_fill_style_str("rgba(127,127,127,.4)");
    context.fill_rect(x, y, width, height);
}
