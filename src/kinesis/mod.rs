//! Amazon Kinesis Data Streams client without a framework, shared by the browser and the server.
//!
//! - [`sigv4`] signs, [`shard_map`] finds the shard of a partition key, [`api`] has the requests and replies.
//! - [`keeper`] holds temporary credentials, [`client`] makes one signed call, [`producer`] puts, [`reader`] reads.
//! - [`machine`] is the reader without any I/O; another client of Kinesis can drive it directly.
//!
//! Time, randomness and network come from a [`host::Host`]. Nothing here spawns a task, needs `Send` or panics on external
//! input. Credentials are kept in memory only and never printed.

pub mod api;
pub mod backoff;
pub mod client;
pub mod error;
pub mod host;
pub mod keeper;
pub mod machine;
pub mod producer;
pub mod reader;
pub mod shard_map;
pub mod sigv4;
pub mod time;

pub use client::Client;
pub use error::{Error, ErrorKind, Retry};
pub use host::{Clock, Host, NetError, Reply};
pub use keeper::{Keeper, Vend, VendError};
pub use machine::{Event, Record, Scope, State, Stats, StreamCursor};
pub use producer::{Options, Producer, PutError, Receipt};
pub use reader::Reader;
