//! A cache of sprites: one for all danmu that look the same, recent ones included, since many danmu say the same.

use std::collections::HashMap;
use std::rc::Rc;

use web_sys::CanvasRenderingContext2d;

use super::paper::Paper;
use super::sprite::{Look, Sprite};
use super::text;

/// With this many pixels in all bitmaps (384 MiB), no more danmu are shown. Enough for 10,000 danmu of usual length at ratio 1.
const MAX_PIXELS: u64 = 96 << 20;
/// With this many pixels (64 MiB), unused sprites are dropped.
const KEPT_PIXELS: u64 = 16 << 20;
/// The same as a number of sprites, with or without a bitmap.
const KEPT_SPRITES: usize = 4_096;

/// The sprites, and what they are painted on.
pub(super) struct Cache {
    pub(super) paper: Paper,
    /// Measures texts: the picture's own context. Browsers cache measurements until a context's next frame, so a context
    /// without frames would leak memory.
    ruler: CanvasRenderingContext2d,
    sprites: HashMap<Rc<Look>, Rc<Sprite>>,
    family: String,
    /// The font that the ruler has, and its size.
    font: (u16, String),
    sweep_at: (u64, usize),
}

impl Cache {
    /// An empty cache; `ruler` must be the context of a canvas that has frames.
    pub(super) fn new(ruler: CanvasRenderingContext2d) -> Self {
        Self {
            paper: Paper::new(),
            ruler,
            sprites: HashMap::new(),
            family: String::new(),
            font: (0, String::new()),
            sweep_at: (KEPT_PIXELS, KEPT_SPRITES),
        }
    }

    /// Whether the bound on pixels is reached.
    pub(super) fn is_full(&self) -> bool {
        self.paper.pixels() >= MAX_PIXELS
    }

    /// Sets the font family to try first; empty for the defaults.
    pub(super) fn set_family(&mut self, family: &str) {
        if family != self.family {
            family.clone_into(&mut self.family);
            self.forget_font();
            self.sprites.clear();
        }
    }

    /// Sets the ruler's font again before the next measurement: resizing its canvas resets it.
    pub(super) fn forget_font(&mut self) {
        self.font.0 = 0;
    }

    /// The font of a size, as a canvas wants it.
    pub(super) fn font(&self, size: u16) -> String {
        text::font(size, &self.family)
    }

    /// The sprite of that look, measured if it is new.
    pub(super) fn sprite(&mut self, look: Look) -> Option<Rc<Sprite>> {
        if let Some(sprite) = self.sprites.get(&look) {
            return Some(Rc::clone(sprite));
        }
        if self.font.0 != look.size {
            self.font = (look.size, self.font(look.size));
            text::set_up(&self.ruler, &self.font.1);
        }
        let look = Rc::new(look);
        let sprite = Rc::new(Sprite::new(Rc::clone(&look), &self.ruler)?);
        self.sweep();
        self.sprites.insert(look, Rc::clone(&sprite));
        Some(sprite)
    }

    /// Drops unused sprites once there are many; again only once the cache has grown by a quarter.
    fn sweep(&mut self) {
        let (pixels, sprites) = self.sweep_at;
        if self.paper.pixels() >= pixels || self.sprites.len() >= sprites {
            self.sprites.retain(|_, sprite| Rc::strong_count(sprite) > 1);
            let (pixels, sprites) = (self.paper.pixels(), self.sprites.len());
            self.sweep_at = ((pixels + pixels / 4).max(KEPT_PIXELS), (sprites + sprites / 4).max(KEPT_SPRITES));
        }
    }
}
