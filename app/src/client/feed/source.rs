//! The relay's feed in the browser: one connection, or a share of one, until it breaks off.

use danmu::kinesis::Host;
use js_sys::Function;
use wasm_bindgen::{JsCast, JsValue, closure::Closure, prelude::wasm_bindgen};

use super::{
    super::host::Browser,
    inbox::{Inbox, Signal},
};

#[wasm_bindgen(module = "/src/client/feed/source.js")]
extern "C" {
    fn open(room: &str, from: &str, since: &str, history: u32, hear: &Function) -> Function;
}

/// A connection to the feed. Closed on drop; its events until then may still be in the inbox, under its number.
pub struct Source {
    /// Its number among the connections of this page.
    pub number: usize,
    /// When it was opened, by the local clock.
    pub asked_ms: i64,
    end: Function,
    _listener: Closure<dyn FnMut(String, String, String)>,
}

impl Source {
    /// Opens it from the feed token `place`; if that is empty (nothing was heard yet), from the token `made` of the page,
    /// preceded by the last `history` danmu before that.
    pub fn open(number: usize, room: &str, [place, made]: [&str; 2], history: usize, inbox: &Inbox) -> Self {
        let inbox = inbox.clone();
        let listener = Closure::new(move |name, data, place| inbox.push(Signal::Feed { number, name, data, place }));
        let history = u32::try_from(history).unwrap_or(u32::MAX);
        let end = open(room, place, made, history, listener.as_ref().unchecked_ref());
        Self { number, asked_ms: Browser.now_ms(), end, _listener: listener }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        let _ = self.end.call0(&JsValue::UNDEFINED);
    }
}
