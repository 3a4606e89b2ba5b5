//! The overlay page: a room's danmu on a transparent page, for OBS and other browser sources.
//!
//! Its address sets its looks ([`Options`]), and the browser source's own CSS may change them: the class names
//! (`danmu-overlay`, `danmu-fly`, `danmu-list`, `danmu-line`, `danmu-name`, `danmu-text`, `danmu-times`) are stable. It runs
//! indefinitely, through restarts of the server, in bounded memory.

mod options;
#[cfg(feature = "ssr")]
pub(super) mod sheet;

use danmu::room::Room;
use leptos::{either::Either, prelude::*};
use leptos_meta::{Html, Title};

pub use self::options::Options;
#[cfg(feature = "ssr")]
pub(super) use self::options::parse::short;
use crate::{
    components::{By, FeedData, OverlayCanvas},
    live::{FeedStart, Live},
    overlay::is_dark,
};

/// The page at `/overlay/{room}`.
#[component]
pub fn OverlayPage(
    /// The room.
    room: Room,
    /// How it can be followed here.
    entry: FeedStart,
    /// The options in its address.
    options: Options,
) -> impl IntoView {
    let live = Live::join(room.clone(), entry, options.wants());
    let wrong = options.wrong.join("; ");
    let style = if options.list { "danmu-overlay danmu-list" } else { "danmu-overlay danmu-fly" };
    let still = if options.still { " danmu-still" } else { "" };
    let danmu = if options.list {
        Either::Left(view! { <DanmuList live options /> })
    } else {
        let settings = options.settings();
        Either::Right(view! { <OverlayCanvas live settings=Signal::stored(settings) /> })
    };
    view! {
        <Title text=room.title />
        <Html {..} class="transparent" />
        // On air: danmu are shown untranslated.
        <main class=["bare ", style, still].concat() translate="no">
            {danmu}
            <FeedData live />
            // In the document, but not on the picture, which is on air.
            <p hidden data-problem>
                {wrong}
            </p>
        </main>
    }
}

/// The last danmu, one below the other, the newest at the bottom.
#[component]
fn DanmuList(live: Live, options: Options) -> impl IntoView {
    let (most, names) = (options.lines(), options.names());
    let lines = move || {
        let lines = live.lines.read();
        let mut last: Vec<_> = lines.iter().rev().filter(|line| line.is_danmu()).take(most).cloned().collect();
        last.reverse();
        last
    };
    view! {
        <ol style=options.css() data-outline=options.outline() data-badges=options.badges().to_string() data-fades=options.fades().then_some("true")>
            <For each=lines key=|line| line.key.clone() let(line)>
                <li class="danmu-line" data-id=line.key data-own=line.mine.then_some("true")>
                    {names.then(|| view! { <By author=Signal::stored(line.by) /> })}
                    <bdi
                        class="danmu-text"
                        style:color=line.color.to_string()
                        data-dark=is_dark(line.color.rgb()).then_some("true")
                    >
                        {line.text}
                    </bdi>
                    {(line.times > 1).then(|| view! { <small class="danmu-times">{["×", &line.times.to_string()].concat()}</small> })}
                </li>
            </For>
        </ol>
    }
}
