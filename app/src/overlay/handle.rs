//! What a page holds of an overlay.

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
    /// The browser lacks something, or refused it.
    #[error("the browser refused to set up the overlay: {0}")]
    Browser(String),
}

/// A handle of an overlay. The last one dropped ends it; the canvas keeps its last picture.
#[derive(Clone)]
pub struct Overlay(Rc<Surface>);

impl Overlay {
    /// Draws on `canvas` from now on, in whatever size the page's layout gives it. What is shown before the worker is
    /// ready waits for it.
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
        self.0.tell(&Command::Confirm(id.to_owned()));
    }

    /// Takes a danmu away: retracted by somebody, or never sent.
    pub fn retract(&self, id: &str) {
        self.0.tell(&Command::Retract(id.to_owned()));
    }

    /// Takes all danmu away.
    pub fn clear(&self) {
        self.0.tell(&Command::Clear);
    }

    /// Stops or moves all danmu.
    pub fn set_paused(&self, paused: bool) {
        self.0.tell(&Command::Pause(paused));
    }

    /// Draws by these settings from now on. What is on the picture stays there as far as it has room.
    pub fn configure(&self, settings: Settings) {
        self.0.configure(settings);
    }

    /// The pointer is at this point of the canvas, CSS pixels, or has left it. The danmu under it stands still, and those
    /// behind it; [`Overlay::under`] tells of it a moment later.
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
