//! What a room is told: what was let through becomes one line of events, framed once for all ([`ring`]), by a task for each room
//! ([`work`]); what the line has let go of is had of [`refill`].
//!
//! Knows what is [taken](super::take), and nothing of who is told.

pub mod again;
pub mod chooser;
pub mod event;
pub mod feed;
pub mod refill;
pub mod retracted;
pub mod ring;
pub mod room;
pub mod sse;
pub mod work;
