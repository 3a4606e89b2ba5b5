//! The video with the danmu over it, and its controls.

use leptos::{ev, html, prelude::*};

use super::{Glyph, Icon, OverlayCanvas, OverlaySettings};
use crate::{
    i18n::{say, t_string, use_i18n},
    live::Live,
    overlay::Choices,
    problem::Problem,
};

/// [`networkState`](https://html.spec.whatwg.org/multipage/media.html#dom-media-network_no_source) of a video that was not
/// found or has no supported format.
const NO_SOURCE: u16 = 3;

/// The video of a room.
///
/// *Server-side rendering*: a muted video that browsers start by themselves; the controls work after hydration.
#[component]
pub fn Player(
    /// The room whose danmu fly over it.
    live: Live,
    /// The video's address.
    video: String,
    /// The address of the poster, shown before it plays.
    poster: Option<String>,
) -> impl IntoView {
    let i18n = use_i18n();
    let media = NodeRef::<html::Video>::new();
    let paused = RwSignal::new(false);
    let muted = RwSignal::new(true);
    // The viewer's stored choices: sound, and no danmu.
    let (aloud, hidden) = (RwSignal::new(false), RwSignal::new(false));
    // Danmu stop because the viewer paused, not because a video will not play: they are live without it.
    let still = RwSignal::new(false);
    let unplayable = RwSignal::new(None::<Problem>);
    // Full screen of an element; and the fallback of browsers that have none for elements: filling the window.
    let (fullscreen, filled) = (RwSignal::new(false), RwSignal::new(false));
    let choices = RwSignal::new(Choices::default());
    // Reads the element's actual state: a browser may refuse to play, and a media key may pause.
    let follow = move || {
        if let Some(media) = media.get_untracked() {
            paused.set(media.paused());
            muted.set(media.muted());
        }
    };
    let explain = move || {
        #[cfg(feature = "hydrate")]
        if let Some(media) = media.get_untracked() {
            leptos::task::spawn_local(async move {
                unplayable.try_set(Some(crate::client::why_unplayable(media.into()).await));
            });
        }
    };
    Effect::new(move || {
        if let Some(media) = media.get() {
            // The attribute is a default that counts in parsed HTML only; everywhere else the property must be set.
            media.set_muted(true);
            follow();
            // The error may have occurred before the listener was attached.
            if media.network_state() == NO_SOURCE {
                explain();
            }
        }
    });
    #[cfg(feature = "hydrate")]
    {
        // After the effect above, which mutes the element.
        let flag = |flag: RwSignal<bool>| move || u8::from(flag.get()).to_string();
        crate::client::remember("hidden", flag(hidden), move |text| hidden.set(text == "1"));
        crate::client::remember("aloud", flag(aloud), move |text| {
            if let Some(media) = media.get_untracked().filter(|_| text == "1") {
                aloud.set(true);
                crate::client::page::play_aloud(&media);
            }
        });
    }
    let toggle_play = move |_| {
        if let Some(media) = media.get_untracked() {
            if media.paused() {
                // If the browser refuses, the video stays paused, which the button shows.
                #[cfg(feature = "hydrate")]
                crate::client::page::play(&media);
            } else {
                let _ = media.pause();
            }
        }
    };
    let toggle_sound = move |_| {
        if let Some(media) = media.get_untracked() {
            media.set_muted(!media.muted());
            aloud.set(!media.muted());
        }
    };
    let fill_window = move |fill: bool| {
        filled.set(fill);
        if let Ok(Some(page)) = document().query_selector("main") {
            let _ = page.toggle_attribute_with_force("data-filled", fill);
        }
    };
    let toggle_fullscreen = move |_| {
        let document = document();
        if document.fullscreen_element().is_some() {
            document.exit_fullscreen();
        } else if filled.get_untracked() {
            fill_window(false);
        } else if let Ok(Some(page)) = document.query_selector("main") {
            // The whole page, so that the composer stays usable. Phones may have full screen for videos only.
            if !document.fullscreen_enabled() || page.request_fullscreen().is_err() {
                fill_window(true);
            }
        }
    };
    let is_large = move || fullscreen.get() || filled.get();
    let followed = window_event_listener(ev::fullscreenchange, move |_| {
        fullscreen.set(document().fullscreen_element().is_some());
    });
    let left = window_event_listener(ev::keydown, move |event| {
        if event.key() == "Escape" && filled.get_untracked() {
            fill_window(false);
        }
    });
    on_cleanup(move || {
        followed.remove();
        left.remove();
    });

    view! {
        <section class="player" aria-label=say!(i18n, player.label)>
            <video
                node_ref=media
                src=(!video.is_empty()).then_some(video)
                poster=poster
                autoplay
                muted
                loop
                playsinline
                on:click=toggle_play
                on:play=move |_| {
                    still.set(false);
                    follow();
                }
                on:pause=move |_| {
                    still.set(true);
                    follow();
                }
                on:error=move |_| explain()
                on:volumechange=move |_| follow()
            >
                {say!(i18n, player.no_video)}
            </video>
            <OverlayCanvas live hidden=hidden paused=still settings=Signal::derive(move || choices.get().settings()) pointer=true />
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
                    on:click=move |_| hidden.update(|hidden| *hidden = !*hidden)
                    aria-label=move || {
                        if hidden.get() { t_string!(i18n, player.danmu_on) } else { t_string!(i18n, player.danmu_off) }
                    }
                >
                    <Icon glyph=Signal::derive(move || if hidden.get() { Glyph::NoDanmu } else { Glyph::Danmu }) />
                </button>
                <OverlaySettings choices />
                <button
                    type="button"
                    on:click=toggle_fullscreen
                    aria-label=move || {
                        if is_large() {
                            t_string!(i18n, player.window)
                        } else {
                            t_string!(i18n, player.fullscreen)
                        }
                    }
                >
                    <Icon glyph=Signal::derive(move || {
                        if is_large() { Glyph::Window } else { Glyph::Fullscreen }
                    }) />
                </button>
            </div>
        </section>
        // Below the picture: over it they would dim the danmu.
        <Note problem=unplayable />
        <Note problem=live.undrawn />
    }
}

/// Shows a problem, if there is one.
#[component]
fn Note(problem: RwSignal<Option<Problem>>) -> impl IntoView {
    let i18n = use_i18n();
    view! {
        <p class="note" role="status" hidden=move || problem.read().is_none()>
            {move || problem.get().map(|problem| problem.say(i18n)).unwrap_or_default()}
        </p>
    }
}
