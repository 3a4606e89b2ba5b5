//! The Kinesis client of the browser against the real embedded endpoint, over real connections: signed requests,
//! sessions from STS, resharding under load, credentials that end, restarts.

mod client_crowd;
mod client_readers;
mod client_resharding;
mod client_restart;
mod client_sessions;
mod http2;
mod program;
mod relay;
mod relay_density;
mod world;
