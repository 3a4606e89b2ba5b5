use proptest::prelude::*;

use super::*;

const AFTER: i64 = EVERYWHERE_AFTER_MS;

fn ann() -> ViewerId {
    "ann".parse().expect("an id")
}

fn id(n: u128) -> RecordId {
    RecordId::new(1, n)
}

/// A ban of ann's; 0 ends it.
fn ban(until: Option<i64>) -> Decision {
    Decision { on: Subject::Viewer(ann()), until, by: Rank::Streamer }
}

fn network() -> Network {
    Network::try_from("192.0.2.0/24".to_owned()).expect("a network")
}

/// The times between 0 and 100, in steps of 10, at which ann is banned by decisions for the room.
fn banned(decisions: &[(i64, Option<i64>)]) -> Vec<i64> {
    let bans = Bans::default();
    for (n, (at, until)) in decisions.iter().enumerate() {
        bans.room.apply(id(n as u128), &ban(*until), *at);
    }
    (0..=100).step_by(10).filter(|at| bans.cover(&ann(), Role::Member, *at)).collect()
}

#[test]
fn a_ban_holds_from_its_arrival_to_its_end_and_not_before() {
    assert_eq!(banned(&[(20, Some(50))]), [20, 30, 40]);
    assert_eq!(banned(&[(80, None)]), [80, 90, 100]);
    assert_eq!(banned(&[(20, None), (40, Some(0))]), [20, 30]);
    assert!(banned(&[(20, Some(0))]).is_empty());
    assert_eq!(banned(&[(20, None), (40, Some(60))]), [20, 30, 40, 50], "the later word counts");
    assert_eq!(banned(&[(0, None), (10, Some(0)), (90, None)]), [0, 90, 100]);
    assert_eq!(
        banned(&[(20, Some(0)), (20, None)]),
        [20, 30, 40, 50, 60, 70, 80, 90, 100],
        "of one time the one behind"
    );
    let bans = Bans::default();
    bans.room.apply(id(1), &ban(None), 0);
    assert!(!bans.cover(&"bob".parse().expect("an id"), Role::Member, 50));
}

#[test]
fn a_decision_touches_exactly_the_scope_that_it_names() {
    let everywhere = Decisions::default();
    let [demo, other] = [(); 2].map(|()| Bans::new(Decisions::default(), everywhere.clone()));
    everywhere.apply(id(1), &ban(None), 0);
    demo.room.apply(id(2), &ban(Some(AFTER + 20)), 10);
    // The shorter ban of the room is over, and the longer one of every room goes on.
    assert!(demo.cover(&ann(), Role::Member, AFTER + 50) && other.cover(&ann(), Role::Member, AFTER + 50));
    demo.room.apply(id(3), &ban(None), 60);
    demo.room.apply(id(4), &ban(Some(0)), 70);
    assert!(demo.cover(&ann(), Role::Member, AFTER + 80), "the end of the room's ban ends the room's");
    demo.room.apply(id(5), &ban(None), 90);
    everywhere.apply(id(6), &ban(Some(0)), 100);
    assert!(
        demo.cover(&ann(), Role::Member, AFTER + 100) && !other.cover(&ann(), Role::Member, AFTER + 100),
        "and the other way round"
    );
}

#[test]
fn what_is_decided_for_every_room_counts_in_a_room_that_is_made_later() {
    let everywhere = Decisions::default();
    everywhere.apply(id(1), &ban(None), 0);
    assert!(Bans::new(Decisions::default(), everywhere.clone()).cover(&ann(), Role::Member, AFTER));
}

#[test]
fn whichever_of_two_shards_is_read_first_a_record_is_judged_alike() {
    let everywhere = Decisions::default();
    let bans = Bans::new(Decisions::default(), everywhere.clone());
    let arrivals = [1_000, 1_000 + AFTER - 1];
    let before = arrivals.map(|arrival_ms| bans.cover(&ann(), Role::Member, arrival_ms));
    everywhere.apply(id(1), &ban(None), 1_000);
    assert_eq!(arrivals.map(|arrival_ms| bans.cover(&ann(), Role::Member, arrival_ms)), before);
    assert!(bans.cover(&ann(), Role::Member, 1_000 + AFTER));
}

#[test]
fn guests_of_a_network_are_banned_with_it_and_as_long_as_their_sessions_last() {
    let everywhere = Decisions::default();
    let (demo, other) =
        (Bans::new(Decisions::default(), everywhere.clone()), Bans::new(Decisions::default(), everywhere.clone()));
    let on = Subject::Network(network());
    demo.room.apply(id(1), &Decision { on: on.clone(), until: None, by: Rank::Streamer }, 0);
    assert!(!demo.cover(&ann(), Role::Member, 5_000), "nobody knows that ann is of it");
    let guests = Guests { network: network(), viewers: vec![ann()], until: 9_000, from: None };
    everywhere.learn_guests(&guests, 1_000);
    assert!(
        !demo.cover(&ann(), Role::Member, 999 + AFTER)
            && demo.cover(&ann(), Role::Member, 1_000 + AFTER)
            && !demo.cover(&ann(), Role::Member, 9_000)
    );
    assert!(!other.cover(&ann(), Role::Member, 5_000), "the network is banned from one room alone");
    everywhere.learn_guests(&Guests { until: 8_000, from: Some(500), ..guests }, 7_000);
    assert!(
        demo.cover(&ann(), Role::Member, 500 + AFTER) && demo.cover(&ann(), Role::Member, 8_999),
        "told again, it is not shortened"
    );
    demo.room.apply(id(2), &Decision::end(on, Rank::Streamer), 6_000);
    assert!(!demo.cover(&ann(), Role::Member, 6_000), "who is banned with a network is let off with it");
}

#[test]
fn sessions_that_are_revoked_stay_revoked() {
    let decisions = Decisions::default();
    let revoke = |before| Decision { on: Subject::Sessions, until: Some(before), by: Rank::Streamer };
    assert!(decisions.apply(id(1), &revoke(50), 100));
    assert!(!decisions.apply(id(2), &revoke(40), 200));
    assert_eq!(decisions.until(&Subject::Sessions), Some((50, Rank::Streamer)));
}

#[test]
fn what_is_over_for_long_is_forgotten_permanent_bans_that_were_lifted_too() {
    let decisions = Decisions::default();
    let of = |n: u128, until| Decision { on: Subject::Viewer(ViewerId::guest(n)), until, by: Rank::Streamer };
    for n in 0..100 {
        decisions.apply(id(n), &of(n, None), 0);
        decisions.apply(id(1_000 + n), &of(n, Some(0)), 1);
    }
    decisions.apply(id(5_000), &of(5_000, None), 0);
    for n in 0..1_000 {
        decisions.apply(id(10_000 + n), &of(10_000 + n, Some(2)), 2 + KEPT_MS);
    }
    let known = decisions.read();
    assert!(!known.timelines.contains_key(&of(0, None).on), "a lifted ban is remembered for ever");
    assert!(known.timelines.contains_key(&of(5_000, None).on), "one that is in force is not");
    drop(known);
    assert!(decisions.told(None).len() <= 1_001);
}

#[test]
fn what_is_handed_along_judges_as_what_it_came_from() {
    let decisions = Decisions::default();
    for (n, at, until) in [(1, 10, Some(50)), (2, 20, Some(0)), (3, 30, None)] {
        decisions.apply(id(n), &ban(until), at);
    }
    let text = serde_json::to_string(&decisions.told(None)).expect("text");
    let other = Decisions::default();
    for Decided { id, decision, at, .. } in serde_json::from_str::<Vec<Decided>>(&text).expect("decisions") {
        assert!(other.apply(id, &decision, at));
    }
    let [one, other] = [decisions, other].map(|decisions| Bans::new(decisions, Decisions::default()));
    for at in 0..60 {
        assert_eq!(one.cover(&ann(), Role::Member, at), other.cover(&ann(), Role::Member, at));
    }
}

proptest! {
    /// Who reads old records again meets the decisions once more; a snapshot tells them in any order.
    #[test]
    fn in_whatever_order_and_however_often_decisions_are_known_the_verdicts_are_the_same(
        decisions in prop::collection::vec((1_i64..20, prop_oneof![
            Just(None), (0_i64..100).prop_map(Some), Just(Some(0))
        ]), 1..12),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..24),
    ) {
        let mut at = 0;
        let decisions: Vec<_> = decisions.into_iter().enumerate().map(|(n, (step, until))| {
            at += step;
            (id(n as u128), ban(until.map(|until| if until == 0 { 0 } else { at + until })), at)
        }).collect();
        let (first, other) = (Bans::default(), Bans::default());
        for (id, decision, at) in &decisions {
            first.room.apply(*id, decision, *at);
        }
        for (id, decision, at) in order.iter().map(|index| index.get(&decisions)).chain(&decisions) {
            other.room.apply(*id, decision, *at);
        }
        for at in 0..250 {
            prop_assert_eq!(first.cover(&ann(), Role::Member, at), other.cover(&ann(), Role::Member, at));
        }
        for (id, decision, at) in &decisions {
            prop_assert!(!first.room.apply(*id, decision, at + 100), "put again it changes nothing");
        }
    }
}

fn decided(until: Option<i64>, by: Rank) -> Decision {
    Decision { by, ..ban(until) }
}

#[test]
fn a_ban_concerns_those_who_stand_below_who_decided_it() {
    let roles = [Role::Viewer, Role::Member, Role::Moderator, Role::Streamer];
    for (by, below) in [(Rank::Moderator, 2), (Rank::Streamer, 3), (Rank::Operator, 4)] {
        let bans = Bans::default();
        bans.everywhere.apply(id(1), &decided(None, by), 0);
        let covered = roles.iter().filter(|role| bans.cover(&ann(), **role, AFTER)).count();
        assert_eq!(covered, below, "{by:?}");
    }
}

#[test]
fn nobody_below_takes_back_or_shortens_what_somebody_above_decided() {
    let (moderator, streamer) = (Rank::Moderator, Rank::Streamer);
    let decisions = [
        (10, decided(Some(60), streamer)),
        (20, decided(Some(0), moderator)),
        (30, decided(Some(40), moderator)),
        (70, decided(None, moderator)),
        (80, decided(Some(0), streamer)),
        (90, decided(Some(100), moderator)),
    ];
    for order in [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0]] {
        let bans = Bans::default();
        for n in order {
            bans.room.apply(id(n as u128), &decisions[n].1, decisions[n].0);
        }
        let banned: Vec<_> = (0..=100).step_by(10).filter(|at| bans.cover(&ann(), Role::Member, *at)).collect();
        assert_eq!(banned, [10, 20, 30, 40, 50, 70, 90]);
        assert_eq!(bans.room.until(&ban(None).on), Some((100, moderator)));
    }
}

#[test]
fn what_somebody_above_decided_is_not_forgotten_for_the_later_word_of_somebody_below() {
    let bans = Bans::default();
    bans.room.apply(id(1), &decided(None, Rank::Operator), 0);
    bans.room.apply(id(2), &decided(Some(0), Rank::Moderator), 1);
    for n in 0..1_000 {
        let on = Subject::Viewer(ViewerId::guest(n));
        bans.room.apply(id(10 + n), &Decision { on, ..ban(None) }, 2 + KEPT_MS);
    }
    assert!(bans.cover(&ann(), Role::Streamer, 3 + KEPT_MS));
}
