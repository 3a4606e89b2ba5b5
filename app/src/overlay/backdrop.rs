//! What lies behind some danmu. All lengths are whole device pixels, all spaces `(x, y, width, height)`.

use web_sys::CanvasRenderingContext2d;

use super::sprite::OVERHANG;

/// How far beside a space that is wiped what is there fades, in parts of its height.
const FADE: f64 = 0.25;
const STEPS: u8 = 8;

/// Takes away what is drawn in a space, and ever less of what is beside it: what passes there would look broken if it was
/// cut.
pub(super) fn wipe(context: &CanvasRenderingContext2d, (x, y, width, height): (f64, f64, f64, f64)) {
    let overhang = (OVERHANG * height).ceil();
    let (y, height) = (y - overhang, height + 2.0 * overhang);
    let strip = (FADE * height / f64::from(STEPS)).ceil();
    // Takes away as much as is painted. Fails for no operation only.
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

/// Lays a plate into a space: the danmu on it is held.
pub(super) fn plate(context: &CanvasRenderingContext2d, (x, y, width, height): (f64, f64, f64, f64)) {
    context.set_fill_style_str("rgba(127,127,127,.4)");
    context.fill_rect(x, y, width, height);
}
