//! Direct mode: a room read off the stream by this browser, also as the fallback for a relay that cannot be reached.
//!
//! It is a module of its own, loaded on demand: reading, verifying and judging are a quarter of the size of sending, and nearly
//! every page uses the relay. [`Reading`] is the module's side, `feed::stream` the page's; [`Read`] is the message from one to
//! the other.

mod read;
mod verify;

use std::{cell::RefCell, rc::Rc, time::Duration};

use danmu::{
    direct::Direct,
    feed::{self, Item, Told},
    gate::Gate,
    kinesis::{Client, Clock, Event, Host, Keeper, Reader, Record, State, Stats},
    record::SERVICE_KEY,
    room::{Paces, Room, Unsigned},
    session::Purpose,
};
use futures::future::{AbortHandle, abortable};
use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::future_to_promise;

pub use self::read::{News, Read};
use self::verify::DirectVerifier;
use super::{host::Browser, origin, unicode::UNICODE, vend::ServerVend};
use crate::problem::Problem;

/// How far back a page starts that was just opened, in milliseconds: it shows what was said while it loaded.
const LOOK_BACK_MS: i64 = 1_500;

/// The pause before a new session is requested, in milliseconds, if the bans in one are not signed by the server.
const UNTRUE_MS: i64 = 10_000;

/// A room that is read. It reads only while [`next`](Self::next) is awaited, and until this value is dropped.
pub struct Reading {
    /// `None` during a read.
    stream: Rc<RefCell<Option<Stream>>>,
    call: RefCell<Option<AbortHandle>>,
}

impl Reading {
    /// Requests and reads nothing yet. `room`, `signed_only` and `paces` ([`Paces`]) are the rules of its gate; `place` is the
    /// feed token to resume from, empty to begin now; `skew_ms` is what the page adds to the local clock.
    #[must_use]
    pub fn new(room: &str, signed_only: bool, paces: [u32; 3], place: &str, skew_ms: f64) -> Self {
        let room = room.parse().ok().map(|id| Room {
            id,
            title: String::new(),
            video: String::new(),
            poster: None,
            unsigned: if signed_only { Unsigned::Deny } else { Unsigned::Allow },
            paces: Paces(paces),
        });
        let stream = room.map(|room| Stream::new(room, place, skew_ms as i64));
        Self { stream: Rc::new(RefCell::new(stream)), call: RefCell::default() }
    }

    /// A promise of the next [`Read`], as an array. One at a time.
    pub fn next(&self) -> Promise {
        let home = Rc::clone(&self.stream);
        let taken = home.take();
        let (next, handle) = abortable(async move {
            let mut stream = taken?;
            let read = stream.next().await;
            home.replace(Some(stream));
            Some(JsValue::from(read))
        });
        self.call.replace(Some(handle));
        // `undefined` if it was aborted, and then nothing waits for it.
        future_to_promise(async { Ok(next.await.ok().flatten().unwrap_or_default()) })
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        if let Some(call) = self.call.take() {
            call.abort();
        }
    }
}

/// A ban that came with a session, as a record for the verifier.
fn handed(text: &str, arrival_ms: i64) -> Record {
    let (partition_key, data) = (SERVICE_KEY.to_owned(), text.as_bytes().to_vec());
    Record { data, partition_key, sequence_number: String::new(), arrival_ms, shard_id: String::new() }
}

/// A room with the session to read it.
struct Stream {
    room: Room,
    /// The feed token to resume from; without, it begins when the page was opened.
    place: Option<feed::FeedToken>,
    /// The stream's creation time, by that token; 0 without.
    created_ms: i64,
    vend: ServerVend,
    keeper: Keeper<Browser, ServerVend>,
    reading: Option<(Reader<Browser, ServerVend>, Direct)>,
    verifier: DirectVerifier,
    /// When to request a session again, by the local clock.
    again: Option<i64>,
}

impl Stream {
    fn new(room: Room, place: &str, skew_ms: i64) -> Self {
        let (clock, vend) = (Clock::new(Browser), ServerVend::new(&room));
        clock.adopt(skew_ms);
        let keeper = Keeper::new(clock, vend.clone(), Purpose::Consume);
        // What was heard ahead of that token comes again, and is recognised by its ids.
        let place = place.parse::<feed::Progress<feed::FeedToken>>().ok().map(|heard| heard.after);
        let created_ms = place.as_ref().map_or(0, feed::FeedToken::created_ms);
        let verifier = DirectVerifier::new(keeper.clone());
        Self { room, place, created_ms, vend, keeper, reading: None, verifier, again: None }
    }

    async fn next(&mut self) -> Read {
        let news = self.read().await;
        let stats = self.reading.as_ref().map(|(reader, _)| reader.stats()).unwrap_or_default();
        let Stats { reads, throttled, .. } = stats;
        Read { news, skew_ms: self.keeper.clock().skew_ms(), reads, throttled }
    }

    async fn read(&mut self) -> News {
        let host = *self.keeper.clock().host();
        if let Some(again) = self.again.take() {
            host.sleep(Duration::from_millis((again - host.now_ms()).max(0).unsigned_abs())).await;
        }
        let (reader, direct) = match &mut self.reading {
            Some(reading) => reading,
            None => {
                let session = match self.keeper.session().await {
                    Ok(session) => session,
                    Err(error) => {
                        // Jitter, so that pages do not all ask at once when the server is back.
                        let spread = (host.random() % 2_000) as i64;
                        self.again = error.retry_after.map(|wait| host.now_ms() + wait.as_millis() as i64 + spread);
                        let problem = self.vend.problem(&error.message);
                        return if self.again.is_some() { News::Refused(problem) } else { News::Denied(problem) };
                    }
                };
                let gate = Gate::new(&self.room, UNICODE);
                let handed = session.bans.iter().map(|text| handed(text, session.vended_at)).collect::<Vec<_>>();
                let proven = self.verifier.verify(&handed).await;
                let mut taken = handed.iter().zip(&proven).map(|(it, by)| gate.take_handed(&it.data, by.as_deref()));
                if let Some(reason) = taken.find_map(Result::err) {
                    // Without these bans, banned viewers would be shown.
                    self.keeper.drop_session(&session);
                    self.again = Some(host.now_ms() + UNTRUE_MS);
                    return News::Refused(Problem::Stream(reason.to_string()));
                }
                let direct = match &self.place {
                    Some(place) => Direct::after(gate, place.clone()),
                    // By the server's time, from the session: the viewer's clock may be wrong.
                    None => Direct::since(gate, session.vended_at - LOOK_BACK_MS),
                };
                let client = Client::new(self.keeper.clone(), &origin());
                let reader = Reader::new(client, Direct::scope(&self.room.id), direct.begin());
                self.reading.insert((reader, direct))
            }
        };
        match reader.next().await {
            // Still before the feed token: there is nothing to report.
            Event::State(State::Behind { ms }) if direct.warms_up(self.keeper.clock().now_ms() - ms) => News::Nothing,
            Event::State(state) => News::of(state, &self.vend),
            Event::Records(records) => {
                let proven = self.verifier.verify(&records).await;
                let judged = records.iter().zip(&proven);
                let shown: Vec<_> =
                    judged.filter_map(|(record, evidence)| direct.judge(record, evidence.as_ref())).collect();
                let shown = shown.into_iter().filter(|admitted| !direct.is_retracted(admitted));
                let danmu: Vec<_> = shown.map(Item::new).collect();
                let retracted = direct.retracted();
                let last = records.iter().rfind(|record| record.partition_key == self.room.id.as_str());
                let place = last.and_then(|last| self.place_after(last)).filter(|_| !danmu.is_empty());
                if place.is_none() && retracted.is_empty() {
                    return News::Nothing;
                }
                News::Told(
                    Told { danmu, retracted, ..Told::default() },
                    place.map(|place| place.to_string()).unwrap_or_default(),
                )
            }
        }
    }

    /// The feed token right after a record.
    fn place_after(&self, record: &Record) -> Option<feed::FeedToken> {
        let (shard, number) = (record.shard_id.as_str(), record.sequence_number.as_str());
        feed::FeedToken::new(self.created_ms, shard, number, record.arrival_ms).ok()
    }
}
