//! The relay's feed in the browser: one connection, until it breaks off. Whoever uses it opens the next one from the last
//! place it was given.

use std::{
    cell::RefCell,
    collections::VecDeque,
    future::poll_fn,
    rc::Rc,
    task::{Poll, Waker},
    time::Duration,
};

use danmu::{
    feed::{self, Told},
    kinesis::Host,
};
use futures::future::{Either, select};
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{Event, EventSource, MessageEvent};

use super::host::Browser;

/// A feed that says nothing for so long is dead: it says every 15 seconds that it is there.
const SILENCE: Duration = Duration::from_secs(40);

/// What came, and who waits for it.
type Inbox = Rc<RefCell<(VecDeque<Event>, Option<Waker>)>>;

/// A connection to the feed. Closed with this value.
pub struct Source {
    source: Option<EventSource>,
    inbox: Inbox,
    _listener: Closure<dyn FnMut(Event)>,
}

/// An event of the feed.
pub struct Heard {
    /// What it says.
    pub told: Told,
    /// Whether it is the first, and its danmu were said before.
    pub is_hello: bool,
    /// The place after it; empty where that is the same as before.
    pub place: String,
}

impl Source {
    /// Opens it from a place on, or without one (empty) with so many of the last danmu first.
    pub fn open(room: &str, place: &str, history: usize) -> Self {
        let url = ["/rooms/", room, "/events?history=", &history.to_string(), "&from=", place].concat();
        let inbox = Inbox::default();
        let post = Rc::clone(&inbox);
        let listener = Closure::new(move |event: Event| {
            let waker = {
                let mut post = post.borrow_mut();
                post.0.push_back(event);
                post.1.take()
            };
            if let Some(waker) = waker {
                waker.wake();
            }
        });
        let source = EventSource::new(&url).ok();
        for name in ["message", feed::HELLO, feed::STATE, "error"] {
            if let Some(source) = &source {
                let _ = source.add_event_listener_with_callback(name, listener.as_ref().unchecked_ref());
            }
        }
        Self { source, inbox, _listener: listener }
    }

    /// What it tells next; `None` once it has broken off.
    pub async fn next(&mut self, host: &Browser) -> Option<Heard> {
        self.source.as_ref()?;
        loop {
            let next = poll_fn(|context| {
                let mut inbox = self.inbox.borrow_mut();
                let event = inbox.0.pop_front();
                if event.is_none() {
                    inbox.1 = Some(context.waker().clone());
                }
                event.map_or(Poll::Pending, Poll::Ready)
            });
            let event = match select(next, Box::pin(host.sleep(SILENCE))).await {
                Either::Left((event, _)) => event,
                Either::Right(_) => return None,
            };
            // The browser would try again by itself, but not after every failure, and never tells of a refusal.
            let event = event.dyn_into::<MessageEvent>().ok()?;
            let data = event.data().as_string().unwrap_or_default();
            // From bytes, as everywhere in the browser: another parser would weigh. What is newer than this page is passed
            // over.
            if let Ok(told) = serde_json::from_slice(data.as_bytes()) {
                return Some(Heard { told, is_hello: event.type_() == feed::HELLO, place: event.last_event_id() });
            }
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        if let Some(source) = &self.source {
            source.close();
        }
    }
}
