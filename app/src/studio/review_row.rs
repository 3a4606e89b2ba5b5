//! A danmu that waits, with what can be done about it.

use leptos::prelude::*;

use super::reviewing::{Reviewing, element_id};
use crate::{
    components::{By, readable},
    i18n::{fill, say, t_string, use_i18n},
    live::Author,
    review::Waiting,
};

/// The time of day, by this browser's clock and zone: hours, minutes and seconds.
fn time(at_ms: i64) -> String {
    #[cfg(feature = "hydrate")]
    return crate::client::time_of_day(at_ms);
    #[cfg(not(feature = "hydrate"))]
    return at_ms.to_string();
}

/// A row of what waits.
#[component]
pub fn ReviewRow(
    /// The state of the list.
    reviewing: Reviewing,
    /// The danmu.
    one: Waiting,
) -> impl IntoView {
    let i18n = use_i18n();
    let Waiting { id, viewer, name, role, text, color, at_ms, due_ms } = one;
    let by = viewer.map(|viewer| Author { viewer, name, role });
    let author = Signal::derive(move || by.clone());
    let color = readable(color).to_string();
    let due = move || due_ms.map(|ms| fill(t_string!(i18n, studio.review_due), &[("time", &time(ms))]));
    let (picked, passed, out) = (id.clone(), id.clone(), id.clone());
    view! {
        <li
            id=element_id(&id)
            data-id=id
            data-picked=move || (reviewing.picked.read().as_deref() == Some(&*picked)).then_some("true")
        >
            <time>{time(at_ms)}</time>
            <span class="author"><By author /></span>
            <bdi class="said" style:--said=color>
                {text}
            </bdi>
            <small>{move || due().unwrap_or_default()}</small>
            <span class="act">
                <button
                    type="button"
                    tabindex="-1"
                    data-act="pass"
                    on:click=move |_| reviewing.pass(vec![passed.clone()], i18n)
                >
                    {say!(i18n, studio.review_pass)}
                </button>
                <button type="button" tabindex="-1" data-act="out" on:click=move |_| reviewing.take_out(out.clone(), i18n)>
                    {say!(i18n, studio.review_out)}
                </button>
            </span>
        </li>
    }
}
