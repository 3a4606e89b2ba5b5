//! The browser's half: what runs only there.

mod cookie;
pub mod direct;
mod feed;
mod host;
mod identity;
mod module;
mod mount;
pub mod page;
mod pointer;
mod remember;
mod retract;
mod room;
mod speaker;
mod start;
mod time;
mod unicode;
mod vend;

pub use self::{
    cookie::set_cookie,
    host::{Browser, origin},
    mount::{mount_overlay, why_unplayable},
    remember::{keep_draft, kept_draft, own_name, remember},
    room::RoomClient,
    speaker::rename,
    start::{start, start_studio},
    time::{date_and_time, time_of_day},
    unicode::UNICODE,
    vend::shows_somebody,
};
use crate::overlay;
