//! The components of the pages, one per file. What they decide is in plain Rust beside them; they only show it.

mod by;
mod chat;
mod composer;
mod feed_badge;
mod fold;
mod follow;
mod header;
mod icon;
mod overlay_canvas;
mod overlay_settings;
mod player;
mod readable;
mod title;

pub use self::{
    by::By,
    chat::Chat,
    composer::Composer,
    feed_badge::{FeedBadge, FeedData},
    fold::fold,
    follow::Follow,
    header::PageHeader,
    icon::{Glyph, Icon},
    overlay_canvas::OverlayCanvas,
    overlay_settings::{OverlaySettings, choice_controls},
    player::Player,
    readable::readable,
    title::AppTitle,
};
