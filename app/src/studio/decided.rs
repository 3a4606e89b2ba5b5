//! What was decided on this page: the calls to the server, their outcomes, and how to undo them.

use danmu::room::RoomMode;
use leptos::{prelude::*, task::spawn_local};

use super::{mode_name, problem::say_error};
use crate::{
    api,
    error::ApiError,
    i18n::{I18n, fill, say, t_string, use_i18n},
    live::ChatLine,
    rules::{Rule, RuleKind},
};

/// How many decisions are listed.
const LISTED: usize = 20;

/// A decision.
#[derive(Clone, Debug)]
pub enum Deed {
    /// One danmu goes: its key, and its author.
    Hide(String, Option<String>),
    /// A viewer may not speak for so many seconds, or for good.
    Ban(String, Option<u32>),
    /// What a viewer says is shown to that viewer alone. The rule's id is known once it holds.
    Shadow(String, ArcRwSignal<String>),
    /// A mode is switched on, or off.
    Mode(RoomMode, bool),
}

/// How a decision stands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    /// The server was asked.
    Asked,
    /// It holds.
    Holds,
    /// It was undone.
    Undone,
    /// The server refused.
    Refused(ApiError),
}

/// A decision as the page lists it.
#[derive(Clone)]
struct Made {
    n: u32,
    deed: Deed,
    /// The danmu's text, or the author's name.
    about: String,
    outcome: ArcRwSignal<Outcome>,
}

/// The decisions made on this page. A handle.
#[derive(Clone, Copy)]
pub struct Decisions {
    room: StoredValue<String>,
    made: RwSignal<Vec<Made>>,
    count: StoredValue<u32>,
    /// The seconds that a ban lasts; 0 for good.
    pub seconds: RwSignal<u32>,
    /// Whether a ban is one that its viewer does not notice.
    pub shadow: RwSignal<bool>,
    /// What is announced.
    said: RwSignal<String>,
}

impl Decisions {
    /// None yet, about that room.
    pub fn new(room: String) -> Self {
        let (room, count) = (StoredValue::new(room), StoredValue::new(0));
        let (seconds, shadow) = (RwSignal::new(600), RwSignal::new(false));
        Self { room, made: RwSignal::default(), count, seconds, shadow, said: RwSignal::default() }
    }

    /// What is announced last.
    pub fn said(self) -> String {
        self.said.get()
    }

    /// Hides a danmu.
    pub fn hide(self, line: &ChatLine, i18n: I18n) {
        let viewer = line.by.as_ref().map(|by| by.viewer.clone());
        self.decide(Deed::Hide(line.key.clone(), viewer), line.text.clone(), i18n);
    }

    /// Bans the author of a danmu, if one is known.
    pub fn ban(self, line: &ChatLine, i18n: I18n) {
        if let Some(by) = &line.by {
            if self.shadow.get_untracked() {
                let deed = Deed::Shadow(by.viewer.clone(), ArcRwSignal::default());
                return self.decide(deed, by.say(i18n), i18n);
            }
            let seconds = Some(self.seconds.get_untracked()).filter(|seconds| *seconds > 0);
            self.decide(Deed::Ban(by.viewer.clone(), seconds), by.say(i18n), i18n);
        }
    }

    /// Switches a mode on or off.
    pub fn set_mode(self, mode: RoomMode, on: bool, i18n: I18n) {
        self.decide(Deed::Mode(mode, on), mode_name::name(mode, i18n), i18n);
    }

    fn decide(self, deed: Deed, about: String, i18n: I18n) {
        let n = self.count.get_value();
        self.count.set_value(n + 1);
        let made = Made { n, deed, about, outcome: ArcRwSignal::new(Outcome::Asked) };
        self.made.update(|all| {
            all.insert(0, made.clone());
            all.truncate(LISTED);
        });
        let room = self.room.get_value();
        spawn_local(async move {
            let done = match made.deed.clone() {
                Deed::Hide(key, viewer) => api::hide(room, key, viewer).await,
                Deed::Ban(viewer, seconds) => api::ban(room, viewer, seconds).await.map(drop),
                Deed::Shadow(viewer, id) => {
                    let rule = Rule { kind: RuleKind::Shadow, value: viewer };
                    api::make_rule(room, rule).await.map(|made| id.set(made))
                }
                Deed::Mode(mode, on) => api::set_mode(room, mode, on).await,
            };
            self.end(&made, done, Outcome::Holds, i18n);
        });
    }

    /// Undoes a ban.
    fn undo(self, made: Made, i18n: I18n) {
        made.outcome.set(Outcome::Asked);
        let room = self.room.get_value();
        spawn_local(async move {
            let done = match made.deed.clone() {
                Deed::Ban(viewer, _) => api::unban(room, viewer).await,
                Deed::Shadow(_, id) => api::end_rule(room, id.get_untracked()).await,
                Deed::Hide(..) | Deed::Mode(..) => return,
            };
            self.end(&made, done, Outcome::Undone, i18n);
        });
    }

    fn end(self, made: &Made, done: Result<(), ApiError>, outcome: Outcome, i18n: I18n) {
        made.outcome.set(done.map_or_else(Outcome::Refused, |()| outcome));
        self.said.try_set(made.say(i18n));
    }
}

impl Made {
    fn say(&self, i18n: I18n) -> String {
        let text = match (&self.deed, &*self.outcome.read()) {
            (Deed::Hide(..), Outcome::Asked) => t_string!(i18n, studio.hiding),
            (Deed::Hide(..), _) => t_string!(i18n, studio.hidden),
            (Deed::Ban(..) | Deed::Shadow(..), Outcome::Asked) => t_string!(i18n, studio.banning),
            (Deed::Shadow(..), Outcome::Undone) => t_string!(i18n, studio.unshadowed),
            (Deed::Shadow(..), _) => t_string!(i18n, studio.shadowed),
            (Deed::Ban(..), Outcome::Undone) => t_string!(i18n, studio.unbanned),
            (Deed::Mode(_, true), _) => t_string!(i18n, studio.mode_on),
            (Deed::Mode(_, false), _) => t_string!(i18n, studio.mode_off),
            (Deed::Ban(_, None), _) => t_string!(i18n, studio.banned_for_good),
            (Deed::Ban(..), _) => t_string!(i18n, studio.banned),
        };
        let minutes = match self.deed {
            Deed::Ban(_, Some(seconds)) => seconds / 60,
            _ => 0,
        };
        match &*self.outcome.read() {
            Outcome::Refused(error) => {
                fill(t_string!(i18n, studio.refused), &[("about", &self.about), ("reason", &say_error(error, i18n))])
            }
            _ => fill(text, &[("about", &self.about), ("minutes", &minutes)]),
        }
    }
}

/// Lists what was decided on this page, the newest first, and announces each outcome.
#[component]
pub fn DecidedList(
    /// The decisions.
    decisions: Decisions,
) -> impl IntoView {
    let i18n = use_i18n();
    let row = move |made: Made| {
        let (text, shown) = (made.clone(), made.clone());
        let undo = move || {
            let undone = made.clone();
            let can = matches!((&made.deed, &*made.outcome.read()), (Deed::Ban(..) | Deed::Shadow(..), Outcome::Holds));
            can.then(|| {
                view! {
                    <button class="quiet" type="button" on:click=move |_| decisions.undo(undone.clone(), i18n)>
                        {say!(i18n, studio.undo)}
                    </button>
                }
            })
        };
        view! {
            <li data-refused=move || matches!(*shown.outcome.read(), Outcome::Refused(_)).then_some("true")>
                <span>{move || text.say(i18n)}</span>
                {undo}
            </li>
        }
    };
    view! {
        <section class="decided" aria-label=say!(i18n, studio.decided)>
            <h2>{say!(i18n, studio.decided)}</h2>
            <p hidden=move || !decisions.made.read().is_empty()>{say!(i18n, studio.decided_none)}</p>
            <ol data-decided>
                <For each=move || decisions.made.get() key=|made| made.n children=row />
            </ol>
            <p class="unseen" role="status" data-said>
                {move || decisions.said()}
            </p>
        </section>
    }
}
