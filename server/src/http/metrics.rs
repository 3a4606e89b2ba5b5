//! `GET /metrics`: counters and timings
//! ([OpenMetrics](https://prometheus.io/docs/specs/om/open_metrics_spec/)).

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use danmu_identity::vending::Counts;
use danmu_stream::Metrics;
use http::header;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::ConstGauge,
    },
    registry::Registry,
};

use super::AppState;

/// The end marker of OpenMetrics text.
const END: &str = "# EOF\n";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfError {
    error: &'static str,
}

/// Answers with the metrics of vending, the relay, and the embedded stream of this process.
pub async fn metrics(State(state): State<AppState>) -> Response {
    let relay = state.relay.map(|relay| relay.metrics()).unwrap_or_default();
    let stream = state.stream.map(|stream| of_stream(stream.metrics())).unwrap_or_default();
    let vending = of_vending(state.vending.counts());
    let text = [relay.trim_end_matches(END), stream.trim_end_matches(END), vending.trim_end_matches(END), END].concat();
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response()
}

/// Counters of vended and refused sessions.
fn of_vending(counted: Counts) -> String {
    let mut registry = Registry::with_prefix("danmu_vending");
    for (name, help, count) in [
        ("sessions", "Sessions vended", counted.sessions),
        ("too_often", "Requests refused because their viewer, or network, asked too often", counted.too_often),
        ("sent_away", "Requests refused because more asked than could be served soon", counted.sent_away),
    ] {
        registry.register(name, help, ConstCounter::new(count));
    }
    text_of(&registry)
}

/// The embedded stream's counters of load, abuse and limits.
fn of_stream(counted: Metrics) -> String {
    let mut registry = Registry::with_prefix("danmu_stream");
    for (name, help, count) in [
        ("requests", "Requests answered, whatever the answer", counted.requests),
        ("records_put", "Records acknowledged", counted.records_put),
        ("bytes_put", "Bytes of data acknowledged", counted.bytes_put),
        ("records_throttled", "Records refused because their shard was full", counted.records_throttled),
        ("records_metered", "Records refused because their session put too much", counted.records_metered),
        ("denied", "Requests of sessions that are denied", counted.denied),
    ] {
        registry.register(name, help, ConstCounter::new(count));
    }
    let gauge = |value| ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
    registry.register("denials", "Denials that are kept", gauge(counted.denials));
    registry.register("bytes_retained", "Bytes of records that are retained", gauge(counted.bytes_retained));
    let rejected = Family::<OfError, Counter>::default();
    for (error, count) in counted.rejected {
        rejected.get_or_create(&OfError { error }).inc_by(count);
    }
    registry.register("rejected", "Requests refused, by the name of the error", rejected);
    text_of(&registry)
}

fn text_of(registry: &Registry) -> String {
    let mut text = String::new();
    // Writing to a text cannot fail.
    let _ = encode(&mut text, registry);
    text
}
