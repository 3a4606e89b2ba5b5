//! The rules of a room: lists them, tries what one would have stopped, makes and ends them. For the crew.

use danmu::room::RoomId;
use leptos::{prelude::*, task::spawn_local};

use super::problem::say_error;
use crate::{
    api::{end_rule, make_rule, rules, try_rule},
    error::ApiError,
    i18n::{I18n, fill, say, t_string, use_i18n},
    rules::{MAX_PATTERN, Rule, RuleEntry, RuleKind, RuleTrial},
};

/// How many characters of a rule its row shows; the rest is in its title.
const SHOWN: usize = 80;

/// The state of this part of the page. A handle.
#[derive(Clone, Copy)]
struct RuleBoard {
    room: StoredValue<String>,
    list: RwSignal<Vec<RuleEntry>>,
    kind: RwSignal<RuleKind>,
    value: RwSignal<String>,
    trial: RwSignal<Option<RuleTrial>>,
    problem: RwSignal<Option<ApiError>>,
    asking: RwSignal<bool>,
    /// What is announced.
    said: RwSignal<String>,
}

impl RuleBoard {
    fn new(room: String) -> Self {
        let (room, list, kind) = (StoredValue::new(room), RwSignal::default(), RwSignal::new(RuleKind::Words));
        // Nothing can be asked before the page is alive.
        let (value, trial, problem, asking) =
            (RwSignal::default(), RwSignal::new(None), RwSignal::new(None), RwSignal::new(true));
        Effect::new(move || asking.set(false));
        Self { room, list, kind, value, trial, problem, asking, said: RwSignal::default() }
    }

    fn rule(self) -> Rule {
        Rule { kind: self.kind.get_untracked(), value: self.value.get_untracked() }
    }

    /// Calls the server, one call at a time, then lists the rules anew. `after` is done if the call went well.
    fn ask(self, call: impl Future<Output = Result<(), ApiError>> + 'static, after: impl FnOnce() + 'static) {
        if !self.asking.get_untracked() {
            self.call(call, after);
        }
    }

    /// The same beside another call.
    fn call(self, call: impl Future<Output = Result<(), ApiError>> + 'static, after: impl FnOnce() + 'static) {
        self.problem.set(None);
        self.asking.set(true);
        spawn_local(async move {
            let done = call.await;
            let listed = rules(self.room.get_value()).await;
            let went_well = done.is_ok();
            let problem = match listed {
                Ok(list) => {
                    self.list.try_set(list);
                    done.err()
                }
                Err(error) => Some(done.err().unwrap_or(error)),
            };
            self.problem.try_set(problem);
            if went_well {
                after();
            }
            self.asking.try_set(false);
        });
    }

    fn list(self) {
        self.ask(async { Ok(()) }, || {});
    }

    fn try_out(self) {
        let (room, rule) = (self.room.get_value(), self.rule());
        self.trial.set(None);
        let tried = async move {
            let trial = try_rule(room, rule).await?;
            self.trial.try_set(Some(trial));
            Ok(())
        };
        self.ask(tried, || {});
    }

    fn make(self, i18n: I18n) {
        let rule = self.rule();
        let name = describe(&rule, i18n);
        let room = self.room.get_value();
        self.ask(async move { make_rule(room, rule).await.map(drop) }, move || {
            self.trial.try_set(None);
            self.value.try_set(String::new());
            self.said.try_set(fill(t_string!(i18n, studio.mode_on), &[("about", &name)]));
        });
    }

    fn end(self, entry: &RuleEntry, i18n: I18n) {
        let name = describe(&entry.rule, i18n);
        // Beside another call, too: it is pressed once.
        let id = entry.id.clone();
        self.call(end_rule(self.room.get_value(), entry.id.clone()), move || {
            // A busy server lists it until the stream has told it of its end.
            self.list.try_update(|list| list.retain(|entry| entry.id != id));
            self.said.try_set(fill(t_string!(i18n, studio.mode_off), &[("about", &name)]));
        });
    }
}

fn name_of(kind: RuleKind, i18n: I18n) -> &'static str {
    match kind {
        RuleKind::Words => t_string!(i18n, studio.rule_words),
        RuleKind::Pattern => t_string!(i18n, studio.rule_pattern),
        RuleKind::Links => t_string!(i18n, studio.rule_links),
        RuleKind::Longer => t_string!(i18n, studio.rule_longer),
        RuleKind::Runs => t_string!(i18n, studio.rule_runs),
        RuleKind::Again => t_string!(i18n, studio.rule_again),
        RuleKind::Shadow => t_string!(i18n, studio.rule_shadow),
    }
}

fn help(kind: RuleKind, i18n: I18n) -> &'static str {
    match kind {
        RuleKind::Words => t_string!(i18n, studio.rule_words_help),
        RuleKind::Pattern => t_string!(i18n, studio.rule_pattern_help),
        RuleKind::Links => t_string!(i18n, studio.rule_links_help),
        RuleKind::Longer => t_string!(i18n, studio.rule_longer_help),
        RuleKind::Runs => t_string!(i18n, studio.rule_runs_help),
        RuleKind::Again => t_string!(i18n, studio.rule_again_help),
        RuleKind::Shadow => "",
    }
}

/// A rule in one line.
fn describe(rule: &Rule, i18n: I18n) -> String {
    let value = rule.value.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(", ");
    if value.is_empty() {
        name_of(rule.kind, i18n).to_owned()
    } else {
        [name_of(rule.kind, i18n), ": ", &value].concat()
    }
}

/// Lists, tries, makes and ends the rules of a room. They are read from the server when the part is opened.
#[component]
pub fn RuleList(
    /// The room.
    room: RoomId,
) -> impl IntoView {
    let i18n = use_i18n();
    let board = RuleBoard::new(room.to_string());
    let RuleBoard { kind, value, .. } = board;
    // Shadow bans are made at the danmu of whom they concern.
    let choices = RuleKind::ALL.into_iter().filter(|kind| *kind != RuleKind::Shadow).map(|kind| {
        view! { <option value=kind.code()>{move || name_of(kind, i18n)}</option> }
    });
    let choose = move |event| {
        if let Some(chosen) = RuleKind::of(&event_target_value(&event)) {
            kind.set(chosen);
            value.set(String::new());
            board.trial.set(None);
        }
    };
    let make = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        board.make(i18n);
    };
    let problem = move || board.problem.read().as_ref().map(|error| say_error(error, i18n)).unwrap_or_default();
    let asking = move || board.asking.get();
    view! {
        <details class="crew" data-rules on:toggle=move |_| board.list()>
            <summary>{say!(i18n, studio.rules)}</summary>
            <form class="room-form" on:submit=make>
                <p>{say!(i18n, studio.rules_about)}</p>
                <label class="field">
                    <span>{say!(i18n, studio.rule_kind)}</span>
                    <select name="kind" autocomplete="off" on:change=choose>
                        {choices.collect_view()}
                    </select>
                </label>
                <RuleValue board />
                <div class="row">
                    <button type="button" class="quiet" data-try disabled=asking on:click=move |_| board.try_out()>
                        {say!(i18n, studio.rule_try)}
                    </button>
                    <button type="submit" disabled=asking>
                        {say!(i18n, studio.rule_make)}
                    </button>
                </div>
                <Trial board />
                <p class="problem" role="alert" data-problem>
                    {problem}
                </p>
            </form>
            <p hidden=move || !board.list.read().is_empty()>{say!(i18n, studio.rules_none)}</p>
            <ol class="invitations" data-rule-list aria-label=say!(i18n, studio.rules_list)>
                <For each=move || board.list.get() key=|entry| entry.id.clone() let(entry)>
                    <RuleRow board entry />
                </For>
            </ol>
            <p class="unseen" role="status">
                {move || board.said.get()}
            </p>
        </details>
    }
}

/// The field for what a rule says, by its kind.
#[component]
fn RuleValue(board: RuleBoard) -> impl IntoView {
    let i18n = use_i18n();
    let RuleBoard { kind, value, trial, .. } = board;
    let put = move |event| {
        value.set(event_target_value(&event));
        // What was tried is another rule.
        trial.set(None);
    };
    let field = move || {
        match kind.get() {
        RuleKind::Links => ().into_any(),
        RuleKind::Words => view! {
            <textarea name="value" rows="4" autocomplete="off" spellcheck="false" prop:value=move || value.get() on:input=put></textarea>
        }
        .into_any(),
        RuleKind::Pattern => view! {
            <input name="value" maxlength=MAX_PATTERN autocomplete="off" spellcheck="false" prop:value=move || value.get() on:input=put />
        }
        .into_any(),
        number => {
            let (from, to) = number.range().unwrap_or_default();
            view! {
                <input
                    name="value"
                    type="number"
                    min=from
                    max=to
                    autocomplete="off"
                    prop:value=move || value.get()
                    on:input=put
                />
            }
            .into_any()
        }
    }
    };
    view! {
        <label class="field">
            <span hidden=move || kind.get() == RuleKind::Links>{move || name_of(kind.get(), i18n)}</span>
            {field}
            <small>{move || help(kind.get(), i18n)}</small>
        </label>
    }
}

/// What the rule that was tried would have stopped.
#[component]
fn Trial(board: RuleBoard) -> impl IntoView {
    let i18n = use_i18n();
    let result = move || {
        let trial = board.trial.read();
        let RuleTrial { looked_at, stopped, .. } = trial.as_ref()?;
        let text =
            if *looked_at == 0 { t_string!(i18n, studio.rule_tried_none) } else { t_string!(i18n, studio.rule_tried) };
        Some(fill(text, &[("stopped", stopped), ("count", looked_at)]))
    };
    let examples = move || board.trial.read().as_ref().map(|trial| trial.examples.clone()).unwrap_or_default();
    view! {
        <div role="status" data-trial>
            {result}
            <ul>
                {move || examples().into_iter().map(|text| view! { <li><bdi>{text}</bdi></li> }).collect_view()}
            </ul>
        </div>
    }
}

/// A rule in force, with the button that ends it.
#[component]
fn RuleRow(board: RuleBoard, entry: RuleEntry) -> impl IntoView {
    let i18n = use_i18n();
    let rule = entry.rule.clone();
    let whole = move || describe(&rule, i18n);
    let short = whole.clone();
    let short = move || {
        let whole = short();
        let begin: String = whole.chars().take(SHOWN).collect();
        if begin.len() < whole.len() { begin + "…" } else { begin }
    };
    view! {
        <li>
            <span title=whole>
                <bdi>{short}</bdi>
            </span>
            <button class="quiet" type="button" data-end disabled=move || board.asking.get() on:click=move |_| board.end(&entry, i18n)>
                {say!(i18n, studio.rule_end)}
            </button>
        </li>
    }
}
