//! Direct reading: the page's side of the reader module, which is loaded on demand.

use std::time::Duration;

use danmu::{
    kinesis::{Clock, Host},
    room::{Paces, Room, Unsigned},
};
use js_sys::{Array, Promise};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::JsFuture;

use super::super::{
    direct::{News, Read},
    host::Browser,
    module::{PAGE, READER},
};
use crate::problem::Problem;

/// The pause before a module that did not load is requested again.
const RETRY: Duration = Duration::from_secs(3);

#[wasm_bindgen(module = "/src/client/feed/stream.js")]
extern "C" {
    fn open(
        reader: &JsValue,
        page: &JsValue,
        room: &str,
        signed_only: bool,
        viewer: u32,
        member: u32,
        moderator: u32,
        place: &str,
        skew_ms: f64,
    ) -> Promise;

    /// [`Reading`](super::super::direct::Reading), of another module.
    type Reading;
    #[wasm_bindgen(method)]
    fn next(this: &Reading) -> Promise;
    #[wasm_bindgen(method)]
    fn free(this: &Reading);
}

/// A room that is read off the stream, until this value is dropped.
pub struct Stream {
    room: Room,
    place: String,
    clock: Clock<Browser>,
    opening: Option<Promise>,
    /// Whether the module did not load at the last attempt.
    late: bool,
    reading: Option<Reading>,
    /// The pending read, if there is one.
    next: Option<Promise>,
}

impl Stream {
    /// Begins at the feed token `place` or, if that is empty, now. Requests and reads nothing yet.
    pub fn new(room: &Room, place: &str, clock: Clock<Browser>) -> Self {
        let (room, place) = (room.clone(), place.to_owned());
        Self { room, place, clock, opening: None, late: false, reading: None, next: None }
    }

    /// The next read. Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Read {
        if self.late {
            Browser.sleep(RETRY).await;
            self.late = false;
        }
        if self.reading.is_none() {
            let opening = self.opening.take().unwrap_or_else(|| self.open());
            let opened = JsFuture::from(self.opening.insert(opening).clone()).await;
            self.opening = None;
            self.late = opened.is_err();
            self.reading = opened.ok().map(JsValue::unchecked_into);
        }
        let Some(reading) = &self.reading else { return self.refused() };
        let next = self.next.take().unwrap_or_else(|| reading.next());
        let read = JsFuture::from(self.next.insert(next).clone()).await;
        self.next = None;
        read.ok().as_ref().and_then(JsCast::dyn_ref::<Array>).map_or_else(|| self.refused(), Read::from)
    }

    fn open(&self) -> Promise {
        let Room { id, unsigned, paces: Paces([viewer, member, moderator]), .. } = &self.room;
        let (signed_only, skew_ms) = (*unsigned == Unsigned::Deny, self.clock.skew_ms() as f64);
        let open = |reader: &_, page: &_| {
            open(reader, page, id.as_str(), signed_only, *viewer, *member, *moderator, &self.place, skew_ms)
        };
        READER.with(|reader| PAGE.with(|page| open(reader, page)))
    }

    /// The module did not load, or crashed.
    fn refused(&self) -> Read {
        Read { news: News::Refused(Problem::Network), skew_ms: self.clock.skew_ms(), reads: 0, throttled: 0 }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(reading) = &self.reading {
            reading.free();
        }
    }
}
