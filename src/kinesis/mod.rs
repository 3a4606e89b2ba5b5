//! Amazon Kinesis Data Streams without a framework: what the browser's client and the server's reader share.
//!
//! - [`sigv4`] signs, [`shard_map`] finds the shard of a partition key, [`api`] names requests, replies and errors.
//! - [`keeper`] holds temporary credentials, [`client`] makes one signed call, [`producer`] puts, [`reader`] reads.
//! - [`machine`] is the reader without any I/O; whoever has another way to call Kinesis drives it directly.
//!
//! Everything that touches the world (time, chance, network) comes from a [`host::Host`]. Nothing here spawns a task,
//! needs `Send` or panics on what comes from outside. Credentials are held in memory only and never printed.

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
