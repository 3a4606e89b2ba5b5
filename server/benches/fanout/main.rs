//! What a viewer of the relay costs, beside nginx with nchan in the same run: many viewers on loopback, danmu put through the
//! stream, every delivery counted by whoever received it.
//!
//! The server has core 0 to itself, the load the others. `--quick` is a tenth of it; the names of parts (`nchan`, `crowds`,
//! `trouble`, `away`, `network`, `screen`) choose them, and after `crowds` numbers of viewers choose those. Ends by itself.

mod away;
#[path = "../../stream/benches/kit/mod.rs"]
mod kit;
mod network;
mod numbered;
mod publish;
mod report;
mod signers;
#[allow(dead_code, reason = "the server of `vending` is among them")]
mod subject;
mod trouble;
mod viewers;

use std::{process::ExitCode, time::Duration};

use self::{
    kit::{Failure, grouped},
    publish::{From, Ticks, to_nchan, to_stream},
    report::{Figures, Report},
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
    /// From the answer to a put to the frame, at the median, milliseconds: polling, and by enhanced fan-out.
    pub const POLLED: f64 = 150.0;
    pub const PUSHED: f64 = 60.0;
}

/// The tick of the relay where it has one, milliseconds.
const TICK_MS: u64 = 100;

#[derive(Clone, Copy, Debug)]
enum Subject {
    /// The relay by itself, with a tick in milliseconds.
    Relay(u64),
    /// The whole server, stream and all, with a tick in milliseconds.
    Whole(u64),
    Nchan,
    /// Nchan, given one message for each tick.
    NchanTicked,
}

impl Subject {
    fn start(self) -> Result<Server, Failure> {
        match self {
            Self::Relay(tick_ms) => Server::relay(tick_ms),
            Self::Whole(tick_ms) => Server::whole(tick_ms, "auto"),
            Self::Nchan | Self::NchanTicked => Server::nchan(),
        }
    }
}

/// A part of the measurement.
type Part = fn(&mut Report, bool) -> Result<(), Failure>;

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
    let chosen: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let parts: [(&str, Part); 6] = [
        ("nchan", beside_nchan),
        ("crowds", crowds),
        ("trouble", trouble::measure),
        ("away", away::measure),
        ("network", network::measure),
        ("screen", to_screen),
    ];
    let mut report = Report::default();
    for (name, part) in parts {
        if chosen.is_empty() || chosen.iter().any(|chosen| chosen == name) {
            part(&mut report, quick)?;
        }
    }
    report.end()
}

fn beside_nchan(report: &mut Report, quick: bool) -> Result<(), Failure> {
    let (rounds, seconds) = if quick { (1, 5) } else { (5, 10) };
    println!("\n  1,000 viewers × 100 a second, one after the other, {rounds} times");
    let subjects = [
        Subject::Relay(0),
        Subject::Nchan,
        Subject::Relay(TICK_MS),
        Subject::NchanTicked,
        Subject::Whole(0),
        Subject::Whole(TICK_MS),
    ];
    let mut all: [Vec<Figures>; 6] = Default::default();
    for _ in 0..rounds {
        for (subject, all) in subjects.into_iter().zip(&mut all) {
            all.push(run(subject, 1_000, 100, seconds)?);
        }
    }
    let [unticked, nchan, ticked, same, whole, whole_ticked] = all.map(|mut all| {
        all.sort_by(|a, b| a.cpu.total_cmp(&b.cpu));
        all[all.len() / 2]
    });
    report.note("relay, a frame each", unticked);
    report.note("nchan", nchan);
    report.note("relay, frames of 100 ms", ticked);
    report.note("nchan, the same frames", same);
    report.note("relay and stream, a frame each", whole);
    report.note("relay and stream, frames of 100 ms", whole_ticked);
    report.most("CPU per delivery, a frame each, ÷ nchan", unticked.cpu / nchan.cpu, limit::UNTICKED);
    report.most("CPU per delivery, frames of 100 ms, ÷ nchan", ticked.cpu / nchan.cpu, limit::TICKED);
    report.most("CPU per delivery, ÷ nchan given the same frames", ticked.cpu / same.cpu, limit::SAME_FRAMES);
    Ok(())
}

/// The whole server, stream and all, with more and more viewers; nchan is given the same frames.
fn crowds(report: &mut Report, quick: bool) -> Result<(), Failure> {
    let crowds: &[(usize, u32, u64, f64)] = if quick {
        &[(1_000, 20, 5, TICK_MS as f64 + 15.0)]
    } else {
        &[
            (1_000, 20, 20, TICK_MS as f64 + 15.0),
            (1_000, 100, 20, TICK_MS as f64 + 50.0),
            (5_000, 20, 20, TICK_MS as f64 + 50.0),
            (5_000, 100, 20, TICK_MS as f64 + 50.0),
            (8_000, 100, 60, limit::CROWD_P99),
            (10_000, 20, 20, limit::CROWD_P99),
            (10_000, 100, 20, limit::CROWD_P99),
        ]
    };
    let chosen: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    for &(viewers, per_second, seconds, p99) in crowds {
        if !chosen.is_empty() && !chosen.contains(&viewers) {
            continue;
        }
        let crowd = format!("{} viewers × {per_second} a second", grouped(viewers as u64));
        println!("\n  {crowd}, for {seconds} s");
        let figures = run(Subject::Whole(TICK_MS), viewers, per_second, seconds)?;
        report.note("relay and stream, frames of 100 ms", figures);
        let same = run(Subject::NchanTicked, viewers, per_second, seconds.min(10))?;
        report.note("nchan, the same frames", same);
        report.most(&format!("{crowd}, p99 ms"), figures.p99, p99);
        report.most(&format!("{crowd}, danmu missed or told twice"), figures.wrong as f64, 0.0);
        report.most(&format!("{crowd}, memory of a viewer, kB"), figures.memory, limit::MEMORY);
        if viewers >= 5_000 && per_second == 100 {
            let ratio = figures.cpu / same.cpu;
            report.most(&format!("{crowd}, CPU ÷ nchan given the same frames"), ratio, limit::SAME_FRAMES);
        }
        if viewers >= 8_000 && per_second == 100 {
            report.most(&format!("{crowd}, CPU-seconds per million"), figures.cpu, limit::CROWD_CPU);
        }
    }
    Ok(())
}

/// From the answer to a put to the frame on a viewer's socket, a danmu every now and then, both ways of reading.
fn to_screen(report: &mut Report, quick: bool) -> Result<(), Failure> {
    let count = if quick { 40 } else { 300 };
    for (reader, limit) in [("polling", limit::POLLED), ("enhanced-fan-out", limit::PUSHED)] {
        println!("\n  From the answer to a put to the frame, {reader}, {count} danmu");
        let server = Server::whole(TICK_MS, reader)?;
        let figures = of(&server, 1, 4, count, (From::Answered, true), None)?;
        report.note(&format!("put's answer to frame, {reader}"), figures);
        report.most(&format!("from the put's answer to the frame, {reader}, median ms"), figures.p50, limit);
    }
    Ok(())
}

/// Starts the server, lets so many viewers in, publishes, and counts.
fn run(subject: Subject, viewers: usize, per_second: u32, seconds: u64) -> Result<Figures, Failure> {
    let server = subject.start()?;
    let ticks = match subject {
        Subject::Relay(_) | Subject::Whole(_) => None,
        Subject::Nchan => Some(Ticks::None),
        Subject::NchanTicked => Some(Ticks::Of(TICK_MS)),
    };
    of(&server, viewers, per_second, per_second * u32::try_from(seconds)?, (From::Begun, false), ticks)
}

/// Lets so many viewers in, publishes `count` danmu, to nchan in these ticks if there are any, and counts.
fn of(
    server: &Server,
    viewers: usize,
    per_second: u32,
    count: u32,
    timing: (From, bool),
    ticks: Option<Ticks>,
) -> Result<Figures, Failure> {
    let before = server.memory();
    let mut watch = Watch::open(server.events(), viewers)?;
    watch.settle()?;
    let memory = server.memory().saturating_sub(before) as f64 / viewers as f64 / 1_000.0;
    let (cpu, own) = (server.cpu()?, subject::cpu_of(std::process::id())?);
    let publisher = match ticks {
        None => to_stream(server, per_second, count, timing, watch.clock())?,
        Some(ticks) => to_nchan(server, per_second, count, ticks, watch.clock())?,
    };
    let patience = Duration::from_secs(u64::from(count / per_second) + 15);
    let Outcome { deliveries, wrong, latencies, elapsed } = watch.count(u64::from(count), patience)?;
    publisher.join().map_err(|_| "the publisher panicked")??;
    let spent = server.cpu()? - cpu;
    let load = (subject::cpu_of(std::process::id())? - own) / elapsed.as_secs_f64();
    let cpu = spent * 1e6 / deliveries.max(1) as f64;
    let pace = deliveries as f64 / elapsed.as_secs_f64();
    let [p50, p95, p99, p999] = [0.5, 0.95, 0.99, 0.999].map(|share| latencies.put.at(share));
    let [taken_p50, taken_p99, taken_p999] = [0.5, 0.99, 0.999].map(|share| latencies.taken.at(share));
    Ok(Figures {
        viewers,
        per_second,
        deliveries,
        wrong,
        cpu,
        pace,
        p50,
        p95,
        p99,
        p999,
        taken_p50,
        taken_p99,
        taken_p999,
        memory,
        load,
    })
}
