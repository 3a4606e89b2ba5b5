//! The relay's feed in the browser: one connection, until it breaks off. Whoever uses it opens the next one from the last
//! place it was given.

use std::time::Duration;

use danmu::{
    feed::{self, Frame, Hello, ReaderState},
    kinesis::Host,
};
use futures::{
    StreamExt,
    channel::mpsc::{UnboundedReceiver, unbounded},
    future::{Either, select},
};
use serde::de::DeserializeOwned;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{Event, EventSource, MessageEvent};

use super::host::Browser;

/// A feed that says nothing for so long is dead: it says every 15 seconds that it is there.
const SILENCE: Duration = Duration::from_secs(40);

/// What the feed tells.
pub enum Told {
    /// It begins.
    Hello(Hello),
    /// What is said.
    Frame(Frame),
    /// How the server's own reading goes.
    State(ReaderState),
}

/// A connection to the feed. Closed with this value.
pub struct Source {
    source: Option<EventSource>,
    events: UnboundedReceiver<Event>,
    _listener: Closure<dyn FnMut(Event)>,
}

impl Source {
    /// Opens it from a place on, or without one (empty) with so many of the last danmu first.
    pub fn open(room: &str, place: &str, history: usize) -> Self {
        let url = ["/rooms/", room, "/events?history=", &history.to_string(), "&from=", place].concat();
        let (tell, events) = unbounded();
        let listener = Closure::new(move |event: Event| {
            let _ = tell.unbounded_send(event);
        });
        let source = EventSource::new(&url).ok();
        for name in ["message", feed::HELLO, feed::STATE, "error"] {
            if let Some(source) = &source {
                let _ = source.add_event_listener_with_callback(name, listener.as_ref().unchecked_ref());
            }
        }
        Self { source, events, _listener: listener }
    }

    /// What it tells next, and the place after it (empty where that is the same); `None` once it has broken off.
    pub async fn next(&mut self, host: &Browser) -> Option<(Told, String)> {
        self.source.as_ref()?;
        loop {
            let event = match select(self.events.next(), Box::pin(host.sleep(SILENCE))).await {
                Either::Left((event, _)) => event?,
                Either::Right(_) => return None,
            };
            // The browser would try again by itself, but not after every failure, and never tells of a refusal.
            let event = event.dyn_into::<MessageEvent>().ok()?;
            let data = event.data().as_string().unwrap_or_default();
            let told = match event.type_().as_str() {
                feed::HELLO => parse(&data).map(Told::Hello),
                feed::STATE => parse(&data).map(Told::State),
                _ => parse(&data).map(Told::Frame),
            };
            // What is newer than this page is passed over.
            if let Some(told) = told {
                return Some((told, event.last_event_id()));
            }
        }
    }
}

fn parse<T: DeserializeOwned>(data: &str) -> Option<T> {
    // From bytes, as everywhere in the browser: another parser would weigh.
    serde_json::from_slice(data.as_bytes()).ok()
}

impl Drop for Source {
    fn drop(&mut self) {
        if let Some(source) = &self.source {
            source.close();
        }
    }
}
