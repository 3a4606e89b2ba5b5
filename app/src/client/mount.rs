//! Connects the pages' elements to features of the browser.

use gloo_net::http::{Method, RequestBuilder};
use leptos::{html, prelude::*};
use wasm_bindgen::{JsCast, closure::Closure};

use super::{host::origin, pointer::follow_pointer};
use crate::{
    live::Live,
    overlay::{Overlay, Settings},
    problem::Problem,
};

/// Draws the room's danmu on `canvas` once it is in the document, until the page goes. With `pointer`, follows the pointer
/// over the canvas's parent.
pub fn mount_overlay(
    canvas: NodeRef<html::Canvas>,
    live: Live,
    paused: Option<Signal<bool>>,
    settings: Signal<Settings>,
    pointer: bool,
) {
    let mounted = StoredValue::new_local(None::<Overlay>);
    Effect::new(move || {
        // After `Live::join`'s effect, which makes the client.
        if !live.ready.get() {
            return;
        }
        let Some(canvas) = canvas.get() else { return };
        for (event, problem) in [("danmu:failed", Some(Problem::NothingDraws)), ("danmu:recovered", None)] {
            let listener = Closure::<dyn Fn()>::new(move || {
                live.undrawn.try_set(problem.clone());
            });
            // The listener goes with the element.
            let _ = canvas.add_event_listener_with_callback(event, listener.into_js_value().unchecked_ref());
        }
        match Overlay::mount(canvas.clone()) {
            Ok(overlay) => {
                if pointer {
                    follow_pointer(&canvas, &overlay);
                }
                live.draw_on(overlay.clone());
                mounted.set_value(Some(overlay));
            }
            Err(error) => {
                leptos::logging::warn!("no overlay: {error}");
                live.undrawn.set(Some(Problem::CannotDraw));
            }
        }
    });
    Effect::new(move || {
        let paused = paused.is_some_and(|paused| paused.get());
        if live.ready.get() {
            mounted.try_with_value(|overlay| overlay.as_ref().map(|overlay| overlay.set_paused(paused)));
        }
    });
    Effect::new(move || {
        let settings = settings.get();
        if live.ready.get() {
            mounted.try_with_value(|overlay| overlay.as_ref().map(|overlay| overlay.configure(settings)));
        }
    });
    on_cleanup(move || {
        mounted.try_update_value(Option::take);
    });
}

/// Why a video does not play. What the page's policy blocked is recorded in its document (`shell`). Only some browsers give the
/// server's status, at the beginning of their message; where it is missing, our own server is asked again.
pub async fn why_unplayable(media: web_sys::HtmlMediaElement) -> Problem {
    let forbidden = document().document_element().and_then(|page| page.get_attribute("data-forbidden"));
    if let Some(address) = forbidden {
        return Problem::VideoForbidden(address);
    }
    let reason = media.error().map(|error| error.message()).unwrap_or_default();
    let answered = reason.as_bytes().get(..3).is_some_and(|status| status.iter().all(u8::is_ascii_digit));
    if answered {
        return Problem::VideoRefused(reason);
    }
    let address = media.current_src();
    if !address.starts_with(&origin()) {
        return Problem::Unplayable;
    }
    match RequestBuilder::new(&address).method(Method::HEAD).send().await {
        Ok(answer) if answer.ok() => Problem::Unplayable,
        Ok(answer) => Problem::VideoRefused(answer.status().to_string()),
        Err(_) => Problem::Network,
    }
}
