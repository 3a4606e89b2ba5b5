//! The last stage: each viewer is a cursor on its room's [line](super::line), over a connection of its own ([`socket`], written
//! to in a [`batch`]) or over a shared one ([`viewer`]); what it missed while away is sent beside live events ([`absence`]).

pub mod absence;
pub mod audience;
pub mod batch;
pub mod seat;
pub mod socket;
#[cfg(test)]
mod tests;
pub mod viewer;
