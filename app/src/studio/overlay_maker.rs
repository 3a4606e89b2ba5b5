//! The overlay's looks, chosen by hand: the address for OBS, and a preview that shows it live.

use danmu::room::RoomId;
use leptos::prelude::*;

use super::{
    copy::Link,
    look::{Look, ROLES},
};
use crate::{
    components::choice_controls,
    i18n::{I18n, say, t_string, use_i18n},
    overlay::{Choice, Choices, Preset},
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
                    on:change=move |_| look.update(|look| (look.list, look.names, look.badges) = (list, None, None))
                />
                <span>{label}</span>
            </label>
        }
    };
    let names = move || {
        let look = look.read();
        look.names.unwrap_or(look.list)
    };
    let check = move |label: Signal<&'static str>, is: fn(&Look) -> bool, set: fn(&mut Look, bool)| {
        view! {
            <label class="choice">
                <input
                    type="checkbox"
                    prop:checked=move || is(&look.read())
                    on:change=move |event| look.update(|look| set(look, event_target_checked(&event)))
                />
                <span>{label}</span>
            </label>
        }
    };
    let presets = Preset::ALL.map(|preset| {
        let is_chosen = move || look.read().preset == Some(preset);
        let choose = move |_| {
            let chosen = Some(preset).filter(|_| look.read_untracked().preset != Some(preset));
            look.update(|look| look.preset = chosen);
            choices.set(chosen.map(Preset::choices).unwrap_or_default());
        };
        view! {
            <button type="button" data-preset=preset.name() aria-pressed=move || is_chosen().to_string() on:click=choose>
                {move || preset_name(i18n, preset)}
            </button>
        }
    });
    let roles = [0, 1, 2].map(|at| {
        view! {
            <label class="choice">
                <input
                    type="checkbox"
                    name=ROLES[at]
                    on:change=move |event| look.update(|look| look.hidden[at] = event_target_checked(&event))
                />
                <span>{move || role_name(i18n, at)}</span>
            </label>
        }
    });
    view! {
        <Link id="overlay-address" label=say!(i18n, studio.link_overlay) origin path />
        <p>{say!(i18n, studio.obs)}</p>
        <details class="maker" on:toggle=move |_| opened.set(true)>
            <summary>{say!(i18n, studio.looks)}</summary>
            <div class="settings">
                <fieldset>
                    <legend>{say!(i18n, studio.preset)}</legend>
                    {presets}
                </fieldset>
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
                {check(
                    say!(i18n, studio.badges),
                    |look| look.badges.unwrap_or(look.list),
                    |look, yes| look.badges = Some(yes),
                )}
                {check(say!(i18n, studio.still), |look| look.still, |look, yes| look.still = yes)}
                {check(say!(i18n, studio.from_now), |look| look.from_now, |look, yes| look.from_now = yes)}
                <fieldset>
                    <legend>{say!(i18n, studio.hide_of)}</legend>
                    {roles}
                </fieldset>
                {text(say!(i18n, studio.most), "number", |look| &mut look.most)}
                <div hidden=move || !look.read().list>{text(say!(i18n, studio.fade), "number", |look| &mut look.fade)}</div>
                {text(say!(i18n, studio.font), "text", |look| &mut look.font)}
                {text(say!(i18n, studio.filter), "text", |look| &mut look.filter)}
                <label class="field">
                    <span>{say!(i18n, studio.css)}</span>
                    // When it is left, so that the preview loads no half-typed address.
                    <textarea
                        rows="3"
                        maxlength="2000"
                        spellcheck="false"
                        on:change=move |event| look.update(|look| look.css = event_target_value(&event))
                    ></textarea>
                </label>
            </div>
            {move || {
                opened.get().then(|| view! { <iframe data-preview title=say!(i18n, studio.preview) src=path></iframe> })
            }}
        </details>
    }
}

fn preset_name(i18n: I18n, preset: Preset) -> &'static str {
    match preset {
        Preset::Calm => t_string!(i18n, studio.preset_calm),
        Preset::Classic => t_string!(i18n, studio.preset_classic),
        Preset::Dense => t_string!(i18n, studio.preset_dense),
        Preset::Big => t_string!(i18n, studio.preset_big),
    }
}

/// The name of a role that can be hidden, by its place in [`ROLES`].
fn role_name(i18n: I18n, at: usize) -> &'static str {
    match at {
        0 => t_string!(i18n, studio.of_viewers),
        1 => t_string!(i18n, studio.of_members),
        _ => t_string!(i18n, studio.of_moderators),
    }
}
