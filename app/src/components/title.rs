//! The title of a page, with the product's name.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::i18n::use_i18n;

/// Puts the product's name behind the page's own title.
#[component]
pub fn AppTitle() -> impl IntoView {
    let locale = use_i18n().of_title();
    let formatter = move |page: String| {
        let name = leptos_i18n::td_string!(locale(), app.name);
        if page.is_empty() { name.to_string() } else { format!("{page} · {name}") }
    };
    view! { <Title formatter /> }
}
