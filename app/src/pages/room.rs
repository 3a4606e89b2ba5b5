//! The watch page: the video, the danmu on it, the chat and the composer.

use danmu::room::Room;
use leptos::prelude::*;
use leptos_meta::Title;

use crate::{
    components::{Chat, Composer, FeedBadge, PageHeader, Player},
    i18n::{say, use_i18n},
    live::{FeedStart, Live, Wants},
};

/// The page at `/room/{room}`.
#[component]
pub fn RoomPage(
    /// The room.
    room: Room,
    /// How it can be followed here.
    entry: FeedStart,
) -> impl IntoView {
    let i18n = use_i18n();
    let live = Live::join(room.clone(), entry, Wants { chat: true, ..Wants::default() });
    view! {
        <Title text=room.title.clone() />
        <a class="skip" href="#say">
            {say!(i18n, app.skip)}
        </a>
        <PageHeader />
        <noscript>
            <p class="note">
                "Danmu fly by JavaScript and WebAssembly, which are off here. 弹幕需要 JavaScript 和 WebAssembly,此浏览器已关闭。"
            </p>
        </noscript>
        <main class="watch">
            <div class="stage">
                <Player live video=room.video poster=room.poster />
                <div class="under">
                    <h1>{room.title}</h1>
                    <FeedBadge live />
                </div>
            </div>
            <Chat live />
            <Composer live />
        </main>
    }
}
