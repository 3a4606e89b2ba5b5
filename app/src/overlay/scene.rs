//! The stage and its sprites. Lengths are CSS pixels; times are the milliseconds of `performance.now()`, with which frames
//! are stamped.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::rc::Rc;

use danmu::stage::{Item, Mode, Overlap, Priority, Stage, StageOptions};
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, Performance};

use super::backdrop;
use super::cache::Cache;
use super::paper::context_of;
use super::sprite::{Frame, Look, Sprite};
use super::wire::Command;
use super::{OverlayError, OverlayStats, Settings, Shown, text};

/// Budget for painting new bitmaps in a frame, milliseconds; copying is not included. In a burst the rest is painted in the
/// next frames.
const PAINT_MS: f64 = 6.0;
/// The same as a fraction of the time since the last frame: with thousands of danmu, frames are few and new danmu many.
const PAINT_SHARE: f64 = 0.5;
/// The most that counts of that time, milliseconds: a longer one was a pause.
const LATE_MS: f64 = 200.0;

/// Everything that is drawn.
pub(super) struct Scene {
    canvas: HtmlCanvasElement,
    context: CanvasRenderingContext2d,
    performance: Performance,
    stage: Stage<StagedDanmu>,
    cache: Cache,
    settings: Settings,
    /// Device pixels per CSS pixel.
    ratio: f64,
    next_key: u64,
    /// Ids of the danmu on the stage, and of some that have left.
    known: HashSet<Rc<str>>,
    pointer: Option<(f32, f32)>,
    under: Rc<str>,
    /// Danmu for whose bitmaps there was no memory.
    refused: u32,
    /// When the picture was painted last.
    painted: f64,
}

/// What the stage keeps with a danmu.
struct StagedDanmu {
    id: Rc<str>,
    sprite: RefCell<Rc<Sprite>>,
    seen: Cell<bool>,
}

impl Scene {
    pub(super) fn new(canvas: HtmlCanvasElement, performance: Performance) -> Result<Self, OverlayError> {
        let context = context_of(&canvas).ok_or(OverlayError::NoContext)?;
        let mut scene = Self {
            canvas,
            cache: Cache::new(context.clone()),
            context,
            performance,
            stage: Stage::new(StageOptions::default()),
            settings: Settings::default(),
            ratio: 1.0,
            next_key: 0,
            known: HashSet::new(),
            pointer: None,
            under: "".into(),
            refused: 0,
            painted: 0.0,
        };
        scene.configure(Settings::default(), 0.0);
        Ok(scene)
    }

    /// Carries out a command of the page.
    pub(super) fn take(&mut self, command: Command, now: f64) {
        match command {
            Command::Show(danmu) => self.show(danmu, now),
            Command::Confirm(id) => self.confirm(&id),
            Command::Retract(id) => {
                let found = self.stage.iter().find(|(_, entry)| *entry.id == *id).map(|(key, _)| key);
                if let Some(key) = found {
                    self.stage.retract(key);
                }
            }
            Command::Clear => self.stage.clear(),
            Command::Pause(true) => self.stage.pause(now),
            Command::Pause(false) => self.stage.resume(now),
            Command::Configure(settings) => self.configure(settings, now),
            Command::Fit { width, height, ratio } => self.fit(width, height, ratio, now),
            Command::Point { x, y } => self.pointer = (x.is_finite() && y.is_finite()).then_some((x, y)),
            Command::Hide(_) => {}
        }
    }

    pub(super) fn stats(&self) -> OverlayStats {
        let stats = self.stage.stats();
        OverlayStats {
            on_stage: stats.on_stage as u32,
            waiting: stats.waiting as u32,
            shown: stats.shown as u32,
            given_up: (stats.given_up as u32).wrapping_add(self.refused),
        }
    }

    /// Id of the danmu under the pointer.
    pub(super) fn under(&self) -> &str {
        &self.under
    }

    /// Whether the next picture will differ from this one.
    pub(super) fn moves(&self) -> bool {
        !self.stage.is_empty() && !self.stage.is_paused()
    }

    fn show(&mut self, danmu: Shown, now: f64) {
        if self.known.contains(&*danmu.id) && self.stage.iter().any(|(_, entry)| *entry.id == *danmu.id) {
            if !danmu.pending {
                self.confirm(&danmu.id);
            }
            return;
        }
        let priority = match danmu {
            Shown { own: true, .. } => Priority::Own,
            Shown { important: true, .. } => Priority::Important,
            _ => Priority::Normal,
        };
        if self.cache.is_full() {
            self.refused = self.refused.wrapping_add(1);
            return;
        }
        if self.stage.turn_away(priority, now) {
            return;
        }
        let Some(look) = self.look(&danmu) else { return };
        let Some(sprite) = self.cache.sprite(look) else { return };
        let (width, height) = sprite.size();
        self.next_key += 1;
        let item = Item { id: self.next_key, width, height, mode: danmu.mode, priority };
        let id: Rc<str> = danmu.id.into();
        self.remember(Rc::clone(&id));
        self.stage.push(item, StagedDanmu { id, sprite: RefCell::new(sprite), seen: Cell::new(false) }, now);
    }

    /// `None` if there is nothing to see.
    fn look(&self, danmu: &Shown) -> Option<Look> {
        let said = text::clean(&danmu.text);
        if said.is_empty() {
            return None;
        }
        // An isolate in the direction of its own first letter, like `<bdi>`; a canvas would take all for left to right.
        let mut text = ["\u{2068}", &said, "\u{2069}"].concat();
        if danmu.times > 1 {
            text.push_str(" ×");
            text.push_str(&danmu.times.to_string());
        }
        let frame = match danmu {
            Shown { own: true, pending: true, .. } => Frame::Pending,
            Shown { own: true, .. } => Frame::Own,
            _ => Frame::None,
        };
        let size = (self.font_size() * text::growth(danmu.times)).round() as u16;
        Some(Look { text, color: danmu.color, size, frame, outline: self.settings.outline })
    }

    fn font_size(&self) -> f32 {
        text::font_size(self.stage.options().height, self.settings.scale)
    }

    /// Records an id; drops those that have left once they are many.
    fn remember(&mut self, id: Rc<str>) {
        let stats = self.stage.stats();
        if self.known.len() > 2 * (stats.on_stage + stats.waiting) + 64 {
            self.known = self.stage.iter().map(|(_, entry)| Rc::clone(&entry.id)).collect();
        }
        self.known.insert(id);
    }

    /// Draws it as confirmed from the next frame on.
    fn confirm(&mut self, id: &str) {
        if let Some((_, entry)) = self.stage.iter().find(|(_, entry)| *entry.id == *id) {
            let look = Look { frame: Frame::Own, ..(*entry.sprite.borrow().look).clone() };
            let pending = entry.sprite.borrow().look.frame == Frame::Pending;
            if let Some(sprite) = self.cache.sprite(look).filter(|_| pending) {
                entry.sprite.replace(sprite);
            }
        }
    }

    fn configure(&mut self, settings: Settings, now: f64) {
        // In this order NaN becomes the least.
        let within = |value: f32, least: f32, most: f32| value.max(least).min(most);
        self.settings = Settings { scale: within(settings.scale, 0.5, 2.0), ..settings };
        let Settings { area, speed, wait_ms, max_lanes, max_on_stage, overlap, font, .. } = &self.settings;
        self.cache.set_family(font);
        let lane_height = text::lane_height(self.font_size());
        self.stage.configure(
            |options| {
                options.lane_height = lane_height;
                options.area = within(*area, 0.1, 1.0);
                options.scroll_ms = StageOptions::default().scroll_ms / f64::from(within(*speed, 0.25, 4.0));
                options.max_wait_ms = f64::from(*wait_ms);
                options.max_lanes = if *max_lanes == 0 { u16::MAX } else { (*max_lanes).min(1_000) as u16 };
                options.max_on_stage = (*max_on_stage).clamp(1, 10_000) as usize;
                options.overlap = if *overlap { Overlap::Allowed } else { Overlap::FixedInFront };
            },
            now,
        );
    }

    fn fit(&mut self, width: f32, height: f32, ratio: f32, now: f64) {
        self.ratio = f64::from(ratio);
        let pixels = |length: f32| (f64::from(length) * self.ratio).round() as u32;
        // Setting either clears the canvas, even to the same value.
        if (self.canvas.width(), self.canvas.height()) != (pixels(width), pixels(height)) {
            self.canvas.set_width(pixels(width));
            self.canvas.set_height(pixels(height));
            self.cache.forget_font();
        }
        let lane_height = text::lane_height(text::font_size(height, self.settings.scale));
        self.stage.configure(
            |options| (options.width, options.height, options.lane_height) = (width, height, lane_height),
            now,
        );
        // In the same task, or the cleared canvas would be visible. The next frame reports what is new.
        self.paint(now, |_| {});
    }

    /// Draws the picture of `now`. Returns the ids that are visible for the first time.
    pub(super) fn draw(&mut self, now: f64) -> Vec<String> {
        self.stage.tick(now);
        self.look_under_pointer(now);
        let mut first_seen = Vec::new();
        self.paint(now, |entry| {
            if !entry.seen.replace(true) {
                first_seen.push(entry.id.to_string());
            }
        });
        first_seen
    }

    fn look_under_pointer(&mut self, now: f64) {
        let hit = self.pointer.and_then(|(x, y)| self.stage.hit(x, y, now));
        let (held, under) = hit.map_or((None, "".into()), |placed| (Some(placed.id), Rc::clone(&placed.content.id)));
        if held != self.stage.held() {
            self.stage.hold(held, now);
        }
        self.under = under;
    }

    fn paint(&mut self, now: f64, mut drawn: impl FnMut(&StagedDanmu)) {
        self.stage.tick(now);
        let (width, height) = (f64::from(self.canvas.width()), f64::from(self.canvas.height()));
        self.context.clear_rect(0.0, 0.0, width, height);
        let right = self.stage.options().width;
        let mut left = PAINT_MS.max(PAINT_SHARE * (now - self.painted).clamp(0.0, LATE_MS));
        self.painted = now;
        let mut font = (0, String::new());
        for placed in self.stage.visible(now).filter(|placed| placed.x < right && placed.x + placed.width > 0.0) {
            let sprite = placed.content.sprite.borrow();
            let (x, y) = (f64::from(placed.x) * self.ratio, f64::from(placed.y) * self.ratio);
            let (width, height) = (f64::from(placed.width) * self.ratio, f64::from(placed.height) * self.ratio);
            let space = (x.round(), y.round(), width.ceil(), height.ceil());
            // In a full picture others pass behind a fixed danmu; two texts in one place would be unreadable.
            if matches!(placed.mode, Mode::Top | Mode::Bottom) && !self.settings.overlap {
                backdrop::wipe(&self.context, space);
            }
            if self.stage.held() == Some(placed.id) {
                backdrop::plate(&self.context, space);
            }
            let zoom = self.ratio * f64::from(placed.height) / f64::from(sprite.size().1);
            if left > 0.0 && !sprite.is_ready(zoom) {
                let since = self.performance.now();
                if font.0 != sprite.look.size {
                    font = (sprite.look.size, self.cache.font(sprite.look.size));
                }
                sprite.prepare(zoom, &self.cache.paper, &font.1);
                left -= self.performance.now() - since;
            }
            if sprite.draw((x, y), zoom, &self.context) {
                drawn(placed.content);
            }
        }
    }
}
