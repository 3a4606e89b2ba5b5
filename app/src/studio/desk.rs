//! The studio's desk: everything that is said in a room, as it is said, for those who decide what stays.

use danmu::{room::Room, viewer::Role};
use leptos::{prelude::*, task::spawn_local};
use leptos_meta::Title;

use super::{
    DeskKind,
    aliases::AliasList,
    audit::AuditList,
    crew::CrewList,
    decided::{DecidedList, Decisions},
    fate::HandOver,
    figures::Figures,
    hour::Hour,
    invited::accept_beside,
    limits::LimitsForm,
    links::Links,
    modes::ModeBar,
    reading::Desk,
    refused::RefusedList,
    review::ReviewList,
    reviewing::Reviewing,
    room_form::EditRoom,
    row::DanmuRow,
    rules::RuleList,
};
use crate::{
    api::close_studio,
    components::{FeedBadge, PageHeader},
    i18n::{fill, say, t_string, use_i18n},
    live::{FeedStart, Live, Wants},
};

/// The lengths of a ban, in seconds; 0 is for good.
const LENGTHS: [u32; 5] = [600, 3_600, 86_400, 604_800, 0];

/// The value of a ban that its viewer does not notice, in the place of a length.
const SHADOW: &str = "shadow";

/// The page at `/studio/{room}` for the crew.
#[component]
pub fn DeskPage(
    /// The room.
    room: Room,
    /// How it can be followed here.
    entry: FeedStart,
    /// What the desk has.
    kind: DeskKind,
) -> impl IntoView {
    let i18n = use_i18n();
    let locale = i18n.of_title();
    let live = Live::join(room.clone(), entry, Wants { chat: true, ..Wants::default() });
    let decisions = Decisions::new(room.id.to_string());
    let desk = Desk::new(live, decisions);
    let reviewing = Reviewing::new(room.id.to_string(), live);
    let Desk { search, picked, held, follow, .. } = desk;
    Effect::new(move || {
        // Who scrolls back reads: nothing that is being read moves away.
        if !follow.follows.get() {
            desk.hold();
        }
    });
    let (id, page_title) = (room.id.to_string(), room.title.clone());
    let leave = move |_| {
        let room = id.clone();
        spawn_local(async move {
            if close_studio(room).await.is_ok() {
                let _ = window().location().reload();
            }
        });
    };
    let DeskKind { role, kept, dock } = kind;
    let [figures_of, hour_of, hour_of_dock] = [(); 3].map(|()| room.id.to_string());
    accept_beside(room.id.to_string(), role);
    view! {
        <Title text=move || [leptos_i18n::td_string!(locale(), studio.name), " · ", &page_title].concat() />
        {(!dock).then(|| view! { <PageHeader /> })}
        <main class=if dock { "studio dock" } else { "studio" }>
            <div class="desk-head">
                <h1>{room.title.clone()}</h1>
                <Figures room=figures_of />
                <FeedBadge live />
                <button class="quiet" type="button" hidden=dock on:click=leave>
                    {say!(i18n, studio.leave)}
                </button>
            </div>
            <section class="desk" aria-label=say!(i18n, studio.list)>
                <div class="tools">
                    <label>
                        <span>{say!(i18n, studio.search)}</span>
                        <input
                            type="search"
                            data-search
                            prop:value=move || search.get()
                            on:input=move |event| search.set(event_target_value(&event))
                        />
                    </label>
                    <BanLength decisions />
                </div>
                {dock.then(|| view! { <Hour room=hour_of_dock open=false /> })}
                <ModeBar live decisions />
                <ReviewList reviewing />
                <div
                    class="lines"
                    role="log"
                    aria-live="off"
                    aria-label=say!(i18n, studio.list)
                    aria-describedby="desk-keys"
                    aria-activedescendant=move || picked.get().map(|key| format!("danmu-{key}"))
                    tabindex="0"
                    node_ref=follow.list
                    data-follows=move || follow.follows.get().then_some("true")
                    on:scroll=move |_| desk.on_scroll()
                    on:keydown=move |event| desk.on_key(&event, i18n)
                >
                    // One child, whose size is followed.
                    <div>
                        <div style:height=move || desk.part.read().room_above()></div>
                        <ol data-desk>
                            <For each=move || desk.part.read().lines.clone() key=|line| line.key.clone() let(line)>
                                <DanmuRow desk line />
                            </For>
                        </ol>
                        <div style:height=move || desk.part.read().room_below()></div>
                    </div>
                </div>
                <button class="newest" type="button" hidden=move || held.read().is_none() on:click=move |_| desk.resume()>
                    {move || match desk.waiting() {
                        0 => t_string!(i18n, chat.newest).to_owned(),
                        count => fill(t_string!(i18n, studio.waiting), &[("count", &count)]),
                    }}
                </button>
                {dock.then(|| view! { <p class="last" role="status" data-said>{move || decisions.said()}</p> })}
                <p class="keys" id="desk-keys">
                    {say!(i18n, studio.keys)}
                </p>
                <p class="keys" id="review-keys" hidden=move || !reviewing.is_open()>
                    {say!(i18n, studio.review_keys)}
                </p>
            </section>
            {(!dock).then(|| {
                view! {
                    <aside>
                        <Hour room=hour_of open=true />
                        {kept.then(|| view! { <EditRoom room=room.clone() /> })}
                        {kept.then(|| view! { <AliasList room=room.id.clone() /> })}
                        {(role == Role::Streamer).then(|| view! { <LimitsForm live decisions /> })}
                        {(role == Role::Streamer).then(|| view! { <CrewList room=room.id.clone() /> })}
                        {(role == Role::Streamer).then(|| view! { <HandOver room=room.id.clone() /> })}
                        <RuleList room=room.id.clone() />
                        <RefusedList room=room.id.to_string() desk />
                        <Links room=room.id.clone() />
                        <DecidedList decisions />
                        <AuditList room=room.id />
                    </aside>
                }
            })}
        </main>
    }
}

/// How long a ban lasts.
#[component]
fn BanLength(decisions: Decisions) -> impl IntoView {
    let i18n = use_i18n();
    let choices = LENGTHS.map(|seconds| {
        let text = move || match seconds {
            0 => t_string!(i18n, studio.for_good).to_owned(),
            86_400.. => fill(t_string!(i18n, studio.days), &[("count", &(seconds / 86_400))]),
            3_600.. => fill(t_string!(i18n, studio.hours), &[("count", &(seconds / 3_600))]),
            _ => fill(t_string!(i18n, studio.minutes), &[("count", &(seconds / 60))]),
        };
        view! { <option value=seconds.to_string()>{text}</option> }
    });
    view! {
        <label>
            <span>{say!(i18n, studio.length)}</span>
            <select
                data-length
                on:change=move |event| {
                    let chosen = event_target_value(&event);
                    decisions.shadow.set(chosen == SHADOW);
                    if let Ok(seconds) = chosen.parse() {
                        decisions.seconds.set(seconds);
                    }
                }
            >
                {choices.collect_view()}
                <option value=SHADOW>{say!(i18n, studio.shadow)}</option>
            </select>
        </label>
    }
}
