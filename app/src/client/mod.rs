//! The browser's half: what runs only there.

mod cookie;
mod feed;
mod host;
mod identity;
mod mount;
mod pointer;
mod remember;
mod room;
mod speaker;
mod unicode;
mod vend;

pub use self::{
    cookie::set_cookie,
    host::Browser,
    mount::{mount_overlay, play},
    remember::remember,
    room::{RoomClient, origin},
    unicode::UNICODE,
};
use crate::overlay;
