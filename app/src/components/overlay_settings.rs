//! The panel where a viewer chooses how danmu are drawn.

use leptos::{html, prelude::*};

use super::{Glyph, fold};
use crate::{
    i18n::{I18n, say, t_string, use_i18n},
    overlay::{Choice, Choices},
};

/// The choices that have a slider.
const SLIDERS: [Choice; 6] =
    [Choice::Opacity, Choice::Scale, Choice::Speed, Choice::Area, Choice::Lanes, Choice::Density];

/// A button with a panel of choices, which are remembered in this browser.
///
/// *Server-side rendering*: the defaults; stored choices are applied after hydration.
#[component]
pub fn OverlaySettings(
    /// The viewer's choices.
    choices: RwSignal<Choices>,
) -> impl IntoView {
    let i18n = use_i18n();
    let details = NodeRef::<html::Details>::new();
    #[cfg(feature = "hydrate")]
    crate::client::remember(
        "overlay",
        move || choices.get().to_line(),
        move |line| choices.set(Choices::from_line(line)),
    );
    let content = choice_controls(choices, &SLIDERS);
    fold(("settings", "settings-panel"), details, (Glyph::Settings, say!(i18n, settings.label)), content)
}

/// A slider for each of these choices, and the outline and overlap of danmu.
pub fn choice_controls(choices: RwSignal<Choices>, sliders: &[Choice]) -> impl IntoView + use<> {
    let i18n = use_i18n();
    let choose = move |choice: Choice, value: u16| choices.update(|choices| choices.set(choice, value));
    let sliders = sliders.iter().map(|&choice| {
        let (least, most, step, _) = choice.range();
        let id = ["choice-", &(choice as usize).to_string()].concat();
        let value = move || choices.get().get(choice);
        // 0 means no limit, so on the slider it stands after the largest number.
        let unlimited = least == 0;
        let place = move || if unlimited && value() == 0 { most + 1 } else { value() };
        let said = Signal::derive(move || say_value(i18n, choice, value()));
        view! {
            <div class="slider">
                <label for=id.clone()>{Signal::derive(move || name(i18n, choice))}</label>
                // Screen readers get it from the slider.
                <span aria-hidden="true">{said}</span>
                <input
                    id=id
                    type="range"
                    min=least + u16::from(unlimited)
                    max=most + u16::from(unlimited)
                    step=step
                    aria-valuetext=said
                    prop:value=move || place().to_string()
                    on:input=move |event| {
                        if let Ok(place) = event_target_value(&event).parse::<u16>() {
                            choose(choice, if place > most { 0 } else { place });
                        }
                    }
                />
            </div>
        }
    });
    let outlines = [0, 1, 2].map(|outline| {
        view! {
            <label class="choice">
                <input
                    type="radio"
                    name="outline"
                    prop:checked=move || choices.get().get(Choice::Outline) == outline
                    on:change=move |_| choose(Choice::Outline, outline)
                />
                <span>{Signal::derive(move || outline_name(i18n, outline))}</span>
            </label>
        }
    });
    view! {
        {sliders.collect_view()}
        <fieldset>
            <legend>{say!(i18n, settings.outline)}</legend>
            {outlines}
        </fieldset>
        <label class="choice">
            <input
                type="checkbox"
                prop:checked=move || choices.get().get(Choice::Overlap) == 1
                on:change=move |event| choose(Choice::Overlap, event_target_checked(&event).into())
            />
            <span>{say!(i18n, settings.overlap)}</span>
        </label>
    }
}

fn name(i18n: I18n, choice: Choice) -> &'static str {
    match choice {
        Choice::Opacity => t_string!(i18n, settings.opacity),
        Choice::Scale => t_string!(i18n, settings.size),
        Choice::Speed => t_string!(i18n, settings.speed),
        Choice::Area => t_string!(i18n, settings.area),
        Choice::Lanes => t_string!(i18n, settings.lanes),
        Choice::Density => t_string!(i18n, settings.density),
        Choice::Outline => t_string!(i18n, settings.outline),
        Choice::Overlap => t_string!(i18n, settings.overlap),
    }
}

fn outline_name(i18n: I18n, outline: u16) -> &'static str {
    match outline {
        0 => t_string!(i18n, settings.stroke),
        1 => t_string!(i18n, settings.shadow),
        _ => t_string!(i18n, settings.none),
    }
}

fn say_value(i18n: I18n, choice: Choice, value: u16) -> String {
    match choice {
        Choice::Lanes | Choice::Density if value == 0 => t_string!(i18n, settings.all).to_owned(),
        Choice::Lanes => value.to_string(),
        Choice::Density => (value * 10).to_string(),
        _ => [&value.to_string(), " %"].concat(),
    }
}
