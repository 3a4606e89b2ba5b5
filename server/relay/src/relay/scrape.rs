//! The relay's part of `/metrics` ([OpenMetrics](https://prometheus.io/docs/specs/om/open_metrics_spec/)): counters as they
//! are, and gauges read at the time of the scrape.

use std::sync::atomic::Ordering::Relaxed;

use danmu::room::RoomId;
use danmu_identity::identity::RecordVerifier;
use prometheus_client::{
    encoding::text::encode,
    metrics::{
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::{ConstGauge, Gauge},
    },
    registry::{Registry, Unit},
};

use super::{
    line::{feed::RoomFeed, refill::RefillStats},
    metrics::{Metrics, OfRoom, WithReason},
    take::reader::ReaderStats,
};

/// What a scrape reads.
pub struct Scrape<'a, F> {
    /// The relay's counters.
    pub metrics: &'a Metrics,
    /// The reader's counters.
    pub reader: &'a ReaderStats,
    /// The refill's counters.
    pub refill: &'a RefillStats,
    /// The verifier, with its counters.
    pub verifier: &'a RecordVerifier,
    /// How many danmu of reviewed rooms fell out of waiting.
    pub fell_out: u64,
    /// The rooms' feeds.
    pub feeds: F,
}

type Gauges = Family<OfRoom, Gauge<i64, std::sync::atomic::AtomicI64>>;

impl<'a, F: Iterator<Item = (&'a RoomId, &'a RoomFeed)>> Scrape<'a, F> {
    /// The metrics as text.
    pub fn render(self) -> String {
        let mut registry = Registry::with_prefix("danmu");
        self.metrics.register(&mut registry);
        let refill = self.refill;
        let refilled = Family::<WithReason, Counter>::default();
        for (reason, count) in [("done", &refill.done), ("in_vain", &refill.in_vain), ("left", &refill.left)] {
            refilled.get_or_create(&WithReason { reason }).inc_by(count.load(Relaxed));
        }
        let help = "Reads of what the window had passed, by whether it could be had, or nobody waited for it any more";
        registry.register("refilled", help, refilled);
        for (name, help, reads) in [
            ("refilling", "Reads under way of what the window had passed", &refill.reading),
            ("refilling_most", "The most of them that were under way at a time", &refill.most),
        ] {
            registry.register(name, help, ConstGauge::new(gauge(reads.load(Relaxed) as u64)));
        }
        let read = self.reader.get();
        for (name, help, count) in [
            ("reader_reads", "Reads of the stream begun: calls, or waits for what is pushed", read.machine.reads),
            ("reader_records", "Records read", read.machine.records),
            ("reader_throttled", "Reads refused for a limit", read.machine.throttled),
            ("reader_failed", "Calls that failed, whatever for", read.failed),
            ("reader_subscriptions", "Subscriptions to shards begun", read.subscriptions),
        ] {
            registry.register(name, help, ConstCounter::new(count));
        }
        let verified = self.verifier.verified();
        for (name, help, count) in [
            ("proofs_known", "Records whose proof is true, by a ticket that was known", verified.known),
            ("proofs_new", "Records whose proof is true, by a ticket that was new", verified.new),
            ("proofs_untrue", "Records whose proof is not true", verified.untrue),
        ] {
            registry.register(name, help, ConstCounter::new(count));
        }
        let help = "Danmu of reviewed rooms that are not shown, since too many waited";
        registry.register("held_fell_out", help, ConstCounter::new(self.fell_out));
        let remembered = ConstGauge::new(gauge(verified.remembered));
        registry.register("tickets", "Tickets that are remembered", remembered);
        let behind = ConstGauge::new(read.machine.behind_ms as f64 / 1_000.0);
        registry.register_with_unit("reader_behind", "Age of the place of the last read", Unit::Seconds, behind);
        let (viewers, bytes, kept) = (Gauges::default(), Gauges::default(), Gauges::default());
        for (room, feed) in self.feeds {
            let of = OfRoom { room: room.to_string() };
            let (held, danmu) = feed.ring.size();
            viewers.get_or_create(&of).set(gauge(feed.ring.viewers() as u64));
            bytes.get_or_create(&of).set(gauge((held + feed.past.size()) as u64));
            kept.get_or_create(&of).set(gauge(danmu));
        }
        registry.register("viewers", "Connected viewers", viewers);
        registry.register_with_unit("ring", "Feed kept for those who join", Unit::Bytes, bytes);
        registry.register("ring_danmu", "Danmu kept for those who join", kept);
        let mut text = String::new();
        // Writing to a `String` cannot fail.
        let _ = encode(&mut text, &registry);
        text
    }
}

fn gauge(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
