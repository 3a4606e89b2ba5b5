//! The command line: its [arguments](args), and the commands other than serving.

pub mod args;
pub mod decide;
pub mod policies;
pub mod rooms;
pub mod rotate;
mod span;
mod whom;
