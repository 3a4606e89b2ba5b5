//! Who said it, in front of what was said.

use leptos::prelude::*;

use crate::{i18n::use_i18n, live::Author};

/// The name of an author, with a badge for the streamer and for who keeps order; nothing where nobody knows.
#[component]
pub fn By(
    /// Who.
    #[prop(into)]
    author: Signal<Option<Author>>,
) -> impl IntoView {
    let i18n = use_i18n();
    // The blank parts them for whoever listens. A text at all times: see `client/tree.js`.
    let name = move || author.read().as_ref().map(|author| author.say(i18n) + " ").unwrap_or_default();
    let badge = move || author.read().as_ref().and_then(|author| author.badge(i18n));
    // Who is to be banned is named by it: two may be called alike.
    let id = move || author.read().as_ref().map(|author| author.viewer.clone());
    // The badge is the style sheet's, from the attribute: a text of its own would weigh more.
    view! {
        <bdi class="danmu-name" translate="no" title=id data-badge=badge>
            {name}
        </bdi>
    }
}
