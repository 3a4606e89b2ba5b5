//! Draws a canvas frame by frame: in the worker or, without one, on the page.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{HtmlCanvasElement, Performance, Window};

use super::scene::Scene;
use super::wire::{Command, Report};
use super::{OverlayError, OverlayStats};

/// Least time between two updates of the counts, milliseconds.
const INTERVAL_MS: f64 = 250.0;
/// Least time between two messages, milliseconds. The first after a pause goes at once.
const MESSAGE_MS: f64 = 50.0;
/// A frame's timestamp that differs more than this from the clock is of another clock, milliseconds.
const SAME_CLOCK_MS: f64 = 1_000.0;

/// Draws a scene whenever something in it moves.
pub(super) struct Painter {
    scene: RefCell<Scene>,
    /// The global object: a window, or a worker, which has the frames and the clock of one.
    global: Window,
    performance: Performance,
    hidden: Cell<bool>,
    /// The frame that was asked for.
    frame: Cell<Option<i32>>,
    on_frame: Closure<dyn FnMut(f64)>,
    told: RefCell<Told>,
    tell: Box<dyn Fn(Report)>,
}

/// What has been reported to the page.
#[derive(Default)]
struct Told {
    at: f64,
    /// `None` before the first report; with its time.
    stats: Option<(OverlayStats, f64)>,
    under: String,
    /// Ids first seen since the last report.
    waiting: Vec<String>,
}

impl Told {
    /// The report that is due now, if any; and whether another one is due later.
    fn next(&mut self, stats: OverlayStats, under: &str, first_seen: Vec<String>, now: f64) -> (Option<Report>, bool) {
        self.waiting.extend(first_seen);
        let changed = self.stats.is_none_or(|(told, _)| told != stats);
        let publish = changed && self.stats.is_none_or(|(_, at)| now - at >= INTERVAL_MS);
        let anything = publish || self.under != under || !self.waiting.is_empty();
        if !anything || now - self.at < MESSAGE_MS {
            return (None, changed || anything);
        }
        self.at = now;
        if publish {
            self.stats = Some((stats, now));
        }
        under.clone_into(&mut self.under);
        let first_seen = std::mem::take(&mut self.waiting);
        (Some(Report { stats, publish, under: under.to_owned(), first_seen }), changed && !publish)
    }
}

impl Painter {
    /// Draws on `canvas`, an offscreen one or an element, and sends reports by `tell`.
    pub(super) fn new(canvas: HtmlCanvasElement, tell: impl Fn(Report) + 'static) -> Result<Rc<Self>, OverlayError> {
        let global: Window = js_sys::global().unchecked_into();
        let performance = global.performance().ok_or_else(|| OverlayError::Browser("there is no clock".to_owned()))?;
        // The callback belongs to the painter, so it holds a weak reference.
        let painter = Rc::new(RefCell::new(Weak::<Self>::new()));
        let on_frame = Closure::new({
            let painter = Rc::clone(&painter);
            move |stamp| {
                if let Some(painter) = painter.borrow().upgrade() {
                    painter.on_frame(stamp);
                }
            }
        });
        let made = Rc::new(Self {
            scene: RefCell::new(Scene::new(canvas, performance.clone())?),
            global,
            performance,
            hidden: Cell::new(false),
            frame: Cell::new(None),
            on_frame,
            told: RefCell::default(),
            tell: Box::new(tell),
        });
        painter.replace(Rc::downgrade(&made));
        made.wake();
        Ok(made)
    }

    /// Carries out the page's commands.
    pub(super) fn take(&self, mut message: &[u8]) {
        let now = self.performance.now();
        while let Some(command) = Command::read(&mut message) {
            if let Command::Hide(hidden) = command {
                self.hidden.set(hidden);
            }
            self.scene.borrow_mut().take(command, now);
        }
        if self.hidden.get() {
            self.cancel();
        } else {
            self.wake();
        }
    }

    /// Asks for a frame unless one is on its way.
    fn wake(&self) {
        if self.frame.get().is_none() {
            let frame = self.global.request_animation_frame(self.on_frame.as_ref().unchecked_ref());
            self.frame.set(frame.ok());
        }
    }

    fn cancel(&self) {
        if let Some(frame) = self.frame.take() {
            let _ = self.global.cancel_animation_frame(frame);
        }
    }

    fn on_frame(&self, stamp: f64) {
        self.frame.set(None);
        let clock = self.performance.now();
        let now = if (stamp - clock).abs() < SAME_CLOCK_MS { stamp } else { clock };
        let mut scene = self.scene.borrow_mut();
        let first_seen = scene.draw(now);
        let (report, more) = self.told.borrow_mut().next(scene.stats(), scene.under(), first_seen, now);
        let moves = scene.moves();
        drop(scene);
        if moves || more {
            self.wake();
        }
        if let Some(report) = report {
            (self.tell)(report);
        }
    }
}

impl Drop for Painter {
    fn drop(&mut self) {
        self.cancel();
    }
}
