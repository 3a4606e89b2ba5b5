//! The page's handle of an overlay.

use std::rc::Rc;

use web_sys::HtmlCanvasElement;

use super::surface::Surface;
use super::wire::Command;
use super::{OverlayStats, Settings, Shown};

/// Why there is no overlay.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OverlayError {
    /// The canvas already draws in another way, or the browser has no memory left for it.
    #[error("the canvas has no 2D context; give the overlay a canvas of its own")]
    NoContext,
    /// The browser lacks a feature, or refused it.
    #[error("the browser refused to set up the overlay: {0}")]
    Browser(String),
}

/// A handle of an overlay. Dropping the last one ends it; the canvas keeps its last picture.
#[derive(Clone)]
pub struct Overlay(Rc<Surface>);

impl Overlay {
    /// Draws on `canvas` from now on, in the size that the page's layout gives it. What is shown before the worker is ready
    /// is queued.
    ///
    /// # Errors
    /// [`OverlayError`], when the browser cannot draw on this canvas.
    pub fn mount(canvas: HtmlCanvasElement) -> Result<Self, OverlayError> {
        Surface::mount(canvas).map(Self)
    }

    /// Shows a danmu as soon as a lane is free. If its id is already on the stage, it only confirms that one, unless pending.
    pub fn show(&self, danmu: Shown) {
        self.0.show(danmu);
    }

    /// Confirms a danmu: it is on the stream, so it is no longer drawn as pending.
    pub fn confirm(&self, id: &str) {
        self.0.tell(&Command::Confirm(id.to_owned()));
    }

    /// Removes a danmu: it was retracted, or never sent.
    pub fn retract(&self, id: &str) {
        self.0.tell(&Command::Retract(id.to_owned()));
    }

    /// Removes all danmu.
    pub fn clear(&self) {
        self.0.tell(&Command::Clear);
    }

    /// Pauses or resumes all danmu.
    pub fn set_paused(&self, paused: bool) {
        self.0.tell(&Command::Pause(paused));
    }

    /// Applies settings. Danmu on the picture stay as far as they have room.
    pub fn configure(&self, settings: Settings) {
        self.0.configure(settings);
    }

    /// Sets the pointer's position on the canvas, CSS pixels; `None` once it has left. The danmu under it stops, and those
    /// behind it; [`Overlay::under`] follows a moment later.
    pub fn point(&self, at: Option<(f32, f32)>) {
        let (x, y) = at.unwrap_or((f32::NAN, f32::NAN));
        self.0.tell(&Command::Point { x, y });
    }

    /// The id of the danmu under the pointer.
    #[must_use]
    pub fn under(&self) -> Option<String> {
        self.0.under()
    }

    /// The counts, at most a quarter of a second old.
    #[must_use]
    pub fn stats(&self) -> OverlayStats {
        self.0.stats()
    }
}
