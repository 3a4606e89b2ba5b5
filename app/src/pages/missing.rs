//! The page for an unknown address or room.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::{
    components::PageHeader,
    error::ApiError,
    i18n::{say, t_string, use_i18n},
    problem::Problem,
};

/// Says what is missing, and links to the home page.
#[component]
pub fn MissingPage(
    /// What went wrong, if it is more than an unknown address.
    error: Option<ApiError>,
) -> impl IntoView {
    let i18n = use_i18n();
    let locale = i18n.of_title();
    let text = move || match &error {
        Some(error) => Problem::Api(error.clone()).say(i18n),
        None => t_string!(i18n, missing.page).to_owned(),
    };
    view! {
        <Title text=move || leptos_i18n::td_string!(locale(), missing.title) />
        <PageHeader />
        <main class="missing">
            <h1>{say!(i18n, missing.title)}</h1>
            <p data-problem>{text}</p>
            <a class="button" href="/">
                {say!(i18n, missing.home)}
            </a>
        </main>
    }
}
