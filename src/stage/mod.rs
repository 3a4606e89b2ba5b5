//! The stage: where and when each danmu appears, so that none touches another.
//!
//! The picture is divided into lanes. A scrolling danmu crosses it from right to left, a reverse one from left to right, in a
//! constant time, so that a longer one is faster, or at a constant speed; a fixed one is centred at the top or at the bottom
//! for a shorter time. A danmu that finds no lane waits for one, by importance, and is given up, and counted, at the longest
//! wait.
//!
//! Two moving danmu of a lane always keep the gap, and two fixed ones never overlap; none waits longer than the bound; memory
//! is bounded, and a tick of a steady picture allocates none; the same input with the same clock gives the same picture. Moving
//! and fixed danmu avoid each other while there is another lane; in a full picture the fixed one is in front, and the renderer
//! draws the others behind it. [`Overlap`] makes that stricter, or allows overlap.
//!
//! It never draws, measures text or reads a clock. Lengths are the caller's pixels; times are milliseconds of the caller's
//! clock, the same one for placing and for drawing.
//!
//! ```
//! use danmu::stage::{Item, Mode, Priority, Stage, StageOptions};
//!
//! let mut stage = Stage::new(StageOptions { width: 1280.0, height: 720.0, ..StageOptions::default() });
//! let item = Item { id: 1, width: 200.0, height: 36.0, mode: Mode::Scroll, priority: Priority::Normal };
//! stage.push(item, "弹幕", 0.0);
//! stage.tick(4_000.0);
//! let placed = stage.visible(4_000.0).next().expect("half-way through the picture");
//! assert_eq!((placed.id, placed.x, placed.y, *placed.content), (1, 540.0, 0.0, "弹幕"));
//! ```

mod clock;
mod engine;
mod item;
mod lanes;
mod options;

#[cfg(test)]
mod tests;

pub use engine::Stage;
pub use item::{Item, Mode, Outcome, Placed, Priority, StageStats};
pub use options::{Overlap, Pace, StageOptions};
