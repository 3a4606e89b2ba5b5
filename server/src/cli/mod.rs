//! The command line: its [arguments](args), and the commands other than serving.

mod alias;
pub mod args;
pub mod audit;
pub mod decide;
mod delete;
pub mod erase;
mod limits;
pub mod policies;
pub mod rooms;
pub mod rotate;
mod span;
mod whom;
