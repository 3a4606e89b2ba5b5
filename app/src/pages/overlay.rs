//! The overlay page: a room's danmu on a transparent page, for OBS and other browser sources.

use danmu::{feed::Ways, room::Room};
use leptos::prelude::*;
use leptos_meta::{Html, Title};

use crate::{
    components::{FeedData, OverlayCanvas},
    live::Live,
};

/// The page at `/overlay/{room}`.
#[component]
pub fn OverlayPage(
    /// The room.
    room: Room,
    /// How it can be followed here.
    ways: Ways,
) -> impl IntoView {
    let live = Live::join(room.clone(), ways, false);
    view! {
        <Title text=room.title />
        <Html {..} class="transparent" />
        <main class="bare">
            <OverlayCanvas live />
            <FeedData live />
        </main>
    }
}
