//! Tabs of one browser in virtual time.

mod world;

use proptest::prelude::*;

use self::world::{BOTH, RELAY, STEP, World, live};
use super::*;

#[test]
fn ten_tabs_share_one_connection_and_each_hears_all_once() {
    let mut world = World::new();
    world.run(1_000, true);
    for _ in 0..10 {
        world.open(RELAY, true);
        world.run(700, true);
        assert_eq!(world.sources(), 1);
    }
    world.run(60_000, true);
    (0..10).for_each(|at| world.assert_whole(at));
    assert_eq!(world.tabs.iter().flatten().map(|tab| tab.opened).sum::<usize>(), 1);
}

#[test]
fn who_joins_hears_what_was_said_last_though_the_leader_is_quiet() {
    let mut world = World::new();
    world.open(RELAY, true);
    world.run(1_000, true);
    world.run(5_000, false);
    let late = world.open(RELAY, true);
    world.run(500, false);
    assert_eq!(world.tab(late).heard, (1..=10).collect::<Vec<_>>());
    assert_eq!(world.tab(late).reading, Some(Reading::Live));
    assert_eq!(world.tab(late).follow.way(), Some(Way::Relay));
}

#[test]
fn who_joins_while_the_leader_tells_news_takes_the_answers_to_both_its_questions() {
    let mut world = World::new();
    world.open(RELAY, true);
    world.run(1_000, true);
    let late = world.open(RELAY, true);
    // Comes before the first answer and follows no token that the new tab has, so it asks again.
    const SAID: &str = r#"{"danmu":[{"id":"s900","text":"900","at":5}]}"#;
    world.with(0, |tab, now| tab.follow.heard(MESSAGE, SAID.into(), "5~shardId-0~900~1000".into(), now, 7));
    world.run(1_000, false);
    assert_eq!(world.tab(late).opened, 0);
    assert_eq!(world.tab(late).heard.iter().filter(|n| **n == 900).count(), 1);
    assert_eq!(world.sources(), 1);
}

#[test]
fn when_the_leader_closes_another_goes_on_from_its_own_place() {
    let mut world = World::new();
    world.open_all(4, RELAY, true);
    for leader in 0..3 {
        world.run(5_000, true);
        world.close(leader);
        world.run(200, true);
        assert_eq!(world.sources(), 1);
    }
    world.run(2_000, true);
    world.assert_whole(3);
}

#[test]
fn a_frozen_leader_starves_nobody_and_follows_when_it_thaws() {
    let mut world = World::new();
    world.open_all(3, RELAY, true);
    world.run(2_000, true);
    if let Some(tab) = &mut world.tabs[0] {
        tab.frozen = true;
    }
    world.run(QUIET_MS + PATIENCE_MS + 4_000, true);
    (1..3).for_each(|at| world.assert_whole(at));
    if let Some(tab) = &mut world.tabs[0] {
        tab.frozen = false;
    }
    world.run(ALONE_MS * 2, true);
    (0..3).for_each(|at| world.assert_whole(at));
    assert_eq!(world.sources(), 1);
}

#[test]
fn a_follower_that_slept_through_more_than_the_leader_knows_catches_up_by_itself() {
    let mut world = World::new();
    world.open_all(2, RELAY, true);
    world.run(2_000, true);
    if let Some(tab) = &mut world.tabs[1] {
        tab.frozen = true;
    }
    world.run(90_000, true);
    if let Some(tab) = &mut world.tabs[1] {
        tab.frozen = false;
        tab.inbox.clear();
    }
    world.run(20_000, true);
    world.assert_whole(1);
    assert_eq!((world.tab(1).opened, world.sources()), (1, 1));
}

#[test]
fn tabs_without_locks_read_for_themselves() {
    let mut world = World::new();
    world.open_all(2, RELAY, false);
    world.run(5_000, true);
    (0..2).for_each(|at| world.assert_whole(at));
    assert_eq!(world.sources(), 2);
}

#[test]
fn a_gap_is_said_by_every_tab_that_has_it_and_by_no_other() {
    let mut world = World::new();
    world.relay.window = 5;
    world.open_all(2, RELAY, true);
    world.run(2_000, true);
    world.relay.up = false;
    world.run(3_000, true);
    world.relay.up = true;
    world.run(8_000, false);
    let late = world.open(RELAY, true);
    world.run(1_000, true);
    for at in [0, 1] {
        assert_eq!(world.tab(at).gaps, [None]);
    }
    world.assert_whole(late);
    let told = r#"{"missed":12}"#.to_owned();
    world.with(0, |tab, now| tab.follow.heard(GAP, told, String::new(), now, 7));
    world.run(STEP, false);
    assert_eq!(world.tab(1).gaps, [None, Some(12)]);
    assert_eq!(world.tab(late).gaps, [Some(12)]);
}

#[test]
fn without_the_relay_the_stream_is_read_and_the_relay_again_when_it_answers() {
    let mut world = World::new();
    world.relay.window = 30;
    world.open_all(3, BOTH, true);
    world.run(2_000, true);
    world.relay.up = false;
    world.run(1_000, true);
    assert_eq!(world.tab(1).reading, Some(Reading::Reconnecting));
    world.run(14_000, true);
    for at in 0..3 {
        assert_eq!((world.tab(at).follow.way(), world.tab(at).reading), (Some(Way::Direct), Some(Reading::Live)));
        world.assert_whole(at);
    }
    // The next leader stays with the stream.
    world.close(0);
    world.run(500, true);
    world.assert_whole(1);
    assert_eq!(world.tab(1).follow.way(), Some(Way::Direct));
    world.relay.up = true;
    world.run(31_000, true);
    for at in 1..3 {
        assert_eq!(world.tab(at).follow.way(), Some(Way::Relay));
        world.assert_whole(at);
    }
    assert_eq!(world.sources(), 1);
    assert!(world.tabs.iter().flatten().all(|tab| tab.reader.is_none()));
}

#[test]
fn a_relay_that_cannot_go_on_from_where_we_are_is_left_until_its_word_must_be_taken() {
    let mut world = World::new();
    let at = world.open(BOTH, false);
    world.run(1_000, true);
    world.relay.up = false;
    world.run(15_000, true);
    // Another stream stands behind it.
    (world.relay.up, world.relay.created_ms) = (true, 6);
    world.run(20_000, true);
    assert_eq!(world.tab(at).follow.way(), Some(Way::Direct));
    world.assert_whole(at);
    world.run(62_000, true);
    assert_eq!((world.tab(at).follow.way(), world.tab(at).gaps.as_slice()), (Some(Way::Relay), [None].as_slice()));
}

#[test]
fn where_the_stream_may_not_be_read_the_relay_is_waited_for() {
    let mut world = World::new();
    let at = world.open(RELAY, true);
    world.run(1_000, true);
    world.relay.up = false;
    world.run(60_000, true);
    assert_eq!((world.tab(at).follow.way(), world.tab(at).reader), (None, None));
    world.relay.up = true;
    world.run(6_000, true);
    world.assert_whole(at);
}

#[test]
fn a_page_that_never_reaches_the_relay_says_so() {
    let mut world = World::new();
    world.relay.up = false;
    let at = world.open(RELAY, true);
    world.run(3_000, true);
    assert_eq!(world.tab(at).reading, Some(Reading::Reconnecting));
}

#[test]
fn every_tab_says_within_15_s_that_packets_vanish_and_a_quiet_room_is_none_that_lost_them() {
    let mut world = World::new();
    world.open_all(2, RELAY, true);
    world.run(1_000, true);
    world.run(60_000, false);
    assert_eq!(world.tabs.iter().flatten().map(|tab| tab.opened).sum::<usize>(), 1, "a quiet room stays connected");
    world.relay.lost = true;
    world.run(15_000, true);
    for at in 0..2 {
        assert_eq!(world.tab(at).reading, Some(Reading::Reconnecting), "tab {at}");
    }
    world.relay.lost = false;
    world.run(15_000, true);
    (0..2).for_each(|at| world.assert_whole(at));
}

#[test]
fn a_page_that_asks_for_the_stream_leaves_it_when_it_stays_crowded() {
    let mut world = World::new();
    let at = world.open(Ways { wants_direct: true, ..BOTH }, false);
    world.run(60_000, true);
    assert_eq!((world.tab(at).follow.way(), world.tab(at).opened), (Some(Way::Direct), 0));
    for _ in 0..31 {
        world.with(at, |tab, now| tab.follow.reads(live(), true, now));
        world.run(1_000, true);
    }
    assert_eq!(world.tab(at).follow.way(), Some(Way::Relay));
    world.assert_whole(at);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever tabs come, go, sleep and wake, and however the relay comes and goes: nothing twice, nothing missing.
    #[test]
    fn every_tab_hears_all_once(events in proptest::collection::vec((0_u8..7, 0_usize..6, 0_i64..60), 1..30)) {
        let mut world = World::new();
        world.relay.window = u64::MAX / 2;
        world.open(BOTH, true);
        world.run(1_000, true);
        for (event, which, steps) in events {
            let open: Vec<_> = (0..world.tabs.len()).filter(|at| world.tabs[*at].is_some()).collect();
            let at = open[which % open.len()];
            match event {
                0 | 1 if open.len() < 6 => world.open_all(1, BOTH, true),
                2 if open.len() > 1 => world.close(at),
                3 => if let Some(tab) = &mut world.tabs[at] { tab.frozen = !tab.frozen },
                4 => world.relay.up = !world.relay.up,
                _ => {}
            }
            world.run(steps * steps * STEP / 10, true);
        }
        world.relay.up = true;
        world.tabs.iter_mut().flatten().for_each(|tab| tab.frozen = false);
        world.run(70_000, true);
        for at in 0..world.tabs.len() {
            if world.tabs[at].is_some() {
                world.assert_whole(at);
            }
        }
        prop_assert_eq!(world.sources(), 1);
    }
}

#[test]
fn what_is_retracted_is_taken_down_in_every_tab_and_told_to_no_tab_that_comes_later() {
    const SAID: &str = r#"{"danmu":[{"id":"s900","text":"900","at":5,"viewer":"ann"}]}"#;
    const RETRACTED: &str = r#"{"retracted":[{"viewer":"ann","before":6,"by":"operator"}]}"#;
    let mut world = World::new();
    world.open_all(2, RELAY, true);
    world.run(1_000, true);
    let place = world.tab(0).follow.place().to_owned();
    world.with(0, |tab, now| tab.follow.heard(MESSAGE, SAID.into(), "5~shardId-0~900~1000".into(), now, 7));
    world.run(STEP, false);
    assert!([0, 1].iter().all(|at| world.tab(*at).heard.contains(&900)));
    // One sleeps through it.
    if let Some(tab) = &mut world.tabs[1] {
        tab.frozen = true;
    }
    world.with(0, |tab, now| tab.follow.heard(MESSAGE, RETRACTED.into(), String::new(), now, 7));
    world.run(STEP, false);
    if let Some(tab) = &mut world.tabs[1] {
        tab.frozen = false;
    }
    let late = world.open(RELAY, true);
    world.run(60_000, false);
    assert!([0, 1, late].iter().all(|at| world.tab(*at).retracted.len() == 1), "all are told");
    assert!(!world.tab(late).heard.contains(&900), "it is history to nobody");
    assert_ne!(world.tab(late).follow.place(), place, "its place stays");
    // What comes late of it is not shown either.
    let again = SAID.replace("900", "901");
    world.with(0, |tab, now| tab.follow.heard(MESSAGE, again, "5~shardId-0~901~1000".into(), now, 7));
    world.run(STEP, false);
    assert!([0, 1, late].iter().all(|at| !world.tab(*at).heard.contains(&901)));
}
