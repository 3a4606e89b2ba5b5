//! The page's side of an overlay: the element, its events, and the messages to the worker.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use gloo_timers::callback::Timeout;
use js_sys::{Array, Number, Uint8Array};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Document, HtmlCanvasElement, MediaQueryList, MessageEvent, MessagePort, ResizeObserver, Window, Worker};

use super::wire::{Command, Report};
use super::{Mode, Motion, OverlayError, OverlayStats, Settings, Shown, report, worker};

/// With this many bytes queued for the worker, no more danmu are queued.
const MAX_OUTBOX: usize = 1 << 20;
/// The pause before a drawing module that did not load is requested again, milliseconds: doubled each time, up to the second.
const RETRY_MS: [u32; 2] = [1_000, 16_000];

/// All that the page holds of an overlay.
pub(super) struct Surface {
    canvas: HtmlCanvasElement,
    window: Window,
    document: Document,
    less_motion: Option<MediaQueryList>,
    /// Matches while the pixel ratio is the one that was read last.
    same_pixels: RefCell<Option<MediaQueryList>>,
    /// Whether `less_motion` matches, cached: asking the browser for each danmu would cost more than all the rest.
    less: Cell<bool>,
    motion: Cell<Motion>,
    is_hidden: Cell<bool>,
    drawer: RefCell<Drawer>,
    /// The last of each, for a drawing side that starts late.
    settings: RefCell<Option<Settings>>,
    is_paused: Cell<bool>,
    /// How often in a row the drawing module did not load, and the next attempt.
    failures: Cell<u32>,
    retry: RefCell<Option<Timeout>>,
    /// The commands of this task, sent together at its end.
    outbox: RefCell<Vec<u8>>,
    flushing: Cell<bool>,
    stats: Cell<OverlayStats>,
    under: RefCell<String>,
    observer: Option<ResizeObserver>,
    callbacks: Callbacks,
}

/// The state of the drawing side.
enum Drawer {
    /// It is starting.
    Coming(Painting),
    There(Painting),
    /// The drawing module did not load, and is requested again.
    Late,
    /// Nothing can be drawn.
    Nobody,
}

/// Where drawing is done.
enum Painting {
    Worker(Worker),
    Page(MessagePort),
}

impl Painting {
    fn tell(&self, message: &JsValue) {
        // Fails only for what cannot be cloned.
        let _ = match self {
            Self::Worker(worker) => worker.post_message(message),
            Self::Page(port) => port.post_message(message),
        };
    }
}

impl Drop for Painting {
    fn drop(&mut self) {
        match self {
            Self::Worker(worker) => worker.terminate(),
            Self::Page(port) => {
                let _ = port.post_message(&JsValue::NULL);
            }
        }
    }
}

/// They hold weak references, so they end with the surface.
struct Callbacks {
    flush: Closure<dyn FnMut()>,
    look: Closure<dyn FnMut()>,
    message: Closure<dyn FnMut(MessageEvent)>,
    error: Closure<dyn FnMut()>,
}

impl Callbacks {
    fn new(surface: &Weak<Surface>) -> Self {
        let of = |act: fn(&Rc<Surface>)| {
            let surface = surface.clone();
            Closure::<dyn FnMut()>::new(move || {
                if let Some(surface) = surface.upgrade() {
                    act(&surface);
                }
            })
        };
        let message = surface.clone();
        Self {
            flush: of(|surface| surface.flush()),
            look: of(|surface| surface.look()),
            message: Closure::new(move |event: MessageEvent| {
                if let Some(surface) = message.upgrade() {
                    surface.on_message(&event.data());
                }
            }),
            error: of(Surface::on_error),
        }
    }
}

impl Surface {
    pub(super) fn mount(canvas: HtmlCanvasElement) -> Result<Rc<Self>, OverlayError> {
        let missing = |what: &str| OverlayError::Browser(format!("there is no {what}"));
        let window = web_sys::window().ok_or_else(|| missing("window"))?;
        let document = window.document().ok_or_else(|| missing("document"))?;
        let less_motion = window.match_media("(prefers-reduced-motion: reduce)").ok().flatten();
        let surface = Rc::new_cyclic(|surface| {
            let callbacks = Callbacks::new(surface);
            let observer = ResizeObserver::new(callbacks.look.as_ref().unchecked_ref()).ok();
            Self {
                canvas,
                window,
                document,
                less_motion,
                same_pixels: RefCell::default(),
                less: Cell::new(false),
                motion: Cell::default(),
                is_hidden: Cell::new(false),
                drawer: RefCell::new(Drawer::Nobody),
                settings: RefCell::default(),
                is_paused: Cell::new(false),
                failures: Cell::new(0),
                retry: RefCell::default(),
                outbox: RefCell::default(),
                flushing: Cell::new(false),
                stats: Cell::default(),
                under: RefCell::default(),
                observer,
                callbacks,
            }
        });
        surface.start()?;
        surface.observe();
        Ok(surface)
    }

    /// Starts the drawing side: in a worker, or, where there are none, on the page.
    fn start(&self) -> Result<(), OverlayError> {
        let Ok(worker) = worker::start(&self.canvas) else {
            if !matches!(self.canvas.get_context("2d"), Ok(Some(_))) {
                return Err(OverlayError::NoContext);
            }
            return self.draw_here();
        };
        worker.set_onmessage(Some(self.callbacks.message.as_ref().unchecked_ref()));
        worker.set_onerror(Some(self.callbacks.error.as_ref().unchecked_ref()));
        self.drawer.replace(Drawer::Coming(Painting::Worker(worker)));
        Ok(())
    }

    fn observe(&self) {
        if let Some(observer) = &self.observer {
            observer.observe(&self.canvas);
        }
        let look = self.callbacks.look.as_ref().unchecked_ref();
        // Fails only without a callback.
        let _ = self.document.add_event_listener_with_callback("visibilitychange", look);
        if let Some(less_motion) = &self.less_motion {
            less_motion.set_onchange(Some(look));
        }
        self.look();
    }

    /// Draws on the page itself. Takes no context before the module is there: a worker may still want the canvas.
    fn draw_here(&self) -> Result<(), OverlayError> {
        let port = worker::start_here(&self.canvas, self.callbacks.error.as_ref().unchecked_ref());
        let port = port.map_err(|_| OverlayError::Browser("there are no message channels".to_owned()))?;
        port.set_onmessage(Some(self.callbacks.message.as_ref().unchecked_ref()));
        self.drawer.replace(Drawer::Coming(Painting::Page(port)));
        Ok(())
    }

    pub(super) fn show(&self, danmu: Shown) {
        // What cannot be drawn now would be too old when it can.
        if matches!(*self.drawer.borrow(), Drawer::Late) {
            return;
        }
        // A hidden page drops danmu, except the viewer's own, which may be confirmed later.
        if self.is_hidden.get() && !danmu.own {
            return;
        }
        let moves = matches!(danmu.mode, Mode::Scroll | Mode::Reverse);
        let is_still = match self.motion.get() {
            Motion::System => self.less.get(),
            Motion::Full => false,
            Motion::Still => true,
        };
        let mode = if moves && is_still { Mode::Top } else { danmu.mode };
        self.tell(&Command::Show(Shown { mode, ..danmu }));
    }

    pub(super) fn configure(&self, settings: Settings) {
        // Fails only for a read-only style; NaN is ignored, as it is no value of CSS.
        let _ = self.canvas.style().set_property("opacity", &digits(settings.opacity.clamp(0.0, 1.0).into()));
        self.motion.set(settings.motion);
        self.settings.replace(Some(settings.clone()));
        self.tell(&Command::Configure(settings));
    }

    pub(super) fn stats(&self) -> OverlayStats {
        self.stats.get()
    }

    pub(super) fn under(&self) -> Option<String> {
        Some(self.under.borrow().clone()).filter(|id| !id.is_empty())
    }

    /// Queues a command; all commands of a task are sent in one message.
    pub(super) fn tell(&self, command: &Command) {
        if let Command::Pause(paused) = command {
            self.is_paused.set(*paused);
        }
        let mut outbox = self.outbox.borrow_mut();
        if outbox.len() < MAX_OUTBOX || !matches!(command, Command::Show(_)) {
            command.write(&mut outbox);
        }
        if !self.flushing.replace(true) {
            self.window.queue_microtask(self.callbacks.flush.as_ref().unchecked_ref());
        }
    }

    fn flush(&self) {
        self.flushing.set(false);
        if matches!(*self.drawer.borrow(), Drawer::Coming(_) | Drawer::Late) {
            return;
        }
        let mut message = self.outbox.take();
        if let Drawer::There(painting) = &*self.drawer.borrow() {
            painting.tell(&Uint8Array::from(&*message));
        }
        // Reuses the allocation for the next burst.
        message.clear();
        let mut outbox = self.outbox.borrow_mut();
        if outbox.is_empty() {
            *outbox = message;
        }
    }

    /// Reads the canvas's layout size, the pixel ratio, the motion preference and the page's visibility. A canvas that is not
    /// displayed keeps its size, and its danmu.
    fn look(&self) {
        self.less.set(self.less_motion.as_ref().is_some_and(MediaQueryList::matches));
        self.is_hidden.set(self.document.hidden());
        self.tell(&Command::Hide(self.is_hidden.get()));
        let (width, height) = (self.canvas.client_width(), self.canvas.client_height());
        if width > 0 && height > 0 {
            let ratio = self.ratio().clamp(0.5, 4.0) as f32;
            let (width, height) = (width as f32, height as f32);
            self.tell(&Command::Fit { width, height, ratio });
        }
    }

    /// Device pixels per CSS pixel; subscribes to its next change. It may change without a resize, as when a window moves to
    /// another screen, and the only event then is that a media query for the old ratio no longer matches.
    fn ratio(&self) -> f64 {
        let ratio = self.window.device_pixel_ratio();
        let mut query = self.same_pixels.borrow_mut();
        if !query.as_ref().is_some_and(MediaQueryList::matches) {
            if let Some(past) = query.take() {
                past.set_onchange(None);
            }
            *query = self.window.match_media(&["(resolution:", &digits(ratio), "dppx)"].concat()).ok().flatten();
            if let Some(query) = &*query {
                query.set_onchange(Some(self.callbacks.look.as_ref().unchecked_ref()));
            }
        }
        ratio
    }

    fn on_message(&self, data: &JsValue) {
        if let Some(bytes) = data.dyn_ref::<Uint8Array>() {
            if let Some(report) = Report::read(&mut &*bytes.to_vec()) {
                self.hear(report);
            }
            return;
        }
        // The first message says that it is ready.
        let drawer = self.drawer.replace(Drawer::Nobody);
        let Drawer::Coming(painting) = drawer else { return };
        let handed_over = match &painting {
            Painting::Worker(worker) => self
                .canvas
                .transfer_control_to_offscreen()
                .and_then(|canvas| worker.post_message_with_transfer(&canvas, &Array::of1(&canvas))),
            Painting::Page(_) => Ok(()),
        };
        // A canvas that already has a context cannot be transferred.
        if handed_over.is_ok() {
            self.drawer.replace(Drawer::There(painting));
        }
        if self.failures.replace(0) > 0 {
            report::recover(&self.canvas);
        }
        self.flush();
    }

    /// If the worker did not start, the page draws instead. If the page's module does not load either, as when the server is away,
    /// both are tried again later. A worker that crashed after its start took the canvas with it: the overlay has failed.
    fn on_error(self: &Rc<Self>) {
        let drawer = self.drawer.replace(Drawer::Nobody);
        let mended = match drawer {
            Drawer::Coming(Painting::Worker(_)) => self.draw_here().is_ok(),
            Drawer::Coming(Painting::Page(_)) => return self.try_later(),
            Drawer::There(_) => false,
            Drawer::Late | Drawer::Nobody => return,
        };
        if !mended {
            report::fail(&self.canvas);
        }
    }

    fn try_later(self: &Rc<Self>) {
        self.drawer.replace(Drawer::Late);
        let failures = self.failures.get();
        self.failures.set(failures.saturating_add(1));
        let surface = Rc::downgrade(self);
        let again = move || {
            let Some(surface) = surface.upgrade() else { return };
            // What was queued is too old; what holds for all that comes is told anew.
            surface.outbox.borrow_mut().clear();
            if let Some(settings) = surface.settings.borrow().clone() {
                surface.tell(&Command::Configure(settings));
            }
            surface.tell(&Command::Pause(surface.is_paused.get()));
            surface.look();
            if surface.start().is_err() {
                surface.drawer.replace(Drawer::Nobody);
            }
        };
        let [first, longest] = RETRY_MS;
        let wait = first.checked_shl(failures).map_or(longest, |wait| wait.min(longest));
        self.retry.replace(Some(Timeout::new(wait, again)));
        // Listeners may call the overlay.
        report::fail(&self.canvas);
    }

    fn hear(&self, report: Report) {
        if report.publish {
            self.stats.set(report.stats);
            report::publish(&self.canvas, report.stats);
        }
        if *self.under.borrow() != report.under {
            report::publish_under(&self.canvas, &report.under);
            self.under.replace(report.under);
        }
        for id in report.first_seen {
            report::announce(&self.canvas, &id);
        }
    }
}

/// A number for CSS. The browser prints it, since Rust's formatting of floats is 11 kB, uncompressed.
fn digits(number: f64) -> String {
    // Fails only for an invalid radix.
    Number::from(number).to_string_with_radix(10).map(String::from).unwrap_or_default()
}

impl Drop for Surface {
    fn drop(&mut self) {
        if let Some(observer) = &self.observer {
            observer.disconnect();
        }
        let look = self.callbacks.look.as_ref().unchecked_ref();
        let _ = self.document.remove_event_listener_with_callback("visibilitychange", look);
        for query in [&self.less_motion, self.same_pixels.get_mut()].into_iter().flatten() {
            query.set_onchange(None);
        }
    }
}
