//! Ties the pages' elements to what only the browser can do with them.

use leptos::{html, prelude::*};

use super::pointer::follow_pointer;
use crate::{
    live::Live,
    overlay::{Overlay, Settings},
};

/// Draws the room's danmu on `canvas` once it is in the document, and lets go of it with the page. With `pointer`, the pointer
/// is followed over what is around the canvas.
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
                live.undrawn.set(true);
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
