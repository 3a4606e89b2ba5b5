//! The page's side of an overlay: the element, what happens to it, and the way to whoever draws.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use js_sys::{Array, Number, Uint8Array};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Document, HtmlCanvasElement, MediaQueryList, MessageEvent, MessagePort, ResizeObserver, Window, Worker};

use super::wire::{Command, Report};
use super::{Mode, Motion, OverlayError, OverlayStats, Settings, Shown, report, worker};

/// What waits for the worker to start, bytes, at most.
const MAX_OUTBOX: usize = 1 << 20;

/// All that the page holds of an overlay.
pub(super) struct Surface {
    canvas: HtmlCanvasElement,
    window: Window,
    document: Document,
    less_motion: Option<MediaQueryList>,
    /// Whether the screen has as many pixels as when it was asked last.
    same_pixels: RefCell<Option<MediaQueryList>>,
    /// What the browser says of both, asked when it changes: to ask it for each danmu would cost more than all the rest.
    less: Cell<bool>,
    motion: Cell<Motion>,
    is_hidden: Cell<bool>,
    drawer: RefCell<Drawer>,
    /// What was told in this task.
    outbox: RefCell<Vec<u8>>,
    flushing: Cell<bool>,
    stats: Cell<OverlayStats>,
    under: RefCell<String>,
    observer: Option<ResizeObserver>,
    callbacks: Callbacks,
}

/// Who draws.
enum Drawer {
    /// Nobody yet: it is on its way.
    Coming(Painting),
    There(Painting),
    /// Nobody: nothing can be drawn here.
    Nobody,
}

/// Where it is done.
enum Painting {
    Worker(Worker),
    Page(MessagePort),
}

impl Painting {
    fn tell(&self, message: &JsValue) {
        // Fails for what cannot be cloned only.
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

/// They end with the surface, and do not keep it alive.
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
                outbox: RefCell::default(),
                flushing: Cell::new(false),
                stats: Cell::default(),
                under: RefCell::default(),
                observer,
                callbacks,
            }
        });
        match worker::start(&surface.canvas) {
            Ok(worker) => {
                worker.set_onmessage(Some(surface.callbacks.message.as_ref().unchecked_ref()));
                worker.set_onerror(Some(surface.callbacks.error.as_ref().unchecked_ref()));
                surface.drawer.replace(Drawer::Coming(Painting::Worker(worker)));
            }
            Err(_) => surface.draw_here()?,
        }
        surface.observe();
        Ok(surface)
    }

    fn observe(&self) {
        if let Some(observer) = &self.observer {
            observer.observe(&self.canvas);
        }
        let look = self.callbacks.look.as_ref().unchecked_ref();
        // Fails for no callback only.
        let _ = self.document.add_event_listener_with_callback("visibilitychange", look);
        if let Some(less_motion) = &self.less_motion {
            less_motion.set_onchange(Some(look));
        }
        self.look();
    }

    /// Draws on the page itself.
    fn draw_here(self: &Rc<Self>) -> Result<(), OverlayError> {
        if !matches!(self.canvas.get_context("2d"), Ok(Some(_))) {
            return Err(OverlayError::NoContext);
        }
        let port = worker::start_here(&self.canvas, self.callbacks.error.as_ref().unchecked_ref());
        let port = port.map_err(|_| OverlayError::Browser("there are no message channels".to_owned()))?;
        port.set_onmessage(Some(self.callbacks.message.as_ref().unchecked_ref()));
        self.drawer.replace(Drawer::Coming(Painting::Page(port)));
        Ok(())
    }

    pub(super) fn show(&self, danmu: Shown) {
        // What passes while nobody looks is past. What this viewer says is told all the same: it may be confirmed later.
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
        // Fails for a read-only style only; what is no number is ignored as no value of CSS.
        let _ = self.canvas.style().set_property("opacity", &digits(settings.opacity.clamp(0.0, 1.0).into()));
        self.motion.set(settings.motion);
        self.tell(&Command::Configure(settings));
    }

    pub(super) fn stats(&self) -> OverlayStats {
        self.stats.get()
    }

    pub(super) fn under(&self) -> Option<String> {
        Some(self.under.borrow().clone()).filter(|id| !id.is_empty())
    }

    /// Tells whoever draws, together with all else that is told in this task.
    pub(super) fn tell(&self, command: &Command) {
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
        if matches!(*self.drawer.borrow(), Drawer::Coming(_)) {
            return;
        }
        let mut message = self.outbox.take();
        if let Drawer::There(painting) = &*self.drawer.borrow() {
            painting.tell(&Uint8Array::from(&*message));
        }
        // Its memory is good for the next burst.
        message.clear();
        let mut outbox = self.outbox.borrow_mut();
        if outbox.is_empty() {
            *outbox = message;
        }
    }

    /// Looks at the size that the layout gives, the pixel ratio, whether motion is wanted, and whether anybody can see the
    /// page. A canvas that is not displayed keeps what it had, and its danmu.
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

    /// Device pixels per CSS pixel; asks to be told of the next change. That may come without another size, as when a window
    /// is moved to another screen, and there is no event of it but that a query of what was there does not match any more.
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
        // Its first message: it is ready.
        let drawer = self.drawer.replace(Drawer::Nobody);
        let Drawer::Coming(painting) = drawer else { return };
        let handed_over = match &painting {
            Painting::Worker(worker) => self
                .canvas
                .transfer_control_to_offscreen()
                .and_then(|canvas| worker.post_message_with_transfer(&canvas, &Array::of1(&canvas))),
            Painting::Page(_) => Ok(()),
        };
        // A canvas that somebody draws on already cannot be handed over.
        if handed_over.is_ok() {
            self.drawer.replace(Drawer::There(painting));
        }
        self.flush();
    }

    /// The worker did not start, which the page can mend; or it fell, and took the canvas with it. Where the page cannot draw
    /// either, nobody can.
    fn on_error(self: &Rc<Self>) {
        let drawer = self.drawer.replace(Drawer::Nobody);
        let mended = match drawer {
            Drawer::Coming(Painting::Worker(_)) => self.draw_here().is_ok(),
            Drawer::Coming(Painting::Page(_)) | Drawer::There(_) => false,
            Drawer::Nobody => return,
        };
        if !mended {
            report::fail(&self.canvas);
        }
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

/// As CSS wants a number. The browser prints it: what does so here weighs 11 kB, uncompressed.
fn digits(number: f64) -> String {
    // Fails for a radix that is none only.
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
