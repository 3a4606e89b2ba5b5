//! The overlay: danmu drawn over the picture, on a `<canvas>` of the page, by a worker.
//!
//! [`danmu::stage`] decides where each one is; a worker draws it, so that the page's own thread only passes messages, batched
//! per task. The drawing code is a module of its own, loaded once a page is alive. A text is painted once, into a bitmap that
//! all danmu of its look share, and copied in every frame. With nothing moving there are no frames. A hidden tab draws
//! nothing and drops what arrives meanwhile, so there is no flood on return. Without `OffscreenCanvas` or workers the page
//! draws, by the same code.
//!
//! Guarantees: text stays text, without control characters; no more danmu are shown once bitmaps take 384 MiB, and unused ones
//! are dropped from 64 MiB on; callbacks and worker end with the last [`Overlay`] handle. A viewer whose system asks for
//! reduced motion gets danmu that stand still, unless [`Motion`] says otherwise. It never measures or touches the page around
//! the canvas, knows nothing of rooms or records, and is silent to screen readers: the chat list is the accessible copy.
//!
//! ```ignore
//! let overlay = Overlay::mount(canvas)?;
//! overlay.configure(Settings { scale: 1.2, ..Settings::default() });
//! overlay.show(Shown { id: "1".into(), text: "前方高能".into(), ..Shown::default() });
//! ```
//!
//! For tests and benchmarks, the canvas has the attributes `data-on-stage`, `data-waiting`, `data-shown` and `data-given-up`,
//! updated at most four times a second; `data-under`, the id of the danmu under the pointer; and the event `danmu:shown`, whose
//! detail is the id of a danmu, after the first frame in which any of it is in the picture. The event `danmu:failed` says that
//! nothing is drawn: the drawing module crashed, or did not load. The latter is tried again, and `danmu:recovered` says that it did.

mod choices;
mod presets;
mod text;
mod wire;

#[cfg(feature = "hydrate")]
mod backdrop;
#[cfg(feature = "hydrate")]
mod cache;
#[cfg(feature = "hydrate")]
mod handle;
#[cfg(feature = "hydrate")]
mod painter;
#[cfg(feature = "hydrate")]
mod paper;
#[cfg(feature = "hydrate")]
mod report;
#[cfg(feature = "hydrate")]
mod scene;
#[cfg(feature = "hydrate")]
mod sprite;
#[cfg(feature = "hydrate")]
mod surface;
#[cfg(feature = "hydrate")]
mod worker;

pub use self::choices::{Choice, Choices};
pub use self::presets::Preset;
pub(crate) use self::text::{is_dark, quoted};
pub use danmu::stage::Mode;

#[cfg(feature = "hydrate")]
pub use self::{
    handle::{Overlay, OverlayError},
    worker::{draw, draw_on},
};

/// A danmu to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The record's id; a second danmu of the same id is not shown while the first is on the stage.
    pub id: String,
    /// What it says, verbatim.
    pub text: String,
    /// `0xRRGGBB`.
    pub color: u32,
    /// How it moves.
    pub mode: Mode,
    /// Whether this viewer wrote it: it is framed, and placed first.
    pub own: bool,
    /// Whether it is placed before others, as a streamer's is.
    pub important: bool,
    /// Whether it is not confirmed yet: it is dimmer, its frame dashed.
    pub pending: bool,
    /// How many said the same; the text is larger for it, and shows the number. 0 counts as 1.
    pub times: u32,
}

impl Default for Shown {
    fn default() -> Self {
        Self {
            id: String::new(),
            text: String::new(),
            color: 0xff_ffff,
            mode: Mode::Scroll,
            own: false,
            important: false,
            pending: false,
            times: 1,
        }
    }
}

/// The outline of a text, which makes it readable on any picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Outline {
    /// A line, dark around light text and light around dark.
    #[default]
    Stroke,
    /// A soft shadow of that colour.
    Shadow,
    /// Nothing.
    None,
}

/// Whether danmu fly, or stand still.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Motion {
    /// They fly, unless the viewer asked the system for less motion.
    #[default]
    System,
    /// They fly regardless of the system's setting: on a stream, the audience has other systems.
    Full,
    /// They stand still.
    Still,
}

/// The overlay's settings. Values out of range are clamped.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// How opaque the overlay is, 0 to 1.
    pub opacity: f32,
    /// The size of the text relative to the default, 0.5 to 2.
    pub scale: f32,
    /// The part of the picture's height that danmu may use, 0.1 to 1.
    pub area: f32,
    /// The speed relative to the default, 0.25 to 4. Danmu in flight keep theirs.
    pub speed: f32,
    /// The longest wait for a lane, milliseconds; 0: at once or never.
    pub wait_ms: f32,
    /// The most lanes; 0 for as many as the area has room for.
    pub max_lanes: u32,
    /// How many may be on the picture together, 1 to 10,000.
    pub max_on_stage: u32,
    /// Whether danmu that find no lane fly all the same, over others.
    pub overlap: bool,
    /// The outline of the text.
    pub outline: Outline,
    /// The font family to try first; empty for the defaults.
    pub font: String,
    /// Whether danmu fly; applies to new ones.
    pub motion: Motion,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            opacity: 1.0,
            scale: 1.0,
            // Leaves the lower quarter to subtitles and faces.
            area: 0.75,
            speed: 1.0,
            wait_ms: 1_000.0,
            max_lanes: 0,
            max_on_stage: 10_000,
            overlap: false,
            outline: Outline::Stroke,
            font: String::new(),
            motion: Motion::System,
        }
    }
}

/// The overlay's counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OverlayStats {
    /// Danmu on the stage now.
    pub on_stage: u32,
    /// Danmu that wait for a lane now.
    pub waiting: u32,
    /// Danmu that got a lane, from the beginning.
    pub shown: u32,
    /// Danmu that found no lane in time, from the beginning.
    pub given_up: u32,
}
