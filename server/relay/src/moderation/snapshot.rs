//! Snapshots: everything that is decided is published again at intervals, so that a server with an empty store need not read
//! back to the decisions themselves, which the stream may have trimmed.
//!
//! One server does it for all, the first whose timer fires: each waits for [`EVERY_MS`] plus jitter after the last snapshot
//! that it read. A server that has just started publishes one at once if it read none, or knows a newer decision.

use danmu::{
    record::{Decided, Guests, Moderation as Told, RecordId, Subject},
    room::RoomMode,
};
use danmu_identity::{clock::now_ms, store::in_records};

/// Interval of snapshots, milliseconds: well within any retention (a day, or what the setting `stream.max_bytes` leaves of it).
const EVERY_MS: i64 = 300_000;
/// Largest jitter, milliseconds.
const SPREAD_MS: i64 = 60_000;
/// How far back to read to find a complete snapshot, milliseconds: one may be in flight, and clocks differ.
pub(super) const REACH_MS: i64 = 2 * (EVERY_MS + SPREAD_MS);
/// Most bytes of decisions in a record, which may have 8,192 with its ticket.
const MOST_BYTES: usize = 6_000;
/// The most decisions on reviewed mode in a record: fewer bytes than that.
const REVIEWS: usize = 20;

/// The snapshot timer of this server.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// When it last fired, Unix milliseconds; 0 right after the start.
    told_ms: i64,
    /// The jitter of this round, milliseconds.
    spread_ms: i64,
}

impl Turn {
    /// Whether to publish a snapshot now, given the arrival time of the last one (Unix milliseconds). `decided` is called right
    /// after the start only.
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

/// The records of a snapshot: at least one, with an empty list if nothing is decided.
pub(super) fn records(decided: Vec<Decided>, guests: &[Guests]) -> Vec<Told> {
    let mut records = Vec::new();
    // A reader of before there were reviewed rooms reads no record with one; it reads all others.
    let (reviews, decided): (Vec<_>, Vec<_>) =
        decided.into_iter().partition(|one| matches!(one.decision.on, Subject::Mode(RoomMode::Reviewed(_))));
    records.extend(reviews.chunks(REVIEWS).map(|part| Told::Snapshot(part.to_vec())));
    // Likewise for rooms with a pace, a density or names of guests.
    let is_limit = |one: &Decided| {
        matches!(one.decision.on, Subject::Mode(RoomMode::Pace(_) | RoomMode::Density(_) | RoomMode::Names))
    };
    let (limits, decided): (Vec<_>, Vec<_>) = decided.into_iter().partition(is_limit);
    if !limits.is_empty() {
        records.extend(in_parts(limits).into_iter().map(Told::Snapshot));
    }
    records.extend(in_parts(decided).into_iter().map(Told::Snapshot));
    // Guests come first: when a network's ban is read, its guests are known.
    let mut all: Vec<_> = guests.iter().flat_map(in_records).map(Told::Guests).collect();
    all.extend(records);
    all
}

/// The decisions in parts that fit into a record each; at least one part.
fn in_parts(decided: Vec<Decided>) -> Vec<Vec<Decided>> {
    let (mut parts, mut part, mut bytes) = (Vec::new(), Vec::new(), 0);
    for one in decided {
        let length = serde_json::to_vec(&one).map_or(0, |text| text.len() + 1);
        if bytes + length > MOST_BYTES {
            parts.push(std::mem::take(&mut part));
            bytes = 0;
        }
        bytes += length;
        part.push(one);
    }
    parts.push(part);
    parts
}

/// A random id for a record that is no decision.
pub(super) fn new_id() -> RecordId {
    let random = [getrandom::u64(), getrandom::u64()].map(|random| u128::from(random.unwrap_or_default()));
    RecordId::new(now_ms(), random[0] << 64 | random[1])
}

#[cfg(test)]
mod tests {
    use danmu::{
        record::{Decision, Subject},
        room::{Review, RoomId},
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
        let review = RoomMode::Reviewed(Review { members: true, after_s: 255 });
        let decision = Decision { on: Subject::Mode(review), until: None, by: Rank::Streamer };
        let room = Some("a".repeat(RoomId::MAX_LEN).parse().expect("a room"));
        let reviewed = Decided { room, decision, ..all[0].clone() };
        let mixed = [all[..2].to_vec(), vec![reviewed.clone(); REVIEWS + 1]].concat();
        let on = Subject::Mode(RoomMode::Density(30));
        let limit = Decided { decision: Decision { on, ..reviewed.decision.clone() }, ..reviewed.clone() };
        let told = super::records([mixed.clone(), vec![limit.clone()]].concat(), &[]);
        assert!(told.contains(&Told::Snapshot(vec![limit])), "alone: readers may know the one and not the other");
        let told = super::records(mixed, &[]);
        let parts = [vec![reviewed.clone(); REVIEWS], vec![reviewed], all[..2].to_vec()].map(Told::Snapshot);
        assert_eq!(told, parts, "apart from what older readers know");
        assert!(serde_json::to_vec(&told[0]).expect("text").len() < MOST_BYTES + 100);
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
