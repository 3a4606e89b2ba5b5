//! A danmu in the studio's list, with what can be done about it.

use leptos::prelude::*;

use super::reading::Desk;
use crate::{
    components::{By, readable},
    i18n::{fill, say, t_string, use_i18n},
    live::{ChatLine, LineState},
};

/// A row of the list.
#[component]
pub fn DanmuRow(
    /// The studio's state.
    desk: Desk,
    /// The danmu, or a gap.
    line: ChatLine,
) -> impl IntoView {
    let i18n = use_i18n();
    let (key, picked) = (line.key.clone(), line.key.clone());
    let is_danmu = line.is_danmu();
    let color = readable(line.color).to_string();
    let (by, times, state) = (line.by.clone(), line.times, line.state.clone());
    let author = Signal::derive(move || by.clone());
    let status = move || match &*state.read() {
        LineState::Gap(Some(missed)) => fill(t_string!(i18n, chat.missed), &[("count", missed)]),
        LineState::Gap(None) => t_string!(i18n, chat.missing).to_owned(),
        _ if times > 1 => ["×", &times.to_string()].concat(),
        _ => String::new(),
    };
    let viewer = line.by.as_ref().map(|by| by.viewer.clone());
    let only = viewer.clone();
    let (hidden, banned) = (line.clone(), line.clone());
    let has_author = viewer.is_some();
    let name = is_danmu.then(|| {
        view! {
            <button
                class="quiet author"
                type="button"
                tabindex="-1"
                disabled=!has_author
                title=say!(i18n, studio.only)
                on:click=move |_| desk.only_of(only.clone())
            >
                <By author />
            </button>
        }
    });
    let act = is_danmu.then(|| {
        view! {
            <span class="act">
                <button type="button" tabindex="-1" data-act="hide" on:click=move |_| desk.decisions.hide(&hidden, i18n)>
                    {say!(i18n, studio.hide)}
                </button>
                <button
                    type="button"
                    tabindex="-1"
                    data-act="ban"
                    disabled=!has_author
                    on:click=move |_| desk.decisions.ban(&banned, i18n)
                >
                    {say!(i18n, studio.ban)}
                </button>
            </span>
        }
    });
    let of_place = key.clone();
    view! {
        <li
            aria-setsize=move || desk.part.read().total().to_string()
            aria-posinset=move || desk.part.read().place(&of_place).map(|place| place.to_string())
            id=format!("danmu-{key}")
            data-id=key
            data-picked=move || (desk.picked.read().as_deref() == Some(&*picked)).then_some("true")
        >
            <time>{desk.time(line.at)}</time>
            {name}
            <bdi class="said" style:--said=color>
                {line.text}
            </bdi>
            <small>{status}</small>
            {act}
        </li>
    }
}
