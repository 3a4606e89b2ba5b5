//! The canvas that the danmu are drawn on.

use leptos::prelude::*;

use crate::{live::Live, overlay::Settings};

/// A canvas over its parent. It lets pointer events through, and is hidden from screen readers: the chat list has all danmu.
///
/// *Server-side rendering*: an empty canvas.
#[component]
pub fn OverlayCanvas(
    /// The room whose danmu are drawn.
    live: Live,
    /// Whether the danmu are hidden.
    #[prop(optional, into)]
    hidden: Option<Signal<bool>>,
    /// Whether the danmu are paused.
    #[prop(optional, into)]
    paused: Option<Signal<bool>>,
    /// How they are drawn.
    #[prop(into)]
    settings: Signal<Settings>,
    /// Whether the danmu under the pointer stops and can be clicked.
    #[prop(optional)]
    pointer: bool,
) -> impl IntoView {
    let canvas = NodeRef::<leptos::html::Canvas>::new();
    #[cfg(feature = "hydrate")]
    crate::client::mount_overlay(canvas, live, paused, settings, pointer);
    #[cfg(not(feature = "hydrate"))]
    let _ = (live, paused, settings, pointer);
    let hidden = move || hidden.is_some_and(|hidden| hidden.get());
    view! { <canvas class="overlay danmu-canvas" node_ref=canvas class:off=hidden aria-hidden="true" data-overlay></canvas> }
}
