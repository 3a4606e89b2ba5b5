//! The first page: the rooms that are open.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::{
    api::get_rooms,
    components::PageHeader,
    i18n::{t, use_i18n},
    problem::Problem,
};

/// Lists the rooms.
#[component]
pub fn HomePage() -> impl IntoView {
    let i18n = use_i18n();
    let rooms = Resource::new_blocking(|| (), |()| get_rooms());
    let list = move || {
        Suspend::new(async move {
            match rooms.await {
                Ok(rooms) if rooms.is_empty() => view! { <p>{t!(i18n, home.none)}</p> }.into_any(),
                Ok(rooms) => {
                    let cards = rooms.into_iter().map(|room| {
                        view! {
                            <li>
                                <a class="card" href=format!("/room/{}", room.id)>
                                    {room.poster.map(|poster| {
                                        view! { <img src=poster alt="" width="320" height="180" loading="lazy" /> }
                                    })}
                                    <span class="card-title">{room.title}</span>
                                    <span class="card-enter">{t!(i18n, home.enter)}</span>
                                </a>
                            </li>
                        }
                    });
                    view! { <ul class="cards">{cards.collect_view()}</ul> }.into_any()
                }
                Err(error) => view! { <p role="alert">{Problem::Api(error).view(i18n)}</p> }.into_any(),
            }
        })
    };
    view! {
        <Title text="" />
        <PageHeader />
        <main class="home">
            <h1>{t!(i18n, app.tagline)}</h1>
            <p class="lead">{t!(i18n, app.about)}</p>
            <h2>{t!(i18n, home.rooms)}</h2>
            <Suspense>{list}</Suspense>
        </main>
    }
}
