//! Ties the overlay's renderer to the canvas of a page.

use leptos::{html, prelude::*};

use super::overlay::Overlay;
use crate::live::Live;

/// Draws the room's danmu on `canvas` once it is in the document, and lets go of it with the page.
pub fn mount_overlay(canvas: NodeRef<html::Canvas>, live: Live, paused: Option<Signal<bool>>) {
    let mounted = StoredValue::new_local(None::<Overlay>);
    Effect::new(move || {
        // After `Live::join`'s effect, which makes the client.
        if !live.ready.get() {
            return;
        }
        let Some(canvas) = canvas.get() else { return };
        match Overlay::mount(canvas) {
            Ok(overlay) => {
                live.draw_on(overlay.clone());
                mounted.set_value(Some(overlay));
            }
            // The chat list says it all the same.
            Err(error) => leptos::logging::warn!("no overlay: {error}"),
        }
    });
    Effect::new(move || {
        let paused = paused.is_some_and(|paused| paused.get());
        if live.ready.get() {
            mounted.try_with_value(|overlay| overlay.as_ref().map(|overlay| overlay.set_paused(paused)));
        }
    });
    on_cleanup(move || {
        mounted.try_update_value(Option::take);
    });
}
