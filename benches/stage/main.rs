//! What the stage costs and how full a picture it makes: `cargo xtask bench stage`, or `cargo bench -p danmu --bench
//! stage`.
//!
//! Cost: placements a second on one core, with the frames in between, in a full picture, in a large one, and with 10,000
//! on the stage that overlap; what a frame costs then, and what it allocates. Quality: danmu of 1 to 18 Chinese
//! characters at random moments on a picture of 1280 × 720, 18 lanes, 8 s each, 20 seeds; beside greedy first-fit by the
//! same exact rule, and a bound that nobody can exceed who places them on these lanes.

#[path = "../../server/stream/benches/kit/mod.rs"]
mod kit;
mod quality;

use std::{
    alloc::System,
    process::ExitCode,
    time::{Duration, Instant},
};

use danmu::stage::{Item, Mode, Overlap, Priority, Stage, StageOptions};
use serde_json::{Value, json};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use crate::kit::{Failure, Noise, figure, grouped};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Placements a second, at least.
const LEAST_RATE: f64 = 1e6;
/// How long each is measured.
const LONG_ENOUGH: Duration = Duration::from_secs(1);
const FRAME_MS: f64 = 1_000.0 / 60.0;
/// How long a picture needs until it is as full as it gets.
const WARM_UP_MS: f64 = 20_000.0;

/// A stage and what comes to it.
struct Load {
    name: &'static str,
    options: StageOptions,
    /// Danmu a second.
    rate: f64,
}

fn loads() -> [Load; 4] {
    let hd = StageOptions { width: 1280.0, height: 720.0, lane_height: 38.0, ..StageOptions::default() };
    let large = StageOptions { width: 3840.0, height: 2160.0, ..hd };
    let crowd = StageOptions { overlap: Overlap::Allowed, ..hd };
    [
        Load { name: "720p, 12/s", options: hd, rate: 12.0 },
        Load { name: "720p, 30/s, a third finds no lane", options: hd, rate: 30.0 },
        Load { name: "2160p, 150/s", options: large, rate: 150.0 },
        Load { name: "720p, 10,000 on the stage, overlapping", options: crowd, rate: 1_240.0 },
    ]
}

fn main() -> Result<ExitCode, Failure> {
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("This takes seconds of one core: say `cargo bench`, which passes --bench.");
        return Ok(ExitCode::SUCCESS);
    }
    let mut broken = Vec::new();
    let costs: Vec<Value> = loads().iter().map(|load| cost(load, &mut broken)).collect();
    print_costs(&costs);
    let quality = quality::measure(&mut broken);
    kit::keep("stage", json!({ "costs": costs, "quality": quality }))?;
    Ok(kit::verdict(&broken))
}

fn item(id: u64, noise: &mut Noise) -> Item {
    Item { id, width: quality::width(noise), height: 38.0, mode: Mode::Scroll, priority: Priority::Normal }
}

/// Feeds a stage until it is full, then measures pushes with the frames between them, then frames alone.
fn cost(load: &Load, broken: &mut Vec<String>) -> Value {
    let mut stage = Stage::new(load.options);
    let mut noise = Noise::new(7);
    let items: Vec<Item> = (0..4_096).map(|id| item(id, &mut noise)).collect();
    let (mut now, mut frame, mut at) = (0.0, 0.0, 0);
    let mut push = |stage: &mut Stage| {
        now += 1_000.0 / load.rate;
        while frame < now {
            frame += FRAME_MS;
            stage.tick(frame.min(now));
        }
        let item = items[at % items.len()];
        at += 1;
        stage.push(Item { id: at as u64, ..item }, (), now);
        now
    };
    while push(&mut stage) < WARM_UP_MS {}
    let (before, since, allocations) = (stage.stats(), Instant::now(), Region::new(ALLOCATOR));
    let mut now = 0.0;
    while since.elapsed() < LONG_ENOUGH {
        for _ in 0..1_000 {
            now = push(&mut stage);
        }
    }
    let took = since.elapsed().as_secs_f64();
    let allocated = allocations.change().allocations;
    let (stats, pushed) = (stage.stats(), stage.stats().pushed - before.pushed);
    let rate = (stats.shown - before.shown) as f64 / took;
    let (frame_us, drawn) = frames(&mut stage, now);
    if rate < LEAST_RATE {
        broken.push(format!("{}: {} placements a second; {} are wanted", load.name, figure(rate), figure(LEAST_RATE)));
    }
    if allocated > 0 {
        broken.push(format!("{}: {allocated} allocations; none is wanted", load.name));
    }
    json!({
        "load": load.name, "placed_per_s": rate, "push_ns": took * 1e9 / pushed as f64, "on_stage": stats.on_stage,
        "shown_percent": (stats.shown - before.shown) as f64 * 100.0 / pushed as f64, "allocations": allocated,
        "frame_us": frame_us, "per_danmu_ns": frame_us * 1e3 / drawn.max(1.0),
    })
}

/// What a frame costs: a tick, and where everybody is. Microseconds, and how many there are.
fn frames(stage: &mut Stage, from: f64) -> (f64, f64) {
    const FRAMES: u32 = 200;
    let (since, mut drawn, mut sum) = (Instant::now(), 0_usize, 0.0);
    for frame in 0..FRAMES {
        // Little time passes, so that nearly all stay.
        let now = from + f64::from(frame) * 0.1;
        stage.tick(now);
        for placed in stage.visible(now) {
            drawn += 1;
            sum += placed.x;
        }
    }
    std::hint::black_box(sum);
    (since.elapsed().as_secs_f64() * 1e6 / f64::from(FRAMES), drawn as f64 / f64::from(FRAMES))
}

fn print_costs(costs: &[Value]) {
    let number = |value: &Value, key: &str| value[key].as_f64().unwrap_or(f64::NAN);
    let rows = costs.iter().map(|cost| {
        vec![
            cost["load"].as_str().unwrap_or_default().to_owned(),
            grouped(number(cost, "placed_per_s") as u64),
            figure(number(cost, "shown_percent")),
            figure(number(cost, "push_ns")),
            grouped(number(cost, "on_stage") as u64),
            figure(number(cost, "frame_us")),
            figure(number(cost, "per_danmu_ns")),
            grouped(number(cost, "allocations") as u64),
        ]
    });
    kit::table(
        &["load", "placed/s", "shown %", "ns a push", "on stage", "µs a frame", "ns a danmu", "allocations"],
        &rows.collect::<Vec<_>>(),
    );
}
