//! A button that folds out a panel.

use leptos::{ev, html, prelude::*};

use super::{Glyph, Icon};

/// A button `label` with a panel of class `panel`, in an element of class `class`. It closes on Escape and when the focus moves
/// elsewhere. A function, since a component would erase the type of `content`, which is more code.
pub fn fold(
    (class, panel): (&'static str, &'static str),
    details: NodeRef<html::Details>,
    (glyph, label): (Glyph, Signal<&'static str>),
    content: impl IntoView,
) -> impl IntoView {
    let summary = NodeRef::<html::Summary>::new();
    let on_key = move |event: ev::KeyboardEvent| {
        if let (Some(details), "Escape") = (details.get_untracked(), &*event.key())
            && details.open()
        {
            // So that nothing around it closes on the same Escape.
            event.stop_propagation();
            details.set_open(false);
            if let Some(summary) = summary.get_untracked() {
                let _ = summary.focus();
            }
        }
    };
    // The new focus is known only in the next frame.
    let on_leave = move |_| {
        request_animation_frame(move || {
            if let Some(details) = details.get_untracked()
                && !document().active_element().is_some_and(|active| details.contains(Some(&active)))
            {
                details.set_open(false);
            }
        });
    };
    view! {
        <details class=class node_ref=details on:keydown=on_key on:focusout=on_leave>
            <summary node_ref=summary aria-label=label title=label>
                <Icon glyph />
            </summary>
            // Focusable, so that a click between its controls keeps the focus inside and the panel open.
            <div class=panel tabindex="-1">
                {content}
            </div>
        </details>
    }
}
