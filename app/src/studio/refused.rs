//! What was refused lately, with its author and the reason.

use std::time::Duration;

use leptos::{html, prelude::*, task::spawn_local};

use super::{figures::reason, reading::Desk};
use crate::{
    api::refused,
    components::By,
    i18n::{fill, say, t_string, use_i18n},
    live::Author,
    refusals::RefusedDanmu,
};

/// How often the server is asked while the list is open.
const EVERY: Duration = Duration::from_secs(2);
/// How many danmu are listed.
const SHOWN: usize = 100;

/// Lists what the room's gate refused on the server that answers, the newest first. It is read while the list is open.
#[component]
pub fn RefusedList(
    /// The room's id.
    room: String,
    /// The desk, which shows what one viewer said.
    desk: Desk,
) -> impl IntoView {
    let i18n = use_i18n();
    let details = NodeRef::<html::Details>::new();
    let (list, known) = (RwSignal::new(Vec::<RefusedDanmu>::new()), RwSignal::new(None::<bool>));
    let asking = StoredValue::new(false);
    let ask = move || {
        let is_open = details.get_untracked().is_some_and(|details| details.open());
        if !is_open || asking.get_value() {
            return;
        }
        asking.set_value(true);
        let (room, since) = (room.clone(), list.with_untracked(|list| list.first().map_or(0, |newest| newest.number)));
        spawn_local(async move {
            let answer = refused(room, since).await;
            asking.try_set_value(false);
            known.try_set(Some(answer.is_ok()));
            if let Ok(more) = answer
                && !more.is_empty()
            {
                list.try_update(|list| {
                    list.splice(0..0, more.into_iter().rev());
                    list.truncate(SHOWN);
                });
            }
        });
    };
    let on_toggle = {
        let ask = ask.clone();
        move |_| ask()
    };
    Effect::new(move || {
        if let Ok(timer) = set_interval_with_handle(ask.clone(), EVERY) {
            on_cleanup(move || timer.clear());
        }
    });
    let state = move || match known.get() {
        Some(false) => t_string!(i18n, studio.refused_away),
        Some(true) if list.read().is_empty() => t_string!(i18n, studio.refused_none),
        _ => "",
    };
    let row = move |one: RefusedDanmu| {
        let RefusedDanmu { at_ms, text, viewer, name, role, reason: why, .. } = one;
        let (only, has_author) = (viewer.clone(), viewer.is_some());
        let by = viewer.map(|viewer| Author { viewer, name, role });
        let author = Signal::derive(move || by.clone());
        view! {
            <li>
                <time>{desk.time(at_ms)}</time>
                <button
                    class="quiet author"
                    type="button"
                    disabled=!has_author
                    title=say!(i18n, studio.only)
                    on:click=move |_| desk.only_of(only.clone())
                >
                    <By author />
                </button>
                <bdi class="said">{text}</bdi>
                <small>{move || fill(t_string!(i18n, studio.refused_why), &[("reason", &reason(&why, i18n))])}</small>
            </li>
        }
    };
    view! {
        <details class="refusals" data-refusals node_ref=details on:toggle=on_toggle>
            <summary>{say!(i18n, studio.refusals)}</summary>
            <p role="status">{state}</p>
            <ol>
                <For each=move || list.get() key=|one| one.number children=row />
            </ol>
        </details>
    }
}
