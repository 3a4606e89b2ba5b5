//! What is decided, told again: a server that begins with nothing need not read back to the decisions themselves, which the
//! stream may have trimmed.
//!
//! One server tells it for all, the first whose turn comes: each waits for [`EVERY_MS`] and a while of its own after it read the
//! last one. One that has just started tells it when it knows more than that said.

use danmu::record::{Decided, Guests, Moderation as Told, RecordId};

use crate::{clock::now_ms, store::in_records};

/// How often it is told, milliseconds: well within any retention (a day, or what [`stream.max_bytes`] leaves of it).
///
/// [`stream.max_bytes`]: crate::config
const EVERY_MS: i64 = 300_000;
/// How much longer a server may wait, milliseconds.
const SPREAD_MS: i64 = 60_000;
/// How far back one must read to find a whole one, milliseconds: one may be on its way, and clocks differ.
pub(super) const REACH_MS: i64 = 2 * (EVERY_MS + SPREAD_MS);
/// How many bytes of decisions a record has, of the 8,192 that it may have with its ticket.
const MOST_BYTES: usize = 6_000;

/// When it is this server's turn.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// When it last had its turn, Unix milliseconds; 0: it has just started.
    told_ms: i64,
    /// How much longer it waits this time.
    spread_ms: i64,
}

impl Turn {
    /// Whether it is to be told now, when the last snapshot arrived then (Unix milliseconds). What is decided is looked at by one
    /// that has just started.
    pub(super) fn is_due(&mut self, last_ms: i64, decided: impl FnOnce() -> Vec<Decided>, now_ms: i64) -> bool {
        let newest = || decided().iter().map(|decided| decided.at).max().unwrap_or(0);
        let due = if self.told_ms == 0 {
            last_ms == 0 || newest() >= last_ms
        } else {
            now_ms - last_ms.max(self.told_ms) >= EVERY_MS + self.spread_ms
        };
        if due || self.told_ms == 0 {
            self.told_ms = now_ms;
            self.spread_ms = getrandom::u32().map_or(0, |random| i64::from(random) % SPREAD_MS);
        }
        due
    }
}

/// What the records of a snapshot say; one at least, which says that nothing is decided.
pub(super) fn records(decided: Vec<Decided>, guests: &[Guests]) -> Vec<Told> {
    let (mut records, mut part, mut bytes) = (Vec::new(), Vec::new(), 0);
    for one in decided {
        let length = serde_json::to_vec(&one).map_or(0, |text| text.len() + 1);
        if bytes + length > MOST_BYTES {
            records.push(Told::Snapshot(std::mem::take(&mut part)));
            bytes = 0;
        }
        bytes += length;
        part.push(one);
    }
    // Whom they concern first: a network's ban is whole when it is known.
    let mut all: Vec<_> = guests.iter().flat_map(in_records).map(Told::Guests).collect();
    all.extend(records);
    all.push(Told::Snapshot(part));
    all
}

/// The id of a record that decides nothing.
pub(super) fn new_id() -> RecordId {
    let random = [getrandom::u64(), getrandom::u64()].map(|random| u128::from(random.unwrap_or_default()));
    RecordId::new(now_ms(), random[0] << 64 | random[1])
}

#[cfg(test)]
mod tests {
    use danmu::{
        record::{Decision, Subject},
        viewer::{Rank, ViewerId},
    };

    use super::*;

    fn decided(n: u128, at: i64) -> Decided {
        let on = Subject::Viewer(ViewerId::guest(n));
        Decided { id: RecordId::new(at, n), room: None, decision: Decision { on, until: None, by: Rank::Operator }, at }
    }

    #[test]
    fn all_of_it_is_told_by_records_that_readers_take() {
        let all: Vec<_> = (0..1_000).map(|n| decided(n, 1_800_000_000_000)).collect();
        let records = records(all.clone(), &[]);
        assert!((15..30).contains(&records.len()), "{}", records.len());
        let mut told = Vec::new();
        for record in records {
            let length = serde_json::to_vec(&record).expect("text").len();
            assert!(length < MOST_BYTES + 100, "{length}");
            let Told::Snapshot(part) = record else { panic!("something else is told") };
            told.extend(part);
        }
        assert_eq!(told, all);
        assert_eq!(super::records(Vec::new(), &[]), [Told::Snapshot(Vec::new())]);
    }

    #[test]
    fn one_that_starts_tells_what_the_last_one_did_not_and_others_wait_for_their_turn() {
        let known = || vec![decided(1, 500)];
        assert!(Turn::default().is_due(0, Vec::new, 1_000), "nobody has told any");
        assert!(Turn::default().is_due(400, known, 1_000));
        let mut turn = Turn::default();
        assert!(!turn.is_due(600, known, 1_000) && !turn.is_due(600, known, 1_000 + EVERY_MS - 1));
        assert!(!turn.is_due(EVERY_MS, known, EVERY_MS + SPREAD_MS + 2_000), "another one told it");
        assert!(turn.is_due(EVERY_MS, known, 2 * EVERY_MS + SPREAD_MS));
        assert!(!turn.is_due(EVERY_MS, known, 2 * EVERY_MS + SPREAD_MS + 200), "once");
    }
}
