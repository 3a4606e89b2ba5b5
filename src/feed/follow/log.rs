//! The log and ids of the events that a tab heard last, and the notes between tabs, as text.

use std::collections::{HashSet, VecDeque};

use super::{Told, Way, parse};
use crate::{feed::Item, gate::Retracted, record::DanmuKey};

/// Bytes of events kept for a tab that has just opened: more than the [`super::super::MAX_HISTORY`] danmu that the relay would
/// send it.
const LOG_BYTES: usize = 32 * 1_024;
/// By how many events two tabs may be apart and still find a common token.
const OVERLAP: usize = 4;
/// How many ids are remembered: more than any two ways to the same danmu overlap.
const REMEMBERED: usize = 1_024;
/// How many retractions are remembered: more than arrive while a tab sleeps, and few enough to send to each that joins.
const RETRACTIONS: usize = 256;

/// Separates the events of a note. Neither JSON nor a token contains it unescaped.
const RECORD: char = '\u{1e}';
const FIELD: char = '\n';

/// An event of the feed as it is passed on between tabs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FeedEvent {
    /// The token that it follows.
    pub before: String,
    /// The token after it.
    pub place: String,
    pub name: String,
    pub data: String,
}

impl FeedEvent {
    fn retract(&mut self, gone: impl Fn(&Item) -> bool) {
        if let Some(mut told) = parse(&self.data) {
            let count = told.danmu.len();
            told.danmu.retain(|item| !gone(item));
            if told.danmu.len() < count
                && let Ok(data) = serde_json::to_string(&told)
            {
                self.data = data;
            }
        }
    }
}

/// The last events with danmu or a gap, in order: each follows the token of the one before.
#[derive(Debug, Default)]
pub(super) struct Log {
    entries: VecDeque<FeedEvent>,
    bytes: usize,
}

impl Log {
    pub(super) fn push(&mut self, entry: FeedEvent) {
        self.bytes += entry.data.len();
        self.entries.push_back(entry);
        while self.bytes > LOG_BYTES
            && self.entries.len() > 1
            && let Some(oldest) = self.entries.pop_front()
        {
            self.bytes -= oldest.data.len();
        }
    }

    /// Removes retracted danmu; the tokens stay.
    pub(super) fn retract(&mut self, retracted: &[Retracted]) {
        for entry in &mut self.entries {
            self.bytes -= entry.data.len();
            entry.retract(|item| item.is_among(retracted));
            self.bytes += entry.data.len();
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether all that follows the token up to now is here; never for an empty token.
    pub(super) fn knows(&self, place: &str) -> bool {
        !place.is_empty() && self.entries.iter().any(|entry| entry.place == place || entry.before == place)
    }

    /// A token a few events before the last, which a tab that is slightly behind us knows.
    pub(super) fn earlier(&self) -> &str {
        self.entries.iter().rev().nth(OVERLAP).map_or("", |entry| &entry.place)
    }

    /// What follows the token; everything for a tab without one.
    pub(super) fn after(&self, place: &str) -> impl Iterator<Item = &FeedEvent> {
        let last = self.entries.iter().rposition(|entry| entry.place == place);
        let first = last.map(|last| last + 1).or_else(|| self.entries.iter().position(|entry| entry.before == place));
        self.entries.iter().skip(first.unwrap_or(0))
    }
}

/// The ids of the danmu that were shown lately, for deduplication.
#[derive(Debug, Default)]
pub(super) struct Seen(HashSet<DanmuKey>, VecDeque<DanmuKey>);

impl Seen {
    /// Whether the id is new.
    pub(super) fn insert(&mut self, key: DanmuKey) -> bool {
        if !self.0.insert(key.clone()) {
            return false;
        }
        self.1.push_back(key);
        if self.1.len() > REMEMBERED
            && let Some(oldest) = self.1.pop_front()
        {
            self.0.remove(&oldest);
        }
        true
    }
}

/// The latest retractions.
#[derive(Debug, Default)]
pub(super) struct Retractions(VecDeque<Retracted>);

impl Retractions {
    pub(super) fn add(&mut self, retracted: &[Retracted]) {
        for one in retracted {
            if !self.0.contains(one) {
                self.0.push_back(one.clone());
            }
        }
        self.0.drain(..self.0.len().saturating_sub(RETRACTIONS));
    }

    /// Whether the danmu is retracted.
    pub(super) fn cover(&self, item: &Item) -> bool {
        self.0.iter().any(|one| item.is_among(std::slice::from_ref(one)))
    }

    /// The event without retracted danmu: a late one may contain some.
    pub(super) fn without(&self, mut entry: FeedEvent) -> FeedEvent {
        if !self.0.is_empty() {
            entry.retract(|item| self.cover(item));
        }
        entry
    }

    /// All of them, as the data of an event.
    pub(super) fn told(&self) -> Option<String> {
        let retracted: Vec<_> = self.0.iter().cloned().collect();
        if retracted.is_empty() { None } else { serde_json::to_string(&Told { retracted, ..Told::default() }).ok() }
    }
}

/// A message from a tab to the others.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// A tab that has just opened, or has missed something, asks for all that follows its token, or else an earlier one.
    Ask { tab: String, place: String, earlier: String },
    /// The leader passes events on: to that tab, or to all if `to` is empty.
    Told { to: String, way: Option<Way>, entries: Vec<FeedEvent> },
    /// The leader does not know that tab's token.
    Unknown { to: String },
}

impl Note {
    pub(super) fn ask(tab: &str, place: &str, earlier: &str) -> String {
        ["?", tab, "\n", place, "\n", earlier].concat()
    }

    pub(super) fn unknown(to: &str) -> String {
        ["-", to].concat()
    }

    pub(super) fn told<'a>(to: &str, way: Option<Way>, entries: impl Iterator<Item = &'a FeedEvent>) -> String {
        let mut note = ["!", to, "\n", way.map_or("", Way::name)].concat();
        for FeedEvent { before, place, name, data } in entries {
            note.push(RECORD);
            note.push_str(&[before.as_str(), place, name, data].join("\n"));
        }
        note
    }

    /// `None` for a note that no tab of this version sends.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let rest = text.get(1..)?;
        match text.as_bytes()[0] {
            b'?' => {
                let mut fields = rest.splitn(3, FIELD).map(str::to_owned);
                Some(Self::Ask { tab: fields.next()?, place: fields.next()?, earlier: fields.next()? })
            }
            b'-' => Some(Self::Unknown { to: rest.to_owned() }),
            b'!' => {
                let mut records = rest.split(RECORD);
                let (to, way) = records.next()?.split_once(FIELD)?;
                let entries = records.map(|record| {
                    let mut fields = record.splitn(4, FIELD).map(str::to_owned);
                    let mut field = || fields.next();
                    Some(FeedEvent { before: field()?, place: field()?, name: field()?, data: field()? })
                });
                Some(Self::Told { to: to.to_owned(), way: Way::of(way), entries: entries.collect::<Option<_>>()? })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(before: &str, place: &str) -> FeedEvent {
        FeedEvent { before: before.into(), place: place.into(), name: "message".into(), data: "{}".into() }
    }

    #[test]
    fn a_note_survives_its_text() {
        let entries = vec![entry("", "a"), entry("a", "b")];
        let told = Note::told("7", Some(Way::Direct), entries.iter());
        assert_eq!(Note::parse(&told), Some(Note::Told { to: "7".into(), way: Some(Way::Direct), entries }));
        let ask = Note::Ask { tab: "7".into(), place: "b".into(), earlier: String::new() };
        assert_eq!(Note::parse(&Note::ask("7", "b", "")), Some(ask));
        assert_eq!(Note::parse(&Note::unknown("7")), Some(Note::Unknown { to: "7".into() }));
    }

    #[test]
    fn what_another_version_says_is_passed_over() {
        for text in ["", "x", "é", "!", "!7", "!7\nrelay\u{1e}a\nb", "?7\na"] {
            assert_eq!(Note::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_log_knows_the_places_from_its_first_event_on() {
        let mut log = Log::default();
        for [before, place] in [["a", "b"], ["b", "c"], ["c", "c"], ["c", "d"]] {
            log.push(entry(before, place));
        }
        assert!(["a", "b", "c", "d"].iter().all(|place| log.knows(place)) && !log.knows("e"));
        let places = |place: &str| log.after(place).map(|entry| entry.place.as_str()).collect::<String>();
        assert_eq!([places("a"), places("c"), places("d"), places("")], ["bccd", "d", "", "bccd"]);
    }

    #[test]
    fn the_log_is_bounded_by_bytes() {
        let mut log = Log::default();
        for n in 0..10 {
            let (before, place) = (n.to_string(), (n + 1).to_string());
            log.push(FeedEvent { data: "x".repeat(LOG_BYTES / 4), ..entry(&before, &place) });
        }
        assert!(!log.knows("5") && log.knows("6") && log.knows("10"));
    }

    #[test]
    fn what_is_retracted_goes_from_the_log_and_places_stay() {
        let item =
            |viewer: &str| format!(r#"{{"danmu":[{{"id":"s{viewer}","text":"hi","at":5,"viewer":"{viewer}"}}]}}"#);
        let mut log = Log::default();
        log.push(FeedEvent { data: item("ann"), ..entry("a", "b") });
        log.push(FeedEvent { data: item("bob"), ..entry("b", "c") });
        let ann = Retracted { viewer: Some("ann".into()), id: None, before: 6, by: crate::viewer::Rank::Operator };
        log.retract(std::slice::from_ref(&ann));
        let left: Vec<_> = log.after("a").map(|entry| entry.data.clone()).collect();
        assert_eq!(left, ["{}".to_owned(), item("bob")]);
        assert_eq!(log.bytes, left.concat().len());
        let mut late = Retractions::default();
        late.add(&[ann.clone(), ann]);
        assert_eq!(late.without(FeedEvent { data: item("ann"), ..entry("c", "d") }).data, "{}");
        assert_eq!(late.told().as_deref(), Some(r#"{"retracted":[{"viewer":"ann","before":6,"by":"operator"}]}"#));
    }

    #[test]
    fn ids_are_forgotten_the_oldest_first() {
        let mut seen = Seen::default();
        let key = |n: usize| DanmuKey::Sequence(n.to_string());
        assert!((0..=REMEMBERED).all(|n| seen.insert(key(n))));
        assert!(!seen.insert(key(REMEMBERED)) && !seen.insert(key(1)) && seen.insert(key(0)));
    }
}
