//! How the connection to the stream is doing.

use leptos::prelude::*;

use crate::{
    i18n::{I18nContext, Locale, t, t_string, use_i18n},
    live::{FeedState, Live},
};

fn say(state: FeedState, i18n: I18nContext<Locale>) -> AnyView {
    match state {
        FeedState::Connecting => t!(i18n, feed.connecting).into_any(),
        FeedState::Live => t!(i18n, feed.live).into_any(),
        FeedState::Behind(seconds) => t!(i18n, feed.behind, seconds).into_any(),
        FeedState::Crowded => t!(i18n, feed.crowded).into_any(),
        FeedState::Reconnecting => t!(i18n, feed.reconnecting).into_any(),
        FeedState::Stopped(problem) => (t!(i18n, feed.stopped), " · ", problem.view(i18n)).into_any(),
    }
}

/// Says how the connection is doing.
#[component]
pub fn FeedBadge(
    /// The room.
    live: Live,
) -> impl IntoView {
    let i18n = use_i18n();
    view! {
        <p
            class="feed"
            role="status"
            aria-label=move || t_string!(i18n, feed.label)
            data-feed
            data-state=move || live.feed.read().name()
            data-reads=move || live.reads.get().reads
            data-throttled=move || live.reads.get().throttled
        >
            <span>{move || say(live.feed.get(), i18n)}</span>
        </p>
    }
}

/// The same for the overlay page, where nothing but danmu may be seen: in the document, not on the picture.
#[component]
pub fn FeedData(
    /// The room.
    live: Live,
) -> impl IntoView {
    view! {
        <p
            hidden
            data-feed
            data-state=move || live.feed.read().name()
            data-reads=move || live.reads.get().reads
            data-throttled=move || live.reads.get().throttled
        ></p>
    }
}
