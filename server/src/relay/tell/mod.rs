//! How viewers are told: each is a cursor on its room's [line](super::line), over a connection of its own ([`socket`], many
//! together by [`batch`]) or over a shared one ([`viewer`]); who was away is told that beside ([`absence`]).

pub mod absence;
pub mod audience;
pub mod batch;
pub mod seat;
pub mod socket;
#[cfg(test)]
mod tests;
pub mod viewer;
