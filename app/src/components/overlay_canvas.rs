//! The canvas that the danmu are drawn on.

use leptos::prelude::*;

use crate::{live::Live, overlay::Settings};

/// A canvas over its parent. It lets every pointer through, and hides from screen readers: the chat list says it all.
///
/// *Server-side rendering*: an empty canvas.
#[component]
pub fn OverlayCanvas(
    /// The room whose danmu are drawn.
    live: Live,
    /// Whether they are not shown.
    #[prop(optional, into)]
    hidden: Option<Signal<bool>>,
    /// Whether they stand still.
    #[prop(optional, into)]
    paused: Option<Signal<bool>>,
    /// How they are drawn.
    #[prop(into)]
    settings: Signal<Settings>,
    /// Whether the one under the pointer is held, and can be clicked.
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
