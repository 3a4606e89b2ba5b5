//! Reviewed mode, to switch on and off: whom it concerns, and when what waits is shown.

use danmu::room::{Review, RoomMode};
use leptos::prelude::*;

use super::decided::Decisions;
use crate::{
    i18n::{fill, say, t_string, use_i18n},
    live::Live,
};

/// The choices of seconds after which a danmu is shown by itself; 0: only by hand.
const AFTER: [u8; 7] = [0, 5, 10, 20, 30, 60, 120];

/// A choice of whom reviewed mode concerns, and one of when what waits is shown. They show what is in force, whoever decided it.
#[component]
pub fn ReviewedMode(
    /// The room.
    live: Live,
    /// What was decided here.
    decisions: Decisions,
) -> impl IntoView {
    let i18n = use_i18n();
    // What was chosen while the mode is off.
    let wanted_s = RwSignal::new(0_u8);
    let now = move || live.modes.get().review();
    let whom = move || match now() {
        None => "off",
        Some(Review { members: false, .. }) => "guests",
        Some(Review { members: true, .. }) => "all",
    };
    let after_s = move || now().map_or_else(|| wanted_s.get(), |review| review.after_s);
    let set = move |review: Review| decisions.set_mode(RoomMode::Reviewed(review), true, i18n);
    let on_whom = move |event| {
        let (review, after_s) = (untrack(now), untrack(after_s));
        match (&*event_target_value(&event), review) {
            ("off", Some(review)) => decisions.set_mode(RoomMode::Reviewed(review), false, i18n),
            ("off", None) => {}
            (value, _) => set(Review { members: value == "all", after_s }),
        }
    };
    let on_after = move |event| {
        let Ok(after_s) = event_target_value(&event).parse() else { return };
        wanted_s.set(after_s);
        if let Some(review) = untrack(now) {
            set(Review { after_s, ..review });
        }
    };
    let choices = AFTER.map(|seconds| {
        let text = move || match seconds {
            0 => t_string!(i18n, studio.review_by_hand).to_owned(),
            seconds => fill(t_string!(i18n, studio.review_after), &[("count", &seconds)]),
        };
        view! { <option value=seconds.to_string()>{text}</option> }
    });
    view! {
        <label>
            <span>{say!(i18n, studio.mode_reviewed)}</span>
            <select data-reviewed prop:value=whom on:change=on_whom>
                <option value="off">{say!(i18n, studio.off)}</option>
                <option value="guests">{say!(i18n, studio.review_guests)}</option>
                <option value="all">{say!(i18n, studio.review_all)}</option>
            </select>
        </label>
        <select
            data-review-after
            aria-label=say!(i18n, studio.review_when)
            prop:value=move || after_s().to_string()
            on:change=on_after
        >
            {choices.collect_view()}
        </select>
    }
}
