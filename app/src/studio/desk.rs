//! The studio's desk: everything that is said in a room, as it is said, for those who decide what stays.

use danmu::{room::Room, viewer::Role};
use leptos::{ev, prelude::*, task::spawn_local};
use leptos_meta::Title;

use super::{
    DeskKind,
    audit::AuditList,
    crew::CrewList,
    decided::{DecidedList, Decisions},
    figures::Figures,
    invited::accept_beside,
    links::Links,
    modes::ModeBar,
    room_form::EditRoom,
    row::DanmuRow,
};
use crate::{
    api::close_studio,
    components::{FeedBadge, Follow, PageHeader},
    i18n::{I18n, fill, say, t_string, use_i18n},
    live::{ChatLine, FeedStart, Lines, Live, Wants},
};

/// The lengths of a ban, in seconds; 0 is for good.
const LENGTHS: [u32; 5] = [600, 3_600, 86_400, 604_800, 0];

/// The state of the desk. A handle.
#[derive(Clone, Copy)]
pub struct Desk {
    live: Live,
    /// What was decided here.
    pub decisions: Decisions,
    /// What the search field says: a part of a text, a name, or a viewer's id.
    search: RwSignal<String>,
    /// The key of the danmu that is picked by keyboard.
    pub picked: RwSignal<Option<String>>,
    /// The last line when the list was held: its key and its time. `None` while it follows.
    held: RwSignal<Option<(String, i64)>>,
    follow: Follow,
}

impl Desk {
    /// Shows only what one viewer said.
    pub fn only_of(self, viewer: Option<String>) {
        if let Some(viewer) = viewer {
            self.search.set(viewer);
        }
    }

    /// The time of day of a danmu, by this browser's clock and zone: hours, minutes and seconds.
    pub fn time(self, at_ms: i64) -> String {
        #[cfg(feature = "hydrate")]
        return crate::client::time_of_day(at_ms);
        #[cfg(not(feature = "hydrate"))]
        return at_ms.to_string();
    }

    /// The lines that are shown: up to where the list is held, and of them those that the search finds.
    fn shown(self) -> Vec<ChatLine> {
        let lines = self.live.lines.read();
        let search = self.search.read().trim().to_lowercase();
        let shown = lines.iter().take(self.held_count(&lines));
        shown.filter(|line| search.is_empty() || finds(line, &search)).cloned().collect()
    }

    /// How many of the lines are shown: all, or those up to where the list is held. That line may be gone, as it was hidden.
    fn held_count(self, lines: &Lines) -> usize {
        let held = self.held.read();
        let Some((key, at)) = &*held else { return usize::MAX };
        let end = lines.iter().position(|line| line.key == *key);
        end.map_or_else(|| lines.iter().take_while(|line| line.at <= *at).count(), |end| end + 1)
    }

    /// How many lines came since the list is held.
    fn waiting(self) -> usize {
        let lines = self.live.lines.read();
        lines.iter().count().saturating_sub(self.held_count(&lines))
    }

    /// Holds the list, so that what is being read stays where it is.
    fn hold(self) {
        if self.held.with_untracked(Option::is_none) {
            let of = |line: &ChatLine| (line.key.clone(), line.at);
            let last = self.live.lines.with_untracked(|lines| lines.iter().next_back().map(of));
            self.live.lines.update(|lines| lines.hold(true));
            self.held.set(last);
        }
    }

    /// Goes back to the newest.
    fn resume(self) {
        self.picked.set(None);
        self.held.set(None);
        self.live.lines.update(|lines| lines.hold(false));
        request_animation_frame(move || self.follow.resume());
    }

    /// Picks the line so many steps after the picked one, or the last one.
    fn pick(self, steps: isize) {
        self.hold();
        let shown = untrack(|| self.shown());
        let danmu: Vec<_> = shown.iter().filter(|line| line.is_danmu()).collect();
        let picked = self.picked.get_untracked();
        let at = picked.and_then(|picked| danmu.iter().position(|line| line.key == picked));
        let last = danmu.len().saturating_sub(1);
        let next = at.map_or(last, |at| at.saturating_add_signed(steps).min(last));
        self.picked.set(danmu.get(next).map(|line| line.key.clone()));
    }

    fn picked_line(self) -> Option<ChatLine> {
        let picked = self.picked.get_untracked()?;
        self.live.lines.with_untracked(|lines| lines.find(&picked).cloned())
    }

    /// A key pressed in the list.
    fn on_key(self, event: &ev::KeyboardEvent, i18n: I18n) {
        if event.ctrl_key() || event.meta_key() || event.alt_key() {
            return;
        }
        match event.key().as_str() {
            "ArrowUp" | "k" => self.pick(-1),
            "ArrowDown" | "j" => self.pick(1),
            "Escape" => self.resume(),
            key @ ("h" | "Delete" | "b") => {
                let Some(line) = self.picked_line() else { return };
                self.pick(1);
                if key == "b" { self.decisions.ban(&line, i18n) } else { self.decisions.hide(&line, i18n) }
            }
            _ => return,
        }
        event.prevent_default();
    }
}

/// Whether a search (in lower case) finds a line: in its text, in its author's name, or as its author's id.
fn finds(line: &ChatLine, search: &str) -> bool {
    let by = line.by.as_ref();
    line.text.to_lowercase().contains(search)
        || by.is_some_and(|by| by.viewer.eq_ignore_ascii_case(search))
        || by.and_then(|by| by.name.as_ref()).is_some_and(|name| name.to_lowercase().contains(search))
}

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
    let (search, picked, held) = (RwSignal::default(), RwSignal::default(), RwSignal::default());
    let follow = Follow::new();
    let desk = Desk { live, decisions, search, picked, held, follow };
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
    let figures_of = room.id.to_string();
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
                <ModeBar live decisions />
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
                    on:scroll=move |_| follow.on_scroll()
                    on:keydown=move |event| desk.on_key(&event, i18n)
                >
                    <ol data-desk>
                        <For each=move || desk.shown() key=|line| line.key.clone() let(line)>
                            <DanmuRow desk line />
                        </For>
                    </ol>
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
            </section>
            {(!dock).then(|| {
                view! {
                    <aside>
                        {kept.then(|| view! { <EditRoom room=room.clone() /> })}
                        {(role == Role::Streamer).then(|| view! { <CrewList room=room.id.clone() /> })}
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
                    if let Ok(seconds) = event_target_value(&event).parse() {
                        decisions.seconds.set(seconds);
                    }
                }
            >
                {choices.collect_view()}
            </select>
        </label>
    }
}
