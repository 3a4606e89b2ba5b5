//! The bar on top of every page but the overlay: the mark, and the switch between the languages.

use leptos::prelude::*;

use crate::i18n::{say, use_i18n};

/// The page's header.
///
/// *Server-side rendering*: in the language of the viewer's cookie, else of `Accept-Language`.
#[component]
pub fn PageHeader() -> impl IntoView {
    let i18n = use_i18n();
    let other = move || if i18n.tag() == "en" { "zh" } else { "en" };
    view! {
        <header class="top">
            <a class="mark" href="/">
                <img src="/logo.svg" alt="" width="28" height="28" />
                <span translate="no">{say!(i18n, app.name)}</span>
            </a>
            <button
                class="quiet"
                type="button"
                translate="no"
                data-language=move || i18n.tag()
                lang=other
                title=say!(i18n, lang.label)
                on:click=move |_| i18n.switch()
            >
                {say!(i18n, lang.other)}
            </button>
        </header>
    }
}
