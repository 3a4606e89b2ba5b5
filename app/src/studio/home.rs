//! The studio's list of rooms.

use danmu::room::Room;
use leptos::prelude::*;
use leptos_meta::Title;

use super::room_form::MakeRoom;
use crate::{
    components::PageHeader,
    i18n::{say, use_i18n},
};

/// Lists the rooms that have a studio.
#[component]
pub fn StudioHome(
    /// The rooms, in the operator's order.
    rooms: Vec<Room>,
    /// Whether the viewer may make one.
    may_make: bool,
) -> impl IntoView {
    let i18n = use_i18n();
    let locale = i18n.of_title();
    let none = rooms.is_empty().then(|| view! { <p>{say!(i18n, home.none)}</p> });
    let cards = rooms.into_iter().map(|room| {
        view! {
            <li>
                <a class="card" href=format!("/studio/{}", room.id)>
                    <span class="card-title">{room.title}</span>
                    <span class="card-enter">{say!(i18n, studio.open)}</span>
                </a>
            </li>
        }
    });
    let cards = cards.collect_view();
    view! {
        <Title text=move || leptos_i18n::td_string!(locale(), studio.name) />
        <PageHeader />
        <main class="home">
            <h1>{say!(i18n, studio.name)}</h1>
            <p class="lead">{say!(i18n, studio.about)}</p>
            {none}
            <ul class="cards" style="margin-top:32px">
                {cards}
            </ul>
            {may_make.then(|| view! { <MakeRoom /> })}
        </main>
    }
}
