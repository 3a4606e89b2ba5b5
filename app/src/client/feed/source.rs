//! The relay's feed in the browser: one connection, until it breaks off.

use danmu::{feed, kinesis::Host};
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{Event, EventSource};

use super::{
    super::host::Browser,
    inbox::{Inbox, Signal},
};

/// A connection to the feed. Closed with this value; what it told until then may still be in the inbox, under its number.
pub struct Source {
    /// Names it among the connections of this page.
    pub number: usize,
    /// When it was opened, by the local clock.
    pub asked_ms: i64,
    source: Option<EventSource>,
    _listener: Closure<dyn FnMut(Event)>,
}

impl Source {
    /// Opens it from a place on; where nothing was heard yet (it is empty), from where the page was made, with so many of the
    /// last danmu before that first.
    pub fn open(number: usize, room: &str, [place, made]: [&str; 2], history: usize, inbox: &Inbox) -> Self {
        let url =
            ["/rooms/", room, "/events?history=", &history.to_string(), "&from=", place, "&since=", made].concat();
        let inbox = inbox.clone();
        let listener = Closure::new(move |event| inbox.push(Signal::Feed(number, event)));
        let source = EventSource::new(&url).ok();
        // The browser would try again by itself, but not after every failure, and never tells of a refusal: an error is
        // the end of it.
        for name in ["message", feed::HELLO, feed::STATE, feed::GAP, "error"] {
            if let Some(source) = &source {
                let _ = source.add_event_listener_with_callback(name, listener.as_ref().unchecked_ref());
            }
        }
        Self { number, asked_ms: Browser.now_ms(), source, _listener: listener }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        if let Some(source) = &self.source {
            source.close();
        }
    }
}
