//! The chat list: every danmu as a line of text, for reading, searching and screen readers; and where some are missing, a gap
//! line that says so.

use leptos::prelude::*;

use super::{By, follow::Follow, readable::readable};
use crate::{
    i18n::{fill, say, t_string, use_i18n},
    live::{ChatLine, LineState, Live},
};

/// The chat list. Follows the newest line unless the viewer has scrolled back.
#[component]
pub fn Chat(
    /// The room.
    live: Live,
) -> impl IntoView {
    let i18n = use_i18n();
    let follow = Follow::new();
    Effect::new(move || {
        // Scrolls to the viewer's own new line. It is in the document only after this effect has run.
        if live.lines.read().iter().next_back().is_some_and(|line| line.own.is_some()) {
            request_animation_frame(move || follow.to_end());
        }
    });
    #[cfg(feature = "hydrate")]
    Effect::new(crate::client::page::follow_window);
    let lines = move || live.lines.read().iter().cloned().collect::<Vec<_>>();
    view! {
        <section class="chat" aria-label=say!(i18n, chat.label)>
            <div
                class="lines"
                node_ref=follow.list
                role="log"
                aria-label=say!(i18n, chat.label)
                tabindex="0"
                data-follows=move || follow.follows.get().then_some("true")
                on:scroll=move |_| follow.on_scroll()
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
                hidden=move || follow.follows.get()
                on:click=move |_| follow.resume()
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
        LineState::Held => t_string!(i18n, chat.held).to_owned(),
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
