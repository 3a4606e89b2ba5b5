//! The Danmu server: renders the pages, vends temporary credentials for the stream, and offers an embedded stream to those
//! without one on AWS. It is never in the write path: viewers put their danmu onto the stream themselves.

mod audit;
pub mod cli;
pub mod config;
pub mod crowd;
mod error;
pub mod health;
pub mod http;
mod listen;
mod rooms;
mod run;
mod say;
mod stream;
mod supervise;

pub use error::RunError;
pub use run::run;
pub use say::say_failure;
