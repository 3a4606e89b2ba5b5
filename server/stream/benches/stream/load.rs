//! Puts: as many as the shards take, and single ones under the clock.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use aws_sdk_kinesis::{
    Client,
    primitives::Blob,
    types::{PutRecordsRequestEntry, PutRecordsResultEntry},
};
use serde::Serialize;
use tokio::{task::JoinSet, time::sleep};

use crate::kit::{self, Failure, Latency, Noise};

/// The stream that is filled, and its shards.
pub const STREAM: &str = "danmu";
pub const SHARDS: i32 = 8;
/// Bytes of data of a record: a danmu with its signature. Random, so that no engine gains by compression.
pub const DATA: usize = 200;

/// Programs that fill the stream at the same time, each by one `PutRecords` after another.
const FILLERS: u64 = 4;
/// Records of a call, the most there may be.
const BATCH: usize = 500;
/// Records a second that a filler means to put: together just what 8 shards take.
const PACE: f64 = 1000.0 * SHARDS as f64 / FILLERS as f64;

/// What it took to fill the stream.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Filled {
    /// Records acknowledged.
    pub records: u64,
    pub seconds: f64,
    /// Records that came back because their shard was at its limit, and were sent again.
    pub refused: u64,
    /// A call of 500.
    pub call: Latency,
    /// Resident memory of the server at the end, bytes.
    pub memory: u64,
    /// At each quarter of the way.
    pub quarters: Vec<Quarter>,
    /// The most that the log was on disk, as a multiple of the data then retained, while it was filled from a quarter on:
    /// the journal alone is 64 MiB before it is begun anew.
    pub highest_filling: f64,
    /// The same from where all records were there, while an eighth more came.
    pub highest_full: f64,
}

/// The server when so many records are retained.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Quarter {
    pub records: u64,
    /// Resident memory, bytes.
    pub memory: u64,
    /// The most it ever was.
    pub memory_peak: u64,
    /// The log, bytes.
    pub disk: u64,
}

/// Puts records with random keys until `records` and an eighth more are acknowledged or `time` is over, as quickly as 8
/// shards take them.
pub async fn fill(client: &Client, records: u64, time: Duration, process: u32, dir: &Path) -> Result<Filled, Failure> {
    let acknowledged = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let target = records + records / 8;
    let mut fillers = JoinSet::new();
    for filler in 0..FILLERS {
        fillers.spawn(fill_one(client.clone(), Arc::clone(&acknowledged), target, start + time, Noise::new(filler)));
    }
    let mut filled = Filled::default();
    let mut samples = Vec::new();
    while start.elapsed() < time && !fillers.is_empty() {
        tokio::select! {
            () = sleep(Duration::from_millis(100)) => {}
            Some(ended) = fillers.join_next() => collect(ended??, &mut filled, &mut samples),
        }
        look(&mut filled, acknowledged.load(Relaxed), records, process, dir);
    }
    while let Some(ended) = fillers.join_next().await {
        collect(ended??, &mut filled, &mut samples);
    }
    filled.seconds = start.elapsed().as_secs_f64();
    let acknowledged = acknowledged.load(Relaxed);
    look(&mut filled, acknowledged, records, process, dir);
    filled.records = acknowledged;
    filled.memory = kit::memory(process).unwrap_or_default().0;
    filled.call = Latency::of(samples, 0);
    Ok(filled)
}

/// Looks at the server when another quarter is there; at the disk each time.
fn look(filled: &mut Filled, now: u64, records: u64, process: u32, dir: &Path) {
    let quarters = filled.quarters.len() as u64;
    if now < records / 4 {
        return;
    }
    let disk = kit::on_disk(dir);
    let highest = if now < records { &mut filled.highest_filling } else { &mut filled.highest_full };
    *highest = highest.max(disk as f64 / (now * DATA as u64) as f64);
    if now >= (quarters + 1) * records / 4 && quarters < 4 {
        let (memory, memory_peak) = kit::memory(process).unwrap_or_default();
        filled.quarters.push(Quarter { records: now, memory, memory_peak, disk });
        println!("  {} records retained", kit::grouped(now));
    }
}

fn collect((refused, samples): (u64, Vec<Duration>), filled: &mut Filled, all: &mut Vec<Duration>) {
    filled.refused += refused;
    all.extend(samples);
}

async fn fill_one(
    client: Client,
    acknowledged: Arc<AtomicU64>,
    records: u64,
    until: Instant,
    mut noise: Noise,
) -> Result<(u64, Vec<Duration>), Failure> {
    let (mut refused, mut samples) = (0, Vec::new());
    let mut waiting = Vec::new();
    let mut due = Instant::now();
    while acknowledged.load(Relaxed) < records && Instant::now() < until {
        while waiting.len() < BATCH {
            waiting.push(entry(&mut noise)?);
        }
        let start = Instant::now();
        let answer = client.put_records().stream_name(STREAM).set_records(Some(waiting.clone())).send().await?;
        samples.push(start.elapsed());
        let written = |result: &PutRecordsResultEntry| result.sequence_number.is_some();
        let mut results = answer.records.iter();
        waiting.retain(|_| !results.next().is_some_and(written));
        acknowledged.fetch_add((BATCH - waiting.len()) as u64, Relaxed);
        refused += waiting.len() as u64;
        // A whisker more than the shards take, so that it is they who limit.
        due = due.max(start) + Duration::from_secs_f64((BATCH - waiting.len()) as f64 / (PACE * 1.02));
        if !waiting.is_empty() {
            due = due.max(Instant::now() + Duration::from_secs_f64(waiting.len() as f64 / PACE));
        }
        sleep(due.saturating_duration_since(Instant::now())).await;
    }
    Ok((refused, samples))
}

fn entry(noise: &mut Noise) -> Result<PutRecordsRequestEntry, Failure> {
    let entry = PutRecordsRequestEntry::builder().partition_key(viewer(noise)).data(Blob::new(noise.bytes(DATA)));
    Ok(entry.build()?)
}

fn viewer(noise: &mut Noise) -> String {
    format!("viewer-{:08x}", noise.next() >> 32)
}

/// Single puts: `at_once` tasks, each one put after another with `pause` between them, until `count` were made or `time`
/// is over. What is timed is from the call to the acknowledgement, signing included.
pub async fn singles(
    client: &Client,
    count: usize,
    at_once: usize,
    pause: Duration,
    time: Duration,
) -> Result<Latency, Failure> {
    let until = Instant::now() + time;
    let mut tasks = JoinSet::new();
    for task in 0..at_once {
        let (client, mut noise) = (client.clone(), Noise::new(1000 + task as u64));
        tasks.spawn(async move {
            let (mut samples, mut failed) = (Vec::new(), 0);
            for _ in 0..count / at_once {
                if Instant::now() > until {
                    break;
                }
                let (key, data) = (viewer(&mut noise), Blob::new(noise.bytes(DATA)));
                let start = Instant::now();
                match client.put_record().stream_name(STREAM).partition_key(key).data(data).send().await {
                    Ok(_) => samples.push(start.elapsed()),
                    Err(_) => failed += 1,
                }
                sleep(pause).await;
            }
            (samples, failed)
        });
    }
    let (mut samples, mut failed) = (Vec::new(), 0);
    for (some, refused) in tasks.join_all().await {
        samples.extend(some);
        failed += refused;
    }
    Ok(Latency::of(samples, failed))
}
