//! How many of those that come are shown, without one that touches another.

use danmu::stage::{Item, Mode, Priority, Stage, StageOptions};
use serde_json::{Value, json};

use crate::kit::{self, Noise, figure};

const SEEDS: u64 = 20;
/// How long danmu come, milliseconds.
const LENGTH_MS: f64 = 120_000.0;
const FRAME_MS: f64 = 1_000.0 / 60.0;
/// How often the picture is looked at for danmu that touch, milliseconds.
const LOOK_MS: f64 = 250.0;
const LANES: usize = 18;
const WIDTH: f64 = 1280.0;
const HEIGHT: f64 = 720.0;
const LANE: f64 = 38.0;
const GAP: f64 = 24.0;
const TIME: f64 = 8_000.0;

/// The width of a danmu of 1 to 18 characters of 25 pixels, short ones more often, with its outline.
pub fn width(noise: &mut Noise) -> f32 {
    let chance = unit(noise);
    ((chance * chance * 18.0).floor() * 25.0 + 25.0 + 16.0) as f32
}

/// Evenly from 0 to 1.
fn unit(noise: &mut Noise) -> f64 {
    (noise.next() >> 11) as f64 / (1_u64 << 53) as f64
}

/// What comes: moments, milliseconds, and widths.
type Arrivals = Vec<(f64, f64)>;

fn arrivals(rate: f64, seed: u64) -> Arrivals {
    let mut noise = Noise::new(seed);
    let mut now = 0.0;
    let mut next = || {
        now -= (1.0 - unit(&mut noise)).ln() * 1_000.0 / rate;
        (now < LENGTH_MS).then(|| (now, f64::from(width(&mut noise))))
    };
    std::iter::from_fn(&mut next).collect()
}

/// Measures all rates, with no wait and with a second's; prints the table.
pub fn measure(broken: &mut Vec<String>) -> Vec<Value> {
    let mut all = Vec::new();
    let mut rows = Vec::new();
    for rate in [5.0, 12.0, 16.0, 30.0] {
        for wait_ms in [0.0, 1_000.0] {
            let (mut pushed, mut ours, mut first, mut bound, mut touching) = (0, 0, 0, 0, 0);
            for seed in 0..SEEDS {
                let arrivals = arrivals(rate, seed);
                let (shown, touched) = by_stage(&arrivals, wait_ms);
                pushed += arrivals.len();
                ours += shown;
                touching += touched;
                first += by_first_fit(&arrivals, wait_ms);
                bound += at_most(&arrivals, wait_ms);
            }
            let percent = |count: usize| count as f64 * 100.0 / pushed as f64;
            if ours < first {
                broken.push(format!("{rate}/s, {wait_ms} ms: {ours} shown, {first} by first-fit"));
            }
            if touching > 0 {
                broken.push(format!("{rate}/s, {wait_ms} ms: {touching} times two danmu touched"));
            }
            let cells = [percent(ours), percent(first), percent(bound)].map(figure);
            rows.push(
                [vec![format!("{rate}/s, wait {wait_ms} ms")], cells.to_vec(), vec![touching.to_string()]].concat(),
            );
            all.push(json!({
                "rate": rate, "wait_ms": wait_ms, "shown_percent": percent(ours), "first_fit_percent": percent(first),
                "bound_percent": percent(bound), "touching": touching,
            }));
        }
    }
    kit::table(&["shown, %", "stage", "first-fit", "at most", "touching"], &rows);
    all
}

/// How many the stage shows, and how often two of them touched.
fn by_stage(arrivals: &Arrivals, wait_ms: f64) -> (usize, usize) {
    let mut stage = Stage::new(StageOptions {
        width: WIDTH as f32,
        height: HEIGHT as f32,
        lane_height: LANE as f32,
        gap: GAP as f32,
        scroll_ms: TIME,
        max_wait_ms: wait_ms,
        ..StageOptions::default()
    });
    let (mut frame, mut look, mut touching) = (0.0, 0.0, 0);
    for (id, &(now, width)) in (0..).zip(arrivals) {
        while frame + FRAME_MS < now {
            frame += FRAME_MS;
            stage.tick(frame);
            if frame >= look {
                look += LOOK_MS;
                touching += touching_at(&stage, frame);
            }
        }
        let (width, height) = (width as f32, LANE as f32);
        stage.push(Item { id, width, height, mode: Mode::Scroll, priority: Priority::Normal }, (), now);
    }
    (stage.stats().shown as usize, touching)
}

fn touching_at(stage: &Stage, now: f64) -> usize {
    let mut all: Vec<_> = stage.visible(now).map(|danmu| (danmu.lane, danmu.x, danmu.x + danmu.width)).collect();
    all.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    all.windows(2).filter(|pair| pair[0].0 == pair[1].0 && pair[0].2 > pair[1].1).count()
}

/// The topmost lane that is free by the rule as it is written everywhere, by entry and duration.
fn by_first_fit(arrivals: &Arrivals, wait_ms: f64) -> usize {
    let mut lanes = [(f64::NEG_INFINITY, 0.0); LANES];
    let mut place = |now: f64, b: f64| {
        let free = lanes.iter_mut().find(|(entered, a)| {
            let passed = now - *entered;
            passed >= TIME
                || passed * (WIDTH + *a) / TIME >= *a + GAP && WIDTH - (TIME - passed) * (WIDTH + b) / TIME >= GAP
        });
        free.map(|lane| *lane = (now, b)).is_some()
    };
    let mut waiting: Vec<(f64, f64)> = Vec::new();
    let (mut frame, mut shown) = (0.0, 0);
    for &(now, width) in arrivals {
        while frame + FRAME_MS < now {
            frame += FRAME_MS;
            waiting.retain(|&(came, width)| {
                let late = frame > came + wait_ms;
                let placed = !late && place(frame, width);
                shown += usize::from(placed);
                !late && !placed
            });
        }
        if place(now, width) {
            shown += 1;
        } else if wait_ms > 0.0 {
            waiting.push((now, width));
        }
    }
    shown
}

/// No more can be shown by anybody: each but the last of a lane keeps its lane from the next for at least what its own
/// length needs, and the shortest need least.
fn at_most(arrivals: &Arrivals, wait_ms: f64) -> usize {
    let mut needs: Vec<f64> = arrivals.iter().map(|(_, width)| TIME * (width + GAP) / (WIDTH + width)).collect();
    needs.sort_by(f64::total_cmp);
    let longest = needs.last().copied().unwrap_or_default();
    let mut left = LANES as f64 * (LENGTH_MS + wait_ms + longest);
    needs
        .into_iter()
        .take_while(|need| {
            left -= need;
            left >= 0.0
        })
        .count()
}
