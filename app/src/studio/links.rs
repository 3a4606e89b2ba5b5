//! A room's addresses, to copy: for viewers, and for OBS.

use danmu::room::RoomId;
use leptos::prelude::*;

use super::overlay_maker::OverlayMaker;
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
    let watch = Signal::stored(format!("/room/{room}"));
    let dock = Signal::stored(format!("/studio/{room}?dock"));
    view! {
        <section class="links" aria-label=say!(i18n, studio.links)>
            <h2>{say!(i18n, studio.links)}</h2>
            <Link id="watch-address" label=say!(i18n, studio.link_watch) origin path=watch />
            <Link id="dock-address" label=say!(i18n, studio.link_dock) origin path=dock />
            <OverlayMaker room origin />
        </section>
    }
}

/// An address to copy.
#[component]
pub fn Link(
    /// The id of its field.
    id: &'static str,
    /// Who it is for.
    label: Signal<&'static str>,
    /// The page's origin.
    origin: RwSignal<String>,
    /// What follows it.
    path: Signal<String>,
) -> impl IntoView {
    let address = Signal::derive(move || [origin.read().as_str(), path.read().as_str()].concat());
    view! {
        <div class="link">
            <label for=id>{label}</label>
            <input id=id type="text" readonly prop:value=address />
            <CopyButton text=address />
        </div>
    }
}

/// Copies a text to the clipboard.
#[component]
pub fn CopyButton(
    /// The text.
    text: Signal<String>,
) -> impl IntoView {
    let i18n = use_i18n();
    // What was copied last: another text is not copied yet.
    let copied = RwSignal::new(None::<String>);
    let copy = move |_| {
        let now = text.get_untracked();
        #[cfg(feature = "hydrate")]
        crate::client::page::copy(&now.clone(), move || {
            copied.try_set(Some(now));
        });
        #[cfg(not(feature = "hydrate"))]
        copied.set(Some(now));
    };
    let is_copied = move || copied.read().as_ref() == Some(&*text.read());
    view! {
        <button type="button" on:click=copy>
            {move || if is_copied() { t_string!(i18n, studio.copied) } else { t_string!(i18n, studio.copy) }}
        </button>
    }
}
