//! The studio's door: who has the room's streamer key comes in, and who was invited.

use danmu::room::Room;
use leptos::{html, prelude::*, task::spawn_local};
use leptos_meta::Title;

use super::{invited::on_invitation, problem::say_error};
use crate::{
    api::{accept_invitation, open_studio},
    components::PageHeader,
    error::ApiError,
    i18n::{fill, say, t_string, use_i18n},
};

/// Asks the server for the page anew, which is another one now. Not by `reload`: where another site linked to the page, browsers
/// may go on to leave out cookies that are `SameSite=Strict`.
fn come_in() {
    let location = window().location();
    let path = location.pathname().unwrap_or_default() + &location.search().unwrap_or_default();
    let _ = location.replace(&path);
}

/// Asks for the streamer key of a room. If the address has an invitation, that is accepted at once.
#[component]
pub fn DoorPage(
    /// The room.
    room: Room,
) -> impl IntoView {
    let i18n = use_i18n();
    let locale = i18n.of_title();
    let field = NodeRef::<html::Input>::new();
    let problem = RwSignal::new(None::<ApiError>);
    let asking = RwSignal::new(false);
    let ready = RwSignal::new(false);
    Effect::new(move || ready.set(true));
    let id = room.id.to_string();
    let invited = id.clone();
    on_invitation(move |token| {
        let room = invited.clone();
        problem.set(None);
        asking.set(true);
        spawn_local(async move {
            match accept_invitation(room, token).await {
                Ok(()) => come_in(),
                Err(error) => {
                    problem.try_set(Some(error));
                    asking.try_set(false);
                }
            }
        });
    });
    let open = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let Some(key) = field.get_untracked().map(|field| field.value()) else { return };
        if key.trim().is_empty() || asking.get_untracked() {
            return;
        }
        problem.set(None);
        asking.set(true);
        let room = id.clone();
        spawn_local(async move {
            match open_studio(room, key).await {
                Ok(()) => come_in(),
                Err(error) => {
                    problem.set(Some(error));
                    asking.set(false);
                    if let Some(field) = field.get_untracked() {
                        field.select();
                    }
                }
            }
        });
    };
    let title = room.title.clone();
    let text = move || problem.read().as_ref().map(|error| say_error(error, i18n)).unwrap_or_default();
    view! {
        <Title text=move || leptos_i18n::td_string!(locale(), studio.name) />
        <PageHeader />
        <main class="home door">
            <h1>{move || fill(t_string!(i18n, studio.of), &[("room", &title)])}</h1>
            <p class="lead">{say!(i18n, studio.door)}</p>
            <form on:submit=open>
                // By it password managers tell the keys of several rooms apart.
                <input name="room" type="text" autocomplete="username" value=room.id.to_string() readonly hidden />
                <label for="key">{say!(i18n, studio.key)}</label>
                <input
                    id="key"
                    name="key"
                    type="password"
                    autocomplete="current-password"
                    spellcheck="false"
                    required
                    node_ref=field
                    aria-describedby="key-problem"
                    aria-invalid=move || problem.read().is_some().then_some("true")
                />
                <button class="button" type="submit" disabled=move || !ready.get() || asking.get()>
                    {say!(i18n, studio.enter)}
                </button>
                <p id="key-problem" class="problem" role="alert" data-problem>
                    {text}
                </p>
            </form>
            <p>
                <a href=format!("/room/{}", room.id)>{say!(i18n, studio.watch)}</a>
            </p>
        </main>
    }
}
