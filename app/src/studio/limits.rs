//! How much one may say in the room, and how much of it is shown: the streamer's in the place of the server's settings.

use danmu::room::{MAX_DENSITY, MAX_PACE, RoomMode, RoomPace};
use leptos::prelude::*;

use super::{decided::Decisions, mode_name};
use crate::{
    i18n::{I18n, say, t_string, use_i18n},
    live::Live,
};

/// The name of a pace: `server` for that of the settings, `own` where none of the presets is it.
fn name_of(pace: Option<RoomPace>) -> &'static str {
    let Some(pace) = pace else { return "server" };
    RoomPace::PRESETS.into_iter().find(|(_, known)| *known == pace).map_or("own", |(name, _)| name)
}

fn say_preset(name: &str, i18n: I18n) -> &'static str {
    match name {
        "calm" => t_string!(i18n, studio.limits_calm),
        "normal" => t_string!(i18n, studio.limits_normal),
        _ => t_string!(i18n, studio.limits_lively),
    }
}

/// A number of a pace, by its field's name.
fn number_of<'a>(pace: &'a mut RoomPace, name: &str) -> &'a mut u8 {
    match name {
        "guests" => &mut pace.guests,
        "guests_burst" => &mut pace.guests_burst,
        "members" => &mut pace.members,
        _ => &mut pace.members_burst,
    }
}

/// The room's pace and density. The form shows what is in force, whoever decided it, until something else is chosen in it.
#[component]
pub fn LimitsForm(
    /// The room.
    live: Live,
    /// What was decided here.
    decisions: Decisions,
) -> impl IntoView {
    let i18n = use_i18n();
    let in_force = Memo::new(move |_| (live.modes.get().room_pace(), live.modes.get().density()));
    let (pace, density) = (RwSignal::new(None::<RoomPace>), RwSignal::new(None::<u8>));
    Effect::new(move || {
        let (now_pace, now_density) = in_force.get();
        pace.set(now_pace);
        density.set(now_density);
    });
    let save = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let (now_pace, now_density) = in_force.get_untracked();
        let change = |now: Option<RoomMode>, wanted: Option<RoomMode>| match (now, wanted) {
            (now, Some(wanted)) if now != Some(wanted) => decisions.set_mode(wanted, true, i18n),
            (Some(now), None) => decisions.set_mode(now, false, i18n),
            _ => {}
        };
        change(now_pace.map(RoomMode::Pace), pace.get_untracked().map(RoomMode::Pace));
        change(now_density.map(RoomMode::Density), density.get_untracked().map(RoomMode::Density));
    };
    let on_preset = move |event| match &*event_target_value(&event) {
        "server" => pace.set(None),
        name => {
            if let Some(chosen) = RoomPace::preset(name) {
                pace.set(Some(chosen));
            }
        }
    };
    let number = move |name: &'static str, most: u32| {
        let label = move || match name {
            "guests" => t_string!(i18n, studio.limits_guests),
            "guests_burst" => t_string!(i18n, studio.limits_guests_burst),
            "members" => t_string!(i18n, studio.limits_members),
            _ => t_string!(i18n, studio.limits_members_burst),
        };
        let value = move || pace.get().map(|mut pace| number_of(&mut pace, name).to_string()).unwrap_or_default();
        view! {
            <label class="field" hidden=move || pace.get().is_none()>
                <span>{label}</span>
                <input
                    type="number"
                    name=name
                    required
                    min="1"
                    max=most
                    disabled=move || pace.get().is_none()
                    prop:value=value
                    on:change=move |event| {
                        if let Ok(typed) = event_target_value(&event).parse() {
                            pace.update(|pace| {
                                if let Some(pace) = pace {
                                    *number_of(pace, name) = typed;
                                }
                            });
                        }
                    }
                />
            </label>
        }
    };
    let has_names = move || live.modes.get().has(RoomMode::Names);
    let presets =
        RoomPace::PRESETS.map(|(name, _)| view! { <option value=name>{move || say_preset(name, i18n)}</option> });
    view! {
        <details class="crew" data-limits>
            <summary>{say!(i18n, studio.limits)}</summary>
            <form class="room-form" on:submit=save>
                <label class="field">
                    <span>{say!(i18n, studio.limits_pace)}</span>
                    <select data-pace prop:value=move || name_of(pace.get()) on:change=on_preset>
                        <option value="server">{say!(i18n, studio.limits_server)}</option>
                        {presets.collect_view()}
                        <option value="own" disabled>
                            {say!(i18n, studio.limits_own)}
                        </option>
                    </select>
                </label>
                {number("guests", MAX_PACE.per_minute)}
                {number("guests_burst", MAX_PACE.burst)}
                {number("members", MAX_PACE.per_minute)}
                {number("members_burst", MAX_PACE.burst)}
                <label class="field">
                    <span>{say!(i18n, studio.limits_density)}</span>
                    <input
                        type="number"
                        name="density"
                        min="1"
                        max=MAX_DENSITY
                        placeholder=say!(i18n, studio.limits_server)
                        prop:value=move || density.get().map(|density| density.to_string()).unwrap_or_default()
                        on:change=move |event| density.set(event_target_value(&event).parse().ok())
                    />
                </label>
                <p>{say!(i18n, studio.limits_hint)}</p>
                <div class="row">
                    <button type="submit">{say!(i18n, studio.save)}</button>
                </div>
                <div class="row">
                    <button
                        type="button"
                        data-names
                        aria-pressed=move || has_names().to_string()
                        on:click=move |_| decisions.set_mode(RoomMode::Names, !untrack(has_names), i18n)
                    >
                        {move || mode_name::name(RoomMode::Names, i18n)}
                    </button>
                </div>
            </form>
        </details>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_shown_as_the_preset_that_it_is_or_as_one_of_its_own() {
        for (name, pace) in RoomPace::PRESETS {
            assert_eq!(name_of(Some(pace)), name);
        }
        let own = RoomPace { guests: 61, ..RoomPace::PRESETS[1].1 };
        assert_eq!((name_of(None), name_of(Some(own))), ("server", "own"));
    }
}
