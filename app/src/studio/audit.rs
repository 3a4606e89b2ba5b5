//! What was done in a room, for its crew: loaded when the section is opened, fifty entries at a time.

use danmu::room::RoomId;
use leptos::{ev, html, prelude::*, task::spawn_local};

use super::problem::say_error;
use crate::{
    api,
    audit::{Act, AuditEntry, AuditFilter},
    error::ApiError,
    i18n::{I18n, fill, say, t_string, use_i18n},
};

/// Entries in an answer of the server; fewer mean that there are no older ones.
const PAGE: usize = 50;

/// What is shown. A handle.
#[derive(Clone, Copy)]
struct Audit {
    room: StoredValue<String>,
    /// The newest first.
    entries: RwSignal<Vec<AuditEntry>>,
    /// Whether there may be older ones.
    more: RwSignal<bool>,
    asking: RwSignal<bool>,
    problem: RwSignal<Option<ApiError>>,
    /// What the search field says.
    search: RwSignal<String>,
}

impl Audit {
    /// Loads the newest entries, or those before what is shown.
    fn load(self, older: bool) {
        if self.asking.get_untracked() {
            return;
        }
        self.asking.set(true);
        self.problem.set(None);
        let last = self.entries.with_untracked(|entries| entries.last().map(|entry| entry.number));
        let (room, before) = (self.room.get_value(), last.filter(|_| older));
        spawn_local(async move {
            match api::audit(room, before, AuditFilter::default()).await {
                Ok(entries) => {
                    self.more.try_set(entries.len() >= PAGE);
                    self.entries.try_update(|all| {
                        if !older {
                            all.clear();
                        }
                        all.extend(entries);
                    });
                }
                Err(error) => _ = self.problem.try_set(Some(error)),
            }
            self.asking.try_set(false);
        });
    }

    /// The entries that the search finds.
    fn shown(self, i18n: I18n) -> Vec<AuditEntry> {
        let search = self.search.read().trim().to_lowercase();
        let finds = |entry: &&AuditEntry| search.is_empty() || haystack(entry, i18n).contains(&search);
        self.entries.read().iter().filter(finds).cloned().collect()
    }
}

/// All that is shown of an entry, and its ids, in lower case.
fn haystack(entry: &AuditEntry, i18n: I18n) -> String {
    let AuditEntry { actor, name, subject, viewer, .. } = entry;
    [actor, name, subject, viewer, &what(entry, i18n), &about(entry, i18n)].map(|text| text.to_lowercase()).join("\n")
}

/// Who did it.
fn who(entry: &AuditEntry, i18n: I18n) -> String {
    match &*entry.actor {
        "operator" => t_string!(i18n, studio.audit_operator).to_owned(),
        "server" => t_string!(i18n, studio.audit_server).to_owned(),
        _ if entry.name.is_empty() => entry.actor.clone(),
        _ => entry.name.clone(),
    }
}

/// What was done. What this version does not know is shown by its code.
fn what(entry: &AuditEntry, i18n: I18n) -> String {
    let Some(act) = Act::of(&entry.what) else { return entry.what.clone() };
    let text = match act {
        Act::Ban => t_string!(i18n, studio.audit_ban),
        Act::Unban => t_string!(i18n, studio.audit_unban),
        Act::Hide => t_string!(i18n, studio.audit_hide),
        Act::Unhide => t_string!(i18n, studio.audit_unhide),
        Act::Pass => t_string!(i18n, studio.audit_pass),
        Act::TakeOut => t_string!(i18n, studio.audit_take_out),
        Act::ModeOn => t_string!(i18n, studio.audit_mode_on),
        Act::ModeOff => t_string!(i18n, studio.audit_mode_off),
        Act::RuleOn => t_string!(i18n, studio.audit_rule_on),
        Act::RuleOff => t_string!(i18n, studio.audit_rule_off),
        Act::Invite => t_string!(i18n, studio.audit_invite),
        Act::Uninvite => t_string!(i18n, studio.audit_uninvite),
        Act::Join => t_string!(i18n, studio.audit_join),
        Act::OpenStudio => t_string!(i18n, studio.audit_open_studio),
        Act::WrongKey => t_string!(i18n, studio.audit_wrong_key),
        Act::MakeRoom => t_string!(i18n, studio.audit_make_room),
        Act::EditRoom => t_string!(i18n, studio.audit_edit_room),
        Act::ArchiveRoom => t_string!(i18n, studio.audit_archive_room),
        Act::ReopenRoom => t_string!(i18n, studio.audit_reopen_room),
        Act::DeleteRoom => t_string!(i18n, studio.audit_delete_room),
        Act::NewKey => t_string!(i18n, studio.audit_new_key),
        Act::AddAlias => t_string!(i18n, studio.audit_add_alias),
        Act::EndAlias => t_string!(i18n, studio.audit_end_alias),
        // Of the whole server: no room's crew reads these.
        Act::Freeze | Act::Thaw | Act::Revoke | Act::Erase => act.code(),
    };
    fill(text, &[("count", &entry.detail.count.unwrap_or(1))])
}

/// Whom or what it is about: the text, the name, or else the id; and the reason.
fn about(entry: &AuditEntry, i18n: I18n) -> String {
    let detail = &entry.detail;
    let quote = |text: &String| fill(t_string!(i18n, studio.audit_quoted), &[("text", text)]);
    let subject = detail
        .name
        .clone()
        .unwrap_or_else(|| if entry.viewer.is_empty() { entry.subject.clone() } else { entry.viewer.clone() });
    let parts = [detail.text.as_ref().map(quote), Some(subject), detail.reason.clone()];
    parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")
}

/// A time by this browser's clock and zone, with the date where it is not today.
fn time(at_ms: i64) -> String {
    #[cfg(feature = "hydrate")]
    return crate::client::date_and_time(at_ms);
    #[cfg(not(feature = "hydrate"))]
    return at_ms.to_string();
}

/// Lists what was done in a room, with a search and the exports.
#[component]
pub fn AuditList(
    /// The room.
    room: RoomId,
) -> impl IntoView {
    let i18n = use_i18n();
    let audit = Audit {
        room: StoredValue::new(room.to_string()),
        entries: RwSignal::default(),
        more: RwSignal::default(),
        asking: RwSignal::default(),
        problem: RwSignal::default(),
        search: RwSignal::default(),
    };
    let details = NodeRef::<html::Details>::new();
    let on_toggle = move |_: ev::Event| {
        if details.get_untracked().is_some_and(|details| details.open()) {
            audit.load(false);
        }
    };
    let problem = move || match &*audit.problem.read() {
        None => String::new(),
        // Its text is about writing.
        Some(ApiError::Crew(_)) => t_string!(i18n, studio.audit_failed).to_owned(),
        Some(error) => say_error(error, i18n),
    };
    let row = move |entry: AuditEntry| {
        let (by, done, on) = (entry.clone(), entry.clone(), entry.clone());
        view! {
            <li data-what=entry.what.clone()>
                <time>{time(entry.at_ms)}</time>
                <bdi class="who" title=entry.actor.clone()>
                    {move || who(&by, i18n)}
                </bdi>
                <span>{move || what(&done, i18n)}</span>
                <bdi class="about" title=entry.subject>
                    {move || about(&on, i18n)}
                </bdi>
            </li>
        }
    };
    view! {
        <details class="audit" data-audit node_ref=details on:toggle=on_toggle>
            <summary>{say!(i18n, studio.audit)}</summary>
            <label class="field">
                <span>{say!(i18n, studio.search)}</span>
                <input
                    type="search"
                    data-audit-search
                    prop:value=move || audit.search.get()
                    on:input=move |event| audit.search.set(event_target_value(&event))
                />
            </label>
            <p class="problem" role="alert" data-audit-problem>
                {problem}
            </p>
            <ol data-audit-entries aria-busy=move || audit.asking.get().then_some("true")>
                <For each=move || audit.shown(i18n) key=|entry| entry.number children=row />
            </ol>
            <p class="row">
                <button
                    class="quiet"
                    type="button"
                    data-older
                    hidden=move || !audit.more.get()
                    disabled=move || audit.asking.get()
                    on:click=move |_| audit.load(true)
                >
                    {say!(i18n, studio.audit_older)}
                </button>
                <a href=format!("/studio/{room}/audit.csv") download data-export="csv">
                    {say!(i18n, studio.audit_csv)}
                </a>
                <a href=format!("/studio/{room}/audit.ndjson") download data-export="ndjson">
                    {say!(i18n, studio.audit_ndjson)}
                </a>
            </p>
        </details>
    }
}
