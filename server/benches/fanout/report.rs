//! What was measured, as rows, and which limits it broke.

use serde::Serialize;

use crate::kit::{self, Failure, figure, grouped};

/// One measurement of one server.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Figures {
    pub viewers: usize,
    pub per_second: u32,
    pub deliveries: u64,
    /// Danmu that some viewer should have got and did not, or got twice.
    pub wrong: u64,
    /// CPU-seconds of the server per million deliveries.
    pub cpu: f64,
    /// Deliveries a second.
    pub pace: f64,
    /// From the put to the viewer, milliseconds.
    pub p50: f64,
    pub p95: f64,
    pub p99: f64,
    pub p999: f64,
    /// From when the stream took it to the viewer, milliseconds: a little more than from its admission.
    pub taken_p50: f64,
    pub taken_p99: f64,
    pub taken_p999: f64,
    /// Resident memory per viewer, kB.
    pub memory: f64,
    /// CPU-seconds per second of the load itself: near 1, it is the load that is measured.
    pub load: f64,
}

/// All of it.
#[derive(Debug, Default)]
pub struct Report {
    rows: Vec<Vec<String>>,
    kept: Vec<(String, Figures)>,
    ratios: Vec<(String, f64, f64)>,
    broken: Vec<String>,
}

impl Report {
    /// A row.
    pub fn note(&mut self, name: &str, it: Figures) {
        let pace = grouped(it.pace as u64);
        let counts =
            [grouped(it.viewers as u64), it.per_second.to_string(), grouped(it.deliveries), pace, it.wrong.to_string()];
        let put = [it.p50, it.p95, it.p99, it.p999];
        let taken = [it.taken_p50, it.taken_p99, it.taken_p999];
        let figures = [&[it.cpu], &put[..], &taken, &[it.memory, it.load]].concat();
        let figures: Vec<_> = figures.into_iter().map(figure).collect();
        self.rows.push([vec![name.to_owned()], counts.to_vec(), figures].concat());
        self.kept.push((name.to_owned(), it));
    }

    /// A figure that must be no more than its limit.
    pub fn most(&mut self, what: &str, value: f64, limit: f64) {
        println!("  {what}: {} (limit {})", figure(value), figure(limit));
        self.ratios.push((what.to_owned(), value, limit));
        if value > limit {
            self.broken.push(format!("{what}: {}, limit {}", figure(value), figure(limit)));
        }
    }

    /// Prints and keeps it; gives what was broken.
    pub fn end(self) -> Result<Vec<String>, Failure> {
        println!("\n  ms: from the put; from when the stream took it (admission follows at once)");
        let latencies = ["put p50", "p95", "p99", "p99.9", "taken p50", "p99", "p99.9"];
        let counts = ["", "viewers", "a second", "deliveries", "/s", "wrong", "CPU s/M"];
        let headings = [&counts[..], &latencies, &["kB each", "load"]];
        kit::table(&headings.concat(), &self.rows);
        kit::keep("fanout", serde_json::json!({ "runs": self.kept, "limits": self.ratios }))?;
        Ok(self.broken)
    }
}

/// The median of some; the upper one of an even number of them.
pub fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
