//! The state of the list of what waits in a reviewed room: what is known of it, and what is done about it.

use leptos::{ev, prelude::*, task::spawn_local};

use super::problem::say_error;
use crate::{
    api,
    error::ApiError,
    i18n::{I18n, fill, t_string},
    live::Live,
    review::{Waiting, WaitingChanges},
};

/// How many danmu are shown.
const SHOWN: usize = 50;

/// The state of this part of the page. A handle.
#[derive(Clone, Copy)]
pub struct Reviewing {
    room: StoredValue<String>,
    live: Live,
    /// All that waits, as far as it is known here, the oldest first.
    list: RwSignal<Vec<Waiting>>,
    /// How many wait.
    count: RwSignal<u32>,
    /// The id of the danmu that is picked by keyboard.
    pub picked: RwSignal<Option<String>>,
    /// What is announced.
    said: RwSignal<String>,
    problem: RwSignal<Option<ApiError>>,
    /// Up to which change the list is known; 0: nothing is.
    upto: StoredValue<i64>,
    asking: StoredValue<bool>,
}

impl Reviewing {
    /// Of a room, of which nothing is known yet.
    pub fn new(room: String, live: Live) -> Self {
        let (list, count, picked) = (RwSignal::default(), RwSignal::default(), RwSignal::default());
        let (said, problem) = (RwSignal::default(), RwSignal::default());
        let (upto, asking) = (StoredValue::new(0), StoredValue::new(false));
        Self { room: StoredValue::new(room), live, list, count, picked, said, problem, upto, asking }
    }

    /// Whether there is anything to see: the mode is on, or something waits.
    pub fn is_open(self) -> bool {
        self.is_on() || self.count.get() > 0
    }

    /// Whether the mode is on.
    pub fn is_on(self) -> bool {
        self.live.modes.get().review().is_some()
    }

    /// How many wait.
    pub fn count(self) -> u32 {
        self.count.get()
    }

    /// What is announced last.
    pub fn said(self) -> String {
        self.said.get()
    }

    /// What went wrong last.
    pub fn problem(self, i18n: I18n) -> String {
        self.problem.read().as_ref().map(|error| say_error(error, i18n)).unwrap_or_default()
    }

    /// What is shown: the oldest.
    pub fn shown(self) -> Vec<Waiting> {
        self.list.read().iter().take(SHOWN).cloned().collect()
    }

    /// Asks for what changed, one call at a time.
    pub fn ask(self, i18n: I18n) {
        if self.asking.get_value() {
            return;
        }
        self.asking.set_value(true);
        spawn_local(async move {
            // A call that fails changes nothing; the feed's badge says that the server is away.
            while let Some((room, since)) = self.room.try_get_value().zip(self.upto.try_get_value())
                && let Ok(changes) = api::waiting(room, since).await
            {
                let more = changes.more;
                self.take(changes, since == 0, i18n);
                if !more {
                    break;
                }
            }
            self.asking.try_set_value(false);
        });
    }

    fn take(self, changes: WaitingChanges, anew: bool, i18n: I18n) {
        let none_before = self.count.try_get_untracked() == Some(0);
        if none_before && changes.count > 0 {
            self.said.try_set(t_string!(i18n, studio.review_new).to_owned());
        }
        if self.count.try_get_untracked().is_some_and(|count| count != changes.count) {
            self.count.try_set(changes.count);
        }
        self.upto.try_set_value(changes.upto);
        if anew || !changes.waiting.is_empty() || !changes.gone.is_empty() {
            self.list.try_update(|list| {
                if anew {
                    list.clear();
                }
                merge(list, changes);
            });
        }
    }

    /// Takes danmu off the list, as somebody here decided about them.
    fn remove(self, ids: &[String]) {
        self.list.update(|list| list.retain(|one| !ids.contains(&one.id)));
        let count = u32::try_from(ids.len()).unwrap_or(u32::MAX);
        self.count.update(|waiting| *waiting = waiting.saturating_sub(count));
    }

    /// The outcome of a call.
    fn end(self, done: Result<String, ApiError>, i18n: I18n) {
        match done {
            Ok(said) => {
                self.problem.try_set(None);
                self.said.try_set(said);
            }
            Err(error) => {
                self.problem.try_set(Some(error));
                // What was taken off the list may wait still.
                self.upto.try_set_value(0);
            }
        }
        self.ask(i18n);
    }

    /// Lets danmu through.
    pub fn pass(self, ids: Vec<String>, i18n: I18n) {
        if ids.is_empty() {
            return;
        }
        self.remove(&ids);
        let room = self.room.get_value();
        spawn_local(async move {
            let done = api::let_through(room, ids).await;
            self.end(done.map(|count| fill(t_string!(i18n, studio.review_passed), &[("count", &count)])), i18n);
        });
    }

    /// Takes a danmu out.
    pub fn take_out(self, id: String, i18n: I18n) {
        let of = |list: &Vec<Waiting>| list.iter().find(|one| one.id == id).map(|one| one.text.clone());
        let about = self.list.with_untracked(of).unwrap_or_default();
        self.remove(std::slice::from_ref(&id));
        let room = self.room.get_value();
        spawn_local(async move {
            let done = api::take_out(room, id).await;
            self.end(done.map(|()| fill(t_string!(i18n, studio.review_taken), &[("about", &about)])), i18n);
        });
    }

    /// Picks the danmu so many steps after the picked one, or the first.
    fn pick(self, steps: isize) {
        let shown = untrack(|| self.shown());
        let at = self.picked.get_untracked().and_then(|picked| shown.iter().position(|one| one.id == picked));
        let last = shown.len().saturating_sub(1);
        let next = at.map_or(0, |at| at.saturating_add_signed(steps).min(last));
        self.picked.set(shown.get(next).map(|one| one.id.clone()));
    }

    /// A key pressed in the list.
    pub fn on_key(self, event: &ev::KeyboardEvent, i18n: I18n) {
        if event.ctrl_key() || event.meta_key() || event.alt_key() {
            return;
        }
        match event.key().as_str() {
            "ArrowUp" | "k" => self.pick(-1),
            "ArrowDown" | "j" => self.pick(1),
            key @ ("l" | "t") => {
                let Some(id) = self.picked.get_untracked() else { return };
                self.pick(1);
                if self.picked.get_untracked().as_ref() == Some(&id) {
                    // It was the last one.
                    self.pick(-1);
                }
                if key == "l" { self.pass(vec![id], i18n) } else { self.take_out(id, i18n) }
            }
            _ => return,
        }
        event.prevent_default();
    }
}

/// Takes changes into a list, which stays in the order of arrival.
fn merge(list: &mut Vec<Waiting>, changes: WaitingChanges) {
    list.retain(|one| !changes.gone.contains(&one.id));
    for new in changes.waiting {
        if list.iter().all(|one| one.id != new.id) {
            let at = list.partition_point(|one| one.at_ms <= new.at_ms);
            list.insert(at, new);
        }
    }
}

/// The id of a row's element.
pub fn element_id(id: &str) -> String {
    ["waiting-", &id.replace(' ', "-")].concat()
}

#[cfg(test)]
mod tests {
    use danmu::{record::Color, viewer::Role};

    use super::*;

    fn one(id: &str, at_ms: i64) -> Waiting {
        let (id, text, color, role) = (id.to_owned(), "hi".to_owned(), Color::default(), Role::Viewer);
        Waiting { id, viewer: None, name: None, role, text, color, at_ms, due_ms: None }
    }

    #[test]
    fn the_oldest_stands_first_nobody_twice_and_what_is_gone_goes() {
        let mut list = Vec::new();
        let ids = |list: &[Waiting]| list.iter().map(|one| one.id.clone()).collect::<Vec<_>>().join(" ");
        let changes = |waiting: Vec<Waiting>, gone: &[&str]| WaitingChanges {
            waiting,
            gone: gone.iter().map(|id| (*id).to_owned()).collect(),
            ..WaitingChanges::default()
        };
        merge(&mut list, changes(vec![one("b", 2), one("d", 4)], &[]));
        merge(&mut list, changes(vec![one("c", 3), one("b", 2), one("a", 1)], &["e"]));
        assert_eq!(ids(&list), "a b c d");
        merge(&mut list, changes(vec![one("f", 4)], &["a", "c"]));
        assert_eq!(ids(&list), "b d f");
    }
}
