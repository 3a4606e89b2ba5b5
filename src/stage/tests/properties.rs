//! What holds whatever happens.

use super::super::lanes::{Line, Tail};
use super::{Mode, Priority, Stage, StageOptions, assert_apart};
use crate::stage::Item;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::HashSet;

#[derive(Clone, Debug)]
enum Step {
    Push { width: f32, height: f32, mode: Mode, priority: Priority },
    Pass(f64),
    Pause(f64),
    Resize(f32, f32),
    Area(f32),
    Zoom(f32),
    Fit(f32),
    Retract(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let mode = prop_oneof![6 => Just(Mode::Scroll), 1 => Just(Mode::Top), 1 => Just(Mode::Bottom)];
    let priority = prop_oneof![6 => Just(Priority::Normal), 1 => Just(Priority::Important), 1 => Just(Priority::Own)];
    let push = (10.0..900.0_f32, prop_oneof![4 => Just(30.0_f32), 1 => 30.0..150.0_f32], mode, priority)
        .prop_map(|(width, height, mode, priority)| Step::Push { width, height, mode, priority });
    prop_oneof![
        20 => push,
        12 => (0.0..400.0_f64).prop_map(Step::Pass),
        1 => (0.0..5_000.0_f64).prop_map(Step::Pass),
        1 => (0.0..5_000.0_f64).prop_map(Step::Pause),
        1 => (100.0..2_000.0_f32, 30.0..600.0_f32).prop_map(|(width, height)| Step::Resize(width, height)),
        1 => (0.1..1.0_f32).prop_map(Step::Area),
        1 => (15.0..90.0_f32).prop_map(Step::Zoom),
        1 => (0.4..2.5_f32).prop_map(Step::Fit),
        1 => (0..200_u64).prop_map(Step::Retract),
    ]
}

fn measures() -> impl Strategy<Value = StageOptions> {
    (200.0..1_500.0_f32, 40.0..400.0_f32, 0.0..60.0_f32, 0.0..1_500.0_f64, 0..20_usize).prop_map(
        |(width, height, gap, max_wait_ms, max_waiting)| StageOptions {
            width,
            height,
            gap,
            max_wait_ms,
            max_waiting,
            lane_height: 32.0,
            ..StageOptions::default()
        },
    )
}

/// A stage beside what the test knows of it; the content of a danmu is the stage time of its push.
struct Watched {
    stage: Stage<f64>,
    now: f64,
    paused: f64,
    pushed: u64,
    seen: HashSet<u64>,
}

impl Watched {
    fn take(&mut self, step: &Step) {
        let now = self.now;
        match *step {
            Step::Push { width, height, mode, priority } => {
                let item = Item { id: self.pushed, width, height, mode, priority };
                self.pushed += 1;
                self.stage.push(item, now - self.paused, now);
            }
            Step::Pass(time) => self.now += time,
            Step::Pause(time) => {
                let before: Vec<_> = self.stage.visible(now).map(|danmu| (danmu.id, danmu.x)).collect();
                self.stage.pause(now);
                self.stage.tick(now + time);
                self.stage.resume(now + time);
                let kept: Vec<_> = self.stage.visible(now + time).map(|danmu| (danmu.id, danmu.x)).collect();
                assert!(kept.iter().all(|danmu| before.contains(danmu) || !self.seen.contains(&danmu.0)));
                self.now += time;
                self.paused += time;
            }
            Step::Resize(width, height) => self.stage.resize(width, height, now),
            Step::Area(area) => self.stage.set_area(area, now),
            Step::Zoom(lane_height) => self.stage.set_lane_height(lane_height, now),
            Step::Fit(by) => {
                let StageOptions { width, height, lane_height, .. } = *self.stage.options();
                self.stage.fit(width * by, height * by, lane_height * by, now);
            }
            Step::Retract(id) => drop(self.stage.retract(id)),
        }
    }

    fn check(&mut self) {
        self.stage.tick(self.now);
        // What is in flight is on its way already: look ahead as well.
        for ahead in [0.0, 33.0, 250.0, 1_000.0, 3_000.0, 6_000.0, 9_000.0] {
            assert_apart(&self.stage, self.now + ahead);
        }
        let bound = self.stage.options().max_wait_ms + 1e-6;
        let time = self.now - self.paused;
        for danmu in self.stage.visible(self.now) {
            if self.seen.insert(danmu.id) {
                assert!(time - danmu.content <= bound, "{} waited {} ms", danmu.id, time - danmu.content);
            }
        }
        assert!(self.stage.waiting.iter().all(|danmu| time - danmu.content <= bound));
        let stats = self.stage.stats();
        assert!(stats.waiting <= self.stage.options().max_waiting);
        assert_eq!(stats.pushed, self.pushed);
        assert_eq!(stats.pushed, stats.shown + stats.waiting as u64 + stats.given_up + stats.withdrawn);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn nothing_overlaps_nobody_waits_too_long_and_everybody_is_counted(
        options in measures(),
        steps in vec(step(), 1..200),
    ) {
        let mut watched =
            Watched { stage: Stage::new(options), now: 0.0, paused: 0.0, pushed: 0, seen: HashSet::new() };
        for step in &steps {
            watched.take(step);
            watched.check();
        }
        // In the end the stage is empty again: nothing is kept for ever.
        watched.now += 60_000.0;
        watched.stage.tick(watched.now);
        watched.now += 60_000.0;
        watched.check();
        prop_assert!(watched.stage.is_empty());
    }

    #[test]
    fn the_same_input_and_clock_give_the_same_picture(options in measures(), steps in vec(step(), 1..120)) {
        let picture = || {
            let stage = Stage::new(options);
            let mut watched = Watched { stage, now: 0.0, paused: 0.0, pushed: 0, seen: HashSet::new() };
            steps.iter().for_each(|step| watched.take(step));
            format!("{:?}", watched.stage.visible(watched.now).collect::<Vec<_>>())
        };
        prop_assert_eq!(picture(), picture());
    }

    #[test]
    fn the_rule_by_exit_and_speed_is_the_rule_by_entry_and_duration(
        stage in 300.0..2_000.0_f64,
        (a, b) in (10.0..900.0_f64, 10.0..900.0_f64),
        (a_time, b_time) in (2_000.0..9_000.0_f64, 2_000.0..9_000.0_f64),
        entry in 0.0..9_000.0_f64,
        gap in 0.0..60.0_f64,
    ) {
        let (front, newcomer) = (Line::entering(stage, a, 0.0, a_time), Line::entering(stage, b, entry, b_time));
        let admitted = Tail::of(&front).admits(newcomer.speed, entry, stage - gap);
        let tail_in = entry * (stage + a) / a_time - (a + gap);
        let no_catching_up = stage - (a_time - entry) * (stage + b) / b_time - gap;
        // At the very edge the two ways of writing it may round to different sides.
        prop_assume!(tail_in.abs() > 1e-6 && no_catching_up.abs() > 1e-6);
        let gone = entry >= a_time;
        prop_assert_eq!(admitted, gone || (tail_in > 0.0 && no_catching_up > 0.0));
    }

    #[test]
    fn any_numbers_are_taken_without_a_panic(
        numbers in vec(prop_oneof![any::<f32>(), Just(f32::NAN), Just(f32::INFINITY), Just(0.0_f32)], 24),
        times in vec(prop_oneof![any::<f64>(), Just(f64::NAN), -1.0..1e4_f64], 12),
    ) {
        let n = |at: usize| numbers[at];
        let mut stage = Stage::new(StageOptions {
            width: n(0), height: n(1), lane_height: n(2), area: n(3), gap: n(4),
            scroll_ms: times[0], fixed_ms: times[1], max_wait_ms: times[2], max_waiting: 3,
        });
        for at in 0..8 {
            let mode = [Mode::Scroll, Mode::Top, Mode::Bottom][at % 3];
            let item = Item { id: at as u64, width: n(5 + at), height: n(13 + at), mode, priority: Priority::Normal };
            stage.push(item, (), times[3 + at]);
            stage.resize(n(at), n(at + 3), times[at + 1]);
            stage.set_lane_height(n(at + 7), times[at + 2]);
        }
        let _ = stage.visible(times[11]).count() + usize::from(stage.hit(n(21), n(22), times[11]).is_some());
    }
}
