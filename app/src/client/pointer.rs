//! The pointer over the picture: the danmu under it stands still, and can be clicked.

use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{Element, EventTarget, HtmlCanvasElement, MouseEvent};

use crate::overlay::Overlay;

/// Tells the overlay where the pointer is over the canvas's parent. A click on a danmu does not reach the picture: it shows
/// the danmu in the chat.
pub fn follow_pointer(canvas: &HtmlCanvasElement, overlay: &Overlay) {
    let Some(around) = canvas.parent_element() else { return };
    let listen = |name: &str, act: Closure<dyn FnMut(MouseEvent)>| {
        // In the capture phase, before elements inside. The listeners go with the element.
        let _ = around.add_event_listener_with_callback_and_bool(name, act.into_js_value().unchecked_ref(), true);
    };
    let (edge, pointed) = (canvas.clone(), overlay.clone());
    let on_move = Closure::new(move |event: MouseEvent| {
        let edge = edge.get_bounding_client_rect();
        let at = (event.client_x() as f32 - edge.left() as f32, event.client_y() as f32 - edge.top() as f32);
        pointed.point(is_on_picture(event.target()).then_some(at));
    });
    listen("pointermove", on_move);
    let left = overlay.clone();
    listen("pointerleave", Closure::new(move |_| left.point(None)));
    let clicked = overlay.clone();
    let on_click = Closure::new(move |event: MouseEvent| {
        if let Some(id) = clicked.under().filter(|_| is_on_picture(event.target())) {
            event.stop_propagation();
            show_line(&id);
        }
    });
    listen("click", on_click);
}

/// Whether the target is the picture, not the controls over it.
fn is_on_picture(target: Option<EventTarget>) -> bool {
    let element = target.and_then(|target| target.dyn_into::<Element>().ok());
    element.is_some_and(|element| element.closest(".controls").is_ok_and(|controls| controls.is_none()))
}

/// Scrolls to the line of a danmu, and marks that line only.
fn show_line(id: &str) {
    let document = leptos::prelude::document();
    let of = |selector: &str| document.query_selector(selector).ok().flatten();
    if let Some(before) = of("[data-chat] [data-picked]") {
        let _ = before.remove_attribute("data-picked");
    }
    if let Some(line) = of(&["[data-chat] [data-id=\"", id, "\"]"].concat()) {
        let _ = line.set_attribute("data-picked", "");
        line.scroll_into_view_with_bool(false);
    }
}
