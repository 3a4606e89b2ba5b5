//! The badge that shows the state of the feed.

use danmu::feed::Way;
use leptos::prelude::*;

use crate::{
    i18n::{I18n, fill, say, t_string, use_i18n},
    live::{FeedState, Live},
};

/// The text of the state, and of the way where it is to be shown.
fn say(state: &FeedState, way: Option<Way>, i18n: I18n) -> String {
    let state = match state {
        FeedState::Connecting => t_string!(i18n, feed.connecting).to_owned(),
        FeedState::Live => t_string!(i18n, feed.live).to_owned(),
        FeedState::Behind(seconds) => fill(t_string!(i18n, feed.behind), &[("seconds", seconds)]),
        FeedState::Crowded => t_string!(i18n, feed.crowded).to_owned(),
        FeedState::Reconnecting => t_string!(i18n, feed.reconnecting).to_owned(),
        FeedState::Stopped(problem) => [t_string!(i18n, feed.stopped), &problem.say(i18n)].join(" · "),
    };
    let way = match way {
        None => return state,
        Some(Way::Direct) => t_string!(i18n, feed.direct),
        Some(Way::Relay) => t_string!(i18n, feed.relay),
    };
    [&state, way].join(" · ")
}

/// Shows the state of the feed.
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
            aria-label=say!(i18n, feed.label)
            data-feed
            data-state=move || live.feed.read().name()
            data-way=move || live.way.get().map(Way::name)
            data-reads=move || live.reads.get().reads
            data-throttled=move || live.reads.get().throttled
        >
            <span title=move || {
                matches!(*live.feed.read(), FeedState::Crowded).then(|| t_string!(i18n, feed.crowded_why))
            }>{move || say(&live.feed.read(), live.way.get(), i18n)}</span>
        </p>
        // Outside the status, which a screen reader announces on every change.
        <small
            class="unshown"
            data-unshown
            title=say!(i18n, feed.unshown_why)
            hidden=move || live.unshown.get() == 0
        >
            {move || fill(t_string!(i18n, feed.unshown), &[("count", &live.unshown.get())])}
        </small>
    }
}

/// The feed's state for the overlay page, where only danmu may be visible: in the document, not on the picture.
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
            data-way=move || live.way.get().map(Way::name)
            data-reads=move || live.reads.get().reads
            data-throttled=move || live.reads.get().throttled
        ></p>
    }
}
