//! An embedded, durable endpoint that speaks the Amazon Kinesis Data Streams and STS protocols.
//!
//! For programs that write to Kinesis in production and want the very same thing on one machine: signed requests,
//! temporary credentials with policies, shards, limits, and a log that keeps what it acknowledged. It knows nothing of what
//! the records mean.
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
//! Promises: an answer to a put comes after the sync of the journal; sequence numbers and arrival times never go back;
//! nothing is answered without a verified signature. Never talks to the network by itself, never holds a record only in
//! memory.

mod arn;
mod auth;
mod clock;
mod crypto;
mod endpoint;
mod error;
mod events;
// With the tests too, so that it does not go stale unseen.
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
