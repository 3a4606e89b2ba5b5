//! The stage: where and when each danmu appears, so that none touches another.
//!
//! The picture is cut into lanes. A scrolling danmu crosses it from right to left in a constant time, so a longer one is
//! faster; a fixed one stands centred at the top or at the bottom for a shorter time. Whoever finds no room at once waits
//! for it, the important ones in front, and is given up, and counted, when the bound is reached.
//!
//! It promises: two scrolling danmu never come nearer than the gap, and neither do two fixed ones; nobody waits longer
//! than the bound; memory is bounded; the same input with the same clock gives the same picture. Scrolling and fixed
//! danmu avoid each other while there is another lane; in a full picture the fixed one is above, and a renderer lets the
//! others pass behind it.
//!
//! It never draws, measures text or reads a clock. Lengths are pixels of whatever size the caller draws in; times are
//! milliseconds of whatever clock the caller keeps, the same one for placing and for drawing.
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
mod reshape;

#[cfg(test)]
mod tests;

pub use engine::Stage;
pub use item::{Item, Mode, Outcome, Placed, Priority, StageOptions, StageStats};
