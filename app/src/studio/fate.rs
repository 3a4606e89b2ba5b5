//! What becomes of a room: its streamer makes its key anew, to hand the room over or since somebody else has the key, and deletes it.

use danmu::room::RoomId;
use leptos::{html, prelude::*, task::spawn_local};

use super::{copy::CopyButton, problem::say_error};
use crate::{
    api::{delete_room, new_key},
    error::ApiError,
    i18n::{fill, say, t_string, use_i18n},
};

/// Makes a new streamer key, and shows it once. Asks twice.
#[component]
pub fn HandOver(
    /// The room.
    room: RoomId,
) -> impl IntoView {
    let i18n = use_i18n();
    let stays = NodeRef::<html::Input>::new();
    let (problem, sure) = (RwSignal::new(None::<ApiError>), RwSignal::new(false));
    // Nothing can be asked before the page is alive.
    let asking = RwSignal::new(true);
    Effect::new(move || asking.set(false));
    // The key that was made, and whether this browser has stayed.
    let made = RwSignal::new(None::<(String, bool)>);
    let room = StoredValue::new(room.to_string());
    let make = move |_| {
        if asking.get_untracked() {
            return;
        }
        if !sure.get_untracked() {
            return sure.set(true);
        }
        let Some(stay) = stays.get_untracked().map(|field| field.checked()) else { return };
        problem.set(None);
        asking.set(true);
        spawn_local(async move {
            match new_key(room.get_value(), stay).await {
                Ok(key) => drop(made.try_set(Some((key, stay)))),
                Err(error) => drop(problem.try_set(Some(error))),
            }
            sure.try_set(false);
            asking.try_set(false);
        });
    };
    let leave = move |_| drop(window().location().set_href("/studio"));
    let text = move || problem.read().as_ref().map(|error| say_error(error, i18n)).unwrap_or_default();
    // Who has left has nothing more to ask here.
    let has_left = move || made.read().as_ref().is_some_and(|(_, stayed)| !stayed);
    view! {
        <details class="crew" data-hand-over>
            <summary>{say!(i18n, studio.hand_over)}</summary>
            <div class="room-form" hidden=has_left>
                <p>{say!(i18n, studio.hand_over_about)}</p>
                <label>
                    <input type="checkbox" checked data-stay node_ref=stays />
                    <span>{say!(i18n, studio.hand_over_stay)}</span>
                </label>
                <div class="row">
                    <button
                        class="quiet"
                        type="button"
                        data-new-key
                        disabled=move || asking.get()
                        on:click=make
                        on:blur=move |_| sure.set(false)
                    >
                        {move || match sure.get() {
                            true => t_string!(i18n, studio.hand_over_sure),
                            false => t_string!(i18n, studio.hand_over_make),
                        }}
                    </button>
                </div>
            </div>
            <div class="room-form" role="status">
                {move || {
                    let (key, stayed) = made.get()?;
                    let shown = key.clone();
                    let left = (!stayed)
                        .then(|| {
                            view! {
                                <p>{say!(i18n, studio.hand_over_left)}</p>
                                <button type="button" data-leave on:click=leave>
                                    {say!(i18n, studio.leave)}
                                </button>
                            }
                        });
                    Some(
                        view! {
                            <p>{say!(i18n, studio.key_once)}</p>
                            <p class="streamer-key">
                                <code translate="no" data-key>
                                    {shown}
                                </code>
                                <CopyButton text=Signal::stored(key) />
                            </p>
                            {left}
                        },
                    )
                }}
            </div>
            <p class="problem" role="alert" data-problem>
                {text}
            </p>
        </details>
    }
}

/// Deletes a room that was made in the studio, after its id was typed.
#[component]
pub fn DeleteRoom(
    /// The room's id.
    room: String,
) -> impl IntoView {
    let i18n = use_i18n();
    let (typed, problem) = (RwSignal::new(String::new()), RwSignal::new(None::<ApiError>));
    let asking = RwSignal::new(false);
    let room = StoredValue::new(room);
    let is_sure = move || room.with_value(|room| typed.read().trim() == room);
    let delete = move |_| {
        if asking.get_untracked() || !is_sure() {
            return;
        }
        problem.set(None);
        asking.set(true);
        spawn_local(async move {
            match delete_room(room.get_value()).await {
                Ok(()) => drop(window().location().set_href("/studio")),
                Err(error) => {
                    problem.try_set(Some(error));
                    asking.try_set(false);
                }
            }
        });
    };
    let label = move || fill(t_string!(i18n, studio.delete_type), &[("room", &room.get_value())]);
    let text = move || problem.read().as_ref().map(|error| say_error(error, i18n)).unwrap_or_default();
    view! {
        <div class="room-form" data-delete-room>
            <p>{say!(i18n, studio.delete_about)}</p>
            <label class="field">
                <span>{label}</span>
                <input
                    name="again"
                    autocomplete="off"
                    autocapitalize="none"
                    spellcheck="false"
                    on:input=move |event| typed.set(event_target_value(&event))
                />
            </label>
            <div class="row">
                <button
                    class="quiet"
                    type="button"
                    data-delete
                    disabled=move || !is_sure() || asking.get()
                    on:click=delete
                >
                    {say!(i18n, studio.delete)}
                </button>
            </div>
            <p class="problem" role="alert" data-problem>
                {text}
            </p>
        </div>
    }
}
