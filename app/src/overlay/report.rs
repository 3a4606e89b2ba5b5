//! What the overlay tells the page: counts as attributes, first sights as events.

use web_sys::{CustomEvent, CustomEventInit, HtmlCanvasElement};

use super::OverlayStats;

/// Writes the counts as attributes, for tests and benchmarks.
pub(super) fn publish(canvas: &HtmlCanvasElement, stats: OverlayStats) {
    let attributes = [
        ("data-on-stage", stats.on_stage),
        ("data-waiting", stats.waiting),
        ("data-shown", stats.shown),
        ("data-given-up", stats.given_up),
    ];
    for (name, value) in attributes {
        set(canvas, name, &value.to_string());
    }
}

/// Writes which danmu is under the pointer.
pub(super) fn publish_under(canvas: &HtmlCanvasElement, id: &str) {
    if id.is_empty() {
        let _ = canvas.remove_attribute("data-under");
    } else {
        set(canvas, "data-under", id);
    }
}

fn set(canvas: &HtmlCanvasElement, name: &str, value: &str) {
    // Fails only for a malformed name.
    let _ = canvas.set_attribute(name, value);
}

/// Dispatches `danmu:recovered`: drawing goes on after all.
pub(super) fn recover(canvas: &HtmlCanvasElement) {
    dispatch(canvas, "danmu:recovered", "");
}

/// Dispatches `danmu:failed`: nothing is drawn now.
pub(super) fn fail(canvas: &HtmlCanvasElement) {
    dispatch(canvas, "danmu:failed", "");
}

/// Dispatches `danmu:shown`.
pub(super) fn announce(canvas: &HtmlCanvasElement, id: &str) {
    dispatch(canvas, "danmu:shown", id);
}

/// Listeners may call the overlay, so nothing of it may be borrowed here.
fn dispatch(canvas: &HtmlCanvasElement, name: &str, id: &str) {
    let init = CustomEventInit::new();
    init.set_bubbles(true);
    init.set_detail(&id.into());
    if let Ok(event) = CustomEvent::new_with_event_init_dict(name, &init) {
        let _ = canvas.dispatch_event(&event);
    }
}
