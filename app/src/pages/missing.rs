//! The page at an address that has none.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::{
    components::PageHeader,
    i18n::{t, t_string, use_i18n},
    problem::Problem,
};

/// Says what is missing, and leads back.
///
/// *Server-side rendering*: answers 404, unless what went wrong has set another status.
#[component]
pub fn MissingPage(
    /// What went wrong, if it is more than an unknown address.
    #[prop(optional, into)]
    problem: Option<Problem>,
) -> impl IntoView {
    let i18n = use_i18n();
    #[cfg(feature = "ssr")]
    if problem.is_none()
        && let Some(response) = use_context::<leptos_axum::ResponseOptions>()
    {
        response.set_status(http::StatusCode::NOT_FOUND);
    }
    let text = match problem {
        Some(problem) => problem.view(i18n),
        None => t!(i18n, missing.page).into_any(),
    };
    view! {
        <Title text=move || t_string!(i18n, missing.title) />
        <PageHeader />
        <main class="missing">
            <h1>{t!(i18n, missing.title)}</h1>
            <p data-problem>{text}</p>
            <a class="button" href="/">
                {t!(i18n, missing.home)}
            </a>
        </main>
    }
}
