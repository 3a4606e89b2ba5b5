//! Which storage engine for the log? fjall 3 and redb 4 at the log's own work: `cargo xtask bench engines`, or
//! `cargo bench -p danmu-stream --bench engines`.
//!
//! Records of 200 random bytes and a partition key, keyed as in `store/keys.rs`, in turn over 8 shards; written in groups
//! with a sync each, read at the end of a shard, trimmed by half. Each engine in a process of its own, which is gone
//! without a word when it is full. With `-- --quick` a tenth of the records.

mod engine;
#[path = "../kit/mod.rs"]
mod kit;

use std::{
    path::Path,
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use crate::{
    engine::{Engine, Fjall, KEY, Record, Redb},
    kit::{Failure, Latency, MIB, Noise, figure},
};

const SHARDS: u32 = 8;
const DATA: usize = 200;
const RECORDS: u64 = 1_000_000;
const QUICK: u64 = 100_000;
/// Groups of one record, and as many of sixteen, at the end; before them groups of 500.
const SMALL_GROUPS: u64 = 1000;
const READS: usize = 2000;
/// How long an engine may put its files in order before they are measured.
const SETTLE: Duration = Duration::from_secs(5);
const ENGINES: [&str; 4] = ["fjall", "values apart", "redb", "quick repair"];

/// What was measured of one engine. Times in milliseconds, sizes in bytes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Figures {
    /// Groups of 500, 16 and 1, the latter two with the others there.
    groups: [Latency; 3],
    /// Groups of 500, records a second.
    rate: f64,
    /// 100 records at the end of a shard.
    read: Latency,
    memory: u64,
    disk: u64,
    disk_peak: u64,
    open_killed_ms: f64,
    trim_ms: f64,
    disk_trimmed: u64,
    disk_compacted: u64,
    open_ms: f64,
}

fn main() -> Result<ExitCode, Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [phase, engine, dir, records] = &arguments[..] {
        let (dir, records) = (Path::new(dir), records.parse()?);
        let figures = match engine.as_str() {
            "fjall" => run::<Fjall<false>>(phase, dir, records)?,
            "values apart" => run::<Fjall<true>>(phase, dir, records)?,
            "redb" => run::<Redb<false>>(phase, dir, records)?,
            _ => run::<Redb<true>>(phase, dir, records)?,
        };
        println!("{}", serde_json::to_string(&figures)?);
        // What an engine does when it is closed is not done: for a crash, nobody does it.
        std::process::exit(0);
    }
    if !arguments.iter().any(|argument| argument == "--bench") {
        println!("This takes minutes: say `cargo bench`, which passes --bench.");
        return Ok(ExitCode::SUCCESS);
    }
    let records = if arguments.iter().any(|argument| argument == "--quick") { QUICK } else { RECORDS };
    let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let disk = kit::bare_sync(scratch.path(), 500)?;
    let mut all = Vec::new();
    for (number, engine) in ENGINES.into_iter().enumerate() {
        println!("  {engine}, {} records", kit::grouped(records));
        all.push(measure(engine, &scratch.path().join(number.to_string()), records)?);
    }
    print(&all, records);
    let sync = (figure(disk.p50), figure(disk.p99));
    println!("  The disk alone takes {} ms for 4 KiB and their sync at the median, {} ms at p99.\n", sync.0, sync.1);
    let engines: Vec<_> = ENGINES.into_iter().zip(&all).collect();
    let figures = serde_json::json!({ "records": records, "disk": disk, "engines": engines });
    kit::keep("engines", figures)?;
    // A comparison has no limits.
    Ok(ExitCode::SUCCESS)
}

/// Fill, crash, open, trim, close, open; each by a process.
fn measure(engine: &str, dir: &Path, records: u64) -> Result<Figures, Failure> {
    let phase = |phase: &str| -> Result<Figures, Failure> {
        let mut child = Command::new(std::env::current_exe()?);
        let output = child.arg(phase).arg(engine).arg(dir).arg(records.to_string()).output()?;
        if !output.status.success() {
            return Err(format!("{engine}, {phase}: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    };
    let filled = phase("fill")?;
    let trimmed = phase("trim")?;
    let opened = phase("open")?;
    Ok(Figures {
        open_killed_ms: trimmed.open_killed_ms,
        trim_ms: trimmed.trim_ms,
        disk_trimmed: trimmed.disk_trimmed,
        disk_compacted: trimmed.disk_compacted,
        open_ms: opened.open_ms,
        ..filled
    })
}

fn run<E: Engine>(phase: &str, dir: &Path, records: u64) -> Result<Figures, Failure> {
    let start = Instant::now();
    let mut engine = E::open(dir)?;
    // Something must have been read for it to be open.
    engine.read(key(0, 0), key(0, u64::MAX), 1)?;
    let open_ms = millis(start);
    match phase {
        "fill" => fill(engine, dir, records),
        "trim" => {
            let mut figures = Figures { open_killed_ms: open_ms, ..Figures::default() };
            let start = Instant::now();
            let half = records / 2;
            let removed =
                (0..SHARDS).map(|shard| engine.trim(key(shard, 0), key(shard, half))).sum::<Result<u64, _>>()?;
            figures.trim_ms = millis(start);
            if removed != half {
                return Err(format!("{removed} records went instead of {half}").into());
            }
            std::thread::sleep(SETTLE);
            figures.disk_trimmed = kit::on_disk(dir);
            engine.compact()?;
            figures.disk_compacted = kit::on_disk(dir);
            drop(engine);
            Ok(figures)
        }
        _ => Ok(Figures { open_ms, ..Figures::default() }),
    }
}

fn fill<E: Engine>(mut engine: E, dir: &Path, records: u64) -> Result<Figures, Failure> {
    let mut figures = Figures::default();
    let (mut noise, mut next) = (Noise::new(1), 0);
    let large = records - SMALL_GROUPS * 17;
    for (at, (size, total)) in [(500, large), (16, SMALL_GROUPS * 16), (1, SMALL_GROUPS)].into_iter().enumerate() {
        let (until, mut samples) = (next + total, Vec::new());
        while next < until {
            let group: Vec<Record> = (next..until.min(next + size)).map(|number| record(number, &mut noise)).collect();
            next += group.len() as u64;
            let start = Instant::now();
            engine.append(group)?;
            samples.push(start.elapsed());
            if samples.len() % 50 == 0 {
                figures.disk_peak = figures.disk_peak.max(kit::on_disk(dir));
            }
        }
        if at == 0 {
            figures.rate = total as f64 / samples.iter().sum::<Duration>().as_secs_f64();
        }
        figures.groups[at] = Latency::of(samples, 0);
    }
    let mut samples = Vec::with_capacity(READS);
    for _ in 0..READS {
        let shard = (noise.next() % u64::from(SHARDS)) as u32;
        let start = Instant::now();
        let bytes = engine.read(key(shard, records - 100 * u64::from(SHARDS)), key(shard, u64::MAX), 100)?;
        samples.push(start.elapsed());
        if bytes < 100 * DATA {
            return Err(format!("a tail of {bytes} bytes is too short").into());
        }
    }
    figures.read = Latency::of(samples, 0);
    figures.memory = kit::memory(std::process::id()).unwrap_or_default().0;
    std::thread::sleep(SETTLE);
    figures.disk = kit::on_disk(dir);
    // Not dropped: see `main`.
    std::mem::forget(engine);
    Ok(figures)
}

/// The key of the record with this number: one a millisecond, so the counter tells the time.
fn key(shard: u32, number: u64) -> [u8; KEY] {
    let mut key = [0; KEY];
    key[7] = 1;
    key[8..12].copy_from_slice(&shard.to_be_bytes());
    key[12..20].copy_from_slice(&number.to_be_bytes());
    key[20..].copy_from_slice(&number.to_be_bytes());
    key
}

fn record(number: u64, noise: &mut Noise) -> Record {
    let shard = (number % u64::from(SHARDS)) as u32;
    let mut value = b"\x01\0\x0fviewer-".to_vec();
    value.extend_from_slice(format!("{:08x}", noise.next() >> 32).as_bytes());
    value.extend(noise.bytes(DATA));
    (key(shard, number), value)
}

fn millis(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1000.0
}

fn print(all: &[Figures], records: u64) {
    let mut rows = Vec::new();
    let mut row = |what: &str, of: &dyn Fn(&Figures) -> f64| {
        rows.push(std::iter::once(what.to_owned()).chain(all.iter().map(|it| figure(of(it)))).collect());
    };
    row("records/s in groups of 500, a sync each", &|it| it.rate);
    for (at, size) in [500, 16, 1].into_iter().enumerate() {
        row(&format!("a group of {size} and its sync: p50, ms"), &|it| it.groups[at].p50);
        row("  p99", &|it| it.groups[at].p99);
    }
    row("the last 100 records of a shard: p50, ms", &|it| it.read.p50);
    row("  p99", &|it| it.read.p99);
    let data = (records * DATA as u64) as f64;
    row("disk ÷ data, full", &|it| it.disk as f64 / data);
    row("  at its highest", &|it| it.disk_peak as f64 / data);
    row("memory, MiB", &|it| it.memory as f64 / MIB as f64);
    row("open after a crash, ms", &|it| it.open_killed_ms);
    row("trim the older half, ms", &|it| it.trim_ms);
    row("disk ÷ data, half of it trimmed", &|it| it.disk_trimmed as f64 / (data / 2.0));
    row("  after a compaction", &|it| it.disk_compacted as f64 / (data / 2.0));
    row("open after a close, ms", &|it| it.open_ms);
    let headings: Vec<&str> = std::iter::once("").chain(ENGINES).collect();
    kit::table(&headings, &rows);
}
