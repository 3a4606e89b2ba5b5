//! An author's name, in front of the danmu's text.

use leptos::prelude::*;

use crate::{i18n::use_i18n, live::Author};

/// The name of an author, with a badge for streamers and moderators; empty if the author is unknown.
#[component]
pub fn By(
    /// The author.
    #[prop(into)]
    author: Signal<Option<Author>>,
) -> impl IntoView {
    let i18n = use_i18n();
    // The blank separates name and text for screen readers. Always a text, never an `Option`: see `client/tree.js`.
    let name = move || author.read().as_ref().map(|author| author.say(i18n) + " ").unwrap_or_default();
    let badge = move || author.read().as_ref().and_then(|author| author.badge(i18n));
    let hint = move || author.read().as_ref().map(|author| author.hint(i18n));
    // The style sheet draws the badge from the attribute; a text node of its own would be more code.
    view! {
        <bdi class="danmu-name" translate="no" title=hint data-badge=badge>
            {name}
        </bdi>
    }
}
