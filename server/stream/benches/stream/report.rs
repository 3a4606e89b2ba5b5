//! The figures beside their limits and their peers'.

use serde::Serialize;

use crate::{
    FILL_PEER,
    kit::{self, Latency, MIB, figure},
    load::{DATA, Filled},
};

/// What is asked of ours. Times in milliseconds.
mod limit {
    use crate::kit::MIB;

    pub const RECORDS_PER_SECOND: f64 = 5000.0;
    pub const PUT_P99: f64 = 20.0;
    pub const PUSH_P99: f64 = 10.0;
    /// The log on disk, as a multiple of the data in it.
    pub const DISK: f64 = 2.0;
    pub const RESTART: f64 = 5000.0;
    /// Resident memory from the second quarter to the end, bytes: it must not follow the log.
    pub const MEMORY_GROWTH: u64 = 32 * MIB;
}

/// What was measured of one endpoint.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Figures {
    pub filled: Filled,
    pub sequential: Latency,
    pub parallel: Latency,
    pub pushed: Option<Latency>,
    /// The log after it was filled, bytes.
    pub disk: u64,
    pub restart_killed_ms: Option<f64>,
    pub restart_ms: Option<f64>,
}

impl Figures {
    fn records_per_second(&self) -> f64 {
        self.filled.records as f64 / self.filled.seconds
    }

    fn disk_ratio(&self) -> f64 {
        self.disk as f64 / (self.filled.records as f64 * DATA as f64)
    }

    /// Bytes of resident memory at a quarter, 0 to 2.
    fn memory(&self, quarter: usize) -> Option<u64> {
        self.filled.quarters.get(quarter).map(|quarter| quarter.memory)
    }

    fn memory_growth(&self) -> Option<u64> {
        Some(self.filled.memory.saturating_sub(self.memory(1)?))
    }
}

/// Everything that was measured in one run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub minutes: f64,
    /// 4 KiB and their sync, by the disk alone.
    pub disk: Latency,
    pub ours: Figures,
    pub memory: Figures,
    pub durable: Figures,
}

impl Report {
    pub fn print(&self) {
        let mut rows = Vec::new();
        let mut row = |what: &str, limit: String, of: &dyn Fn(&Figures) -> Option<f64>| {
            let cell = |figures| of(figures).map_or_else(|| "—".to_owned(), figure);
            rows.push(vec![what.to_owned(), cell(&self.ours), limit, cell(&self.memory), cell(&self.durable)]);
        };
        let none = String::new;
        let most = |value: f64| format!("≤ {}", figure(value));
        row("records retained", none(), &|it| Some(it.filled.records as f64));
        row("PutRecords, 8 shards: records/s", format!("≥ {}", figure(limit::RECORDS_PER_SECOND)), &|it| {
            Some(it.records_per_second())
        });
        row("  a call of 500: p50, ms", none(), &|it| Some(it.filled.call.p50));
        row("  p99", none(), &|it| Some(it.filled.call.p99));
        row("PutRecord, one after another: p50, ms", none(), &|it| Some(it.sequential.p50));
        row("  p99", most(limit::PUT_P99), &|it| Some(it.sequential.p99));
        row("  p99.9", none(), &|it| Some(it.sequential.p999));
        row("PutRecord, 8 at once: p50, ms", none(), &|it| Some(it.parallel.p50));
        row("  p99", most(limit::PUT_P99), &|it| Some(it.parallel.p99));
        row("  p99.9", none(), &|it| Some(it.parallel.p999));
        row("put → SubscribeToShard event: p50, ms", none(), &|it| it.pushed.map(|pushed| pushed.p50));
        row("  p99", most(limit::PUSH_P99), &|it| it.pushed.map(|pushed| pushed.p99));
        row("disk ÷ data, full", most(limit::DISK), &|it| Some(it.disk_ratio()).filter(|ratio| *ratio > 0.0));
        let some = |ratio: f64| Some(ratio).filter(|ratio| *ratio > 0.0);
        row("  at its highest, while an eighth more came", most(limit::DISK), &|it| some(it.filled.highest_full));
        row("  while it was filled, from a quarter on", none(), &|it| some(it.filled.highest_filling));
        row("start after kill -9, ms", most(limit::RESTART), &|it| it.restart_killed_ms);
        row("  after a close", most(limit::RESTART), &|it| it.restart_ms);
        for (quarter, name) in ["memory, ¼ retained: MiB", "  ½", "  ¾"].into_iter().enumerate() {
            row(name, none(), &|it| it.memory(quarter).map(mib));
        }
        row("  all", none(), &|it| Some(mib(it.filled.memory)));
        row("  grown from ½ on", most(mib(limit::MEMORY_GROWTH)), &|it| it.memory_growth().map(mib));
        kit::table(&["", "ours", "limit", "ferrokinesis", "… durable"], &rows);
        println!(
            "  The peers were given fewer records, or {} s for them: their figures are of what they retained by then.\n  \
             The disk alone takes {} ms for 4 KiB and their sync at the median, {} ms at p99. All of it in {:.1} min.\n",
            FILL_PEER.as_secs(),
            figure(self.disk.p50),
            figure(self.disk.p99),
            self.minutes,
        );
    }

    /// The limits that ours did not keep.
    pub fn broken(&self, records: u64) -> Vec<String> {
        let ours = &self.ours;
        let mut broken = Vec::new();
        let mut must = |kept: bool, what: &str, figure: f64, limit: f64| {
            if !kept {
                broken.push(format!("{what}: {}, limit {}", kit::figure(figure), kit::figure(limit)));
            }
        };
        let mut most = |what: &str, figure: Option<f64>, limit: f64| {
            let figure = figure.unwrap_or(f64::INFINITY);
            must(figure <= limit, what, figure, limit);
        };
        most("PutRecord one after another, p99 ms", Some(ours.sequential.p99), limit::PUT_P99);
        most("PutRecord 8 at once, p99 ms", Some(ours.parallel.p99), limit::PUT_P99);
        most("puts that failed", Some((ours.sequential.failed + ours.parallel.failed) as f64), 0.0);
        most("put → SubscribeToShard event, p99 ms", ours.pushed.map(|pushed| pushed.p99), limit::PUSH_P99);
        most("events that did not come", ours.pushed.map(|pushed| pushed.failed as f64), 0.0);
        most("disk ÷ data", Some(ours.disk_ratio()), limit::DISK);
        most("disk ÷ data at its highest", Some(ours.filled.highest_full), limit::DISK);
        most("start after kill -9, ms", ours.restart_killed_ms, limit::RESTART);
        most("start after a close, ms", ours.restart_ms, limit::RESTART);
        if cfg!(target_os = "linux") {
            most("memory grown from ½ on, MiB", ours.memory_growth().map(mib), mib(limit::MEMORY_GROWTH));
        }
        must(ours.filled.records >= records, "records retained", ours.filled.records as f64, records as f64);
        let rate = ours.records_per_second();
        must(rate >= limit::RECORDS_PER_SECOND, "PutRecords, records/s", rate, limit::RECORDS_PER_SECOND);
        broken
    }
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / MIB as f64
}
