//! What a viewer of the relay costs, beside nginx with nchan in the same run: many viewers on loopback, danmu put through the
//! stream, every delivery counted by whoever received it.
//!
//! The server has core 0 to itself, the load the others. `--quick` is a tenth of it. Ends by itself.

#[path = "../../stream/benches/kit/mod.rs"]
mod kit;
mod publish;
mod subject;
mod viewers;

use std::{process::ExitCode, time::Duration};

use serde::Serialize;

use self::{
    kit::{Failure, figure, grouped},
    publish::{Ticks, to_nchan, to_stream},
    subject::{Server, pin_to_load_core, raise_file_limit},
    viewers::{Outcome, Watch},
};

/// What must hold.
mod limit {
    /// CPU per delivery, ours by nchan's, with a frame for each danmu.
    pub const UNTICKED: f64 = 0.85;
    /// The same with frames of 100 ms, at 100 danmu a second.
    pub const TICKED: f64 = 0.15;
    /// The same where nchan is given the same frames.
    pub const SAME_FRAMES: f64 = 0.9;
    /// Memory of a viewer, kB (1,000 bytes).
    pub const MEMORY: f64 = 11.0;
    /// With 8,000 viewers: CPU-seconds per million deliveries, and p99 in milliseconds.
    pub const CROWD_CPU: f64 = 1.2;
    pub const CROWD_P99: f64 = 500.0;
}

/// The tick of the relay where it has one, milliseconds.
const TICK_MS: u64 = 100;

/// One measurement of one server.
#[derive(Clone, Copy, Debug, Serialize)]
struct Figures {
    viewers: usize,
    per_second: u32,
    deliveries: u64,
    /// Danmu that some viewer should have got and did not, or got twice.
    wrong: u64,
    /// CPU-seconds of the server per million deliveries.
    cpu: f64,
    /// From the beginning of the put to the viewer, milliseconds.
    p50: f64,
    p99: f64,
    p999: f64,
    /// Resident memory per viewer, kB.
    memory: f64,
    /// CPU-seconds per second of the load itself: near 1, it is the load that is measured.
    load: f64,
}

#[derive(Clone, Copy, Debug)]
enum Subject {
    /// The relay, with a tick in milliseconds.
    Ours(u64),
    Nchan,
    /// Nchan, given one message for each tick.
    NchanTicked,
}

fn main() -> ExitCode {
    let quick = std::env::args().any(|argument| argument == "--quick");
    match measure(quick) {
        Ok(broken) => kit::verdict(&broken),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(quick: bool) -> Result<Vec<String>, Failure> {
    raise_file_limit()?;
    pin_to_load_core()?;
    let (rounds, seconds) = if quick { (1, 5) } else { (5, 10) };
    let mut broken = Vec::new();
    let mut rows = Vec::new();
    let mut kept = Vec::new();
    let mut note = |name: &str, figures: Figures| {
        rows.push(vec![
            name.to_owned(),
            grouped(figures.viewers as u64),
            figures.per_second.to_string(),
            grouped(figures.deliveries),
            figures.wrong.to_string(),
            figure(figures.cpu),
            figure(figures.p50),
            figure(figures.p99),
            figure(figures.p999),
            figure(figures.memory),
            figure(figures.load),
        ]);
        kept.push((name.to_owned(), figures));
    };

    println!("\n  1,000 viewers × 100 a second, one after the other, {rounds} times");
    let subjects = [Subject::Ours(0), Subject::Nchan, Subject::Ours(TICK_MS), Subject::NchanTicked];
    let mut all: [Vec<Figures>; 4] = Default::default();
    for _ in 0..rounds {
        for (subject, all) in subjects.into_iter().zip(&mut all) {
            all.push(run(subject, 1_000, 100, seconds)?);
        }
    }
    let [unticked, nchan, ticked, same] = all.map(|mut all| {
        all.sort_by(|a, b| a.cpu.total_cmp(&b.cpu));
        all[all.len() / 2]
    });
    note("relay, a frame each", unticked);
    note("nchan", nchan);
    note("relay, frames of 100 ms", ticked);
    note("nchan, the same frames", same);
    for (what, ratio, most) in [
        ("CPU per delivery, a frame each, ÷ nchan", unticked.cpu / nchan.cpu, limit::UNTICKED),
        ("CPU per delivery, frames of 100 ms, ÷ nchan", ticked.cpu / nchan.cpu, limit::TICKED),
        ("CPU per delivery, ÷ nchan given the same frames", ticked.cpu / same.cpu, limit::SAME_FRAMES),
    ] {
        println!("  {what}: {} (limit {})", figure(ratio), figure(most));
        if ratio > most {
            broken.push(format!("{what}: {}, limit {}", figure(ratio), figure(most)));
        }
    }

    let crowds: &[(usize, u32, u64, f64)] = if quick {
        &[(1_000, 20, 5, TICK_MS as f64 + 15.0)]
    } else {
        &[
            (1_000, 20, 20, TICK_MS as f64 + 15.0),
            (5_000, 100, 20, TICK_MS as f64 + 50.0),
            (8_000, 100, 60, limit::CROWD_P99),
            (10_000, 20, 20, limit::CROWD_P99),
        ]
    };
    for &(viewers, per_second, seconds, p99) in crowds {
        println!("  {} viewers × {per_second} a second, for {seconds} s", grouped(viewers as u64));
        let figures = run(Subject::Ours(TICK_MS), viewers, per_second, seconds)?;
        note("relay, frames of 100 ms", figures);
        let mut most = |what: &str, figure: f64, limit: f64| {
            if figure > limit {
                let viewers = grouped(viewers as u64);
                broken.push(format!(
                    "{viewers} viewers, {what}: {}, limit {}",
                    kit::figure(figure),
                    kit::figure(limit)
                ));
            }
        };
        most("p99 ms", figures.p99, p99);
        most("danmu missed or told twice", figures.wrong as f64, 0.0);
        most("memory of a viewer, kB", figures.memory, limit::MEMORY);
        if per_second == 100 {
            most("CPU-seconds per million", figures.cpu, limit::CROWD_CPU);
        }
    }
    kit::table(
        &["", "viewers", "a second", "deliveries", "wrong", "CPU s/M", "p50 ms", "p99", "p99.9", "kB each", "load"],
        &rows,
    );
    kit::keep("fanout", serde_json::json!({ "runs": kept }))?;
    Ok(broken)
}

/// Starts the server, lets so many viewers in, publishes, and counts.
fn run(subject: Subject, viewers: usize, per_second: u32, seconds: u64) -> Result<Figures, Failure> {
    let server = match subject {
        Subject::Ours(tick_ms) => Server::relay(tick_ms)?,
        Subject::Nchan | Subject::NchanTicked => Server::nchan()?,
    };
    let before = server.memory();
    let mut watch = Watch::open(server.events(), viewers)?;
    watch.settle()?;
    let memory = server.memory().saturating_sub(before) as f64 / viewers as f64 / 1_000.0;
    let count = per_second * u32::try_from(seconds)?;
    let (cpu, own) = (server.cpu()?, subject::cpu_of(std::process::id())?);
    let publisher = match subject {
        Subject::Ours(_) => to_stream(&server, per_second, count, watch.clock())?,
        Subject::Nchan => to_nchan(&server, per_second, count, Ticks::None, watch.clock())?,
        Subject::NchanTicked => to_nchan(&server, per_second, count, Ticks::Of(TICK_MS), watch.clock())?,
    };
    let Outcome { deliveries, wrong, latency, elapsed } =
        watch.count(u64::from(count), Duration::from_secs(seconds + 15))?;
    publisher.join().map_err(|_| "the publisher panicked")??;
    let spent = server.cpu()? - cpu;
    let load = (subject::cpu_of(std::process::id())? - own) / elapsed.as_secs_f64();
    let cpu = spent * 1e6 / deliveries.max(1) as f64;
    let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|share| latency.at(share));
    Ok(Figures { viewers, per_second, deliveries, wrong, cpu, p50, p99, p999, memory, load })
}
