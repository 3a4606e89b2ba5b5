//! A room's addresses, to copy: one for viewers, one for OBS.

use danmu::room::RoomId;
use leptos::{html, prelude::*};

use crate::i18n::{say, t_string, use_i18n};

/// Shows the addresses of a room's watch page and overlay page, each with a button that copies it.
#[component]
pub fn Links(
    /// The room.
    room: RoomId,
) -> impl IntoView {
    let i18n = use_i18n();
    // The page's own origin: only the browser knows by which address people reach this server.
    let origin = RwSignal::new(String::new());
    Effect::new(move || {
        origin.set(window().location().origin().unwrap_or_default());
    });
    view! {
        <section class="links" aria-label=say!(i18n, studio.links)>
            <Link id="watch-address" label=say!(i18n, studio.link_watch) origin path=format!("/room/{room}") />
            <Link id="overlay-address" label=say!(i18n, studio.link_overlay) origin path=format!("/overlay/{room}") />
            <p>{move || t_string!(i18n, studio.obs)}</p>
        </section>
    }
}

#[component]
fn Link(id: &'static str, label: Signal<&'static str>, origin: RwSignal<String>, path: String) -> impl IntoView {
    let i18n = use_i18n();
    let field = NodeRef::<html::Input>::new();
    let copied = RwSignal::new(false);
    let copy = move |_| {
        if let Some(field) = field.get_untracked() {
            field.select();
            #[cfg(feature = "hydrate")]
            crate::client::page::copy(&field, move || {
                copied.try_set(true);
            });
        }
    };
    view! {
        <div class="link">
            <label for=id>{label}</label>
            <input id=id type="text" readonly node_ref=field prop:value=move || origin.get() + &path />
            <button type="button" on:click=copy aria-describedby=id>
                {move || if copied.get() { t_string!(i18n, studio.copied) } else { t_string!(i18n, studio.copy) }}
            </button>
        </div>
    }
}
