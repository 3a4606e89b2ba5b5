//! The other tabs of this browser that are in the same room: a channel to them, and the lock that one of them holds.
//!
//! The lock is [Web Locks'](https://www.w3.org/TR/web-locks/), the channel a `BroadcastChannel`. A `SharedWorker` would be
//! simpler, but Chrome on Android has none, it would be one more script to load, and neither a page's developer tools nor its
//! offline switch reach its requests. Where there are no locks (they need a secure context, so not on plain `http` except on
//! localhost), tabs share nothing, and each reads by itself.

use js_sys::{Function, Object, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{BroadcastChannel, MessageEvent};

use super::inbox::{Inbox, Signal};

/// The tabs of a room. A lock that is held is released with the page.
pub struct Tabs {
    channel: BroadcastChannel,
    lock: Lock,
    _listener: Closure<dyn FnMut(MessageEvent)>,
}

#[derive(Clone)]
struct Lock {
    locks: JsValue,
    request: Function,
    name: JsValue,
    inbox: Inbox,
}

impl Tabs {
    /// Joins the other tabs, and queues for the lock. `None` where the browser has no locks.
    pub fn join(room: &str, inbox: &Inbox) -> Option<Self> {
        let get = |object: &JsValue, name: &str| Reflect::get(object, &name.into()).ok();
        let locks = get(&get(&js_sys::global(), "navigator")?, "locks")?;
        let request = get(&locks, "request")?.dyn_into::<Function>().ok()?;
        // With a version of the protocol, so that incompatible versions do not meet.
        let name = ["danmu 1 ", room].concat();
        let channel = BroadcastChannel::new(&name).ok()?;
        let post = inbox.clone();
        let listener = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            if let Some(note) = event.data().as_string() {
                post.push(Signal::Note(note));
            }
        });
        channel.set_onmessage(Some(listener.as_ref().unchecked_ref()));
        let lock = Lock { locks, request, name: name.into(), inbox: inbox.clone() };
        let waiting = lock.clone();
        spawn_local(async move {
            // Queues again, behind all others, whenever the lock was stolen.
            while waiting.hold(false).await {}
        });
        Some(Self { channel, lock, _listener: listener })
    }

    /// Sends a note to all other tabs.
    pub fn post(&self, note: &str) {
        // Fails only for a closed channel.
        let _ = self.channel.post_message(&note.into());
    }

    /// Steals the lock from its holder.
    pub fn steal(&self) {
        let lock = self.lock.clone();
        spawn_local(async move {
            lock.hold(true).await;
        });
    }
}

impl Drop for Tabs {
    fn drop(&mut self) {
        self.channel.close();
    }
}

impl Lock {
    /// Holds the lock, once it is granted, until it is stolen. Returns whether it was stolen.
    async fn hold(&self, steal: bool) -> bool {
        let options = Object::new();
        // Fails only for a frozen object.
        let _ = Reflect::set(&options, &"steal".into(), &steal.into());
        let inbox = self.inbox.clone();
        let granted = Closure::once_into_js(move |_lock: JsValue| {
            inbox.push(Signal::Granted);
            // The lock is held until this promise resolves, which is never.
            Promise::new(&mut |_, _| {})
        });
        let request = self.request.call3(&self.locks, &self.name, &options, &granted).map(Promise::from);
        let answer = match request {
            Ok(request) => JsFuture::from(request).await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(_) => false,
            Err(error) if is_abort(&error) => {
                self.inbox.push(Signal::Lost);
                true
            }
            // Denied, as in frames without storage: this page reads by itself.
            Err(_) => {
                self.inbox.push(Signal::Granted);
                false
            }
        }
    }
}

/// Whether a lock ended because it was stolen; any other error means that there are no locks here.
fn is_abort(error: &JsValue) -> bool {
    Reflect::get(error, &"name".into()).is_ok_and(|name| name == "AbortError")
}
