//! What a viewer would notice.

use super::super::{Outcome, StageStats};
use super::{Item, Mode, Priority, Stage, StageOptions, TOLERANCE, assert_apart, item, lane_of, options, x_of};
use std::collections::HashSet;

#[test]
fn a_scrolling_danmu_crosses_the_picture_in_its_time() {
    let mut stage = Stage::new(options());
    stage.push(item(1, 200.0, Mode::Scroll), (), 100.0);
    assert_eq!(x_of(&stage, 1, 100.0), 1_000.0);
    assert_eq!(x_of(&stage, 1, 4_100.0), 400.0);
    stage.tick(8_099.0);
    assert!(x_of(&stage, 1, 8_099.0) < -199.0);
    stage.tick(8_100.0);
    assert!(stage.is_empty());
}

#[test]
fn the_topmost_lane_that_is_free_is_taken() {
    let mut stage = Stage::new(options());
    for id in 0..5 {
        assert_eq!(stage.push(item(id, 100.0, Mode::Scroll), (), 0.0), Outcome::Placed);
        assert_eq!(lane_of(&stage, id, 0.0), Some(id as u16));
    }
    assert_eq!(stage.push(item(9, 100.0, Mode::Scroll), (), 0.0), Outcome::Waiting);
    // (1000 + 100) / 8000 px/ms: the tail and the gap are in after 873 ms.
    stage.tick(872.0);
    assert_eq!(lane_of(&stage, 9, 872.0), None);
    stage.tick(873.0);
    assert_eq!(lane_of(&stage, 9, 873.0), Some(0));
}

#[test]
fn of_the_free_lanes_the_one_that_stood_idle_least_is_taken() {
    let mut stage = Stage::new(options());
    stage.push(item(1, 100.0, Mode::Scroll), (), 0.0);
    stage.push(item(2, 100.0, Mode::Scroll), (), 300.0);
    // Both lanes are free again, and three were never used: the first stood idle for 327 ms, the second for 27.
    stage.push(item(3, 100.0, Mode::Scroll), (), 1_200.0);
    assert_eq!(lane_of(&stage, 3, 1_200.0), Some(1));
}

#[test]
fn a_longer_danmu_does_not_catch_up_with_a_shorter_one() {
    let one_lane = StageOptions { height: 40.0, max_wait_ms: 5_000.0, ..options() };
    let mut stage = Stage::new(one_lane);
    stage.push(item(1, 50.0, Mode::Scroll), (), 0.0);
    // The tail is in after 534 ms, but 900 px in 8 s would run into it.
    assert_eq!(stage.push(item(2, 900.0, Mode::Scroll), (), 600.0), Outcome::Waiting);
    let mut now = 600.0;
    while lane_of(&stage, 2, now).is_none() {
        now += 1.0;
        stage.tick(now);
    }
    assert!(now > 3_800.0, "entered at {now}");
    for ahead in 0..800 {
        assert_apart(&stage, now + f64::from(ahead) * 10.0);
    }
}

#[test]
fn fixed_danmu_stand_centred_one_a_lane_from_their_edge() {
    let mut stage = Stage::new(options());
    for id in 0..2 {
        stage.push(item(id, 300.0, Mode::Top), (), 0.0);
        stage.push(item(id + 10, 300.0, Mode::Bottom), (), 0.0);
    }
    let placed: Vec<_> = stage.visible(0.0).map(|danmu| (danmu.id, danmu.x, danmu.y)).collect();
    assert_eq!(placed, [(0, 350.0, 0.0), (10, 350.0, 160.0), (1, 350.0, 40.0), (11, 350.0, 120.0)]);
    // The fifth lane is the last, from whichever edge.
    assert_eq!(stage.push(item(3, 10.0, Mode::Top), (), 0.0), Outcome::Placed);
    assert_eq!(stage.push(item(4, 10.0, Mode::Bottom), (), 0.0), Outcome::Waiting);
    stage.tick(4_000.0);
    assert!(stage.is_empty() || stage.stats().on_stage == 0);
}

#[test]
fn a_tall_danmu_takes_as_many_lanes_as_it_needs() {
    let mut stage = Stage::new(options());
    stage.push(Item { height: 81.0, ..item(1, 300.0, Mode::Scroll) }, (), 0.0);
    stage.push(item(2, 300.0, Mode::Scroll), (), 0.0);
    assert_eq!((lane_of(&stage, 1, 0.0), lane_of(&stage, 2, 0.0)), (Some(0), Some(3)));
}

#[test]
fn own_and_important_danmu_pass_the_others_that_wait() {
    let one_lane = StageOptions { height: 40.0, ..options() };
    let mut stage = Stage::new(one_lane);
    let priorities = [Priority::Normal, Priority::Normal, Priority::Important, Priority::Own];
    for (id, priority) in priorities.into_iter().enumerate() {
        stage.push(Item { priority, ..item(id as u64, 40.0, Mode::Scroll) }, (), 0.0);
    }
    let mut order = Vec::new();
    for now in 0..1_500 {
        stage.tick(f64::from(now));
        order.extend(
            stage.visible(f64::from(now)).map(|danmu| danmu.id).filter(|id| !order.contains(id)).collect::<Vec<_>>(),
        );
    }
    assert_eq!(order, [0, 3, 2]);
    let StageStats { pushed, shown, given_up, waiting, .. } = stage.stats();
    assert_eq!((pushed, shown, given_up, waiting), (4, 3, 1, 0));
}

#[test]
fn a_full_waiting_list_keeps_the_more_important() {
    let mut stage = Stage::new(StageOptions { height: 40.0, max_waiting: 2, ..options() });
    for id in 0..3 {
        stage.push(item(id, 500.0, Mode::Scroll), (), 0.0);
    }
    assert_eq!(stage.push(item(3, 500.0, Mode::Scroll), (), 0.0), Outcome::GivenUp);
    let own = Item { priority: Priority::Own, ..item(4, 500.0, Mode::Scroll) };
    assert_eq!(stage.push(own, (), 0.0), Outcome::Waiting);
    assert_eq!((stage.stats().waiting, stage.stats().given_up), (2, 2));
}

#[test]
fn a_full_waiting_list_turns_away_without_measuring() {
    let mut stage = Stage::new(StageOptions { height: 40.0, max_waiting: 2, ..options() });
    for id in 0..3 {
        assert!(!stage.turn_away(Priority::Normal, 0.0));
        stage.push(item(id, 500.0, Mode::Scroll), (), 0.0);
    }
    assert!(stage.turn_away(Priority::Normal, 0.0));
    assert!(!stage.turn_away(Priority::Own, 0.0));
    assert_eq!((stage.stats().pushed, stage.stats().given_up), (4, 1));
    // Their time is over: there is room again.
    assert!(!stage.turn_away(Priority::Normal, 1_001.0));
}

#[test]
fn a_burst_of_ten_thousand_is_bounded_and_counted() {
    let mut stage = Stage::new(options());
    for id in 0..10_000 {
        stage.push(item(id, 120.0, Mode::Scroll), (), 0.0);
    }
    let stats = stage.stats();
    assert_eq!((stats.shown, stats.waiting, stats.given_up), (5, 128, 9_867));
}

#[test]
fn a_paused_stage_stands_still_and_goes_on_where_it_stood() {
    let mut stage = Stage::new(options());
    stage.push(item(1, 200.0, Mode::Scroll), (), 0.0);
    stage.pause(1_000.0);
    let x = x_of(&stage, 1, 1_000.0);
    stage.tick(60_000.0);
    assert_eq!(x_of(&stage, 1, 60_000.0), x);
    stage.resume(60_000.0);
    assert_eq!(x_of(&stage, 1, 60_000.0), x);
    assert_eq!(x_of(&stage, 1, 63_000.0), 400.0);
}

#[test]
fn a_clock_that_steps_back_moves_nothing_back() {
    let mut stage = Stage::new(options());
    stage.push(item(1, 200.0, Mode::Scroll), (), 1_000.0);
    stage.tick(2_000.0);
    assert_eq!(x_of(&stage, 1, 1_500.0), x_of(&stage, 1, 2_000.0));
    stage.tick(f64::NAN);
    assert_eq!(x_of(&stage, 1, 2_000.0), 850.0);
}

#[test]
fn a_wider_picture_keeps_each_danmu_at_its_progress() {
    let mut stage = Stage::new(options());
    stage.push(item(1, 200.0, Mode::Scroll), (), 0.0);
    stage.resize(2_000.0, 200.0, 4_000.0);
    assert_eq!(x_of(&stage, 1, 4_000.0), 900.0);
    stage.tick(7_999.0);
    assert_eq!(stage.stats().on_stage, 1);
    stage.tick(8_001.0);
    assert!(stage.is_empty());
}

#[test]
fn a_narrower_picture_moves_back_those_that_would_touch() {
    let mut stage = Stage::new(StageOptions { height: 40.0, ..options() });
    for (id, now) in [(1, 0.0), (2, 1_700.0), (3, 3_400.0)] {
        assert_eq!(stage.push(item(id, 200.0, Mode::Scroll), (), now), Outcome::Placed);
    }
    stage.resize(600.0, 40.0, 3_400.0);
    assert_eq!(stage.stats().on_stage, 3);
    for ahead in 0..1_000 {
        assert_apart(&stage, 3_400.0 + f64::from(ahead) * 10.0);
    }
}

#[test]
fn danmu_of_lanes_that_went_finish_their_flight_and_nobody_follows_them() {
    let lanes = |stage: &Stage, now| stage.visible(now).map(|danmu| (danmu.id, danmu.lane)).collect::<Vec<_>>();
    let mut stage = Stage::new(options());
    for id in 0..5 {
        stage.push(item(id, 200.0, Mode::Scroll), (), 0.0);
    }
    stage.configure(|options| options.area = 0.5, 10.0);
    let before = x_of(&stage, 4, 10.0);
    assert_eq!(lanes(&stage, 10.0), [0, 1, 2, 3, 4].map(|id| (id, id as u16)));
    stage.configure(|options| options.max_lanes = 1, 4_000.0);
    for id in 5..8 {
        stage.push(item(id, 200.0, Mode::Scroll), (), 4_000.0);
    }
    stage.tick(7_990.0);
    assert_eq!(lanes(&stage, 7_990.0), [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4), (5, 0)]);
    assert!(x_of(&stage, 4, 7_990.0) < before);
    stage.tick(8_001.0);
    assert_eq!(lanes(&stage, 8_001.0), [(5, 0)]);
}

#[test]
fn danmu_that_a_lower_picture_has_no_row_for_go_on_in_another() {
    for mode in [Mode::Scroll, Mode::Reverse] {
        let mut stage = Stage::new(options());
        // Too soon after each other for one lane, and far enough from each other when half of the way is behind them.
        for (id, width, now) in [(0, 200.0, 0.0), (1, 200.0, 0.0), (2, 100.0, 1_400.0), (3, 100.0, 1_400.0)] {
            stage.push(item(id, width, mode), (), now);
        }
        let lanes = |stage: &Stage| stage.visible(4_000.0).map(|danmu| danmu.lane).collect::<HashSet<_>>().len();
        let xs = |stage: &Stage| [0, 1, 2, 3].map(|id| x_of(stage, id, 4_000.0));
        let (before, after) = (xs(&stage), {
            assert_eq!(lanes(&stage), 4);
            stage.resize(1_000.0, 80.0, 4_000.0);
            xs(&stage)
        });
        assert!(
            before.iter().zip(after).all(|(before, after)| (before - after).abs() < TOLERANCE),
            "{before:?} {after:?}"
        );
        assert_eq!(lanes(&stage), 2);
        stage.resize(1_000.0, 40.0, 4_010.0);
        assert_eq!(stage.stats().on_stage, 2, "one row has room for two of the four");
        for ahead in 0..100 {
            assert_apart(&stage, 4_010.0 + f64::from(ahead) * 80.0);
        }
    }
    let mut stage = Stage::new(options());
    for id in 0..2 {
        stage.push(item(id, 200.0, Mode::Bottom), (), 0.0);
    }
    stage.resize(1_000.0, 80.0, 100.0);
    assert_eq!(stage.stats().on_stage, 2);
    stage.resize(1_000.0, 40.0, 200.0);
    assert_eq!(stage.stats().on_stage, 1, "there is one row, and the earlier one has it");
    stage.resize(0.0, 0.0, 300.0);
    assert!(stage.is_empty());
}

#[test]
fn a_picture_that_is_gone_has_no_danmu() {
    let mut stage = Stage::new(options());
    stage.push(item(0, 200.0, Mode::Scroll), (), 0.0);
    stage.resize(0.0, 0.0, 20.0);
    assert!(stage.is_empty());
    assert_eq!(stage.push(item(9, 200.0, Mode::Scroll), (), 30.0), Outcome::Waiting);
}

#[test]
fn zoom_makes_lanes_and_danmu_larger_together() {
    let mut stage = Stage::new(options());
    stage.push(item(1, 200.0, Mode::Top), (), 0.0);
    stage.configure(|options| options.lane_height = 60.0, 100.0);
    let danmu = stage.visible(100.0).next().expect("on the stage");
    assert_eq!((danmu.x, danmu.width, danmu.height), (350.0, 300.0, 60.0));
}

#[test]
fn a_picture_that_shrinks_with_its_text_keeps_every_danmu_in_place() {
    let mut stage = Stage::new(options());
    for id in 0..5 {
        stage.push(item(id, 200.0, Mode::Scroll), (), 0.0);
    }
    stage.configure(|options| (options.width, options.height, options.lane_height) = (500.0, 100.0, 20.0), 4_000.0);
    let placed: Vec<_> = stage.visible(4_000.0).map(|danmu| (danmu.lane, danmu.x, danmu.width)).collect();
    assert_eq!(placed, [0, 1, 2, 3, 4].map(|lane| (lane, 200.0, 100.0)));
}

#[test]
fn a_retracted_danmu_leaves_its_lane_to_the_next() {
    let mut stage = Stage::new(StageOptions { height: 40.0, ..options() });
    stage.push(item(1, 500.0, Mode::Scroll), (), 0.0);
    stage.push(item(2, 500.0, Mode::Scroll), (), 0.0);
    stage.push(item(3, 500.0, Mode::Scroll), (), 0.0);
    assert!(stage.retract(1));
    assert!(stage.retract(3));
    assert!(!stage.retract(7));
    stage.tick(0.0);
    assert_eq!(lane_of(&stage, 2, 0.0), Some(0));
    assert_eq!(stage.stats().withdrawn, 1);
}

#[test]
fn the_pointer_meets_the_uppermost_danmu() {
    let mut stage = Stage::new(options());
    stage.push(item(1, 200.0, Mode::Scroll), (), 0.0);
    stage.push(item(2, 200.0, Mode::Bottom), (), 4_000.0);
    let hit = |x, y, now| stage.hit(x, y, now).map(|danmu| danmu.id);
    assert_eq!(hit(500.0, 20.0, 4_000.0), Some(1));
    assert_eq!(hit(500.0, 190.0, 4_000.0), Some(2));
    assert_eq!(hit(500.0, 100.0, 4_000.0), None);
    assert_eq!(hit(399.0, 20.0, 4_000.0), None);
}

#[test]
fn scrolling_and_fixed_danmu_avoid_each_other_while_there_is_room() {
    let mut stage = Stage::new(options());
    stage.push(item(1, 200.0, Mode::Scroll), (), 0.0);
    // It will cross the middle while the fixed one stands there.
    stage.push(item(2, 200.0, Mode::Top), (), 2_000.0);
    assert_eq!(lane_of(&stage, 2, 2_000.0), Some(1));
    // This one arrives in the middle only after that, so it may follow in the same lane; a faster one may not.
    stage.push(item(3, 100.0, Mode::Scroll), (), 2_000.0);
    stage.push(item(4, 900.0, Mode::Scroll), (), 2_100.0);
    assert_eq!((lane_of(&stage, 3, 2_100.0), lane_of(&stage, 4, 2_100.0)), (Some(0), Some(2)));
}
