//! The Danmu server: renders the pages, vends temporary credentials for the stream, and offers an embedded stream to those
//! without one on AWS. It is never in the write path: viewers put their danmu onto the stream themselves.

pub mod aws;
pub mod bus;
pub mod capacity;
pub mod cli;
mod clock;
pub mod config;
pub mod crowd;
mod error;
pub mod health;
pub mod http;
mod https;
pub mod identity;
mod listen;
pub mod moderation;
pub mod oidc;
pub mod policies;
pub mod relay;
pub mod rooms;
mod run;
mod say;
pub mod store;
pub mod studio;
mod supervise;
pub mod unicode;
pub mod vending;

pub use error::RunError;
pub use run::run;
pub use say::say_failure;
