//! Take: events that a tab hears itself, or that its leader passes on, become part of what it has heard.

use super::{
    Act, Follow, GAP, HELLO, STATE, TabRole, Told,
    log::{FeedEvent, Note},
    parse,
};

impl Follow {
    /// Takes in an event of its own and, as the leader, passes it on.
    pub(super) fn pass_on(&mut self, name: &str, data: String, place: String, told: Told) {
        let place = if place.is_empty() { self.place.clone() } else { place };
        let entry = FeedEvent { before: self.place.clone(), place, name: name.to_owned(), data };
        if self.role == TabRole::Leader {
            self.acts.push_back(Act::Post(Note::told("", self.way, [&entry].into_iter())));
        }
        self.take(entry, told, true);
    }

    /// Takes in what the leader passed on: to this tab alone if `asked`.
    pub(super) fn take_all(&mut self, entries: Vec<FeedEvent>, asked: bool, now: i64, random: u64) {
        let joins = asked && self.place.is_empty();
        for entry in entries {
            let follows = joins || entry.before == self.place;
            // It was here already: the first answer to a tab that asked twice had it.
            if !follows && self.log.knows(&entry.place) {
                continue;
            }
            if !follows && !self.log.knows(&entry.before) {
                // Something is missing, and the leader, if it was asked, does not have it.
                return if asked { self.leave(now, random) } else { self.ask(now) };
            }
            if let Some(told) = parse(&entry.data) {
                self.take(entry, told, !joins);
            }
        }
    }

    fn take(&mut self, entry: FeedEvent, mut told: Told, fresh: bool) {
        let (had, hello) = (!self.place.is_empty(), entry.name == HELLO);
        if fresh && (entry.name == GAP || hello && had && !told.recovered) {
            self.acts.push_back(Act::Gap(told.missed));
        }
        if !told.retracted.is_empty() {
            self.retracted.add(&told.retracted);
            self.log.retract(&told.retracted);
        }
        self.modes = told.modes.or(self.modes);
        told.danmu.retain(|item| self.seen.insert(item.key()) && !self.retracted.cover(item));
        match entry.name.as_str() {
            STATE => self.state.clone_from(&entry.data),
            // A hello has the state, too; a tab that joins later gets it at the end.
            HELLO => {
                let told = Told { reading: told.reading, behind_ms: told.behind_ms, ..Told::default() };
                self.state = serde_json::to_string(&told).unwrap_or_default();
            }
            _ => {}
        }
        if !fresh && entry.name != STATE {
            (told.reading, told.now) = (None, None);
        }
        self.place.clone_from(&entry.place);
        let fresh = fresh && !hello;
        if hello && !told.recovered {
            self.log.clear();
        }
        if entry.before != entry.place || entry.name == GAP || hello && !told.recovered {
            self.log.push(self.retracted.without(entry));
        }
        self.acts.push_back(Act::Hear { told, fresh });
    }
}
