//! The video with the danmu over it, and its controls.

use leptos::{html, prelude::*};

use super::{Glyph, Icon, OverlayCanvas};
use crate::{
    i18n::{say, t_string, use_i18n},
    live::Live,
};

/// The video of a room.
///
/// *Server-side rendering*: a muted video that browsers start by themselves; the controls work after hydration.
#[component]
pub fn Player(
    /// The room whose danmu fly over it.
    live: Live,
    /// The video's address.
    video: String,
    /// The address of the picture before it plays.
    poster: Option<String>,
) -> impl IntoView {
    let i18n = use_i18n();
    let player = NodeRef::<html::Section>::new();
    let media = NodeRef::<html::Video>::new();
    let paused = RwSignal::new(false);
    let muted = RwSignal::new(true);
    let shown = RwSignal::new(true);

    // What the element is doing, which is not always what it was told: a browser may refuse to play, a key may pause.
    let follow = move || {
        if let Some(media) = media.get_untracked() {
            paused.set(media.paused());
            muted.set(media.muted());
        }
    };
    Effect::new(move || {
        if let Some(media) = media.get() {
            // The attribute is a default that only the parser heeds; a page reached by a link needs the property.
            media.set_muted(true);
            follow();
        }
    });
    let toggle_play = move |_| {
        if let Some(media) = media.get_untracked() {
            if media.paused() {
                let _ = media.play();
            } else {
                let _ = media.pause();
            }
        }
    };
    let toggle_sound = move |_| {
        if let Some(media) = media.get_untracked() {
            media.set_muted(!media.muted());
        }
    };
    let toggle_fullscreen = move |_| {
        let document = document();
        if document.fullscreen_element().is_some() {
            document.exit_fullscreen();
        } else if let Some(player) = player.get_untracked() {
            let _ = player.request_fullscreen();
        }
    };

    view! {
        <section class="player" node_ref=player aria-label=say!(i18n, player.label)>
            <video
                node_ref=media
                src=video
                poster=poster
                autoplay
                muted
                loop
                playsinline
                on:click=toggle_play
                on:play=move |_| follow()
                on:pause=move |_| follow()
                on:volumechange=move |_| follow()
            >
                {say!(i18n, player.no_video)}
            </video>
            <OverlayCanvas live shown=shown paused=paused />
            <div class="controls">
                <button
                    type="button"
                    on:click=toggle_play
                    aria-label=move || {
                        if paused.get() { t_string!(i18n, player.play) } else { t_string!(i18n, player.pause) }
                    }
                >
                    <Icon glyph=Signal::derive(move || if paused.get() { Glyph::Play } else { Glyph::Pause }) />
                </button>
                <button
                    type="button"
                    on:click=toggle_sound
                    aria-label=move || {
                        if muted.get() { t_string!(i18n, player.unmute) } else { t_string!(i18n, player.mute) }
                    }
                >
                    <Icon glyph=Signal::derive(move || if muted.get() { Glyph::Muted } else { Glyph::Sound }) />
                </button>
                <span class="grow"></span>
                <button
                    type="button"
                    on:click=move |_| shown.update(|shown| *shown = !*shown)
                    aria-label=move || {
                        if shown.get() { t_string!(i18n, player.danmu_off) } else { t_string!(i18n, player.danmu_on) }
                    }
                >
                    <Icon glyph=Signal::derive(move || if shown.get() { Glyph::Danmu } else { Glyph::NoDanmu }) />
                </button>
                <button type="button" on:click=toggle_fullscreen aria-label=say!(i18n, player.fullscreen)>
                    <Icon glyph=Glyph::Fullscreen />
                </button>
            </div>
        </section>
    }
}
