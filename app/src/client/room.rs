//! A live room: what its feed tells goes to the chat and the picture; what the viewer says goes onto the stream.

pub mod inner;
mod outcome;

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use danmu::{
    feed::Ways,
    kinesis::{Clock, Host},
    record::{Danmu, DanmuKey, RecordId},
    room::{Pace, Room},
};
use futures::future::abortable;
use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;

use self::inner::Inner;
use super::{
    feed::follow,
    host::{Browser, random_u128},
    overlay::{Overlay, Shown},
    speaker::Speaker,
    vend::ServerVend,
};
use crate::{
    i18n::use_i18n,
    live::{Draft, FeedStart, LineState, Live, Wants},
    problem::Problem,
};

/// A live room in the browser. A handle; when the last one is dropped, reading ends.
#[derive(Clone)]
pub struct RoomClient(Rc<Inner>);

impl RoomClient {
    /// Joins the room and follows it, by one of the ways that the server has, until the last handle is dropped.
    pub fn start(room: &Room, entry: FeedStart, live: Live, wants: &Wants) -> Self {
        let clock = Clock::new(Browser);
        let vend = ServerVend::new(room);
        let speaker = Speaker::new(live, clock.clone(), vend.clone());
        let client = Self(Rc::new(Inner {
            room: room.clone(),
            live,
            chat: wants.chat,
            i18n: (wants.names || wants.badges).then(use_i18n),
            wants: wants.clone(),
            clock,
            vend,
            speaker,
            pace: RefCell::default(),
            overlay: RefCell::default(),
            own: RefCell::default(),
            traces: RefCell::default(),
            given_back: RefCell::default(),
            unshown: Cell::new(0),
            counting: Cell::new(false),
            reading: RefCell::default(),
        }));
        // The task gets a weak reference: a handle of its own would keep it alive.
        let entry = FeedStart { ways: Ways { wants_direct: wants_direct(), ..entry.ways }, ..entry };
        let (reading, handle) = abortable(follow(Rc::downgrade(&client.0), entry));
        client.0.reading.replace(Some(handle));
        spawn_local(async move {
            let _ = reading.await;
        });
        client
    }

    /// Fetches all that is needed to speak, so that the first danmu does not wait for it.
    pub fn prepare(&self) {
        self.0.speaker.prepare();
    }

    /// Draws on that overlay from now on.
    pub fn draw_on(&self, overlay: Overlay) {
        self.0.overlay.replace(Some(overlay));
    }

    /// Sends a danmu. Its text has been checked.
    ///
    /// # Errors
    /// [`Problem::TooFast`], [`Problem::Mode`].
    pub fn send(&self, draft: Draft) -> Result<(), Problem> {
        let inner = &self.0;
        let now = inner.clock.now_ms();
        inner.live.notice.set(None);
        if let Some(mode) = inner.live.modes.get_untracked().forbid(inner.role(), &draft.text) {
            return Err(Problem::Mode(mode));
        }
        let paced = self.take_pace()?;
        // The same text sent again after it failed keeps its id: had it arrived after all, it is shown once.
        let failed = inner.live.lines.with_untracked(|lines| lines.find_failed(&draft)?.own.clone());
        if let Some(danmu) = failed {
            inner.set_state(&danmu.id.to_string(), LineState::Pending);
            self.put(danmu, paced);
            return Ok(());
        }
        let given_back = inner.given_back.take().filter(|danmu| draft.is_of(danmu));
        let danmu = given_back.unwrap_or_else(|| {
            let Draft { text, mode, color } = draft;
            let danmu = Danmu::new(RecordId::new(now, random_u128()), inner.room.id.clone(), text, now);
            Danmu { mode, color, ..danmu }
        });
        inner.own.borrow_mut().insert(DanmuKey::Record(danmu.id));
        inner.push_own(&danmu, LineState::Pending);
        self.put(danmu, paced);
        Ok(())
    }

    /// Takes a danmu out of the viewer's token bucket, if its role has one; returns the role's pace.
    fn take_pace(&self) -> Result<Option<Pace>, Problem> {
        let pace = self.0.live.modes.get_untracked().pace(self.0.room.paces, self.0.role());
        if let Some(pace) = pace {
            // By the browser's clock: `inner.clock` jumps when it is corrected.
            self.0.pace.borrow_mut().take(pace, Browser.now_ms()).map_err(Problem::TooFast)?;
        }
        Ok(pace)
    }

    /// The composer has taken the text of a failed line: removes the line.
    pub fn take_back(&self, key: &str) {
        let line = self.0.live.lines.try_update(|lines| lines.remove(key)).flatten();
        self.0.given_back.replace(line.and_then(|line| line.own));
    }

    /// Retries the danmu of a failed line, under the same id, which the gate lets through once. Over the rate limit it stays
    /// failed, and shows the wait.
    pub fn send_again(&self, key: &str) {
        let danmu = self.0.live.lines.with_untracked(|lines| {
            let line = lines.find(key)?;
            let failed = matches!(line.state.get_untracked(), LineState::Failed(_));
            line.own.clone().filter(|_| failed)
        });
        let Some(danmu) = danmu else { return };
        match self.take_pace() {
            Ok(paced) => {
                self.0.set_state(key, LineState::Pending);
                self.put(danmu, paced);
            }
            Err(problem) => self.0.fail(key, problem),
        }
    }

    /// Puts it on the stream; `paced` is the pace by which it was taken out of the viewer's token bucket.
    fn put(&self, danmu: Danmu, paced: Option<Pace>) {
        self.0.show(Shown {
            id: danmu.id.to_string(),
            text: danmu.text.clone(),
            color: danmu.color.rgb(),
            mode: danmu.mode,
            own: true,
            pending: true,
            ..Shown::default()
        });
        let said = self.0.speaker.say(danmu.clone());
        let inner = Rc::downgrade(&self.0);
        spawn_local(async move {
            let outcome = said.await;
            let Some(inner) = inner.upgrade() else { return };
            if let Some(pace) = paced {
                let never = outcome.as_ref().is_err_and(|error| !error.maybe_put());
                inner.pace.borrow_mut().landed(pace, Browser.now_ms(), never);
            }
            match outcome {
                Ok(_) => inner.land(&danmu.id.to_string()),
                Err(error) => inner.give_back(danmu, &error),
            }
        });
    }
}

/// Whether the page's address asks to read the stream itself.
fn wants_direct() -> bool {
    let query = web_sys::window().and_then(|window| window.location().search().ok()).unwrap_or_default();
    query.trim_start_matches('?').split('&').any(|wish| wish == "feed=direct")
}
