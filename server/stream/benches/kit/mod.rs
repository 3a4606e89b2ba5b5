//! What the measurements share: quantiles, a table, the file that keeps the figures, and what the system knows of a
//! process, a directory and a disk. Each measurement uses its part of it.
#![allow(dead_code, reason = "every measurement is a program of its own and takes what it needs")]

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// One MiB, bytes.
pub const MIB: u64 = 1024 * 1024;

/// How long something took, many times; milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Latency {
    pub count: usize,
    /// Not counted above: what was refused or did not come.
    pub failed: usize,
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
}

impl Latency {
    pub fn of(samples: impl IntoIterator<Item = Duration>, failed: usize) -> Self {
        let mut sorted: Vec<f64> = samples.into_iter().map(|time| time.as_secs_f64() * 1000.0).collect();
        sorted.sort_by(f64::total_cmp);
        Self {
            count: sorted.len(),
            failed,
            p50: quantile(&sorted, 0.5),
            p99: quantile(&sorted, 0.99),
            p999: quantile(&sorted, 0.999),
            max: quantile(&sorted, 1.0),
        }
    }
}

/// The value below which the share `q` of `sorted` lies (nearest rank); infinite where nothing was measured.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::INFINITY)
}

/// Random bytes and numbers that are quick to make (SplitMix64) and do not compress. Not for secrets.
#[derive(Clone, Debug)]
pub struct Noise(u64);

impl Noise {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count + 8);
        while bytes.len() < count {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(count);
        bytes
    }
}

/// `1234567` as `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A figure with three digits that count: `0.57`, `12.3`, `840`, and `—` where there is none.
pub fn figure(value: f64) -> String {
    match value {
        _ if !value.is_finite() => "—".to_owned(),
        _ if value >= 1000.0 => grouped(value.round() as u64),
        _ if value >= 100.0 => format!("{value:.0}"),
        _ if value >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Prints rows under headings: the first column to the left, all others to the right.
pub fn table(headings: &[&str], rows: &[Vec<String>]) {
    let heading = headings.iter().map(|text| (*text).to_owned()).collect();
    let all: Vec<Vec<String>> = std::iter::once(heading).chain(rows.iter().cloned()).collect();
    let width = |column: usize| all.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..headings.len()).map(|column| width(column).unwrap_or(0)).collect();
    println!();
    for row in &all {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let cell = if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") };
            line = format!("{line}  {cell}");
        }
        println!("{}", line.trim_end());
    }
    println!();
}

/// Writes `target/bench/{name}.json`, with the machine that the figures are of.
pub fn keep(name: &str, mut figures: Value) -> Result<(), Failure> {
    // Of whichever package the measurement is.
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().find(|dir| dir.join("Cargo.lock").is_file());
    let dir = workspace.ok_or("there is no Cargo.lock above the package")?.join("target/bench");
    fs::create_dir_all(&dir)?;
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    figures["bench"] = json!(name);
    figures["at_ms"] = json!(u64::try_from(since_epoch.as_millis())?);
    figures["machine"] = json!({
        "cores": std::thread::available_parallelism().map(usize::from).unwrap_or_default(),
        "os": std::env::consts::OS,
        "arch": std::env::consts::ARCH,
    });
    Ok(fs::write(dir.join(format!("{name}.json")), format!("{figures:#}\n"))?)
}

/// Says which limits were broken; the program's exit code.
pub fn verdict(broken: &[String]) -> ExitCode {
    for limit in broken {
        println!("  OVER THE LIMIT: {limit}");
    }
    println!("{}", if broken.is_empty() { "  Within the limits.\n" } else { "" });
    if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A process' resident memory and the most it ever was, bytes; `None` where the system has no `/proc`.
pub fn memory(process: u32) -> Option<(u64, u64)> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let bytes = |field: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(field))?;
        line.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kib| kib * 1024)
    };
    Some((bytes("VmRSS:")?, bytes("VmHWM:")?))
}

/// What the files under a directory take on the disk, bytes. A file that goes while one looks counts nothing.
pub fn on_disk(dir: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(file) if file.is_dir() => on_disk(&entry.path()),
        Ok(file) => blocks(&file),
        Err(_) => 0,
    });
    sizes.sum()
}

#[cfg(unix)]
fn blocks(file: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::blocks(file) * 512
}

#[cfg(not(unix))]
fn blocks(file: &fs::Metadata) -> u64 {
    file.len()
}

/// What the disk itself takes for 4 KiB and their sync, with nothing else on the way: no durable log can be quicker.
pub fn bare_sync(dir: &Path, count: usize) -> io::Result<Latency> {
    let path = dir.join("bare-sync");
    let mut file = File::create(&path)?;
    let mut samples = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        samples.push(start.elapsed());
    }
    fs::remove_file(path)?;
    Ok(Latency::of(samples, 0))
}
