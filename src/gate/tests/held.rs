//! Reviewed mode: what waits, and what the server lets through.

use std::collections::{HashMap, HashSet};

use super::*;
use crate::{
    record::{DanmuRef, Passed},
    room::{HELD_MS, Review},
};

const MINUTE_MS: i64 = 60_000;

fn server() -> Arc<Evidence> {
    evidence(ViewerId::server().as_str(), Role::Streamer)
}

/// The server's record that switches reviewed mode on for guests, or off.
fn review(n: u128, on: bool, at: i64) -> Vec<u8> {
    let on_it = Subject::Mode(RoomMode::Reviewed(Review { members: false, after_s: 30 }));
    let until = (!on).then_some(0);
    decided(n, Moderation::Decide(Decision { on: on_it, until, by: Rank::Streamer }), at)
}

/// The record, sent at `sent_ms`, that lets danmu `n` of that guest through, which arrived at `at`.
fn pass(n: u128, viewer: Option<&str>, at: i64, sent_ms: i64) -> Vec<u8> {
    let viewer = viewer.map(|viewer| viewer.parse().expect("an id"));
    let (key, text, role) = (DanmuKey::Record(RecordId::new(1, n)), "hi".into(), Role::Viewer);
    let passed = Passed { key, viewer, name: None, role, text, mode: Mode::default(), color: Color::default(), at };
    pass_as(passed.id(&RoomId::demo()), passed, sent_ms)
}

fn pass_as(id: RecordId, passed: Passed, sent_ms: i64) -> Vec<u8> {
    let danmu = Danmu::moderation(id, RoomId::demo(), Moderation::Pass(passed.into()), sent_ms);
    [&danmu.encode(), &b"\nticket.signature"[..]].concat()
}

/// A gate of a room that is reviewed from the first millisecond on.
fn reviewed() -> Gate {
    let mut gate = gate(Unsigned::Allow);
    assert!(matches!(put(&mut gate, &review(900, true, 1), Some(&server()), 1), Err(Reason::Moderation(_))));
    gate
}

fn put(gate: &mut Gate, data: &[u8], evidence: Option<&Arc<Evidence>>, at: i64) -> Result<Admitted, Reason> {
    gate.admit(Incoming { evidence, arrival_ms: at, ..incoming(data, "1") })
}

fn is_held(verdict: &Result<Admitted, Reason>) -> bool {
    matches!(verdict, Err(Reason::Held(_)))
}

#[test]
fn what_guests_say_waits_once_all_else_is_well_and_others_are_shown() {
    let mut gate = reviewed();
    let [ann, bob, keeper] = [("ann", Role::Viewer), ("bob", Role::Member), ("keeper", Role::Moderator)]
        .map(|(id, role)| evidence(id, role));
    let verdict = put(&mut gate, &signed(1, 1_000), Some(&ann), 1_000);
    let Err(Reason::Held(held)) = verdict else { panic!("it is not held: {verdict:?}") };
    assert_eq!((held.after_s, held.danmu.arrival_ms, &*held.danmu.text), (30, 1_000, "hi"));
    assert_eq!(held.danmu.evidence, Some(Arc::clone(&ann)));
    assert!(is_held(&put(&mut gate, &danmu("demo", 2), None, 1_001)), "who has no name is a guest");
    assert!(put(&mut gate, &signed(3, 1_002), Some(&bob), 1_002).is_ok());
    assert!(put(&mut gate, &signed(4, 1_003), Some(&keeper), 1_003).is_ok());
    assert_eq!(put(&mut gate, &signed(1, 1_000), Some(&ann), 1_004), Err(Reason::Duplicate));
    assert!(is_held(&put(&mut gate, &signed(5, 1_005), Some(&ann), 1_005)));
    assert_eq!(put(&mut gate, &signed(6, 1_006), Some(&ann), 1_006), Err(Reason::TooFast), "the pace counts");
    assert!(matches!(put(&mut gate, b"", None, 1_007), Err(Reason::Text(_))));
    let counts =
        Counts { admitted: 2, held: 3, duplicate: 1, too_fast: 1, text: 1, moderation: 1, ..Counts::default() };
    assert_eq!(gate.counts(), counts);
    assert!(gate.counts().refused().iter().all(|(name, _)| *name != "held"));
    assert!(matches!(put(&mut gate, &review(901, false, 2_000), Some(&server()), 2_000), Err(Reason::Moderation(_))));
    assert!(put(&mut gate, &signed(7, 90_000), Some(&ann), 90_000).is_ok(), "the mode is off");
}

#[test]
fn what_is_let_through_is_shown_where_that_was_decided_once_whatever_is_put_again() {
    let (mut gate, ann) = (reviewed(), evidence("ann", Role::Viewer));
    assert!(is_held(&put(&mut gate, &signed(1, 1_000), Some(&ann), 1_000)));
    let late = 1_000 + 20 * MINUTE_MS;
    let record = pass(1, Some("ann"), 1_000, late);
    let shown = put(&mut gate, &record, Some(&server()), late + 7).expect("it is shown");
    assert_eq!((shown.arrival_ms, shown.held_ms, shown.sent_ms), (late + 7, Some(1_000), None));
    let by = shown.evidence.expect("its author");
    assert_eq!((&by.viewer, by.role, &*shown.text), (&ann.viewer, Role::Viewer, "hi"));
    assert_eq!(shown.key, DanmuKey::Record(RecordId::new(1, 1)));
    for again in [late + 8, late + 50_000, late + 60_000] {
        assert_eq!(put(&mut gate, &record, Some(&server()), again), Err(Reason::Duplicate), "{again}");
    }
    // By another replica, which did not know of the first record.
    let second = pass(1, Some("ann"), 1_000, late + 60_000);
    assert_eq!(put(&mut gate, &second, Some(&server()), late + 60_001), Err(Reason::Duplicate));
    let replayed = late + 10 * MINUTE_MS;
    assert_eq!(put(&mut gate, &record, Some(&server()), replayed), Err(Reason::Stale(10 * MINUTE_MS)));
    assert!(matches!(put(&mut gate, &signed(1, 1_000), Some(&ann), replayed), Err(Reason::Stale(_))));
    // What nobody signed is never stale.
    assert!(is_held(&put(&mut gate, &danmu("demo", 2), None, replayed)));
    assert!(put(&mut gate, &pass(2, None, replayed, replayed + 1), Some(&server()), replayed + 1).is_ok());
    assert!(matches!(
        put(&mut gate, &review(901, false, replayed), Some(&server()), replayed),
        Err(Reason::Moderation(_))
    ));
    assert_eq!(put(&mut gate, &danmu("demo", 2), None, replayed + 85_000), Err(Reason::Duplicate));
}

#[test]
fn only_the_server_lets_through_and_only_under_the_id_of_that_danmu_in_its_room() {
    let (mut gate, ann) = (reviewed(), evidence("ann", Role::Viewer));
    assert!(is_held(&put(&mut gate, &signed(1, 1_000), Some(&ann), 1_000)));
    let record = pass(1, Some("ann"), 1_000, 2_000);
    for role in [Role::Viewer, Role::Member, Role::Moderator, Role::Streamer] {
        assert_eq!(put(&mut gate, &record, Some(&evidence("eve", role)), 2_000), Err(Reason::NotModerator), "{role:?}");
    }
    let unsigned = record.split(|byte| *byte == b'\n').next().expect("a line");
    assert_eq!(put(&mut gate, unsigned, None, 2_000), Err(Reason::NotModerator));
    let Ok(record::Parsed {
        content: Content::Danmu(Danmu { moderation: Some(Moderation::Pass(passed)), .. }), ..
    }) = record::decode(&record)
    else {
        panic!("it is read as something else");
    };
    let under_another = pass_as(RecordId::new(7, 7), *passed.clone(), 2_000);
    assert!(matches!(put(&mut gate, &under_another, Some(&server()), 2_000), Err(Reason::Record(_))));
    let elsewhere = pass_as(passed.id(&"other".parse().expect("a room")), *passed, 2_000);
    assert!(matches!(put(&mut gate, &elsewhere, Some(&server()), 2_000), Err(Reason::Record(_))));
    assert!(put(&mut gate, &record, Some(&server()), 2_000).is_ok());
}

#[test]
fn who_was_banned_meanwhile_or_whose_danmu_was_hidden_is_not_shown() {
    let hidden = |viewer: Option<&str>| {
        let viewer = viewer.map(|viewer| viewer.parse().expect("an id"));
        Subject::Danmu(DanmuRef { key: DanmuKey::Record(RecordId::new(1, 1)), viewer })
    };
    let banned = Subject::Viewer("ann".parse().expect("an id"));
    for (on, until, shown) in [
        (banned.clone(), None, false),
        // It ended before, and brings nothing back.
        (banned, Some(6_000), false),
        (hidden(Some("ann")), None, false),
        (hidden(Some("bob")), None, true),
        (hidden(None), None, true),
    ] {
        let (mut gate, ann) = (reviewed(), evidence("ann", Role::Viewer));
        assert!(is_held(&put(&mut gate, &signed(1, 1_000), Some(&ann), 1_000)));
        let decision = Decision { on: on.clone(), until, by: Rank::Moderator };
        let record = decided(902, Moderation::Decide(decision), 5_000);
        assert!(matches!(put(&mut gate, &record, Some(&server()), 5_000), Err(Reason::Moderation(_))));
        let passed = put(&mut gate, &pass(1, Some("ann"), 1_000, 9_000), Some(&server()), 9_000);
        assert_eq!(passed.as_ref().err(), (!shown).then_some(&Reason::Banned), "{on:?}");
    }
}

#[test]
fn what_waited_for_more_than_half_an_hour_is_not_shown_any_more() {
    for (later, shown) in [(0, true), (HELD_MS + SENT_BEFORE_MS, true), (HELD_MS + SENT_BEFORE_MS + 1, false)] {
        let (mut gate, at) = (reviewed(), 1_000 + later);
        let passed = put(&mut gate, &pass(1, Some("ann"), 1_000, at), Some(&server()), at);
        assert_eq!(passed.err(), (!shown).then_some(Reason::Stale(later)));
    }
}

#[test]
fn viewers_read_nothing_themselves_while_a_room_is_reviewed_and_for_three_hours_after() {
    let mut gate = reviewed();
    let of_room = gate.bans().of_room().clone();
    assert!(of_room.reviews_any(1) && of_room.reviews_any(1_000 * MINUTE_MS));
    let off = 60 * MINUTE_MS;
    assert!(matches!(put(&mut gate, &review(901, false, off), Some(&server()), off), Err(Reason::Moderation(_))));
    assert!(of_room.reviews_any(off + KEPT_MS - 1) && !of_room.reviews_any(off + KEPT_MS));
    let other = Bans::default();
    let quiet = Decision { on: Subject::Mode(RoomMode::Quiet), until: None, by: Rank::Streamer };
    other.of_room().apply(RecordId::new(1, 1), &quiet, 1);
    assert!(!other.of_room().reviews_any(2));
}

/// What happens next in a room.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A guest's record arrives, for the first time or again.
    Say(u128),
    /// The server lets one through that waits, unless another server did a minute ago or more.
    Pass(u128),
    /// Somebody puts the server's last record on that danmu again.
    Replay(u128),
    /// The mode is switched on or off.
    Mode(bool),
    /// The danmu is hidden.
    Hide(u128),
}

fn step() -> impl Strategy<Value = (Step, i64)> {
    let step = prop_oneof![
        4 => (0_u128..6).prop_map(Step::Say),
        4 => (0_u128..6).prop_map(Step::Pass),
        3 => (0_u128..6).prop_map(Step::Replay),
        1 => any::<bool>().prop_map(Step::Mode),
        1 => (0_u128..6).prop_map(Step::Hide),
    ];
    (step, prop_oneof![0_i64..2_000, 0_i64..40_000])
}

proptest! {
    /// Whatever is put again and in which order: a danmu is shown once at most, never after it was hidden, and a gate that
    /// began later, with the decisions of the first, shows the same.
    #[test]
    fn a_danmu_is_shown_once_and_gates_that_begin_later_agree(steps in prop::collection::vec(step(), 1..120), since: prop::sample::Index) {
        let ann = evidence("ann", Role::Viewer);
        let (mut now, mut records) = (1_000_i64, Vec::new());
        let (mut said, mut passes) = (HashMap::new(), HashMap::<u128, (i64, Vec<u8>)>::new());
        for (number, (step, later)) in (1_000..).zip(&steps) {
            now += later;
            let record = match *step {
                Step::Say(n) => (signed(n, *said.entry(n).or_insert(now)), Arc::clone(&ann)),
                Step::Pass(n) => match (said.get(&n), passes.get(&n)) {
                    (Some(at), known) if known.is_none_or(|(first, _)| now - first < MINUTE_MS) => {
                        let record = pass(n, Some("ann"), *at, now);
                        let first = known.map_or(now, |(first, _)| *first);
                        passes.insert(n, (first, record.clone()));
                        (record, server())
                    }
                    _ => continue,
                },
                Step::Replay(n) => match passes.get(&n) {
                    Some((_, record)) => (record.clone(), server()),
                    None => continue,
                },
                Step::Mode(on) => (review(number, on, now), server()),
                Step::Hide(n) => {
                    let viewer = Some(ann.viewer.clone());
                    let on = Subject::Danmu(DanmuRef { key: DanmuKey::Record(RecordId::new(1, n)), viewer });
                    let hide = Decision { on, until: None, by: Rank::Moderator };
                    (decided(number, Moderation::Decide(hide), now), server())
                }
            };
            records.push((now, *step, record));
        }
        let mut gate = reviewed();
        let (mut shown, mut hidden) = (HashMap::<u128, usize>::new(), HashSet::new());
        let mut verdicts = Vec::new();
        for (at, step, (data, by)) in &records {
            let verdict = put(&mut gate, data, Some(by), *at);
            if let Step::Hide(n) = step {
                hidden.insert(*n);
            }
            if let (Step::Pass(n) | Step::Replay(n), Ok(_)) = (step, &verdict) {
                prop_assert!(!hidden.contains(n), "it was hidden");
            }
            if let (Step::Say(n) | Step::Pass(n) | Step::Replay(n), Ok(_)) = (step, &verdict) {
                *shown.entry(*n).or_default() += 1;
            }
            verdicts.push(verdict);
        }
        // The model's server lets through what never waited, too: that is shown as its author's record and once more.
        let waited = |n: &u128| records.iter().zip(&verdicts).any(|((_, step, _), verdict)| {
            matches!(step, Step::Say(m) if m == n) && is_held(verdict)
        });
        for (n, times) in shown.iter().filter(|(n, _)| waited(n)) {
            prop_assert!(*times <= 1, "{n} is shown {times} times");
        }
        if records.is_empty() {
            return Ok(());
        }
        let first = since.index(records.len());
        let mut late = super::gate(Unsigned::Allow).with_bans(gate.bans().clone());
        // By the decisions that it knows, it may refuse what was hidden only later.
        let shows = |verdict: &Result<Admitted, Reason>| verdict.as_ref().ok().map(|it| it.key.clone());
        for ((at, step, (data, by)), verdict) in records.iter().zip(&verdicts).skip(first) {
            let again = put(&mut late, data, Some(by), *at);
            let hidden = matches!(step, Step::Pass(n) | Step::Replay(n) if hidden.contains(n));
            if *at >= records[first].0 + REMEMBERED_MS && !hidden {
                prop_assert_eq!(shows(&again), shows(verdict));
                prop_assert_eq!(is_held(&again), is_held(verdict));
            }
        }
    }
}
