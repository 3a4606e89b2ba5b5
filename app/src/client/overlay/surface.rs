//! The canvas, its stage and its frames.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use danmu::stage::{Item, Mode, Priority, Stage, StageOptions};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{
    CanvasRenderingContext2d, Document, HtmlCanvasElement, MediaQueryList, Performance, ResizeObserver, Window,
};

use super::report::{self, Report};
use super::sprite::{Sprite, context_of};
use super::{OverlayError, OverlayStats, Shown, text};

/// The part of the height with lanes, until somebody sets it: subtitles and faces are below.
const AREA: f32 = 0.75;

/// All that an overlay holds. Its stage is in CSS pixels and in the milliseconds of `performance.now()`, which is what
/// frames are stamped with.
pub(super) struct Surface {
    canvas: HtmlCanvasElement,
    context: CanvasRenderingContext2d,
    window: Window,
    document: Document,
    performance: Performance,
    less_motion: Option<MediaQueryList>,
    stage: RefCell<Stage<Sprite>>,
    next_key: Cell<u64>,
    /// Size of the text against the usual one.
    scale: Cell<f32>,
    /// Device pixels per CSS pixel.
    ratio: Cell<f64>,
    /// The frame that was asked for.
    frame: Cell<Option<i32>>,
    on_frame: Closure<dyn FnMut(f64)>,
    observer: ResizeObserver,
    _on_resize: Closure<dyn FnMut()>,
    report: Report,
}

impl Surface {
    pub(super) fn mount(canvas: HtmlCanvasElement) -> Result<Rc<Self>, OverlayError> {
        let missing = |what: &str| OverlayError::Browser(format!("there is no {what}"));
        let context = context_of(&canvas).ok_or(OverlayError::NoContext)?;
        let window = web_sys::window().ok_or_else(|| missing("window"))?;
        let document = window.document().ok_or_else(|| missing("document"))?;
        let performance = window.performance().ok_or_else(|| missing("clock"))?;
        let less_motion = window.match_media("(prefers-reduced-motion: reduce)").ok().flatten();

        // The callbacks belong to the surface; they must not keep it alive.
        let surface = Rc::new(RefCell::new(Weak::<Self>::new()));
        let on_frame = Closure::new({
            let surface = Rc::clone(&surface);
            move |now| {
                if let Some(surface) = surface.borrow().upgrade() {
                    surface.on_frame(now);
                }
            }
        });
        let on_resize = Closure::<dyn FnMut()>::new({
            let surface = Rc::clone(&surface);
            move || {
                if let Some(surface) = surface.borrow().upgrade() {
                    surface.fit();
                }
            }
        });
        let refused = |error: JsValue| OverlayError::Browser(format!("{error:?}"));
        let observer = ResizeObserver::new(on_resize.as_ref().unchecked_ref()).map_err(refused)?;
        observer.observe(&canvas);

        let mounted = Rc::new(Self {
            canvas,
            context,
            window,
            document,
            performance,
            less_motion,
            stage: RefCell::new(Stage::new(StageOptions { area: AREA, ..StageOptions::default() })),
            next_key: Cell::new(0),
            scale: Cell::new(1.0),
            ratio: Cell::new(1.0),
            frame: Cell::new(None),
            on_frame,
            observer,
            _on_resize: on_resize,
            report: Report::default(),
        });
        surface.replace(Rc::downgrade(&mounted));
        mounted.fit();
        mounted.wake();
        Ok(mounted)
    }

    pub(super) fn show(&self, danmu: Shown) {
        let mut stage = self.stage.borrow_mut();
        if let Some((_, sprite)) = stage.find(|sprite| sprite.id == danmu.id) {
            if !danmu.pending {
                sprite.confirm();
                self.wake();
            }
            return;
        }
        let mode = match danmu.mode {
            Mode::Scroll | Mode::Reverse if self.less_motion.as_ref().is_some_and(MediaQueryList::matches) => Mode::Top,
            mode => mode,
        };
        let priority = if danmu.own { Priority::Own } else { Priority::Normal };
        let now = self.performance.now();
        if stage.turn_away(priority, now) {
            self.wake();
            return;
        }
        let font_size = text::font_size(stage.options().height, self.scale.get());
        if let Some(sprite) = Sprite::new(danmu, font_size, &self.context) {
            let id = self.next_key.replace(self.next_key.get() + 1);
            let (width, height) = sprite.size();
            stage.push(Item { id, width, height, mode, priority }, sprite, now);
            self.wake();
        }
    }

    pub(super) fn confirm(&self, id: &str) {
        if let Some((_, sprite)) = self.stage.borrow().find(|sprite| sprite.id == id) {
            sprite.confirm();
            self.wake();
        }
    }

    pub(super) fn retract(&self, id: &str) {
        let mut stage = self.stage.borrow_mut();
        let found = stage.find(|sprite| sprite.id == id).map(|(key, _)| key);
        if let Some(key) = found {
            stage.retract(key);
            self.wake();
        }
    }

    pub(super) fn clear(&self) {
        self.stage.borrow_mut().clear();
        self.wake();
    }

    pub(super) fn set_paused(&self, paused: bool) {
        let mut stage = self.stage.borrow_mut();
        let now = self.performance.now();
        if paused {
            stage.pause(now)
        } else {
            stage.resume(now)
        }
        self.wake();
    }

    pub(super) fn set_opacity(&self, opacity: f32) {
        // Fails for a read-only style only; what is no number is ignored as no value of CSS.
        let _ = self.canvas.style().set_property("opacity", &opacity.clamp(0.0, 1.0).to_string());
    }

    pub(super) fn set_area(&self, area: f32) {
        self.stage.borrow_mut().configure(|options| options.area = area.clamp(0.1, 1.0), self.performance.now());
        self.wake();
    }

    pub(super) fn set_scale(&self, scale: f32) {
        if scale.is_finite() {
            self.scale.set(scale.clamp(0.5, 2.0));
            self.fit();
        }
    }

    pub(super) fn stats(&self) -> OverlayStats {
        let stats = self.stage.borrow().stats();
        OverlayStats {
            on_stage: stats.on_stage as u32,
            waiting: stats.waiting as u32,
            shown: stats.shown,
            given_up: stats.given_up,
        }
    }

    /// Takes the size that the layout gives. A canvas that is not displayed keeps what it had, and its danmu.
    fn fit(&self) {
        let (width, height) = (self.canvas.client_width(), self.canvas.client_height());
        if width <= 0 || height <= 0 {
            return;
        }
        let ratio = self.pixel_ratio();
        self.ratio.set(ratio);
        let pixels = |length: i32| (f64::from(length) * ratio).round() as u32;
        // Setting either clears the canvas, even to what it was.
        if (self.canvas.width(), self.canvas.height()) != (pixels(width), pixels(height)) {
            self.canvas.set_width(pixels(width));
            self.canvas.set_height(pixels(height));
        }
        let (width, height) = (width as f32, height as f32);
        let lane_height = text::lane_height(text::font_size(height, self.scale.get()));
        let now = self.performance.now();
        self.stage.borrow_mut().configure(
            |options| (options.width, options.height, options.lane_height) = (width, height, lane_height),
            now,
        );
        // In the same task, or the cleared canvas would be seen. What is new is announced by the next frame.
        self.draw(now, |_| {});
        self.wake();
    }

    fn pixel_ratio(&self) -> f64 {
        self.window.device_pixel_ratio().clamp(0.5, 4.0)
    }

    /// Asks for a frame unless one is on its way.
    fn wake(&self) {
        if self.frame.get().is_none() {
            let frame = self.window.request_animation_frame(self.on_frame.as_ref().unchecked_ref());
            self.frame.set(frame.ok());
        }
    }

    fn on_frame(&self, now: f64) {
        self.frame.set(None);
        if self.ratio.get() != self.pixel_ratio() {
            self.fit();
        }
        let mut first_seen = Vec::new();
        self.draw(now, |sprite| {
            if sprite.announce() {
                first_seen.push(sprite.id.clone());
            }
        });
        let (moving, stats) = {
            let stage = self.stage.borrow();
            (!stage.is_empty() && !stage.is_paused(), self.stats())
        };
        let published = self.report.publish(&self.canvas, stats, now);
        if moving || !published {
            self.wake();
        }
        for id in first_seen {
            report::announce(&self.canvas, &id);
        }
    }

    fn draw(&self, now: f64, mut drawn: impl FnMut(&Sprite)) {
        let mut stage = self.stage.borrow_mut();
        stage.tick(now);
        let (width, height) = (f64::from(self.canvas.width()), f64::from(self.canvas.height()));
        self.context.clear_rect(0.0, 0.0, width, height);
        let right = stage.options().width;
        for placed in stage.visible(now).filter(|placed| placed.x < right) {
            placed.content.draw(&placed, self.ratio.get(), &self.document, &self.context);
            drawn(placed.content);
        }
    }
}

impl Drop for Surface {
    fn drop(&mut self) {
        self.observer.disconnect();
        if let Some(frame) = self.frame.get() {
            let _ = self.window.cancel_animation_frame(frame);
        }
    }
}
