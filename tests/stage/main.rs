//! What a stage asks of memory. A program of its own, since it counts what the whole program allocates.

use std::alloc::System;

use danmu::stage::{Item, Mode, Overlap, Pace, Priority, Stage, StageOptions};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const FRAME_MS: f64 = 1_000.0 / 60.0;

/// Two danmu a frame, of all kinds and many lengths.
fn run(stage: &mut Stage, frames: std::ops::Range<u32>) {
    for frame in frames {
        let now = f64::from(frame) * FRAME_MS;
        stage.tick(now);
        for id in [2 * u64::from(frame), 2 * u64::from(frame) + 1] {
            let mode =
                [Mode::Scroll, Mode::Scroll, Mode::Scroll, Mode::Reverse, Mode::Top, Mode::Bottom][id as usize % 6];
            let (width, height) = (40.0 + (id * 37 % 500) as f32, 36.0);
            stage.push(Item { id, width, height, mode, priority: Priority::Normal }, (), now);
        }
    }
}

/// What the second quarter of a minute allocates, and allocates anew.
fn allocated(overlap: Overlap, pace: Pace) -> (usize, usize) {
    let options = StageOptions { width: 1280.0, height: 720.0, overlap, pace, ..StageOptions::default() };
    let mut stage = Stage::new(options);
    run(&mut stage, 0..900);
    let region = Region::new(ALLOCATOR);
    run(&mut stage, 900..1_800);
    let change = region.change();
    assert!(stage.stats().on_stage > 20);
    (change.allocations, change.reallocations)
}

#[test]
fn a_steady_picture_allocates_nothing() {
    for overlap in [Overlap::Never, Overlap::FixedInFront, Overlap::Allowed] {
        for pace in [Pace::SameTime, Pace::SameSpeed] {
            // A stage does the same each time. The test harness is counted, too, which allocates once: when it says that a test has
            // been running for a minute.
            let least = (0..2).map(|_| allocated(overlap, pace)).find(|allocated| *allocated == (0, 0));
            assert!(least.is_some(), "{overlap:?}, {pace:?}: {:?}", allocated(overlap, pace));
        }
    }
}
