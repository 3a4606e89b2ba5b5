//! The browser's half: what runs only there.

mod host;
mod mount;
pub mod overlay;
mod room;
mod vend;

pub use self::{mount::mount_overlay, room::RoomClient};
