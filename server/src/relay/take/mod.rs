//! What is taken off the stream: [`reader`] reads it, [`dispatch`] hands each room what was read of it, and [`judge`] says of a
//! record whether it may be shown, and at which [`place`] of its room's order it stands.
//!
//! Knows nothing of what becomes of that: [`line`](super::line) knows this, and [`tell`](super::tell) both.

pub mod dispatch;
pub mod judge;
pub mod log_position;
pub mod means;
pub mod reader;
pub mod refused;
pub mod status;
