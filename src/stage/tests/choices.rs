//! Modes, paces, rates, and what may cover what.

use super::super::{Outcome, Overlap, Pace, StageStats};
use super::{Mode, Stage, StageOptions, item, lane_of, options, x_of};

#[test]
fn a_reverse_danmu_crosses_the_other_way_and_never_meets_another() {
    let mut stage = Stage::new(StageOptions { height: 80.0, max_wait_ms: 0.0, ..options() });
    stage.push(item(1, 200.0, Mode::Reverse), (), 0.0);
    assert_eq!((x_of(&stage, 1, 0.0), x_of(&stage, 1, 4_000.0)), (-200.0, 400.0));
    // From the other end of the picture, and behind each other.
    assert_eq!(lane_of(&stage, 1, 0.0), Some(1));
    stage.push(item(2, 200.0, Mode::Scroll), (), 0.0);
    assert_eq!(lane_of(&stage, 2, 0.0), Some(0));
    stage.push(item(3, 200.0, Mode::Reverse), (), 2_000.0);
    assert_eq!(lane_of(&stage, 3, 2_000.0), Some(1));
    // Who goes the other way needs an empty lane.
    stage.configure(|options| options.height = 40.0, 2_000.0);
    assert_eq!(stage.push(item(4, 200.0, Mode::Reverse), (), 7_999.0), Outcome::GivenUp);
    assert_eq!(stage.push(item(5, 200.0, Mode::Reverse), (), 8_000.0), Outcome::Placed);
}

#[test]
fn at_a_constant_speed_a_longer_danmu_is_there_for_longer() {
    let mut stage = Stage::new(StageOptions { pace: Pace::SameSpeed, ..options() });
    stage.push(item(1, 100.0, Mode::Scroll), (), 0.0);
    stage.push(item(2, 600.0, Mode::Scroll), (), 0.0);
    let moved = |id| x_of(&stage, id, 1_000.0) - x_of(&stage, id, 3_000.0);
    assert_eq!((moved(1), moved(2)), (250.0, 250.0));
    stage.tick(8_801.0);
    assert_eq!(stage.visible(8_801.0).map(|danmu| danmu.id).collect::<Vec<_>>(), [2]);
}

#[test]
fn a_rate_moves_everything_faster_and_leaves_the_bound_of_waiting() {
    let mut stage = Stage::new(StageOptions { height: 40.0, ..options() });
    stage.push(item(1, 600.0, Mode::Scroll), (), 0.0);
    stage.push(item(2, 600.0, Mode::Scroll), (), 0.0);
    stage.set_rate(0.25, 400.0);
    assert_eq!(x_of(&stage, 1, 2_400.0) - x_of(&stage, 1, 400.0), -100.0);
    // A second by the caller's clock, though the stage has moved on by half of that.
    stage.tick(1_000.0);
    assert_eq!(stage.stats().waiting, 1);
    stage.tick(1_001.0);
    assert_eq!((stage.stats().waiting, stage.stats().given_up), (0, 1));
}

#[test]
fn a_jump_back_begins_anew_and_can_be_filled_from_what_was_said() {
    let mut stage = Stage::new(options());
    stage.push(item(1, 200.0, Mode::Scroll), (), 90_000.0);
    stage.seek(30_000.0);
    assert!(stage.is_empty());
    stage.push(item(2, 200.0, Mode::Scroll), (), 32_000.0);
    stage.push(item(3, 200.0, Mode::Scroll), (), 36_000.0);
    assert_eq!((x_of(&stage, 2, 36_000.0), x_of(&stage, 3, 36_000.0)), (400.0, 1_000.0));
}

#[test]
fn where_overlapping_is_allowed_nobody_waits_and_everybody_is_counted() {
    let mut stage = Stage::new(StageOptions { overlap: Overlap::Allowed, max_on_stage: 90, ..options() });
    for id in 0..100 {
        let mode = if id % 4 == 3 { Mode::Top } else { Mode::Scroll };
        stage.push(item(id, 200.0, mode), (), 0.0);
    }
    let StageStats { shown, overlapping, waiting, .. } = stage.stats();
    assert_eq!((shown, waiting), (90, 10));
    assert_eq!(overlapping, 80);
    let crowd = |lane| stage.visible(0.0).filter(|danmu| danmu.lane == lane && danmu.mode == Mode::Scroll).count();
    assert!((0..5).map(crowd).all(|crowd| crowd >= 5), "{:?}", [0, 1, 2, 3, 4].map(crowd));
}

#[test]
fn where_nobody_may_cover_anybody_fixed_danmu_wait_for_a_lane_of_their_own() {
    let mut stage = Stage::new(StageOptions { height: 40.0, overlap: Overlap::Never, ..options() });
    stage.push(item(1, 200.0, Mode::Scroll), (), 0.0);
    assert_eq!(stage.push(item(2, 200.0, Mode::Top), (), 4_300.0), Outcome::Waiting);
    // (1000 + 200) / 8000 px/ms: past the middle and its gap after 5467 ms.
    stage.tick(5_200.0);
    assert_eq!(lane_of(&stage, 2, 5_200.0), None);
    let mut stage = Stage::new(StageOptions { height: 40.0, overlap: Overlap::Never, ..options() });
    stage.push(item(2, 200.0, Mode::Top), (), 0.0);
    assert_eq!(stage.push(item(3, 200.0, Mode::Scroll), (), 100.0), Outcome::Waiting);
    assert_eq!(stage.push(item(4, 200.0, Mode::Scroll), (), 3_000.0), Outcome::Placed);
}

#[test]
fn no_more_are_on_the_stage_than_it_may_have() {
    let mut stage = Stage::new(StageOptions { max_on_stage: 3, max_wait_ms: 10_000.0, ..options() });
    for id in 0..5 {
        stage.push(item(id, 100.0, Mode::Scroll), (), f64::from(id as u32) * 100.0);
    }
    assert_eq!((stage.stats().on_stage, stage.stats().waiting), (3, 2));
    stage.tick(8_000.0);
    assert_eq!((stage.stats().on_stage, stage.stats().waiting), (3, 1));
}

#[test]
fn a_held_danmu_stands_still_and_so_do_those_behind_it() {
    let mut stage = Stage::new(StageOptions { height: 80.0, ..options() });
    for (id, now) in [(1, 0.0), (2, 0.0), (3, 3_000.0), (4, 3_000.0)] {
        stage.push(item(id, 200.0, Mode::Scroll), (), now);
    }
    stage.hold(Some(1), 4_000.0);
    let before = [1, 2, 3, 4].map(|id| x_of(&stage, id, 4_000.0));
    stage.tick(5_000.0);
    let moved = [1, 2, 3, 4].map(|id| before[id as usize - 1] - x_of(&stage, id, 5_000.0));
    // The third is behind the first, the fourth behind the second.
    assert_eq!(moved, [0.0, 150.0, 0.0, 150.0]);
    stage.hold(None, 5_000.0);
    stage.tick(6_000.0);
    assert_eq!(before[0] - x_of(&stage, 1, 6_000.0), 150.0);
}
