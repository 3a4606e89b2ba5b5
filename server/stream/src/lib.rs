//! An embedded, durable endpoint that speaks the Amazon Kinesis Data Streams and STS protocols.
//!
//! For programs that write to Kinesis in production and want the same service on one machine: signed requests, temporary
//! credentials with policies, shards, limits, and a durable log. It does not interpret the records.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let endpoint = danmu_stream::Endpoint::open(danmu_stream::Options::new("data")).await?;
//! endpoint.ensure_stream("danmu", 1).await?;
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:4567").await?;
//! axum::serve(listener, endpoint.router()).await?;
//! # Ok(()) }
//! ```
//!
//! Promises: a put is acknowledged after the journal is synced; sequence numbers and arrival times never go back; no
//! operation runs without a verified signature (CORS preflights need none). Opens no network connection by itself, and never
//! keeps an acknowledged record only in memory.

mod arn;
mod auth;
mod clock;
mod crypto;
mod endpoint;
mod error;
mod events;
// Compiled with the tests too, so that a change that breaks it is noticed.
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
mod hash;
mod http;
mod inner;
mod intake;
mod kinesis;
mod limits;
mod meter;
mod metrics;
mod options;
mod private;
mod quotas;
mod revoke;
mod root_key;
mod seldom;
mod sequence;
mod store;
mod sts;
mod subscriptions;

pub use crate::{
    arn::{InvalidStreamName, check_stream_name},
    clock::{Clock, SystemClock},
    endpoint::{Endpoint, StreamInfo},
    error::{OpenError, StreamError},
    http::MAX_HEADERS,
    metrics::Metrics,
    options::Options,
    private::{create_private_dir, keep_private},
    quotas::{MAX_BODY, MAX_SHARDS},
    revoke::{Denied, RevokeError},
    root_key::{RootKey, RootKeyError},
    seldom::{Seldom, quoted},
};
