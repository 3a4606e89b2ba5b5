//! Which danmu are shown while the room's density changes.

use danmu::{
    kinesis::Record,
    record::{Decision, RecordId, Subject},
    room::RoomMode,
    viewer::Rank,
};
use danmu_identity::identity::RecordVerifier;
use proptest::prelude::*;

use super::*;
use crate::relay::{
    samples::{lineage, room},
    take::{judge::Judge, log_position::SharedLineage},
};

/// Danmu a second.
const SPEED: i64 = 40;

/// A decision on the room's density: when it arrives (Unix milliseconds), which, and whether it begins or ends.
type Decided = (i64, u8, bool);

fn apply(bans: &Bans, n: usize, (at_ms, density, on): Decided) {
    let mode = Subject::Mode(RoomMode::Density(density));
    let decision =
        if on { Decision { on: mode, until: None, by: Rank::Streamer } } else { Decision::end(mode, Rank::Streamer) };
    bans.of_room().apply(RecordId::new(at_ms, n as u128), &decision, at_ms);
}

/// What becomes of each of the danmu from that number on, of which there are [`SPEED`] a second. Decisions are learned when they
/// arrive; or, as when the room is read again, all before.
fn fates(begin: i64, count: i64, decided: &[Decided], again: bool) -> Vec<Fate> {
    let (bans, shards) = (Bans::default(), SharedLineage::default());
    shards.learn(|shards| *shards = lineage());
    let mut judge = Judge::new(&room(), bans.clone(), shards, RecordVerifier::new(Vec::new(), 1).into());
    let mut chooser = Chooser::new(20, bans.clone());
    let mut waiting: Vec<_> = decided.iter().copied().enumerate().collect();
    waiting.sort_by_key(|(_, (at_ms, ..))| *at_ms);
    let mut fates = Vec::new();
    for n in begin..count {
        let arrival_ms = n * 1_000 / SPEED;
        let known = |(_, (at_ms, ..)): &mut (usize, Decided)| again || *at_ms <= arrival_ms;
        waiting.extract_if(.., known).for_each(|(n, decided)| apply(&bans, n, decided));
        let record = Record {
            data: n.to_string().into(),
            partition_key: "demo".into(),
            sequence_number: (n + 1).to_string(),
            arrival_ms,
            shard_id: "s".into(),
        };
        let judged = judge.judge(&record).expect("a danmu");
        fates.push(chooser.choose(judged, &mut Vec::new()).0);
    }
    fates
}

fn shown(fates: &[Fate]) -> Vec<usize> {
    let of_a_second = fates.chunks(usize::try_from(SPEED).expect("a count"));
    of_a_second.map(|fates| fates.iter().filter(|fate| **fate == Fate::Shown).count()).collect()
}

#[test]
fn a_density_counts_from_the_next_second_on_and_never_shows_more_than_the_setting() {
    let decided = [(2_500, 5, true), (5_000, 5, false), (6_999, 250, true)];
    // By chance a few less.
    let least = [15, 15, 15, 3, 3, 3, 15, 15, 15];
    let most = [20, 20, 20, 5, 5, 5, 20, 20, 20];
    let shown = shown(&fates(0, 9 * SPEED, &decided, false));
    let fits =
        shown.iter().zip(least.into_iter().zip(most)).all(|(shown, (least, most))| (least..=most).contains(shown));
    assert!(fits && shown.len() == most.len(), "{shown:?}");
}

proptest! {
    #[test]
    fn readers_that_read_then_or_later_or_from_elsewhere_show_the_same(
        decided in prop::collection::vec((0_i64..6_000, prop::sample::select(vec![1_u8, 3, 7, 19, 250]), any::<bool>()), 0..8),
        later in 0_i64..3 * SPEED,
    ) {
        let all = fates(0, 6 * SPEED, &decided, false);
        prop_assert_eq!(&all, &fates(0, 6 * SPEED, &decided, true), "when it is read again");
        // From the second full second on.
        let agrees = ((later + SPEED - 1) / SPEED + 1) * SPEED;
        let late = fates(later, 6 * SPEED, &decided, true);
        let skipped = usize::try_from(agrees - later).expect("a count");
        prop_assert_eq!(&all[usize::try_from(agrees).expect("a count")..], &late[skipped..]);
    }
}
