//! The first stage: [`reader`] reads the stream, [`dispatch`] hands each room its records, and [`judge`] decides whether a
//! record may be shown, and at which [position](log_position) of the room's log.
//!
//! Imports neither of the later stages: [`line`](super::line) imports this one, and [`tell`](super::tell) both.

pub mod dispatch;
pub mod judge;
pub mod log_position;
pub mod means;
pub mod reader;
pub mod refused;
pub mod status;
