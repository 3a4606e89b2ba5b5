//! The bar on top of every page but the overlay: the mark, and the switch between the languages.

use leptos::prelude::*;

use crate::i18n::{Locale, t, t_string, use_i18n};

/// The page's header.
///
/// *Server-side rendering*: in the language of the viewer's cookie, else of `Accept-Language`.
#[component]
pub fn PageHeader() -> impl IntoView {
    let i18n = use_i18n();
    let switch = move |_| {
        i18n.set_locale(match i18n.get_locale_untracked() {
            Locale::en => Locale::zh,
            Locale::zh => Locale::en,
        });
    };
    let other = move || match i18n.get_locale() {
        Locale::en => "zh",
        Locale::zh => "en",
    };
    view! {
        <header class="top">
            <a class="mark" href="/">
                <img src="/logo.svg" alt="" width="28" height="28" />
                <span>{t!(i18n, app.name)}</span>
            </a>
            <button
                class="quiet"
                type="button"
                data-language=move || i18n.get_locale().to_string()
                lang=other
                title=move || t_string!(i18n, lang.label)
                on:click=switch
            >
                {t!(i18n, lang.other)}
            </button>
        </header>
    }
}
