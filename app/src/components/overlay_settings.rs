//! The panel where a viewer chooses how danmu are drawn.

use leptos::{ev, html, prelude::*};

use super::{Glyph, Icon};
use crate::{
    i18n::{I18n, say, t_string, use_i18n},
    overlay::{Choice, Choices},
};

/// A button with a panel of sliders. The choices are remembered in this browser.
///
/// *Server-side rendering*: the usual choices; what is remembered comes after hydration.
#[component]
pub fn OverlaySettings(
    /// What is chosen.
    choices: RwSignal<Choices>,
) -> impl IntoView {
    let i18n = use_i18n();
    let details = NodeRef::<html::Details>::new();
    #[cfg(feature = "hydrate")]
    crate::client::remember(choices);
    let slider = move |choice: Choice| {
        let (least, most, step, _) = choice.range();
        view! {
            <label>
                <span>{Signal::derive(move || name(i18n, choice))}</span>
                <output>{move || value(i18n, choice, choices.get().get(choice))}</output>
                <input
                    type="range"
                    min=least
                    max=most
                    step=step
                    prop:value=move || choices.get().get(choice).to_string()
                    on:input=move |event| {
                        if let Ok(value) = event_target_value(&event).parse() {
                            choices.update(|choices| choices.set(choice, value));
                        }
                    }
                />
            </label>
        }
    };
    let on_key = move |event: ev::KeyboardEvent| {
        if let (Some(details), "Escape") = (details.get_untracked(), &*event.key()) {
            details.set_open(false);
        }
    };
    view! {
        <details class="settings" node_ref=details on:keydown=on_key>
            <summary aria-label=say!(i18n, settings.label) title=say!(i18n, settings.label)>
                <Icon glyph=Glyph::Settings />
            </summary>
            <div class="settings-panel">{Choice::ALL.map(slider)}</div>
        </details>
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

fn value(i18n: I18n, choice: Choice, value: u16) -> String {
    let word = match (choice, value) {
        (Choice::Lanes | Choice::Density, 0) => t_string!(i18n, settings.all),
        (Choice::Outline, 0) => t_string!(i18n, settings.stroke),
        (Choice::Outline, 1) => t_string!(i18n, settings.shadow),
        (Choice::Outline, _) | (Choice::Overlap, 0) => t_string!(i18n, settings.no),
        (Choice::Overlap, _) => t_string!(i18n, settings.yes),
        (Choice::Lanes, _) => return value.to_string(),
        (Choice::Density, _) => return (value * 10).to_string(),
        _ => return [&value.to_string(), " %"].concat(),
    };
    word.to_owned()
}
