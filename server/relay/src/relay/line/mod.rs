//! The second stage: a task for each room ([`work`]) turns admitted danmu into one line of events, framed once for all viewers
//! in a ring buffer ([`ring`]); what the ring has dropped is read again from the stream ([`refill`]).
//!
//! Imports the stage [`take`](super::take), and knows nothing of viewers' connections.

pub mod again;
pub mod chooser;
pub mod event;
pub mod feed;
pub mod refill;
pub mod refusals;
pub mod retracted;
pub mod ring;
pub mod room;
pub mod shadowed;
pub mod sse;
pub mod tally;
pub mod words;
pub mod work;
