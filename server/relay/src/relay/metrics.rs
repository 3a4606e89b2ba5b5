//! The relay's counters and histograms, for [`scrape`](super::scrape).

use std::time::Instant;

use danmu::{density::Fate, gate::Admitted, kinesis::Record, room::RoomId};
use danmu_identity::clock::now_ms;
use danmu_stream::{Seldom, quoted};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::{ConstGauge, Gauge},
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

use super::alarm::{Alarm, Raised};

/// Upper bound of the observed time from author to stream, milliseconds: an author's clock may be wrong by any amount, which
/// would make the histogram's sum useless.
const MAX_PUT_MS: i64 = 60_000;

/// How a refused record is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Counted only.
    Counted,
    /// Counted, and logged at a limited rate.
    Logged,
    /// Counted, logged, and may raise the alarm.
    Junk,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfRoom {
    /// Its id.
    pub room: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct WithReason {
    /// Its name.
    pub reason: &'static str,
}

/// Counters and histograms of the relay.
#[derive(Debug)]
pub struct Metrics {
    admitted: Family<OfRoom, Counter>,
    refused: Family<WithReason, Counter>,
    /// Rate limit of the log lines on refused records.
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
    /// The gate admitted a record of that room.
    pub fn admitted(&self, room: &RoomId, admitted: &Admitted) {
        self.admitted.get_or_create(&of(room)).inc();
        if let Some(sent_ms) = admitted.sent_ms {
            let ms = admitted.arrival_ms.saturating_sub(sent_ms).clamp(0, MAX_PUT_MS);
            self.put_to_arrival.observe(ms as f64 / 1_000.0);
        }
        self.arrival_to_gate.observe(since(admitted.arrival_ms));
    }

    /// What the density decided on an admitted danmu.
    pub fn chosen(&self, room: &RoomId, fate: Fate) {
        match fate {
            Fate::Shown => {}
            Fate::Merged => _ = self.merged.get_or_create(&of(room)).inc(),
            Fate::Dropped => _ = self.dropped.get_or_create(&of(room)).inc(),
        }
    }

    /// A record was refused for that reason.
    pub fn refused(&self, reason: &'static str, notice: Notice, record: &Record) {
        self.refused.get_or_create(&WithReason { reason }).inc();
        if notice != Notice::Counted
            && let Some(records) = self.told.note(&reason, Instant::now())
        {
            tracing::info!(reason, records, key = quoted(&record.partition_key), "records are told to nobody");
        }
        if notice != Notice::Junk {
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

    /// A frame was made of danmu that arrived at these times (Unix milliseconds).
    pub fn framed(&self, arrivals: impl Iterator<Item = i64>) {
        self.frames.inc();
        arrivals.for_each(|at| self.arrival_to_frame.observe(since(at)));
    }

    /// `events` with `danmu` in all were handed to sockets; `made` is when the oldest event was made. Its delay is observed
    /// once, after the last socket.
    pub fn sent(&self, made: Instant, events: u64, danmu: u64) {
        self.sent_again(events, danmu);
        if danmu > 0 {
            self.frame_to_socket.observe(made.elapsed().as_secs_f64());
        }
    }

    /// The same for the refill of an absence, whose delay is not observed.
    pub fn sent_again(&self, events: u64, danmu: u64) {
        self.events.inc_by(events);
        self.deliveries.inc_by(danmu);
    }

    /// Counts a viewer whose socket is blocked, until the returned guard is dropped.
    pub fn stuck(&self) -> Stuck<'_> {
        self.stuck.inc();
        Stuck(&self.stuck)
    }

    /// A viewer was cut off because it took nothing for too long.
    pub fn cut(&self) {
        self.cut.inc();
    }

    /// A viewer missed this many danmu.
    pub fn missed(&self, danmu: u64) {
        self.missed.inc_by(danmu);
    }

    /// A viewer joined: with a token whose position was recovered, with one that was not, or with none.
    pub fn joined(&self, asked: bool, recovered: bool) {
        let reason = match (asked, recovered) {
            (false, _) => "fresh",
            (true, true) => "recovered",
            (true, false) => "unrecovered",
        };
        self.joined.get_or_create(&WithReason { reason }).inc();
    }

    /// Registers all of these metrics.
    pub fn register(&self, registry: &mut Registry) {
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
        registry.register("joined", "Viewers that came, by how their place was found", self.joined.clone());
    }
}

/// See [`Metrics::stuck`].
pub struct Stuck<'a>(&'a Gauge);

impl Drop for Stuck<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn of(room: &RoomId) -> OfRoom {
    OfRoom { room: room.to_string() }
}

/// Seconds since a time in Unix milliseconds; 0 if that is in the future.
fn since(unix_ms: i64) -> f64 {
    now_ms().saturating_sub(unix_ms).max(0) as f64 / 1_000.0
}
