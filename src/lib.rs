//! The domain of Danmu: what a danmu is, and the rules that all sides of the service share.
//!
//! The same code runs in the server and, compiled to WebAssembly, in the browser. It uses no framework, does no I/O and has no
//! clock of its own: its caller supplies time, randomness and network.

mod base64;
pub mod cognito;
pub mod density;
pub mod direct;
pub mod feed;
pub mod gate;
pub mod kinesis;
pub mod record;
pub mod rights;
pub mod room;
pub mod session;
pub mod stage;
pub mod ticket;
pub mod viewer;
