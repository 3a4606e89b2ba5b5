//! A room's addresses, to copy: for viewers, for the screen of a hall, and for OBS.

use danmu::room::RoomId;
use leptos::prelude::*;

use super::{copy::Link, overlay_maker::OverlayMaker};
use crate::i18n::{say, use_i18n};

/// Shows the addresses of a room's watch page, wall and overlay page, each with a button that copies it.
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
    let wall = Signal::stored(format!("/wall/{room}"));
    let dock = Signal::stored(format!("/studio/{room}?dock"));
    view! {
        <section class="links" aria-label=say!(i18n, studio.links)>
            <h2>{say!(i18n, studio.links)}</h2>
            <Link id="watch-address" label=say!(i18n, studio.link_watch) origin path=watch />
            <Link id="wall-address" label=say!(i18n, studio.link_wall) origin path=wall />
            <Link id="dock-address" label=say!(i18n, studio.link_dock) origin path=dock />
            <OverlayMaker room origin />
        </section>
    }
}
