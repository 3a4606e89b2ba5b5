//! A button that folds out a panel.

use leptos::{ev, html, prelude::*};

use super::{Glyph, Icon};

/// A button of that name with a panel of class `panel` beside it, in an element of class `class`. It closes by Escape, and when
/// the focus goes elsewhere. A function, since a component erases the type of what is in it, which weighs.
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
            // Nobody around it closes for that as well.
            event.stop_propagation();
            details.set_open(false);
            if let Some(summary) = summary.get_untracked() {
                let _ = summary.focus();
            }
        }
    };
    // Where the focus goes next is known only when it is there.
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
            // It takes the focus where it is pressed beside what is in it, so that it stays open.
            <div class=panel tabindex="-1">
                {content}
            </div>
        </details>
    }
}
