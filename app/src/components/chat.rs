//! The chat list: every danmu as a line of text, for reading, searching and screen readers; and where some are missing, a gap
//! line that says so.

use leptos::{html, prelude::*};

use super::{By, readable::readable};
use crate::{
    i18n::{fill, say, t_string, use_i18n},
    live::{ChatLine, LineState, Live},
};

/// How near to the end, in CSS pixels, still counts as following.
const NEAR_END: i32 = 40;

/// The chat list. Follows the newest line unless the viewer has scrolled back.
#[component]
pub fn Chat(
    /// The room.
    live: Live,
) -> impl IntoView {
    let i18n = use_i18n();
    let list = NodeRef::<html::Div>::new();
    let follows = RwSignal::new(true);
    // The scroll position that this code set last.
    let put = StoredValue::new(0);
    let to_end = move || {
        if let Some(list) = list.get_untracked() {
            list.set_scroll_top(list.scroll_height());
            put.set_value(list.scroll_top());
        }
    };
    Effect::new(move || {
        // Scrolls to the viewer's own new line. It is in the document only after this effect has run.
        if live.lines.read().iter().next_back().is_some_and(|line| line.own.is_some()) {
            request_animation_frame(to_end);
        }
    });
    // When the size changes (more or longer lines, a turned window, an on-screen keyboard), the end stays in sight. Otherwise
    // it is in sight already, and no layout is forced.
    #[cfg(feature = "hydrate")]
    Effect::new(move || {
        if let Some(list) = list.get() {
            crate::client::page::follow_window();
            crate::client::page::on_resize(&list, move || {
                if follows.try_get_untracked() == Some(true) {
                    to_end();
                }
            });
        }
    });
    let on_scroll = move |_| {
        if let Some(list) = list.get_untracked() {
            let top = list.scroll_top();
            if top + list.client_height() + NEAR_END >= list.scroll_height() {
                follows.set(true);
            } else if top < put.get_value() {
                // Otherwise the event is from our own scroll to the end, which in a busy room has moved on by now.
                follows.set(false);
            }
        }
    };
    let lines = move || live.lines.read().iter().cloned().collect::<Vec<_>>();
    view! {
        <section class="chat" aria-label=say!(i18n, chat.label)>
            <div
                class="lines"
                node_ref=list
                role="log"
                aria-label=say!(i18n, chat.label)
                tabindex="0"
                data-follows=move || follows.get().then_some("true")
                on:scroll=on_scroll
            >
                <ol data-chat>
                    <For each=lines key=|line| line.key.clone() let(line)>
                        <ChatRow live line />
                    </For>
                </ol>
            </div>
            <p class="empty" hidden=move || !live.ready.get() || !live.lines.read().is_empty()>
                {say!(i18n, chat.empty)}
            </p>
            <button
                class="newest"
                type="button"
                hidden=move || follows.get()
                on:click=move |_| {
                    follows.set(true);
                    to_end();
                }
            >
                {say!(i18n, chat.newest)}
            </button>
        </section>
    }
}

#[component]
fn ChatRow(live: Live, line: ChatLine) -> impl IntoView {
    let i18n = use_i18n();
    let (state, failed, name) = (line.state.clone(), line.state.clone(), line.state);
    let (by, sent_here) = (line.by, line.own.is_some());
    let author = Signal::derive(move || if sent_here { live.me.get() } else { by.clone() });
    let color = readable(line.color).to_string();
    let times = line.times;
    let status = move || match &*state.read() {
        LineState::Pending => t_string!(i18n, chat.pending).to_owned(),
        LineState::Confirmed if times > 1 => ["×", &times.to_string()].concat(),
        LineState::Confirmed => String::new(),
        LineState::Failed(None) => t_string!(i18n, chat.failed).to_owned(),
        LineState::Failed(Some(problem)) => [t_string!(i18n, chat.failed), &problem.say(i18n)].join(" · "),
        LineState::Gap(Some(missed)) => fill(t_string!(i18n, chat.missed), &[("count", missed)]),
        LineState::Gap(None) => t_string!(i18n, chat.missing).to_owned(),
    };
    let key = line.key.clone();
    let again = move || {
        let key = key.clone();
        matches!(*failed.read(), LineState::Failed(_)).then(|| {
            view! {
                <button class="quiet" type="button" on:click=move |_| live.send_again(&key)>
                    {say!(i18n, chat.again)}
                </button>
            }
        })
    };
    view! {
        <li data-id=line.key data-state=move || name.read().name() data-own=line.mine.then_some("true")>
            <By author />
            <bdi class="said" style:--said=color>
                {line.text}
            </bdi>
            <small>{status}</small>
            {again}
        </li>
    }
}
