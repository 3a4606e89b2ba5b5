//! The home page: the list of rooms.

use danmu::room::Room;
use leptos::prelude::*;
use leptos_meta::Title;

use crate::{
    components::PageHeader,
    i18n::{say, use_i18n},
};

/// Lists the rooms.
#[component]
pub fn HomePage(
    /// The rooms, in the operator's order.
    rooms: Vec<Room>,
) -> impl IntoView {
    let i18n = use_i18n();
    let none = rooms.is_empty().then(|| view! { <p>{say!(i18n, home.none)}</p> });
    let cards = rooms.into_iter().map(|room| {
        let poster = room.poster.map(|poster| view! { <img src=poster alt="" width="320" height="180" /> });
        view! {
            <li>
                <a class="card" href=format!("/room/{}", room.id)>
                    {poster}
                    <span class="card-title">{room.title}</span>
                    <span class="card-enter">{say!(i18n, home.enter)}</span>
                </a>
            </li>
        }
    });
    let cards = cards.collect_view();
    view! {
        <Title text="" />
        <PageHeader />
        <main class="home">
            <h1>{say!(i18n, app.tagline)}</h1>
            <p class="lead">{say!(i18n, app.about)}</p>
            <h2>{say!(i18n, home.rooms)}</h2>
            {none}
            <ul class="cards">{cards}</ul>
        </main>
    }
}
