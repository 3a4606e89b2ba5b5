//! What the overlay tells the page: counts as attributes, first sights as events.

use std::cell::Cell;

use web_sys::{CustomEvent, CustomEventInit, HtmlCanvasElement};

use super::OverlayStats;

/// Least time between two updates of the attributes, milliseconds.
const INTERVAL_MS: f64 = 250.0;

/// The counts as the attributes have them.
#[derive(Default)]
pub(super) struct Report {
    published: Cell<Option<(f64, OverlayStats)>>,
}

impl Report {
    /// Brings the attributes up to date unless they were a moment ago. Answers whether they are.
    pub(super) fn publish(&self, canvas: &HtmlCanvasElement, stats: OverlayStats, now: f64) -> bool {
        match self.published.get() {
            Some((_, published)) if published == stats => return true,
            Some((then, _)) if now - then < INTERVAL_MS => return false,
            _ => self.published.set(Some((now, stats))),
        }
        let attributes = [
            ("data-on-stage", u64::from(stats.on_stage)),
            ("data-waiting", u64::from(stats.waiting)),
            ("data-shown", stats.shown),
            ("data-given-up", stats.given_up),
        ];
        for (name, value) in attributes {
            // Fails for a malformed name only.
            let _ = canvas.set_attribute(name, &value.to_string());
        }
        true
    }
}

/// Dispatches `danmu:shown`. Listeners may call the overlay: nothing of it may be borrowed meanwhile.
pub(super) fn announce(canvas: &HtmlCanvasElement, id: &str) {
    let init = CustomEventInit::new();
    init.set_bubbles(true);
    init.set_detail(&id.into());
    if let Ok(event) = CustomEvent::new_with_event_init_dict("danmu:shown", &init) {
        let _ = canvas.dispatch_event(&event);
    }
}
