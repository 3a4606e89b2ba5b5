//! The stage by its promises: properties over random histories, then one by one what a viewer would notice.

mod behaviour;
mod properties;

use super::{Item, Mode, Placed, Priority, Stage, StageOptions};

/// Less than anybody sees, more than `f32` pixels are off.
const TOLERANCE: f32 = 0.05;

fn options() -> StageOptions {
    StageOptions { width: 1_000.0, height: 200.0, lane_height: 40.0, gap: 20.0, ..StageOptions::default() }
}

fn item(id: u64, width: f32, mode: Mode) -> Item {
    Item { id, width, height: 40.0, mode, priority: Priority::Normal }
}

/// The lanes of a danmu as a vertical extent.
fn band<T>(stage: &Stage<T>, danmu: &Placed<'_, T>) -> (f32, f32) {
    let lane = stage.options().lane_height;
    (danmu.y, danmu.y + (danmu.height / lane - 0.001).ceil().max(1.0).min(f32::from(stage.lanes)) * lane)
}

/// Every two danmu of a kind keep their distance at `now`.
fn assert_apart<T>(stage: &Stage<T>, now: f64) {
    let all: Vec<_> = stage.visible(now).collect();
    for (at, a) in all.iter().enumerate() {
        for b in &all[at + 1..] {
            let ((a_top, a_bottom), (b_top, b_bottom)) = (band(stage, a), band(stage, b));
            if a_top + TOLERANCE >= b_bottom || b_top + TOLERANCE >= a_bottom {
                continue;
            }
            let distance = (b.x - (a.x + a.width)).max(a.x - (b.x + b.width));
            match (a.mode, b.mode) {
                (Mode::Scroll, Mode::Scroll) => assert!(
                    distance >= stage.options().gap - TOLERANCE,
                    "{distance} px between {} and {} at {now} ms",
                    a.id,
                    b.id
                ),
                (Mode::Scroll, _) | (_, Mode::Scroll) => {}
                _ => panic!("fixed {} and {} stand in one lane at {now} ms", a.id, b.id),
            }
        }
    }
}
