//! The overlay: danmu drawn over the picture, on a `<canvas>` of the page.
//!
//! [`danmu::stage`] decides where each one is; this draws it. A text is painted once, into a bitmap of its own, which is
//! then copied in every frame until the danmu leaves. With nothing to move there are no frames at all. A hidden tab draws
//! nothing, and what passed meanwhile is past: there is no flood on return.
//!
//! It promises: text stays text, without control characters; bitmaps live no longer than their danmu; all callbacks end
//! with the last [`Overlay`] handle. Whoever asked the system for less motion gets danmu that stand still. It never
//! measures or touches the page around the canvas, knows nothing of rooms or records, and the canvas tells nothing to a
//! screen reader: the chat list is the accessible copy.
//!
//! On the canvas, for whoever measures: the attributes `data-on-stage`, `data-waiting`, `data-shown` and `data-given-up`,
//! brought up to date at most four times a second, and the event `danmu:shown`, whose detail is the id of a danmu, in the
//! first frame in which any of it is in the picture.

#![allow(dead_code, reason = "a component of its own: a page uses what it needs of it")]

mod report;
mod sprite;
mod surface;
mod text;

use std::rc::Rc;

use danmu::stage::Mode;
use web_sys::HtmlCanvasElement;

use surface::Surface;

/// A danmu to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The record's id; a second danmu of the same id is not shown.
    pub id: String,
    /// What it says, verbatim.
    pub text: String,
    /// `0xRRGGBB`.
    pub color: u32,
    /// How it moves.
    pub mode: Mode,
    /// Whether this viewer wrote it: it is framed, and placed first.
    pub own: bool,
    /// Whether it has still to be confirmed: it is dimmer, its frame dashed.
    pub pending: bool,
}

/// What the overlay has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OverlayStats {
    /// Danmu on the stage now.
    pub on_stage: u32,
    /// Danmu that wait for a lane now.
    pub waiting: u32,
    /// Danmu that got a lane, from the beginning.
    pub shown: u64,
    /// Danmu that found no lane in time, from the beginning.
    pub given_up: u64,
}

/// Why there is no overlay.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OverlayError {
    /// The canvas already draws in another way, or the browser has no memory left for it.
    #[error("the canvas has no 2D context; give the overlay a canvas of its own")]
    NoContext,
    /// The browser lacks something, or refused it.
    #[error("the browser refused to set up the overlay: {0}")]
    Browser(String),
}

/// A handle of an overlay. The last one dropped ends it; the canvas keeps its last picture.
#[derive(Clone)]
pub struct Overlay(Rc<Surface>);

impl Overlay {
    /// Draws on `canvas` from now on, in whatever size the page's layout gives it.
    ///
    /// # Errors
    /// [`OverlayError`], when the browser cannot draw on this canvas.
    pub fn mount(canvas: HtmlCanvasElement) -> Result<Self, OverlayError> {
        Surface::mount(canvas).map(Self)
    }

    /// Shows a danmu as soon as a lane is free. One whose id is here already only confirms it, unless pending itself.
    pub fn show(&self, danmu: Shown) {
        self.0.show(danmu);
    }

    /// The danmu is on the stream: it is shown as any other of the viewer's own.
    pub fn confirm(&self, id: &str) {
        self.0.confirm(id);
    }

    /// Takes a danmu away: retracted by somebody, or never sent.
    pub fn retract(&self, id: &str) {
        self.0.retract(id);
    }

    /// Takes all danmu away.
    pub fn clear(&self) {
        self.0.clear();
    }

    /// Stops or moves all danmu.
    pub fn set_paused(&self, paused: bool) {
        self.0.set_paused(paused);
    }

    /// How opaque the overlay is, 0 to 1.
    pub fn set_opacity(&self, opacity: f32) {
        self.0.set_opacity(opacity);
    }

    /// The part of the picture's height that danmu may use, 0.1 to 1.
    pub fn set_area(&self, area: f32) {
        self.0.set_area(area);
    }

    /// The size of the text against the usual one, 0.5 to 2.
    pub fn set_scale(&self, scale: f32) {
        self.0.set_scale(scale);
    }

    /// The counts up to now.
    #[must_use]
    pub fn stats(&self) -> OverlayStats {
        self.0.stats()
    }
}
