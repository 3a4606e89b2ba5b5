//! How the crew reads the list of danmu: searched, held while something is read, and by keyboard.

use leptos::{ev, prelude::*};

use super::{
    decided::Decisions,
    part::{Anchor, Part, ROW_HEIGHT, part_at},
};
use crate::{
    components::Follow,
    i18n::I18n,
    live::{ChatLine, Lines, Live},
};

/// How many lines a page is, for the keyboard.
const PAGE: isize = 10;

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
    /// Where the part of the list that is in the document begins; `None`: it is the end.
    begin: RwSignal<Option<Begin>>,
    /// The part of the list that is in the document.
    pub part: RwSignal<Part>,
}

/// Where the part of the list that is in the document begins.
#[derive(Clone)]
struct Begin {
    first: Anchor,
    /// How many lines were before it then: what was dropped since leaves its room, so that nothing that is read moves.
    above: usize,
}

impl Desk {
    /// A desk whose list follows, of a room and what is decided about it.
    pub fn new(live: Live, decisions: Decisions) -> Self {
        let (search, picked, held) = (RwSignal::default(), RwSignal::default(), RwSignal::default());
        // The studio keeps as many as it can from the first on: they can be searched, and few are in the document.
        live.lines.update_untracked(|lines| lines.hold(true));
        let (begin, part) = (RwSignal::new(None), RwSignal::new(Part::default()));
        let desk = Self { live, decisions, search, picked, held, follow: Follow::new(), begin, part };
        Effect::new(move || desk.part.set(desk.cut()));
        // What was searched before begins elsewhere.
        Effect::new(move |searched: Option<String>| {
            let search = desk.search.get();
            if searched.is_some_and(|searched| searched != search) {
                desk.begin.set(None);
            }
            search
        });
        desk
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

    /// Does something with the lines that are shown: those up to where the list is held, and of them those that the search finds.
    fn with_shown<T>(self, f: impl FnOnce(&[&ChatLine]) -> T) -> T {
        let lines = self.live.lines.read();
        let search = self.search.read().trim().to_lowercase();
        let shown = lines.iter().take(self.held_count(&lines));
        f(&shown.filter(|line| search.is_empty() || finds(line, &search)).collect::<Vec<_>>())
    }

    /// The part of them that is to be in the document.
    fn cut(self) -> Part {
        let begin = self.begin.read();
        self.with_shown(|shown| Part::cut(shown, begin.as_ref().map(|begin| (&begin.first, begin.above))))
    }

    /// Brings the lines around one that is shown into the document.
    fn show_around(self, at: usize) {
        let begin = untrack(|| {
            self.with_shown(|shown| {
                let above = part_at(at, shown.len());
                shown.get(above).map(|first| Begin { first: (first.key.clone(), first.at), above })
            })
        });
        self.begin.set(begin);
    }

    /// The list was scrolled: what is in sight must be in the document.
    pub fn on_scroll(self) {
        self.follow.on_scroll();
        if self.follow.follows.get_untracked() {
            // Its end was reached, perhaps at one pull, past what is in the document.
            if self.part.with_untracked(|part| part.below > 0) {
                self.begin.set(None);
            }
            return;
        }
        let (Some(list), part) = (self.follow.list.get_untracked(), self.part.get_untracked()) else { return };
        let ((begin, end), top) = (edges(&list), f64::from(list.scroll_top()));
        let row = |line: &ChatLine| document().get_element_by_id(&["danmu-", &line.key].concat());
        let Some((first, last)) = part.lines.first().and_then(row).zip(part.lines.last().and_then(row)) else { return };
        let ((first, _), (_, last)) = (edges(&first), edges(&last));
        let near = end - begin;
        let before = part.above > 0 && first > begin - near;
        let after = part.below > 0 && last < end + near;
        if !before && !after {
            return;
        }
        // The row at the top of what is seen stays where it is, if it was in the document.
        let seen = part.lines.iter().find_map(|line| {
            let (row_top, row_end) = edges(&row(line)?);
            (row_end > begin && row_top < end).then(|| (line.key.clone(), row_top))
        });
        let Some((key, was)) = seen else { return self.show_around((top / ROW_HEIGHT) as usize) };
        let place = untrack(|| self.with_shown(|shown| shown.iter().position(|line| line.key == key)));
        let Some(moved) = place else { return };
        if part_at(moved, part.total()) == part.above {
            return;
        }
        self.show_around(moved);
        request_animation_frame(move || {
            if let Some(row) = document().get_element_by_id(&["danmu-", &key].concat()) {
                list.set_scroll_top(list.scroll_top() + (edges(&row).0 - was).round() as i32);
            }
        });
    }

    /// Brings the picked line into sight.
    fn show_picked(self) {
        request_animation_frame(move || {
            let (Some(list), Some(key)) = (self.follow.list.get_untracked(), self.picked.get_untracked()) else {
                return;
            };
            let Some(row) = document().get_element_by_id(&["danmu-", &key].concat()) else { return };
            let (row, seen) = (edges(&row), edges(&list));
            let by = (row.0 - seen.0).min(0.0) + (row.1 - seen.1).max(0.0);
            if by != 0.0 {
                list.set_scroll_top(list.scroll_top() + by.round() as i32);
            }
        });
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
            self.held.set(last);
            // What is in the document stays there, unless a scroll has just asked for another part.
            let part = self.part.get_untracked();
            if self.begin.with_untracked(Option::is_none)
                && let Some(first) = part.lines.first()
            {
                self.begin.set(Some(Begin { first: (first.key.clone(), first.at), above: part.above }));
            }
        }
    }

    /// Goes back to the newest.
    pub fn resume(self) {
        self.picked.set(None);
        self.held.set(None);
        self.begin.set(None);
        request_animation_frame(move || self.follow.resume());
    }

    /// Picks the line so many steps after the picked one, or the last one.
    fn pick(self, steps: isize) {
        self.hold();
        let picked = self.picked.get_untracked();
        let next = untrack(|| {
            self.with_shown(|shown| {
                let danmu: Vec<_> = shown.iter().enumerate().filter(|(_, line)| line.is_danmu()).collect();
                let at = picked.and_then(|picked| danmu.iter().position(|(_, line)| line.key == picked));
                let last = danmu.len().saturating_sub(1);
                // From nothing, one goes to the last, and by Home to the first.
                let next = match at {
                    None if steps == isize::MIN => 0,
                    None => last,
                    Some(at) => at.saturating_add_signed(steps).min(last),
                };
                danmu.get(next).map(|(at, line)| (*at, line.key.clone()))
            })
        });
        if let Some((at, key)) = &next
            && self.part.with_untracked(|part| part.lines.iter().all(|line| line.key != *key))
        {
            self.show_around(*at);
        }
        self.picked.set(next.map(|(_, key)| key));
        self.show_picked();
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
            "PageUp" => self.pick(-PAGE),
            "PageDown" => self.pick(PAGE),
            "Home" => self.pick(isize::MIN),
            "End" => self.pick(isize::MAX),
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

/// Where an element begins and ends in the window from above, in CSS pixels.
fn edges(element: &leptos::web_sys::Element) -> (f64, f64) {
    #[cfg(feature = "hydrate")]
    return {
        let edges = element.get_bounding_client_rect();
        (edges.top(), edges.bottom())
    };
    #[cfg(not(feature = "hydrate"))]
    return (0.0, f64::from(element.client_height()));
}

/// Whether a search (in lower case) finds a line: in its text, in its author's name, or as its author's id.
fn finds(line: &ChatLine, search: &str) -> bool {
    let by = line.by.as_ref();
    line.text.to_lowercase().contains(search)
        || by.is_some_and(|by| by.viewer.eq_ignore_ascii_case(search))
        || by.and_then(|by| by.name.as_ref()).is_some_and(|name| name.to_lowercase().contains(search))
}
