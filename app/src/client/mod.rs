//! The browser's half: what runs only there.

mod cookie;
pub mod direct;
mod feed;
mod host;
mod identity;
mod module;
mod mount;
mod pointer;
mod remember;
mod room;
mod speaker;
mod start;
mod unicode;
mod vend;

pub use self::{
    cookie::set_cookie,
    host::{Browser, origin},
    mount::{mount_overlay, play, why_unplayable},
    remember::remember,
    room::RoomClient,
    start::start,
    unicode::UNICODE,
};
use crate::overlay;
