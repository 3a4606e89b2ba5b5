//! The command line: what the program is [asked](args), and what it does besides serving.

pub mod args;
pub mod decide;
pub mod rotate;
mod span;
mod whom;
