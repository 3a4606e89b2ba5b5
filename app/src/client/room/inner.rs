//! The state of a live room, and how it takes in what the feed tells.

use std::{
    cell::{Cell, RefCell},
    collections::HashSet,
    rc::Rc,
    time::Duration,
};

use danmu::{
    feed::{Item, Reading, Told},
    kinesis::{Clock, Host},
    record::{Danmu, DanmuKey},
    room::{Modes, Room},
    viewer::Role,
};
use futures::future::AbortHandle;
use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;

use crate::{
    client::{
        host::Browser,
        overlay::{Overlay, Shown},
        remember::own_viewer,
        speaker::Speaker,
        vend::ServerVend,
    },
    error::ApiError,
    i18n::I18n,
    live::{Author, ChatLine, FeedState, LineState, Live, OwnPace, Traces, Wants},
    problem::Problem,
};

/// Danmu that arrived longer ago than this, in milliseconds, no longer fly: a tab that slept catches up in the chat list. It
/// is the time in which a danmu crosses the picture.
const STALE_MS: i64 = 8_000;
/// How often the count of danmu that are not shown is updated, and after how many updates without change it is cleared.
pub const COUNT: Duration = Duration::from_secs(1);
const COUNTS_KEPT: u32 = 8;

/// The state of a live room.
pub struct Inner {
    pub room: Room,
    pub live: Live,
    /// Whether lines are kept.
    pub chat: bool,
    pub wants: Wants,
    /// The language of names and badges, where danmu fly with them.
    pub i18n: Option<I18n>,
    pub clock: Clock<Browser>,
    pub vend: ServerVend,
    pub speaker: Speaker,
    pub pace: RefCell<OwnPace>,
    pub overlay: RefCell<Option<Overlay>>,
    /// Keys of what this page sent: it was shown then, so it is not shown again when it comes off the stream.
    pub own: RefCell<HashSet<DanmuKey>>,
    /// The authors of the danmu from the feed.
    pub traces: RefCell<Traces>,
    /// The failed danmu whose text is in the composer: sent again unchanged, it keeps its id.
    pub given_back: RefCell<Option<Danmu>>,
    /// Danmu that the picture has no room for, since the count was last cleared; and whether the counting task runs.
    pub unshown: Cell<u32>,
    pub counting: Cell<bool>,
    pub reading: RefCell<Option<AbortHandle>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(reading) = self.reading.take() {
            reading.abort();
        }
    }
}

impl Inner {
    /// This viewer's role here. Until a ticket says it, it is a guest's, or a member's where the page shows somebody as signed in.
    pub fn role(&self) -> Role {
        self.live.me.with_untracked(Live::role_of)
    }

    pub fn show(&self, danmu: Shown) {
        if let Some(overlay) = &*self.overlay.borrow() {
            overlay.show(danmu);
        }
    }

    /// Takes in danmu that passed the gate, at the relay or here. The viewer's own were shown when they were sent.
    fn receive(&self, items: Vec<Item>, fly: bool, past: bool) {
        let new = |item: Item| {
            if !self.own.borrow().contains(&item.key()) {
                return Some(item);
            }
            self.confirm(&item.id);
            item.beside_own()
        };
        self.tell(items.into_iter().filter_map(new).filter(|item| !self.is_hidden(item)).collect(), fly, past);
    }

    /// Whether this page hides a danmu: by its time, its author's role, or a word in it.
    fn is_hidden(&self, item: &Item) -> bool {
        let Wants { hides, roles, since, .. } = &self.wants;
        if item.at < *since || roles >> (item.role as u8) & 1 > 0 {
            return true;
        }
        if hides.is_empty() {
            return false;
        }
        // By the browser, which has the case tables already.
        let text: String = js_sys::JsString::from(&*item.text).to_lower_case().into();
        hides.iter().any(|word| text.contains(word))
    }

    /// A danmu's text as it flies. Merged danmu have no single author.
    fn named(&self, item: &Item) -> String {
        let said = self.i18n.zip(item.viewer.clone()).filter(|_| item.n == 1).map(|(i18n, viewer)| {
            let author = Author { viewer, name: item.name.clone(), role: item.role };
            let badge = untrack(|| author.badge(i18n)).filter(|_| self.wants.badges);
            let badge = badge.map(|badge| ["[", badge, "] "].concat()).unwrap_or_default();
            let name = if self.wants.names { untrack(|| author.say(i18n)) + ": " } else { String::new() };
            [&*badge, &name, &item.text].concat()
        });
        said.unwrap_or_else(|| item.text.clone())
    }

    /// Shows new danmu: in the chat, and on the picture if they are recent and `fly` is set.
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
                    // Ids are unique per viewer only: if two viewers use the same one, the first is shown.
                    if lines.find(&item.id).is_some() {
                        continue;
                    }
                    let (state, mine) = (ArcRwSignal::new(LineState::Confirmed), is_mine(&item));
                    let Item { id: key, text, color, at, n: times, name, viewer, role, .. } = item;
                    // Merged danmu have no single author.
                    let by = viewer.filter(|_| times == 1).map(|viewer| Author { viewer, name, role });
                    let line = ChatLine { key, text, color, at, by, mine, own: None, times, state };
                    if past { lines.push_past(line) } else { lines.push(line) }
                }
            });
        }
    }

    /// Takes in a message of the feed: its danmu fly if it is `fresh` and they are recent.
    pub fn hear(self: &Rc<Self>, told: Told, fresh: bool) {
        if !told.retracted.is_empty() {
            self.retract(&told.retracted);
        }
        if let Some(modes) = told.modes.map(Modes::from) {
            self.live.modes.try_set(modes);
            if modes.is_ended() {
                // There is nothing more to follow: every attempt would be refused.
                let ended = Problem::Api(ApiError::NoRoom(self.room.id.to_string()));
                self.live.feed.try_set(FeedState::Stopped(ended));
                if let Some(reading) = self.reading.take() {
                    reading.abort();
                }
                return;
            }
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

    /// Adds a gap to the chat: danmu that will not come, with their number where known.
    pub fn miss(&self, missed: Option<u64>) {
        if self.chat {
            self.live.lines.try_update(|lines| lines.push_gap(missed));
        }
    }

    /// Counts danmu that the picture has no room for. The count is updated once a second, and cleared when it stays the same.
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

/// Whole seconds, rounded up.
pub fn seconds(ms: i64) -> u32 {
    u32::try_from((ms + 999) / 1_000).unwrap_or(u32::MAX)
}
