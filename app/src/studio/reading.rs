//! How the crew reads the list of danmu: searched, held while something is read, and by keyboard.

use leptos::{ev, prelude::*};

use super::decided::Decisions;
use crate::{
    components::Follow,
    i18n::I18n,
    live::{ChatLine, Lines, Live},
};

/// The state of the desk. A handle.
#[derive(Clone, Copy)]
pub struct Desk {
    live: Live,
    /// What was decided here.
    pub decisions: Decisions,
    /// What the search field says: a part of a text, a name, or a viewer's id.
    pub search: RwSignal<String>,
    /// The key of the danmu that is picked by keyboard.
    pub picked: RwSignal<Option<String>>,
    /// The last line when the list was held: its key and its time. `None` while it follows.
    pub held: RwSignal<Option<(String, i64)>>,
    /// The list, which follows its end.
    pub follow: Follow,
}

impl Desk {
    /// A desk whose list follows, of a room and what is decided about it.
    pub fn new(live: Live, decisions: Decisions) -> Self {
        let (search, picked, held) = (RwSignal::default(), RwSignal::default(), RwSignal::default());
        Self { live, decisions, search, picked, held, follow: Follow::new() }
    }

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
    pub fn shown(self) -> Vec<ChatLine> {
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
    pub fn waiting(self) -> usize {
        let lines = self.live.lines.read();
        lines.iter().count().saturating_sub(self.held_count(&lines))
    }

    /// Holds the list, so that what is being read stays where it is.
    pub fn hold(self) {
        if self.held.with_untracked(Option::is_none) {
            let of = |line: &ChatLine| (line.key.clone(), line.at);
            let last = self.live.lines.with_untracked(|lines| lines.iter().next_back().map(of));
            self.live.lines.update(|lines| lines.hold(true));
            self.held.set(last);
        }
    }

    /// Goes back to the newest.
    pub fn resume(self) {
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
    pub fn on_key(self, event: &ev::KeyboardEvent, i18n: I18n) {
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
