//! What the vending machine gives, and what it does when ten times as much is asked for: the whole server with its own STS, on
//! one core, over HTTP. `cargo xtask bench vending`, or `cargo bench -p danmu-server --bench vending`.
//!
//! First so many visitors at a time as get all that can be had; then ten times as many a second, whether or not those before were
//! answered, each from an address of its own, as when a stream begins: everybody must be told something in time, a session or
//! when to come back; the memory must not grow, and what else the server does must go on. Whoever is sent away costs something,
//! too, so there are fewer sessions then: beside it stands how many there could be if that cost no more than a bare loop takes that
//! reads and writes. The server has core 0 to itself, the load the others. `--quick` is a shorter run. Ends by itself.

mod bare;
#[path = "../../stream/benches/kit/mod.rs"]
mod kit;
mod load;
mod others;
#[allow(dead_code, reason = "the servers of `fanout` are among them")]
#[path = "../fanout/subject.rs"]
mod subject;

use std::{
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use danmu::ticket::PublicKey;
use ed25519_dalek::SigningKey;
use serde_json::json;

use self::{
    bare::Bare,
    kit::{Failure, Latency, figure, grouped},
    load::{Answers, Load, Pace},
    subject::{Server, cpu_of, pin_to_load_core, raise_file_limit},
};

/// What must hold.
mod limit {
    /// Sessions a second on one core, at least.
    pub const SESSIONS: f64 = 500.0;
    /// Under the flood, of what would be left if a bare loop sent the others away, at least.
    pub const KEPT: f64 = 0.6;
    /// Until the last one of all was answered, milliseconds: two seconds for a turn, and a second for the rest.
    pub const LONGEST: f64 = 3_000.0;
    /// p99 of all answers, milliseconds.
    pub const P99: f64 = 1_000.0;
    /// What the memory may grow by, MiB: what the connections of this load may take, 16 kB each.
    pub const MEMORY: f64 = 128.0;
    /// Whether the server lives, and a put, meanwhile, p99 in milliseconds.
    pub const OTHERS: f64 = 1_000.0;
    /// CPU-seconds a second of the load itself, of one core: near 1, it is the load that is measured.
    pub const LOAD: f64 = 0.9;
}

/// How many times as much is asked for.
const FLOOD: f64 = 10.0;
/// Visitors at a time who get all there is.
const AT_ONCE: usize = 64;

/// What was measured, and which limits it broke.
#[derive(Default)]
struct Report {
    rows: Vec<Vec<String>>,
    kept: Vec<(String, Latency)>,
    figures: Vec<(String, f64, f64)>,
    broken: Vec<String>,
}

impl Report {
    fn note(&mut self, name: &str, per_second: f64, it: Latency) {
        let times = [it.p50, it.p99, it.p999, it.max].map(figure);
        let counts = [grouped(it.count as u64), figure(per_second), it.failed.to_string()];
        self.rows.push([vec![name.to_owned()], counts.to_vec(), times.to_vec()].concat());
        self.kept.push((name.to_owned(), it));
    }

    fn check(&mut self, what: &str, value: f64, limit: f64, holds: bool) {
        println!("  {what}: {} (limit {})", figure(value), figure(limit));
        self.figures.push((what.to_owned(), value, limit));
        if !holds {
            self.broken.push(format!("{what}: {}, limit {}", figure(value), figure(limit)));
        }
    }

    /// A figure that must be no more than its limit.
    fn most(&mut self, what: &str, value: f64, limit: f64) {
        self.check(what, value, limit, value <= limit);
    }

    /// And one that must be no less.
    fn least(&mut self, what: &str, value: f64, limit: f64) {
        self.check(what, value, limit, value >= limit);
    }
}

fn main() -> ExitCode {
    let mut arguments = std::env::args();
    if arguments.any(|argument| argument == bare::ARGUMENT) {
        let ended = bare::run(&arguments.next().unwrap_or_default());
        return ended.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
    }
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
    let (calm_s, flood_s) = if quick { (3, 5) } else { (10, 20) };
    let mut report = Report::default();
    let server = Server::proxied()?;
    let key = PublicKey::new(SigningKey::from_bytes(&[7; 32]).verifying_key().to_bytes());
    let mut load = Load::new(server.pages(), key)?;

    println!("\n  {AT_ONCE} visitors at a time, for {calm_s} s");
    load.run(Pace::Closed(AT_ONCE), Duration::from_secs(2))?;
    let before_calm = server.cpu()?;
    let calm = load.run(Pace::Closed(AT_ONCE), Duration::from_secs(calm_s))?;
    let spent = (server.cpu()? - before_calm) * 1e6 / calm.vended.count.max(1) as f64;
    let sessions = per_second(&calm.vended, &calm);
    report.note("sessions, all that can be had", sessions, calm.vended);
    report.most("answers that were no session", (calm.all.failed + calm.later.count) as f64, 0.0);
    say(&calm);
    report.least("sessions a second on one core", sessions, limit::SESSIONS);
    println!("  CPU of a session, µs: {}", figure(spent));

    let offered = FLOOD * sessions;
    let bare = of_a_bare_loop(&mut report, key, offered)?;
    println!("\n  {} visitors a second, whatever they are told, for {flood_s} s", grouped(offered as u64));
    let (before, stop) = (server.memory(), Arc::<AtomicBool>::default());
    let before_flood = server.cpu()?;
    let others = others::watch(server.pages(), Arc::clone(&stop))?;
    let peak = thread::scope(|scope| -> Result<(Answers, u64, f64), Failure> {
        let peak = scope.spawn(|| {
            let mut peak = 0;
            while !stop.load(Relaxed) {
                peak = server.memory().max(peak);
                thread::sleep(Duration::from_millis(50));
            }
            peak
        });
        let own = cpu_of(std::process::id())?;
        let flood = load.run(Pace::Open(offered), Duration::from_secs(flood_s));
        let own = cpu_of(std::process::id())? - own;
        stop.store(true, Relaxed);
        let peak = peak.join().map_err(|_| "whoever looks at the memory panicked")?;
        Ok((flood?, peak, own / flood_s as f64))
    });
    let (flood, peak, own) = peak?;
    let left = (server.cpu()? - before_flood) * 1e6 - spent * flood.vended.count as f64;
    let sent_away = left / flood.later.count.max(1) as f64;
    println!("  CPU of one who is sent away, µs: {}", figure(sent_away));
    println!("  connections: {}", load.connections());
    let others = others.join().map_err(|_| "whoever asks for the rest panicked")??;
    let given = per_second(&flood.vended, &flood);
    report.note("sessions under the flood", given, flood.vended);
    report.note("sent away, with a time", per_second(&flood.later, &flood), flood.later);
    report.note("all of it", per_second(&flood.all, &flood), flood.all);
    report.note("whether it lives, meanwhile", per_second(&others.health, &flood), others.health);
    report.note("puts, meanwhile", per_second(&others.puts, &flood), others.puts);
    say(&flood);
    report.most("other answers, or none", flood.all.failed as f64, 0.0);
    println!("  sessions under the flood, of what can be had without: {}", figure(given / sessions));
    // A session takes the time of so many answers of the bare loop.
    let share = bare / spent;
    let possible = sessions * ((1.0 - FLOOD * share) / (1.0 - share)).max(0.0);
    report.least("of what a bare loop would leave", given / possible, limit::KEPT);
    report.most("longest time until an answer, ms", flood.all.max, limit::LONGEST);
    report.most("until an answer, p99 ms", flood.all.p99, limit::P99);
    report.most("memory grew by, MiB", peak.saturating_sub(before) as f64 / kit::MIB as f64, limit::MEMORY);
    report.most("not told that it lives", others.health.failed as f64, 0.0);
    report.most("whether it lives, p99 ms", others.health.p99, limit::OTHERS);
    report.most("puts that failed", others.puts.failed as f64, 0.0);
    report.most("puts, p99 ms", others.puts.p99, limit::OTHERS);
    report.most("CPU of the load itself, cores", own, limit::LOAD);
    let headings = ["", "answers", "a second", "failed", "p50 ms", "p99", "p99.9", "longest"];
    kit::table(&headings, &report.rows);
    kit::keep(
        "vending",
        json!({ "runs": report.kept, "limits": report.figures, "cpu_us_per_session": spent, "cpu_us_sent_away": sent_away, "cpu_us_bare": bare }),
    )?;
    Ok(report.broken)
}

/// What it costs a bare loop to send so many a second away, µs.
fn of_a_bare_loop(report: &mut Report, key: PublicKey, per_second: f64) -> Result<f64, Failure> {
    let bare = Bare::start()?;
    let mut load = Load::new(bare.addr, key)?;
    let before = cpu_of(bare.id())?;
    let answers = load.run(Pace::Open(per_second), Duration::from_secs(3))?;
    let spent = (cpu_of(bare.id())? - before) * 1e6 / answers.later.count.max(1) as f64;
    report.note("sent away by a bare loop", self::per_second(&answers.later, &answers), answers.later);
    println!("  CPU of one whom a bare loop sends away, µs: {}", figure(spent));
    Ok(spent)
}

fn per_second(it: &Latency, answers: &Answers) -> f64 {
    it.count as f64 / answers.elapsed.as_secs_f64()
}

/// What was answered that should not have been.
fn say(answers: &Answers) {
    for odd in &answers.odd {
        println!("  odd: {odd}");
    }
}
