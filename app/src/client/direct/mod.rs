//! A room, read off the stream by this browser: direct mode, and what helps where the relay cannot be had.
//!
//! It is a module of its own, loaded when a page has use for it: reading, verifying and judging weigh a quarter of what sending
//! does, and nearly every page is told by the relay. [`Reading`] is the module's side; the page's is `feed::stream`, and
//! [`Read`] is what goes over from one to the other.

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

/// How far back a page shows that has just been opened, in milliseconds: what was said while it loaded.
const LOOK_BACK_MS: i64 = 1_500;

/// How soon a session is asked for again, in milliseconds, whose bans the server did not sign.
const UNTRUE_MS: i64 = 10_000;

/// A room that is read. It reads only while somebody waits for what comes [`next`](Self::next), and ends with this value.
pub struct Reading {
    /// Away while it reads.
    stream: Rc<RefCell<Option<Stream>>>,
    call: RefCell<Option<AbortHandle>>,
}

impl Reading {
    /// Nothing is asked or read yet. `room` and what follows are the rules of its gate, the last of them [`Paces`]; `place` is the
    /// feed's, empty for one that begins now; `skew_ms` is what the page adds to the local clock.
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

    /// Promises what comes next, a [`Read`] as it goes over. One at a time.
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
        // Whoever ended it waits for nothing.
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

/// What came with a session, as the verifier takes it.
fn handed(text: &str, arrival_ms: i64) -> Record {
    let (partition_key, data) = (SERVICE_KEY.to_owned(), text.as_bytes().to_vec());
    Record { data, partition_key, sequence_number: String::new(), arrival_ms, shard_id: String::new() }
}

/// A room with the right to read it.
struct Stream {
    room: Room,
    /// Where to begin; without, where the page was opened.
    place: Option<feed::FeedToken>,
    /// When the stream was created, as the place says that it began at.
    created_ms: i64,
    vend: ServerVend,
    keeper: Keeper<Browser, ServerVend>,
    reading: Option<(Reader<Browser, ServerVend>, Direct)>,
    verifier: DirectVerifier,
    /// When to ask for a session again, by the local clock.
    again: Option<i64>,
}

impl Stream {
    fn new(room: Room, place: &str, skew_ms: i64) -> Self {
        let (clock, vend) = (Clock::new(Browser), ServerVend::new(&room));
        clock.adopt(skew_ms);
        let keeper = Keeper::new(clock, vend.clone(), Purpose::Consume);
        // What it has heard ahead of that is told again, and known by its ids.
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
                        // Not all at once when the server is back.
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
                    // Without it, those would be shown who are banned.
                    self.keeper.drop_session(&session);
                    self.again = Some(host.now_ms() + UNTRUE_MS);
                    return News::Refused(Problem::Stream(reason.to_string()));
                }
                let direct = match &self.place {
                    Some(place) => Direct::after(gate, place.clone()),
                    // The first session tells the server's time too: the viewer's clock may be wrong.
                    None => Direct::since(gate, session.vended_at - LOOK_BACK_MS),
                };
                let client = Client::new(self.keeper.clone(), &origin());
                let reader = Reader::new(client, Direct::scope(&self.room.id), direct.begin());
                self.reading.insert((reader, direct))
            }
        };
        match reader.next().await {
            // What stands before the place is no news to anybody.
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

    /// The feed's place right after a record.
    fn place_after(&self, record: &Record) -> Option<feed::FeedToken> {
        let (shard, number) = (record.shard_id.as_str(), record.sequence_number.as_str());
        feed::FeedToken::new(self.created_ms, shard, number, record.arrival_ms).ok()
    }
}
