//! Follows a room as long as it is alive: does in the browser what [`danmu::feed::Follow`] says.

mod inbox;
mod source;
mod stream;
mod tabs;
mod verify;

use std::{
    pin::pin,
    rc::{Rc, Weak},
    time::Duration,
};

use danmu::{
    feed::{Act, Follow, MAX_HISTORY, Position, Reading, Told, Way},
    kinesis::{Event, Host, Record, State},
};
use futures::future::{Either, pending, select};
use leptos::prelude::{GetUntracked, Set};
use wasm_bindgen::JsCast;
use web_sys::MessageEvent;

pub use self::verify::Proven;
use self::{
    inbox::{Inbox, Signal},
    source::Source,
    stream::{Refused, Stream},
    tabs::Tabs,
};
use super::{
    host::{Browser, random_u128},
    room::{Inner, feed_state},
};
use crate::live::{Entry, FeedState, ReadCounts};

/// The most that is slept at once, milliseconds.
const LONGEST_MS: i64 = 60_000;

/// What a page that follows holds of the browser.
struct Hands {
    inbox: Inbox,
    tabs: Option<Tabs>,
    opened: usize,
    /// Where the feed stood when the page was made.
    made: String,
    source: Option<Source>,
    stream: Option<Stream>,
}

/// Follows what is said in the room until it is gone. Whatever cuts it off, it goes on from where it was.
pub async fn follow(room: Weak<Inner>, Entry { ways, place }: Entry) {
    let Some(id) = room.upgrade().map(|inner| inner.room.id.clone()) else { return };
    let inbox = Inbox::default();
    // A page that is to read the stream does so whatever others do.
    let tabs = if ways.wants_direct { None } else { Tabs::join(id.as_str(), &inbox) };
    let name = tabs.is_some().then(|| (random_u128() as u64).to_string());
    let mut follow = Follow::new(name, ways, now(), Browser.random());
    let mut hands = Hands { inbox, tabs, opened: 0, made: place, source: None, stream: None };
    loop {
        let Some(inner) = room.upgrade() else { return };
        while let Some(act) = follow.act() {
            hands.carry_out(act, &follow, &inner);
        }
        let way = follow.way().filter(|way| *way == Way::Direct || ways.wants_direct);
        if inner.live.way.try_get_untracked() != Some(way) {
            inner.live.way.try_set(way);
        }
        drop(inner);
        let wait = (follow.due() - now()).clamp(0, LONGEST_MS).unsigned_abs();
        let news = {
            let Hands { inbox, source, stream, .. } = &mut hands;
            let read = async {
                match stream {
                    // While the relay is asked, nothing is read: both ways are to meet in one place.
                    Some(stream) if source.is_none() => stream.next().await,
                    _ => pending().await,
                }
            };
            let slept = Browser.sleep(Duration::from_millis(wait));
            match select(pin!(inbox.next()), select(pin!(read), pin!(slept))).await {
                Either::Left((signal, _)) => Some(Either::Left(signal)),
                Either::Right((Either::Left((read, _)), _)) => Some(Either::Right(read)),
                Either::Right(_) => None,
            }
        };
        let Some(inner) = room.upgrade() else { return };
        match news {
            Some(Either::Left(signal)) => hands.take(signal, &mut follow),
            Some(Either::Right(Ok((event, proven)))) => hands.read(event, &proven, &mut follow, &inner),
            Some(Either::Right(Err(Refused { problem, for_good }))) => {
                follow.reads(Told { reading: Some(Reading::Reconnecting), ..Told::default() }, false, now());
                hands.carry_out_all(&mut follow, &inner);
                if ways.wants_direct {
                    inner.live.feed.try_set(FeedState::Stopped(problem));
                }
                if for_good {
                    follow.denied(now(), Browser.random());
                }
            }
            None => {}
        }
        if now() >= follow.due() {
            follow.tick(now(), Browser.random());
        }
    }
}

impl Hands {
    fn carry_out_all(&mut self, follow: &mut Follow, inner: &Rc<Inner>) {
        while let Some(act) = follow.act() {
            self.carry_out(act, follow, inner);
        }
    }

    fn carry_out(&mut self, act: Act, follow: &Follow, inner: &Rc<Inner>) {
        match act {
            Act::Hear { told, fresh } => inner.hear(told, fresh),
            Act::Gap(missed) => inner.miss(missed),
            Act::Post(note) => {
                if let Some(tabs) = &self.tabs {
                    tabs.post(&note);
                }
            }
            Act::Steal => {
                if let Some(tabs) = &self.tabs {
                    tabs.steal();
                }
            }
            Act::Open => {
                self.opened += 1;
                // Another tab may want to know what this one has no use for.
                let history = if inner.chat || self.tabs.is_some() { MAX_HISTORY } else { 0 };
                let (id, places) = (inner.room.id.as_str(), [follow.place(), &self.made]);
                self.source = Some(Source::open(self.opened, id, places, history, &self.inbox));
            }
            Act::Close => self.source = None,
            Act::Read => {
                // One that was left for the relay's answer goes on from where it was.
                if self.stream.is_none() {
                    self.stream = Some(Stream::new(inner.room.id.clone(), follow.place(), inner.clock.clone()));
                }
            }
            Act::Stop => self.stream = None,
        }
    }

    /// Takes in what the browser tells.
    fn take(&self, signal: Signal, follow: &mut Follow) {
        let (now, random) = (now(), Browser.random());
        match signal {
            Signal::Note(note) => follow.note(&note, now, random),
            Signal::Granted => follow.granted(now, random),
            Signal::Lost => follow.lost(now),
            Signal::Feed(number, event) if self.source.as_ref().is_some_and(|source| source.number == number) => {
                let name = event.type_();
                match event.dyn_into::<MessageEvent>() {
                    Ok(event) => {
                        let data = event.data().as_string().unwrap_or_default();
                        follow.heard(&name, data, event.last_event_id(), now, random);
                    }
                    Err(_) => follow.broke(now, random),
                }
            }
            // Of a connection that is closed by now.
            Signal::Feed(..) => {}
        }
    }

    /// Takes in what was read off the stream.
    fn read(&mut self, event: Event, proven: &Proven, follow: &mut Follow, inner: &Rc<Inner>) {
        match event {
            Event::Records(records) => {
                let danmu = inner.judge(&records, proven);
                let place = records.last().and_then(|record| place_of(record, follow));
                if let Some(place) = place.filter(|_| !danmu.is_empty()) {
                    follow.read(Told { danmu, ..Told::default() }, &place);
                }
            }
            Event::State(state) => {
                let (reading, behind_ms) = match &state {
                    State::Starting => return,
                    State::Live | State::Throttled { .. } => (Reading::Live, 0),
                    State::Behind { ms } => (Reading::Behind, *ms),
                    State::Reconnecting { .. } | State::Failed { .. } => (Reading::Reconnecting, 0),
                };
                let told = Told { reading: Some(reading), behind_ms, ..Told::default() };
                follow.reads(told, matches!(state, State::Throttled { .. }), now());
                self.carry_out_all(follow, inner);
                if let Some(stream) = &self.stream {
                    // This page knows more of it than others need to.
                    inner.live.feed.try_set(feed_state(state, &stream.vend));
                }
            }
        }
        if let Some(stream) = &self.stream {
            let stats = stream.stats();
            inner.live.reads.try_set(ReadCounts { reads: stats.reads, throttled: stats.throttled });
        }
    }
}

/// The feed's place right after a record.
fn place_of(record: &Record, follow: &Follow) -> Option<Position> {
    let created_ms = follow.place().parse().map_or(0, |place: Position| place.created_ms());
    Position::new(created_ms, record.shard_id.as_str(), record.sequence_number.as_str(), record.arrival_ms).ok()
}

/// Milliseconds of a clock that nobody sets back.
fn now() -> i64 {
    let clock = web_sys::window().and_then(|window| window.performance());
    clock.map_or(0, |clock| clock.now() as i64)
}
