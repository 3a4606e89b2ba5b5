//! A room, live: what is heard of it goes to the chat and the picture; what the viewer says goes onto the stream.

mod outcome;

use std::{
    cell::{Cell, RefCell},
    collections::HashSet,
    rc::Rc,
    time::Duration,
};

use danmu::{
    feed::{Item, Reading, Told, Ways},
    gate::DanmuKey,
    kinesis::{Clock, Host},
    record::{Danmu, RecordId},
    room::Room,
    viewer::Role,
};
use futures::future::{AbortHandle, abortable};
use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;

use super::{
    feed::follow,
    host::{Browser, random_u128},
    overlay::{Overlay, Shown},
    remember::own_viewer,
    speaker::Speaker,
    vend::ServerVend,
};
use crate::{
    i18n::{I18n, use_i18n},
    live::{Author, Draft, Entry, FeedState, Line, LineState, Live, OwnPace, Traces, Wants},
    problem::Problem,
};

/// Danmu that arrived longer ago than this, in milliseconds, are no longer flown across the picture: a tab that slept
/// catches up in the chat list. As long as a danmu takes to cross it.
const STALE_MS: i64 = 8_000;
/// How often the count of what is not shown is brought up to date, and after how many times without more it goes.
const COUNT: Duration = Duration::from_secs(1);
const COUNTS_KEPT: u32 = 8;

/// A live room in the browser. A handle; when the last one goes, the reading ends.
#[derive(Clone)]
pub struct RoomClient(Rc<Inner>);

/// What a live room is made of.
pub(super) struct Inner {
    pub(super) room: Room,
    pub(super) live: Live,
    /// Whether lines are kept.
    pub(super) chat: bool,
    hides: Vec<String>,
    /// The language that names are said in, where danmu fly with them.
    names: Option<I18n>,
    pub(super) clock: Clock<Browser>,
    vend: ServerVend,
    speaker: Speaker,
    pace: RefCell<OwnPace>,
    pub(super) overlay: RefCell<Option<Overlay>>,
    /// What this viewer said: shown when it was sent, so not again when it comes off the stream.
    own: RefCell<HashSet<DanmuKey>>,
    /// Whose the danmu are that others said.
    pub(super) traces: RefCell<Traces>,
    /// What failed and is in the composer: sent again as it is, it is the same danmu.
    given_back: RefCell<Option<Danmu>>,
    /// Danmu that the picture has no room for, since there was room for all; and whether they are being counted.
    unshown: Cell<u32>,
    counting: Cell<bool>,
    reading: RefCell<Option<AbortHandle>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(reading) = self.reading.take() {
            reading.abort();
        }
    }
}

impl RoomClient {
    /// Joins the room and follows it, by one of the ways that the server has, until the last handle goes.
    pub fn start(room: &Room, entry: Entry, live: Live, wants: &Wants) -> Self {
        let clock = Clock::new(Browser);
        let vend = ServerVend::new(room);
        let speaker = Speaker::new(live, clock.clone(), vend.clone());
        let client = Self(Rc::new(Inner {
            room: room.clone(),
            live,
            chat: wants.chat,
            hides: wants.hides.clone(),
            names: wants.names.then(use_i18n),
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
        // The task holds no handle of its own, or it would keep itself alive.
        let entry = Entry { ways: Ways { wants_direct: wants_direct(), ..entry.ways }, ..entry };
        let (reading, handle) = abortable(follow(Rc::downgrade(&client.0), entry));
        client.0.reading.replace(Some(handle));
        spawn_local(async move {
            let _ = reading.await;
        });
        client
    }

    /// Gets all that is needed to speak, so that the first danmu does not wait for it.
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
    /// [`Problem::TooFast`].
    pub fn send(&self, draft: Draft) -> Result<(), Problem> {
        let inner = &self.0;
        let now = inner.clock.now_ms();
        if let Some(pace) = inner.room.paces.of(inner.role()) {
            // By the browser's clock: ours leaps when it is corrected, and no time has passed.
            inner.pace.borrow_mut().take(pace, Browser.now_ms()).map_err(Problem::TooFast)?;
        }
        // The same words once more after they failed are the same danmu: had it arrived after all, it is shown once.
        let failed = inner.live.lines.with_untracked(|lines| lines.find_failed(&draft).map(|line| line.key.clone()));
        if let Some(key) = failed {
            self.send_again(&key);
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
        self.put(danmu);
        Ok(())
    }

    /// The composer has the text of a line that failed.
    pub fn take_back(&self, key: &str) {
        let line = self.0.live.lines.try_update(|lines| lines.remove(key)).flatten();
        self.0.given_back.replace(line.and_then(|line| line.own));
    }

    /// Sends the danmu of a failed line again: under the same id, which the gate lets through once.
    pub fn send_again(&self, key: &str) {
        let danmu = self.0.live.lines.with_untracked(|lines| {
            let line = lines.find(key)?;
            let failed = matches!(line.state.get_untracked(), LineState::Failed(_));
            line.own.clone().filter(|_| failed)
        });
        if let Some(danmu) = danmu {
            self.0.set_state(key, LineState::Pending);
            self.put(danmu);
        }
    }

    fn put(&self, danmu: Danmu) {
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
            match (inner.upgrade(), outcome) {
                (Some(inner), Ok(_)) => inner.confirm(&danmu.id.to_string()),
                (Some(inner), Err(error)) => inner.give_back(danmu, &error),
                (None, _) => {}
            }
        });
    }
}

impl Inner {
    /// What this viewer may do here, as far as it is known.
    pub(super) fn role(&self) -> Role {
        self.live.me.with_untracked(|me| me.as_ref().map_or(Role::Viewer, |me| me.role))
    }

    fn show(&self, danmu: Shown) {
        if let Some(overlay) = &*self.overlay.borrow() {
            overlay.show(danmu);
        }
    }

    /// Takes what passed the gate, there or here. The viewer's own was shown when it was sent.
    fn receive(&self, items: Vec<Item>, fly: bool, past: bool) {
        let new = |item: Item| {
            if !self.own.borrow().contains(&item.key()) {
                return Some(item);
            }
            self.confirm(&item.id);
            item.beside_own()
        };
        self.tell(items.into_iter().filter_map(new).filter(|item| !self.is_hidden(&item.text)).collect(), fly, past);
    }

    /// Whether a text has one of the words that this page does not show.
    fn is_hidden(&self, text: &str) -> bool {
        if self.hides.is_empty() {
            return false;
        }
        // By the browser, which has the tables of cases already.
        let text: String = js_sys::JsString::from(text).to_lower_case().into();
        self.hides.iter().any(|word| text.contains(word))
    }

    /// A danmu's text as it flies. What many said is nobody's.
    fn named(&self, item: &Item) -> String {
        let said = self.names.zip(item.viewer.clone()).filter(|_| item.n == 1).map(|(i18n, viewer)| {
            let author = Author { viewer, name: item.name.clone(), role: item.role };
            [&untrack(|| author.say(i18n)), ": ", &item.text].concat()
        });
        said.unwrap_or_else(|| item.text.clone())
    }

    /// Shows what is new: in the chat, and on the picture if it is of now and `fly` says so.
    fn tell(&self, items: Vec<Item>, fly: bool, past: bool) {
        if items.is_empty() {
            return;
        }
        let now = self.clock.now_ms();
        let me = own_viewer();
        let is_mine = |item: &Item| item.n == 1 && item.viewer.is_some() && item.viewer == me;
        for item in &items {
            self.traces.borrow_mut().add(item);
            if fly && now - item.at < STALE_MS {
                let (id, text, color) = (item.id.clone(), self.named(item), item.color.rgb());
                let (own, important) = (is_mine(item), item.role == Role::Streamer);
                let shown =
                    Shown { id, text, color, mode: item.mode, own, important, times: item.n, ..Shown::default() };
                self.show(shown);
            }
        }
        if self.chat {
            self.live.lines.try_update(|lines| {
                for item in items {
                    // An id is one of its viewer's: another may have taken the same, and whoever came first is shown.
                    if lines.find(&item.id).is_some() {
                        continue;
                    }
                    let (state, mine) = (ArcRwSignal::new(LineState::Confirmed), is_mine(&item));
                    let Item { id: key, text, color, at, n: times, name, viewer, role, .. } = item;
                    // What many said is nobody's.
                    let by = viewer.filter(|_| times == 1).map(|viewer| Author { viewer, name, role });
                    let line = Line { key, text, color, at, by, mine, own: None, times, state };
                    if past { lines.push_past(line) } else { lines.push(line) }
                }
            });
        }
    }

    /// Takes in what the feed told: its danmu fly if they are of now.
    pub(super) fn hear(self: &Rc<Self>, told: Told, fresh: bool) {
        if !told.retracted.is_empty() {
            self.retract(&told.retracted);
        }
        self.receive(told.danmu, fresh, told.past);
        if fresh && !told.past && told.dropped > 0 {
            self.leave_out(told.dropped);
        }
        let state = told.reading.map(|reading| match reading {
            Reading::Live => FeedState::Live,
            Reading::Behind => FeedState::Behind(seconds(told.behind_ms)),
            Reading::Reconnecting => FeedState::Reconnecting,
        });
        if let Some(state) = state {
            let is_back = state == FeedState::Live && self.live.feed.try_get_untracked() != Some(FeedState::Live);
            self.live.feed.try_set(state);
            if is_back {
                self.forgive();
            }
        }
    }

    /// Says in the chat that so many danmu, where anybody knows, will not come.
    pub(super) fn miss(&self, missed: Option<u64>) {
        if self.chat {
            self.live.lines.try_update(|lines| lines.push_gap(missed));
        }
    }

    /// Counts danmu that the picture has no room for. What is said of them changes once a second, and goes when it is old.
    fn leave_out(self: &Rc<Self>, danmu: u32) {
        self.unshown.set(self.unshown.get().saturating_add(danmu));
        if self.counting.replace(true) {
            return;
        }
        let inner = Rc::downgrade(self);
        spawn_local(async move {
            let (mut said, mut same) = (0, 0);
            while same < COUNTS_KEPT {
                Browser.sleep(COUNT).await;
                let Some(inner) = inner.upgrade() else { return };
                let now = inner.unshown.get();
                same = if now == said { same + 1 } else { 0 };
                if same == 0 {
                    inner.live.unshown.try_set(now);
                }
                said = now;
            }
            if let Some(inner) = inner.upgrade() {
                inner.unshown.set(0);
                inner.counting.set(false);
                inner.live.unshown.try_set(0);
            }
        });
    }
}

/// Whole seconds, so many that they are enough.
pub(super) fn seconds(ms: i64) -> u32 {
    u32::try_from((ms + 999) / 1_000).unwrap_or(u32::MAX)
}

/// Whether the page's address asks to read the stream itself.
fn wants_direct() -> bool {
    let query = web_sys::window().and_then(|window| window.location().search().ok()).unwrap_or_default();
    query.trim_start_matches('?').split('&').any(|wish| wish == "feed=direct")
}
