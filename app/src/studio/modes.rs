//! The room's modes, to switch on and off.

use danmu::room::RoomMode;
use leptos::prelude::*;

use super::{decided::Decisions, mode_name::name, reviewed_mode::ReviewedMode};
use crate::{
    i18n::{fill, say, t_string, use_i18n},
    live::Live,
};

/// The lengths of slow mode, in seconds.
const SLOW: [u8; 6] = [2, 3, 5, 10, 20, 30];

/// A button for each mode, and the seconds of slow mode. They show what is in force, whoever switched it.
#[component]
pub fn ModeBar(
    /// The room.
    live: Live,
    /// What was decided here.
    decisions: Decisions,
) -> impl IntoView {
    let i18n = use_i18n();
    let toggle = move |mode: RoomMode| {
        let on = move || live.modes.get().has(mode);
        view! {
            <button
                type="button"
                data-mode=format!("{mode:?}").to_lowercase()
                aria-pressed=move || on().to_string()
                on:click=move |_| decisions.set_mode(mode, !live.modes.get_untracked().has(mode), i18n)
            >
                {move || name(mode, i18n)}
            </button>
        }
    };
    let slow = move || live.modes.get().slow_s().to_string();
    let choices = SLOW.map(|seconds| {
        view! { <option value=seconds.to_string()>{move || fill(t_string!(i18n, studio.seconds), &[("count", &seconds)])}</option> }
    });
    view! {
        <fieldset class="modes">
            <legend>{say!(i18n, studio.modes)}</legend>
            <label>
                <span>{say!(i18n, studio.mode_slow)}</span>
                <select
                    data-slow
                    prop:value=slow
                    on:change=move |event| {
                        let now = live.modes.get_untracked().slow_s();
                        match event_target_value(&event).parse() {
                            Ok(0) => decisions.set_mode(RoomMode::Slow(now), false, i18n),
                            Ok(seconds) => decisions.set_mode(RoomMode::Slow(seconds), true, i18n),
                            Err(_) => {}
                        }
                    }
                >
                    <option value="0">{say!(i18n, studio.off)}</option>
                    {choices.collect_view()}
                </select>
            </label>
            {[RoomMode::Members, RoomMode::Emoji, RoomMode::Quiet].map(toggle).collect_view()}
            <ReviewedMode live decisions />
        </fieldset>
    }
}
