//! The stage by its promises: properties over random histories, then one by one what a viewer would notice.

mod behaviour;
mod choices;
mod properties;

use super::{Item, Mode, Overlap, Placed, Priority, Stage, StageOptions};

/// Less than anybody sees, more than `f32` pixels are off.
const TOLERANCE: f32 = 0.05;

fn options() -> StageOptions {
    StageOptions { width: 1_000.0, height: 200.0, lane_height: 40.0, gap: 20.0, ..StageOptions::default() }
}

fn item(id: u64, width: f32, mode: Mode) -> Item {
    Item { id, width, height: 40.0, mode, priority: Priority::Normal }
}

fn lane_of(stage: &Stage, id: u64, now: f64) -> Option<u16> {
    stage.visible(now).find(|danmu| danmu.id == id).map(|danmu| danmu.lane)
}

fn x_of(stage: &Stage, id: u64, now: f64) -> f32 {
    stage.visible(now).find(|danmu| danmu.id == id).expect("on the stage").x
}

/// The lanes of a danmu as a vertical extent.
fn band<T>(stage: &Stage<T>, danmu: &Placed<'_, T>) -> (f32, f32) {
    let lane = stage.options().lane_height;
    (danmu.y, danmu.y + (danmu.height / lane - 0.001).ceil().max(1.0).min(f32::from(stage.lanes)) * lane)
}

fn moves(mode: Mode) -> bool {
    matches!(mode, Mode::Scroll | Mode::Reverse)
}

/// Every two danmu that must not cover each other keep their distance at `now`.
fn assert_apart<T>(stage: &Stage<T>, now: f64) {
    let all: Vec<_> = stage.visible(now).collect();
    for (at, a) in all.iter().enumerate() {
        for b in &all[at + 1..] {
            let ((a_top, a_bottom), (b_top, b_bottom)) = (band(stage, a), band(stage, b));
            if a_top + TOLERANCE >= b_bottom || b_top + TOLERANCE >= a_bottom {
                continue;
            }
            let distance = (b.x - (a.x + a.width)).max(a.x - (b.x + b.width));
            match (moves(a.mode), moves(b.mode), stage.options().overlap) {
                (true, true, _) | (_, _, Overlap::Never) => assert!(
                    distance >= stage.options().gap - TOLERANCE,
                    "{distance} px between {} and {} at {now} ms",
                    a.id,
                    b.id
                ),
                (false, false, _) => panic!("fixed {} and {} stand in one lane at {now} ms", a.id, b.id),
                _ => {}
            }
        }
    }
}
