//! A live room as a page sees it: the state of the feed, the lines of the chat, and a way to speak.
//!
//! *Server-side rendering*: the state stays as it begins, and nothing is read or sent.

mod author;
mod lines;
mod pace;
#[cfg(any(feature = "hydrate", test))]
mod traces;

use danmu::{
    feed::{Way, Ways},
    record::{Color, Danmu, Mode},
    room::{Modes, Room},
    viewer::Role,
};
use leptos::prelude::*;

pub use self::{
    author::Author,
    lines::{ChatLine, LineState, Lines},
};
#[cfg(feature = "hydrate")]
pub use self::{pace::OwnPace, traces::Traces};
use crate::problem::Problem;

/// The state of the room's feed.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum FeedState {
    /// Nothing has been read yet.
    #[default]
    Connecting,
    /// What arrives is shown at once.
    Live,
    /// What is shown arrived that many seconds ago.
    Behind(u32),
    /// Too many readers share the shard's five reads a second.
    Crowded,
    /// Cut off; retries by itself.
    Reconnecting,
    /// Stopped by a problem that is shown; some of these are retried.
    Stopped(Problem),
}

impl FeedState {
    /// The state's name in the document, for styles and for tests.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Live => "live",
            Self::Behind(_) => "behind",
            Self::Crowded => "crowded",
            Self::Reconnecting => "reconnecting",
            Self::Stopped(_) => "stopped",
        }
    }
}

/// How this page's reads of the stream went, for the benchmarks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadCounts {
    /// Answered reads.
    pub reads: u64,
    /// Reads that were refused because the shard's readers asked too often.
    pub throttled: u64,
}

/// A danmu to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The text as typed.
    pub text: String,
    /// Where it is to be shown.
    pub mode: Mode,
    /// Its colour.
    pub color: Color,
}

impl Draft {
    /// Whether a danmu has the same text, mode and colour.
    #[must_use]
    pub fn is_of(&self, danmu: &Danmu) -> bool {
        (&danmu.text, danmu.mode, danmu.color) == (&self.text, self.mode, self.color)
    }
}

/// A danmu that could not be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Returned {
    /// The key of its line.
    pub key: String,
    /// What its author wrote.
    pub draft: Draft,
    /// Why it was not sent.
    pub problem: Problem,
}

/// The number of graphemes of a text, as its writer sees it.
///
/// *Server-side rendering*: counts characters, since nothing is typed.
pub fn graphemes(text: &str) -> usize {
    #[cfg(feature = "hydrate")]
    return (crate::client::UNICODE.graphemes)(text);
    #[cfg(not(feature = "hydrate"))]
    text.chars().count()
}

/// What a page needs of a room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// Chat lines. Without a chat none are kept.
    pub chat: bool,
    /// Danmu with one of these words (in lower case) are hidden.
    pub hides: Vec<String>,
    /// Danmu fly with their author's name in front.
    pub names: bool,
    /// Danmu of the crew fly with a badge in front.
    pub badges: bool,
    /// Danmu of these roles are hidden: a bit for each, by its place in [`Role`].
    pub roles: u8,
    /// Danmu that arrived before this time, in Unix milliseconds, are hidden.
    pub since: i64,
}

/// A live room. A handle: cheap to copy, and dropped with the page that made it.
#[derive(Clone, Copy)]
pub struct Live {
    /// The state of the feed.
    pub feed: RwSignal<FeedState>,
    /// The lines of the chat.
    pub lines: RwSignal<Lines>,
    /// The way by which danmu come, where it is to be shown: direct, or the relay although the address asks for direct.
    pub way: RwSignal<Option<Way>>,
    /// How many recent danmu were not shown, as the picture had no room for them.
    pub unshown: RwSignal<u32>,
    /// How the reads went.
    pub reads: RwSignal<ReadCounts>,
    /// What could not be sent, to be put back into the composer.
    pub returned: RwSignal<Option<Returned>>,
    /// Who the viewer is, once it has a ticket.
    pub me: RwSignal<Option<Author>>,
    /// The room's modes.
    pub modes: RwSignal<Modes>,
    /// What the viewer must know before writing: a ban that was just made.
    pub notice: RwSignal<Option<Problem>>,
    /// Why danmu cannot be drawn here, so that only the chat has them.
    pub undrawn: RwSignal<Option<Problem>>,
    /// False until the page can send.
    pub ready: RwSignal<bool>,
    #[cfg(feature = "hydrate")]
    client: StoredValue<Option<crate::client::RoomClient>, LocalStorage>,
}

/// What a page knows of its room's feed before it follows it.
#[derive(Clone, Debug)]
pub struct FeedStart {
    /// The ways that the server has.
    pub ways: Ways,
    /// The feed token when the page was made, so that what is said while it loads is not lost. Empty where nothing is relayed.
    pub place: String,
}

impl Live {
    /// Joins a room: follows it at once, by one of the server's ways, and fetches credentials only when the viewer means to
    /// speak. Leaves it when the page goes.
    pub fn join(room: Room, entry: FeedStart, wants: Wants) -> Self {
        let live = Self {
            feed: RwSignal::default(),
            lines: RwSignal::default(),
            way: RwSignal::default(),
            unshown: RwSignal::default(),
            reads: RwSignal::default(),
            returned: RwSignal::default(),
            me: RwSignal::default(),
            modes: RwSignal::default(),
            notice: RwSignal::default(),
            undrawn: RwSignal::default(),
            ready: RwSignal::new(false),
            #[cfg(feature = "hydrate")]
            client: StoredValue::new_local(None),
        };
        #[cfg(feature = "hydrate")]
        {
            // An effect, so that hydration is over: nothing here may change what the server rendered.
            Effect::new(move || {
                live.client.set_value(Some(crate::client::RoomClient::start(&room, entry.clone(), live, &wants)));
                live.ready.set(true);
            });
            on_cleanup(move || {
                live.client.try_update_value(Option::take);
            });
        }
        #[cfg(not(feature = "hydrate"))]
        let _ = (room, entry, wants);
        live
    }

    /// A viewer's role. Until a ticket says it, it is a guest's, or a member's where the page shows somebody as signed in.
    #[must_use]
    pub fn role_of(me: &Option<Author>) -> Role {
        #[cfg(feature = "hydrate")]
        let unknown = || if crate::client::shows_somebody() { Role::Member } else { Role::Viewer };
        #[cfg(not(feature = "hydrate"))]
        let unknown = Role::default;
        me.as_ref().map_or_else(unknown, |me| me.role)
    }

    /// The viewer means to speak: fetches the credentials.
    pub fn prepare(self) {
        #[cfg(feature = "hydrate")]
        self.with_client(crate::client::RoomClient::prepare);
    }

    /// Sends a danmu. It is shown at once, marked as pending; its line in the chat shows the outcome, and a failure is also in
    /// [`Self::returned`].
    ///
    /// # Errors
    /// When the text cannot be sent as it is, or not yet; then nothing is shown, and nothing is lost.
    pub fn send(self, draft: Draft) -> Result<(), Problem> {
        #[cfg(feature = "hydrate")]
        {
            danmu::record::check_text(&draft.text, crate::client::UNICODE)?;
            self.with_client(|client| client.send(draft)).transpose()?;
        }
        #[cfg(not(feature = "hydrate"))]
        let _ = draft;
        Ok(())
    }

    /// Retries a failed danmu. It keeps its id, so it is shown once even if it had arrived after all.
    pub fn send_again(self, key: &str) {
        // The composer may hold another one that was given back: that stays.
        if self.returned.with_untracked(|returned| returned.as_ref().is_some_and(|returned| returned.key == key)) {
            self.returned.set(None);
        }
        #[cfg(feature = "hydrate")]
        self.with_client(|client| client.send_again(key));
        #[cfg(not(feature = "hydrate"))]
        let _ = key;
    }

    /// The composer has taken the text of a failed line: removes the line. Sent again unchanged, the danmu keeps its id.
    pub fn take_back(self, key: &str) {
        #[cfg(feature = "hydrate")]
        self.with_client(|client| client.take_back(key));
        #[cfg(not(feature = "hydrate"))]
        let _ = key;
    }

    /// Draws the danmu on a canvas from now on.
    ///
    /// *Server-side rendering*: there is no canvas.
    #[cfg(feature = "hydrate")]
    pub fn draw_on(self, overlay: crate::overlay::Overlay) {
        self.with_client(|client| client.draw_on(overlay));
    }

    #[cfg(feature = "hydrate")]
    fn with_client<T>(self, act: impl FnOnce(&crate::client::RoomClient) -> T) -> Option<T> {
        // A copy of the handle, so that the store is not borrowed while the client runs.
        self.client.try_get_value().flatten().as_ref().map(act)
    }
}
