//! Follows a room while its page is open: carries out in the browser what [`danmu::feed::Follow`] decides.

mod inbox;
mod source;
mod stream;
mod tabs;

use std::{
    pin::pin,
    rc::{Rc, Weak},
    time::Duration,
};

use danmu::{
    feed::{Act, Follow, MAX_HISTORY, Reading, Told, Way},
    kinesis::Host,
};
use futures::future::{Either, pending, select};
use leptos::prelude::{GetUntracked, Set};

use self::{
    inbox::{Inbox, Signal},
    source::Source,
    stream::Stream,
    tabs::Tabs,
};
use super::{
    direct::{News, Read},
    host::{Browser, random_u128},
    room::inner::{Inner, seconds},
};
use crate::live::{FeedStart, FeedState, ReadCounts};

/// The longest sleep at once, milliseconds.
const LONGEST_MS: i64 = 60_000;

/// The browser's resources that a page uses to follow a room.
struct Hands {
    inbox: Inbox,
    tabs: Option<Tabs>,
    opened: usize,
    /// The feed token when the page was made.
    made: String,
    source: Option<Source>,
    stream: Option<Stream>,
}

/// Follows the room's feed until the room is dropped. After an interruption it resumes from its last token.
pub async fn follow(room: Weak<Inner>, FeedStart { ways, place }: FeedStart) {
    let Some(id) = room.upgrade().map(|inner| inner.room.id.clone()) else { return };
    let inbox = Inbox::default();
    // A page that asks for direct mode reads the stream regardless of other tabs.
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
                    // While the relay is tried, direct reading rests, so that both ways continue from one token.
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
            Some(Either::Right(read)) => hands.read(read, &mut follow, &inner, ways.wants_direct),
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
            Act::Hear { told, fresh } => {
                // What another tab passes on may have waited until this one woke up, so it says nothing of the clock.
                if let (Some(now), Some(source)) = (told.now, &self.source) {
                    inner.clock.compare(source.asked_ms, now);
                }
                inner.hear(told, fresh);
            }
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
                // Another tab may need the history even if this one does not.
                let history = if inner.chat || self.tabs.is_some() { MAX_HISTORY } else { 0 };
                let (id, places) = (inner.room.id.as_str(), [follow.place(), &self.made]);
                self.source = Some(Source::open(self.opened, id, places, history, &self.inbox));
            }
            Act::Close => self.source = None,
            Act::Read => {
                // A stream that rested while the relay was tried continues from where it was.
                if self.stream.is_none() {
                    self.stream = Some(Stream::new(&inner.room, follow.place(), inner.clock.clone()));
                }
            }
            Act::Stop => self.stream = None,
        }
    }

    /// Takes in an event from the browser.
    fn take(&self, signal: Signal, follow: &mut Follow) {
        let (now, random) = (now(), Browser.random());
        match signal {
            Signal::Note(note) => follow.note(&note, now, random),
            Signal::Granted => follow.granted(now, random),
            Signal::Lost => follow.lost(now),
            // Of a connection that is already closed.
            Signal::Feed { number, .. } if self.source.as_ref().is_none_or(|source| source.number != number) => {}
            Signal::Feed { name, .. } if name == "error" => follow.broke(now, random),
            Signal::Feed { name, data, place, .. } => follow.heard(&name, data, place, now, random),
        }
    }

    /// Takes in what was read off the stream. A refusal is shown only where the page's address asks for direct mode (`wanted`).
    fn read(&mut self, read: Read, follow: &mut Follow, inner: &Rc<Inner>, wanted: bool) {
        let Read { news, skew_ms, reads, throttled } = read;
        inner.clock.adopt(skew_ms);
        inner.live.reads.try_set(ReadCounts { reads, throttled });
        let denied = matches!(news, News::Denied(_));
        let crowded = matches!(news, News::Crowded);
        let (reading, behind_ms, state) = match news {
            News::Nothing => return,
            News::Told(told, place) => {
                match place.parse() {
                    Ok(place) => follow.read(told, &place),
                    Err(_) => follow.retract(told),
                }
                return;
            }
            News::Live => (Reading::Live, 0, Some(FeedState::Live)),
            News::Crowded => (Reading::Live, 0, Some(FeedState::Crowded)),
            News::Behind(ms) => (Reading::Behind, ms, Some(FeedState::Behind(seconds(ms)))),
            News::Reconnecting => (Reading::Reconnecting, 0, Some(FeedState::Reconnecting)),
            News::Stopped(problem) => (Reading::Reconnecting, 0, Some(FeedState::Stopped(problem))),
            News::Refused(problem) | News::Denied(problem) => {
                (Reading::Reconnecting, 0, wanted.then_some(FeedState::Stopped(problem)))
            }
        };
        follow.reads(Told { reading: Some(reading), behind_ms, ..Told::default() }, crowded, now());
        self.carry_out_all(follow, inner);
        // This page shows more detail than other tabs need.
        if let Some(state) = state.filter(|_| self.stream.is_some()) {
            inner.live.feed.try_set(state);
        }
        if denied {
            follow.denied(now(), Browser.random());
        }
    }
}

/// Milliseconds of a monotonic clock.
fn now() -> i64 {
    let clock = web_sys::window().and_then(|window| window.performance());
    clock.map_or(0, |clock| clock.now() as i64)
}
