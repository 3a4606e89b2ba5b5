//! A canvas and its frames, wherever they are drawn: in the worker, or on the page where there is none.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{HtmlCanvasElement, Performance, Window};

use super::OverlayError;
use super::scene::Scene;
use super::wire::{Command, Report};

/// Least time between two updates of the counts, milliseconds.
const INTERVAL_MS: f64 = 250.0;
/// A frame's stamp that is further from the clock than this is of another clock, milliseconds.
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
    /// What was told last, and when.
    told: RefCell<(Report, f64)>,
    tell: Box<dyn Fn(Report)>,
}

impl Painter {
    /// Draws on `canvas`, an offscreen one or an element, and tells what happened.
    pub(super) fn new(canvas: HtmlCanvasElement, tell: impl Fn(Report) + 'static) -> Result<Rc<Self>, OverlayError> {
        let global: Window = js_sys::global().unchecked_into();
        let performance = global.performance().ok_or_else(|| OverlayError::Browser("there is no clock".to_owned()))?;
        // The callback belongs to the painter; it must not keep it alive.
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

    /// Does what the page tells.
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
        let (stats, under, moves) = (scene.stats(), scene.under().to_owned(), scene.moves());
        drop(scene);
        let mut told = self.told.borrow_mut();
        let changed = told.0.stats != stats;
        let publish = changed && now - told.1 >= INTERVAL_MS || told.1 == 0.0;
        if moves || changed && !publish {
            self.wake();
        }
        if !(publish || told.0.under != under || !first_seen.is_empty()) {
            return;
        }
        let stats = if publish { stats } else { told.0.stats };
        *told = (
            Report { stats, publish, under: under.clone(), first_seen: Vec::new() },
            if publish { now } else { told.1 },
        );
        drop(told);
        (self.tell)(Report { stats, publish, under, first_seen });
    }
}

impl Drop for Painter {
    fn drop(&mut self) {
        self.cancel();
    }
}
