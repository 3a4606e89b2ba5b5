//! What happened in a room, minute by minute, until it is written into the store.
//!
//! Bounded: the last [`KEPT_MINUTES`] minutes in which something happened. A minute stays after it was written, since records of it may still
//! come, and rows are written whole. An idle room has none.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use danmu::{density::Fate, room::RoomId};
use danmu_identity::store::{Details, FigureRow, bucket};

use super::words::{TopWords, words};

/// A minute, in milliseconds.
const MINUTE_MS: i64 = 60_000;
/// How many minutes a room keeps, and so how long the store may be away without loss.
pub const KEPT_MINUTES: usize = 15;
/// How many words of a minute are written.
const WORDS: usize = 20;
/// How many hidden words of a minute are known.
const HIDDEN: usize = 100;

/// The last minutes of a room.
#[derive(Debug)]
pub struct Tally {
    run_ms: i64,
    minutes: Mutex<BTreeMap<i64, Minute>>,
}

#[derive(Debug, Default)]
struct Minute {
    danmu: u64,
    viewers: u64,
    refused: HashMap<&'static str, u64>,
    delays: BTreeMap<u32, u64>,
    words: TopWords,
    hidden: Vec<String>,
    /// Whether it has changed since it was written.
    changed: bool,
}

impl Tally {
    /// An empty one that begins at that time, Unix milliseconds.
    pub fn new(run_ms: i64) -> Self {
        Self { run_ms, minutes: Mutex::default() }
    }

    /// A danmu was admitted that arrived at that time.
    pub fn judged(&self, arrival_ms: i64, text: &str, fate: Fate) {
        self.note(arrival_ms, |minute| {
            if fate == Fate::Dropped {
                *minute.refused.entry("dropped").or_default() += 1;
                return;
            }
            minute.danmu += 1;
            for word in words(text) {
                minute.words.count(word);
            }
        });
    }

    /// A record was refused for that reason.
    pub fn refused(&self, arrival_ms: i64, reason: &'static str) {
        self.note(arrival_ms, |minute| *minute.refused.entry(reason).or_default() += 1);
    }

    /// Danmu that arrived at these times are told at `now_ms`. What arrived before this run is told late for reasons of its own.
    pub fn told(&self, arrivals: impl Iterator<Item = i64>, now_ms: i64) {
        let mut delays = BTreeMap::<u32, u64>::new();
        for arrival_ms in arrivals.filter(|arrival_ms| *arrival_ms >= self.run_ms) {
            *delays.entry(bucket(u64::try_from(now_ms - arrival_ms).unwrap_or(0))).or_default() += 1;
        }
        if !delays.is_empty() {
            self.note(now_ms, |minute| {
                for (bucket, count) in delays {
                    *minute.delays.entry(bucket).or_default() += count;
                }
            });
        }
    }

    /// So many viewers are there now.
    pub fn watched(&self, now_ms: i64, viewers: usize) {
        let (viewers, begin) = (viewers as u64, begin(now_ms));
        let known = self.lock().get(&begin).map_or(0, |minute| minute.viewers);
        if viewers > known {
            self.note(now_ms, |minute| minute.viewers = viewers);
        }
    }

    /// A danmu of that text was hidden: what it said is not to be shown among the words of any minute.
    pub fn hidden(&self, now_ms: i64, text: &str) {
        self.note(now_ms, |minute| {
            for word in words(text) {
                if minute.hidden.len() < HIDDEN && !minute.hidden.contains(&word) {
                    minute.hidden.push(word);
                }
            }
        });
    }

    /// The minutes that have changed since they were taken last, as rows of a server.
    pub fn take(&self, room: &RoomId, server: &str) -> Vec<FigureRow> {
        let (mut minutes, mut rows) = (self.lock(), Vec::new());
        for (minute_ms, minute) in minutes.iter_mut().filter(|(_, minute)| minute.changed) {
            minute.changed = false;
            rows.push(FigureRow {
                room: room.clone(),
                minute_ms: *minute_ms,
                server: server.to_owned(),
                run_ms: self.run_ms,
                danmu: minute.danmu,
                viewers: minute.viewers,
                details: Details {
                    refused: minute.refused.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect(),
                    delays: minute.delays.clone(),
                    words: minute.words.top(WORDS),
                    hidden: minute.hidden.clone(),
                },
            });
        }
        rows
    }

    /// That minute could not be written: it is taken again.
    pub fn give_back(&self, minute_ms: i64) {
        if let Some(minute) = self.lock().get_mut(&minute_ms) {
            minute.changed = true;
        }
    }

    fn note(&self, at_ms: i64, change: impl FnOnce(&mut Minute)) {
        let (mut minutes, begin) = (self.lock(), begin(at_ms));
        // One that was dropped does not begin anew: its row would lose what it has.
        if !minutes.contains_key(&begin) && minutes.len() >= KEPT_MINUTES {
            match minutes.first_key_value() {
                Some((oldest, _)) if *oldest > begin => return,
                _ => minutes.pop_first(),
            };
        }
        let minute = minutes.entry(begin).or_default();
        minute.changed = true;
        change(minute);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<i64, Minute>> {
        self.minutes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When the minute of a time began.
const fn begin(at_ms: i64) -> i64 {
    at_ms - at_ms.rem_euclid(MINUTE_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_is_taken_when_it_has_changed_and_again_when_it_was_not_written() {
        let (tally, room) = (Tally::new(60_000), RoomId::demo());
        assert_eq!(tally.take(&room, "a"), [], "an idle room has nothing to write");
        tally.judged(60_001, "hello hello", Fate::Shown);
        tally.judged(60_002, "hello hello", Fate::Dropped);
        tally.refused(119_999, "banned");
        tally.told([59_999, 60_001].into_iter(), 60_011);
        tally.watched(60_100, 3);
        tally.watched(60_200, 2);
        let rows = tally.take(&room, "a");
        let [row] = &rows[..] else { panic!("{rows:?}") };
        assert_eq!((row.minute_ms, row.danmu, row.viewers), (60_000, 1, 3));
        assert_eq!(row.details.refused, [("banned".to_owned(), 1), ("dropped".to_owned(), 1)].into());
        assert_eq!(row.details.delays, [(bucket(10), 1)].into(), "what arrived before the run is not counted");
        assert_eq!(tally.take(&room, "a"), []);
        tally.give_back(60_000);
        assert_eq!(tally.take(&room, "a"), rows);
        tally.watched(60_300, 3);
        assert_eq!(tally.take(&room, "a"), [], "no more viewers than before");
    }

    #[test]
    fn a_store_that_is_away_costs_the_oldest_minutes_and_no_more_memory() {
        let tally = Tally::new(0);
        for minute in 0..40 {
            tally.refused(minute * MINUTE_MS, "text");
        }
        tally.refused(0, "text");
        let begun: Vec<_> = tally.take(&RoomId::demo(), "a").into_iter().map(|row| row.minute_ms / MINUTE_MS).collect();
        assert_eq!(begun, (25..40).collect::<Vec<_>>());
    }
}
