//! Other ids that lead to the room: lists, makes and takes them away. For the streamer.

use danmu::room::RoomId;
use leptos::{html, prelude::*, task::spawn_local};

use super::problem::say_error;
use crate::{
    api::{add_alias, aliases, end_alias},
    error::ApiError,
    i18n::{say, t_string, use_i18n},
};

/// The state of this part of the page. A handle.
#[derive(Clone, Copy)]
struct Aliases {
    room: StoredValue<String>,
    list: RwSignal<Vec<String>>,
    problem: RwSignal<Option<ApiError>>,
    asking: RwSignal<bool>,
}

impl Aliases {
    /// Those of that room; none is known yet.
    fn new(room: String) -> Self {
        // Nothing can be asked before the page is alive.
        let asking = RwSignal::new(true);
        Effect::new(move || asking.set(false));
        Self { room: StoredValue::new(room), list: RwSignal::default(), problem: RwSignal::new(None), asking }
    }

    /// Calls the server, one call at a time, and lists them anew.
    fn ask(self, call: impl Future<Output = Result<(), ApiError>> + 'static) {
        if !self.asking.get_untracked() {
            self.call(call);
        }
    }

    /// The same beside another call.
    fn call(self, call: impl Future<Output = Result<(), ApiError>> + 'static) {
        self.problem.set(None);
        self.asking.set(true);
        spawn_local(async move {
            let done = call.await;
            match aliases(self.room.get_value()).await {
                Ok(list) => {
                    self.list.try_set(list);
                    self.problem.try_set(done.err());
                }
                Err(error) => drop(self.problem.try_set(Some(done.err().unwrap_or(error)))),
            }
            self.asking.try_set(false);
        });
    }

    fn add(self, field: leptos::web_sys::HtmlInputElement) {
        let room = self.room.get_value();
        self.ask(async move {
            add_alias(room, field.value().trim().to_owned()).await?;
            field.set_value("");
            Ok(())
        });
    }

    fn end(self, alias: String) {
        let room = self.room.get_value();
        // Beside another call, too: it is pressed once.
        self.call(end_alias(room, alias));
    }
}

/// The list, and the form that makes one more. It is read from the server when the part is opened.
#[component]
pub fn AliasList(
    /// The room, which the store keeps.
    room: RoomId,
) -> impl IntoView {
    let i18n = use_i18n();
    let aliases = Aliases::new(room.to_string());
    let field = NodeRef::<html::Input>::new();
    let add = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        if let Some(field) = field.get_untracked() {
            aliases.add(field);
        }
    };
    let text = move || aliases.problem.read().as_ref().map(|error| say_error(error, i18n)).unwrap_or_default();
    view! {
        <details class="crew" data-aliases on:toggle=move |_| aliases.ask(async { Ok(()) })>
            <summary>{say!(i18n, studio.aliases)}</summary>
            <form class="room-form" on:submit=add>
            <p>{say!(i18n, studio.aliases_about)}</p>
            <ul aria-label=say!(i18n, studio.aliases)>
                <For each=move || aliases.list.get() key=String::clone let(alias)>
                    <AliasRow aliases alias />
                </For>
            </ul>
            <label class="field">
                <span>{say!(i18n, studio.aliases_new)}</span>
                <input
                    name="alias"
                    required
                    maxlength="64"
                    pattern="[a-z0-9][a-z0-9_\\-]*"
                    autocomplete="off"
                    autocapitalize="none"
                    spellcheck="false"
                    node_ref=field
                />
            </label>
            <div class="row">
                <button type="submit" disabled=move || aliases.asking.get()>
                    {say!(i18n, studio.aliases_add)}
                </button>
            </div>
            <p class="problem" role="alert" data-problem>
                {text}
            </p>
            </form>
        </details>
    }
}

/// An alias, with the button that takes it away; that is asked twice.
#[component]
fn AliasRow(aliases: Aliases, alias: String) -> impl IntoView {
    let i18n = use_i18n();
    let (id, shown) = (alias.clone(), alias.clone());
    let sure = RwSignal::new(false);
    let end = move |_| {
        if !sure.get_untracked() {
            return sure.set(true);
        }
        aliases.end(alias.clone());
    };
    view! {
        <li class="row" data-alias=id>
            <code translate="no">{shown}</code>
            <button
                class="quiet"
                type="button"
                data-end
                on:click=end
                on:blur=move |_| sure.set(false)
            >
                {move || if sure.get() { t_string!(i18n, studio.aliases_sure) } else { t_string!(i18n, studio.aliases_end) }}
            </button>
        </li>
    }
}
