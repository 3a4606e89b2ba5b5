//! What waits in a reviewed room: the oldest first, to be let through or taken out.

use std::time::Duration;

use leptos::prelude::*;

use super::{
    review_row::ReviewRow,
    reviewing::{Reviewing, element_id},
};
use crate::i18n::{fill, say, t_string, use_i18n};

/// How often the server is asked while the mode is on or something waits.
const EVERY: Duration = Duration::from_secs(1);
/// How often else: every so many of these times.
const SELDOM: u32 = 10;

/// Lists what waits, with the buttons that let through and take out. It is there while the mode is on or something waits.
#[component]
pub fn ReviewList(
    /// Its state.
    reviewing: Reviewing,
) -> impl IntoView {
    let i18n = use_i18n();
    let turn = StoredValue::new(0_u32);
    Effect::new(move || {
        reviewing.ask(i18n);
        let tick = move || {
            turn.update_value(|turn| *turn = turn.wrapping_add(1));
            if untrack(|| reviewing.is_open()) || turn.get_value().is_multiple_of(SELDOM) {
                reviewing.ask(i18n);
            }
        };
        if let Ok(timer) = set_interval_with_handle(tick, EVERY) {
            on_cleanup(move || timer.clear());
        }
    });
    let count = move || fill(t_string!(i18n, studio.review), &[("count", &reviewing.count())]);
    let shown = move || reviewing.shown().len();
    let all = move |_| {
        let ids = untrack(|| reviewing.shown()).into_iter().map(|one| one.id).collect();
        reviewing.pass(ids, i18n);
    };
    view! {
        <section class="review" data-review aria-labelledby="review-count" hidden=move || !reviewing.is_open()>
            <div class="review-head">
                <h2 id="review-count">{count}</h2>
                <button type="button" data-pass-all hidden=move || shown() == 0 on:click=all>
                    {move || fill(t_string!(i18n, studio.review_pass_all), &[("count", &shown())])}
                </button>
            </div>
            <p hidden=move || reviewing.is_on()>{say!(i18n, studio.review_off)}</p>
            <p hidden=move || reviewing.count() != 0>{say!(i18n, studio.review_none)}</p>
            <p class="problem" role="alert" data-review-problem>
                {move || reviewing.problem(i18n)}
            </p>
            <div
                class="waiting"
                role="log"
                aria-live="off"
                aria-labelledby="review-count"
                aria-describedby="review-keys"
                aria-activedescendant=move || reviewing.picked.get().map(|id| element_id(&id))
                tabindex="0"
                on:keydown=move |event| reviewing.on_key(&event, i18n)
            >
                <ol data-waiting>
                    <For each=move || reviewing.shown() key=|one| one.id.clone() let(one)>
                        <ReviewRow reviewing one />
                    </For>
                </ol>
            </div>
            <p class="unseen" role="status" data-review-said>
                {move || reviewing.said()}
            </p>
        </section>
    }
}
