//! The overlay's looks, chosen by hand: the address for OBS, and a preview that shows it live.

use danmu::room::RoomId;
use leptos::prelude::*;

use super::{copy::Link, look::Look};
use crate::{
    components::choice_controls,
    i18n::{say, use_i18n},
    overlay::{Choice, Choices},
};

/// The choices that have a slider. How many danmu are on the picture is a number of its own, since a list has it, too.
const SLIDERS: [Choice; 5] = [Choice::Scale, Choice::Speed, Choice::Opacity, Choice::Area, Choice::Lanes];

/// The address of a room's overlay page, and what it looks like.
#[component]
pub fn OverlayMaker(
    /// The room.
    room: RoomId,
    /// The page's origin.
    origin: RwSignal<String>,
) -> impl IntoView {
    let i18n = use_i18n();
    let look = RwSignal::new(Look::default());
    let choices = RwSignal::new(Choices::default());
    let opened = RwSignal::new(false);
    Effect::new(move || {
        let choices = choices.get();
        if look.with_untracked(|look| look.choices != choices) {
            look.update(|look| look.choices = choices);
        }
    });
    let page = ["/overlay/", room.as_str()].concat();
    let path = Signal::derive(move || [&*page, &look.read().query()].concat());
    let text = move |label: Signal<&'static str>, kind: &'static str, of: fn(&mut Look) -> &mut String| {
        view! {
            <label class="field">
                <span>{label}</span>
                <input
                    type=kind
                    min="1"
                    on:input=move |event| look.update(|look| *of(look) = event_target_value(&event))
                />
            </label>
        }
    };
    let style = move |list: bool, label: Signal<&'static str>| {
        view! {
            <label class="choice">
                <input
                    type="radio"
                    name="overlay-style"
                    prop:checked=move || look.read().list == list
                    on:change=move |_| look.update(|look| (look.list, look.names) = (list, None))
                />
                <span>{label}</span>
            </label>
        }
    };
    let names = move || {
        let look = look.read();
        look.names.unwrap_or(look.list)
    };
    view! {
        <Link id="overlay-address" label=say!(i18n, studio.link_overlay) origin path />
        <p>{say!(i18n, studio.obs)}</p>
        <details class="maker" on:toggle=move |_| opened.set(true)>
            <summary>{say!(i18n, studio.looks)}</summary>
            <div class="settings">
                <fieldset>
                    <legend>{say!(i18n, studio.style)}</legend>
                    {style(false, say!(i18n, studio.style_fly))}
                    {style(true, say!(i18n, studio.style_list))}
                </fieldset>
                {choice_controls(choices, &SLIDERS)}
                <label class="choice">
                    <input
                        type="checkbox"
                        prop:checked=names
                        on:change=move |event| look.update(|look| look.names = Some(event_target_checked(&event)))
                    />
                    <span>{say!(i18n, studio.names)}</span>
                </label>
                <label class="choice">
                    <input
                        type="checkbox"
                        on:change=move |event| look.update(|look| look.still = event_target_checked(&event))
                    />
                    <span>{say!(i18n, studio.still)}</span>
                </label>
                {text(say!(i18n, studio.most), "number", |look| &mut look.most)}
                <div hidden=move || !look.read().list>{text(say!(i18n, studio.fade), "number", |look| &mut look.fade)}</div>
                {text(say!(i18n, studio.font), "text", |look| &mut look.font)}
                {text(say!(i18n, studio.filter), "text", |look| &mut look.filter)}
            </div>
            {move || {
                opened.get().then(|| view! { <iframe data-preview title=say!(i18n, studio.preview) src=path></iframe> })
            }}
        </details>
    }
}
