//! What the relay counts and times, for `/metrics`
//! ([OpenMetrics](https://prometheus.io/docs/specs/om/open_metrics_spec/)).

use std::{sync::atomic::Ordering::Relaxed, time::Instant};

use danmu::{
    density::Fate,
    gate::{Admitted, Reason},
    kinesis::Record,
    room::RoomId,
};
use danmu_stream::{Seldom, quoted};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::{ConstGauge, Gauge},
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

use super::{
    alarm::{Alarm, Raised},
    hub::Board,
    place::Place,
    ring::Said,
};
use crate::clock::now_ms;

/// The longest way to the stream that is counted, milliseconds: an author's clock may say anything, and the sum is to mean
/// something.
const MAX_PUT_MS: i64 = 60_000;

/// Why a record of the stream was told to nobody.
#[derive(Debug)]
pub enum Refused {
    /// Its partition key is no room's id.
    NoSuchRoom,
    /// It was put on a shard where its room does not live, by an explicit hash key.
    ForeignShard,
    /// The gate's reason.
    Gate(Reason),
}

impl From<Reason> for Refused {
    fn from(reason: Reason) -> Self {
        Self::Gate(reason)
    }
}

impl Refused {
    /// Whether no page of ours makes such a record, whatever its viewer says.
    const fn is_junk(&self) -> bool {
        matches!(
            self,
            Self::NoSuchRoom
                | Self::ForeignShard
                | Self::Gate(Reason::OtherRoom | Reason::Record(_) | Reason::Forged | Reason::NotModerator)
        )
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::NoSuchRoom => "no_such_room",
            Self::ForeignShard => "foreign_shard",
            Self::Gate(Reason::OtherRoom) => "other_room",
            Self::Gate(Reason::Record(_)) => "unreadable",
            Self::Gate(Reason::Text(_)) => "text",
            Self::Gate(Reason::Unsigned) => "unsigned",
            Self::Gate(Reason::Forged) => "forged",
            Self::Gate(Reason::Expired) => "expired",
            Self::Gate(Reason::Stale(_)) => "stale",
            Self::Gate(Reason::Banned) => "banned",
            Self::Gate(Reason::NotModerator) => "not_moderator",
            Self::Gate(Reason::Moderation(_)) => "moderation",
            Self::Gate(Reason::Duplicate) => "duplicate",
            Self::Gate(Reason::TooFast) => "too_fast",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRoom {
    room: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WithReason {
    reason: &'static str,
}

/// Counters and histograms of the relay. Counting waits for nobody.
#[derive(Debug)]
pub struct Metrics {
    admitted: Family<OfRoom, Counter>,
    refused: Family<WithReason, Counter>,
    /// What the log was told of that.
    told: Seldom<&'static str>,
    junk: Alarm,
    merged: Family<OfRoom, Counter>,
    dropped: Family<OfRoom, Counter>,
    put_to_arrival: Histogram,
    arrival_to_gate: Histogram,
    arrival_to_frame: Histogram,
    frame_to_socket: Histogram,
    frames: Counter,
    events: Counter,
    deliveries: Counter,
    missed: Counter,
    stuck: Gauge,
    cut: Counter,
    joined: Family<WithReason, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        // From half a millisecond to 16 s.
        let histogram = || Histogram::new(exponential_buckets(0.000_5, 2.0, 16));
        Self {
            admitted: Family::default(),
            refused: Family::default(),
            told: Seldom::default(),
            junk: Alarm::default(),
            merged: Family::default(),
            dropped: Family::default(),
            put_to_arrival: histogram(),
            arrival_to_gate: histogram(),
            arrival_to_frame: histogram(),
            frame_to_socket: histogram(),
            frames: Counter::default(),
            events: Counter::default(),
            deliveries: Counter::default(),
            missed: Counter::default(),
            stuck: Gauge::default(),
            cut: Counter::default(),
            joined: Family::default(),
        }
    }
}

impl Metrics {
    /// The gate let a record of that room through.
    pub fn admitted(&self, room: &RoomId, admitted: &Admitted) {
        self.admitted.get_or_create(&of(room)).inc();
        if let Some(sent_ms) = admitted.sent_ms {
            let ms = admitted.arrival_ms.saturating_sub(sent_ms).clamp(0, MAX_PUT_MS);
            self.put_to_arrival.observe(ms as f64 / 1_000.0);
        }
        self.arrival_to_gate.observe(since(admitted.arrival_ms));
    }

    /// What became of a danmu that the gate let through.
    pub fn chosen(&self, room: &RoomId, fate: Fate) {
        match fate {
            Fate::Shown => {}
            Fate::Merged => _ = self.merged.get_or_create(&of(room)).inc(),
            Fate::Dropped => _ = self.dropped.get_or_create(&of(room)).inc(),
        }
    }

    /// A record was told to nobody.
    pub fn refused(&self, refused: &Refused, record: &Record) {
        let reason = refused.name();
        self.refused.get_or_create(&WithReason { reason }).inc();
        if !matches!(refused, Refused::Gate(Reason::Moderation(_)))
            && let Some(records) = self.told.note(&reason, Instant::now())
        {
            tracing::info!(reason, records, key = quoted(&record.partition_key), "records are told to nobody");
        }
        if !refused.is_junk() {
            return;
        }
        if let Some(Raised { records, bytes }) = self.junk.count(record.data.len(), record.arrival_ms) {
            tracing::error!(
                shard = record.shard_id,
                reason,
                records,
                bytes,
                "ALARM: the stream is being filled with what nobody sees; `danmu-server freeze` stops new sessions, \
                 `danmu-server revoke` ends those there are"
            );
        }
    }

    /// This went into a frame.
    pub fn framed(&self, said: &[(Place, Said)]) {
        self.frames.inc();
        for (_, said) in said {
            if let Said::Danmu(item) = said {
                self.arrival_to_frame.observe(since(item.at));
            }
        }
    }

    /// So many events with so many danmu were handed to sockets, the oldest of them made then. The time counts once, as that of
    /// the last of them.
    pub fn sent(&self, made: Instant, events: u64, danmu: u64) {
        self.sent_again(events, danmu);
        if danmu > 0 {
            self.frame_to_socket.observe(made.elapsed().as_secs_f64());
        }
    }

    /// The same of what was read again.
    pub fn sent_again(&self, events: u64, danmu: u64) {
        self.events.inc_by(events);
        self.deliveries.inc_by(danmu);
    }

    /// A viewer takes nothing at the moment, as long as what this gives is kept.
    pub fn stuck(&self) -> Stuck<'_> {
        self.stuck.inc();
        Stuck(&self.stuck)
    }

    /// A viewer took nothing for too long, and was cut off.
    pub fn cut(&self) {
        self.cut.inc();
    }

    /// A viewer lost so many danmu.
    pub fn missed(&self, danmu: u64) {
        self.missed.inc_by(danmu);
    }

    /// A viewer came: with a place that was recovered, with one that was not, or with none.
    pub fn joined(&self, asked: bool, recovered: bool) {
        let reason = match (asked, recovered) {
            (false, _) => "fresh",
            (true, true) => "recovered",
            (true, false) => "unrecovered",
        };
        self.joined.get_or_create(&WithReason { reason }).inc();
    }

    /// All of it as text.
    pub fn render(&self, board: &Board) -> String {
        let mut registry = Registry::with_prefix("danmu");
        registry.register("admitted", "Records that the gate let through", self.admitted.clone());
        registry.register("refused", "Records that were told to nobody, by reason", self.refused.clone());
        let raised = ConstGauge::new(i64::from(self.junk.is_raised(now_ms())));
        registry.register("junk_alarm", "Whether the stream is being filled with what no page of ours makes", raised);
        registry.register("merged", "Danmu that were told as one with equal ones", self.merged.clone());
        registry.register("dropped", "Danmu that were left out, since there were too many", self.dropped.clone());
        let seconds = Unit::Seconds;
        for (name, help, histogram) in [
            (
                "put_to_arrival",
                "From when its author sent a record, by its own clock, to its arrival",
                &self.put_to_arrival,
            ),
            ("arrival_to_gate", "From a record's arrival at the stream to the gate", &self.arrival_to_gate),
            ("arrival_to_frame", "From a record's arrival at the stream to its frame", &self.arrival_to_frame),
            (
                "frame_to_socket",
                "From a frame to the sockets of its viewers, the last of a batch",
                &self.frame_to_socket,
            ),
        ] {
            registry.register_with_unit(name, help, seconds.clone(), histogram.clone());
        }
        registry.register("frames", "Frames made", self.frames.clone());
        registry.register("events", "Events handed to sockets", self.events.clone());
        registry.register("deliveries", "Danmu handed to sockets", self.deliveries.clone());
        registry.register("missed", "Danmu that viewers lost because they read too slowly", self.missed.clone());
        registry.register("stuck", "Viewers that take nothing at the moment", self.stuck.clone());
        registry.register("cut", "Viewers cut off because they took nothing", self.cut.clone());
        let refill = &*board.refill;
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
        registry.register("joined", "Viewers that came, by how their place was found", self.joined.clone());
        let read = board.reader.get();
        for (name, help, count) in [
            ("reader_reads", "Reads of the stream begun: calls, or waits for what is pushed", read.machine.reads),
            ("reader_records", "Records read", read.machine.records),
            ("reader_throttled", "Reads refused for a limit", read.machine.throttled),
            ("reader_failed", "Calls that failed, whatever for", read.failed),
            ("reader_subscriptions", "Subscriptions to shards begun", read.subscriptions),
        ] {
            registry.register(name, help, ConstCounter::new(count));
        }
        let verified = board.verifier.verified();
        for (name, help, count) in [
            ("proofs_known", "Records whose proof is true, by a ticket that was known", verified.known),
            ("proofs_new", "Records whose proof is true, by a ticket that was new", verified.new),
            ("proofs_untrue", "Records whose proof is not true", verified.untrue),
        ] {
            registry.register(name, help, ConstCounter::new(count));
        }
        let remembered = ConstGauge::new(gauge(verified.remembered));
        registry.register("tickets", "Tickets that are remembered", remembered);
        let behind = ConstGauge::new(read.machine.behind_ms as f64 / 1_000.0);
        registry.register_with_unit("reader_behind", "Age of the place of the last read", Unit::Seconds, behind);
        let (viewers, bytes, kept) = (Gauges::default(), Gauges::default(), Gauges::default());
        for (room, feed) in board.feeds() {
            let of = of(room);
            let (held, danmu) = feed.ring.size();
            viewers.get_or_create(&of).set(gauge(feed.ring.viewers() as u64));
            bytes.get_or_create(&of).set(gauge((held + feed.past.size()) as u64));
            kept.get_or_create(&of).set(gauge(danmu));
        }
        registry.register("viewers", "Connected viewers", viewers);
        registry.register_with_unit("ring", "Feed kept for those who join", Unit::Bytes, bytes);
        registry.register("ring_danmu", "Danmu kept for those who join", kept);
        let mut text = String::new();
        // Writing to a text cannot fail.
        let _ = encode(&mut text, &registry);
        text
    }
}

/// See [`Metrics::stuck`].
pub struct Stuck<'a>(&'a Gauge);

impl Drop for Stuck<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

type Gauges = Family<OfRoom, Gauge<i64, std::sync::atomic::AtomicI64>>;

fn of(room: &RoomId) -> OfRoom {
    OfRoom { room: room.to_string() }
}

fn gauge(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Seconds since a Unix millisecond; none before it.
fn since(unix_ms: i64) -> f64 {
    now_ms().saturating_sub(unix_ms).max(0) as f64 / 1_000.0
}
