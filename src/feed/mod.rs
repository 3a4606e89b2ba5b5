//! The feed: the events that the relay sends to a viewer, and the tokens from which a viewer resumes.
//!
//! It travels as Server-Sent Events ([HTML, section 9.2](https://html.spec.whatwg.org/multipage/server-sent-events.html)).
//! The types here are the data of its events, one JSON object each; an event's `id` is a [`FeedToken`]. Server and browser
//! share them, so what one encodes the other reads. Nothing here does I/O. A viewer that was away for longer than the ring
//! buffer reaches gets live danmu at once and, beside them, its absence (refill), in order and marked `past`; both then have a
//! [`Progress`] as their `id`.
//!
//! | event | when | what its data say |
//! | --- | --- | --- |
//! | `hello` | first, once per connection | `recovered`, `from`, `missed`, `reading`, `now`, and history in `danmu` |
//! | (none) | new danmu; with `past`, danmu from while this viewer was away | `danmu`, `dropped`, `past` |
//! | (none) | a viewer was banned, or a danmu hidden: take down what it said before, or that one; also in the hello of a returning viewer | `retracted` |
//! | (none) | the room's modes changed | `modes` |
//! | `gap` | this viewer read too slowly, its absence cannot be refilled, or the stream was created anew | `missed` |
//! | `state` | the server's reading changed, nothing was sent for 6 s, or the refill is done | `reading`, `behind_ms` |
//!
//! The feeds of several rooms can come in one response: an event `room`, whose data is the room's number in the request (from
//! 0), precedes events of another room than before.
//!
//! All have one shape, [`Told`], without what does not apply: a parser for each would add code to the browser.

mod follow;
mod progress;
mod token;

use serde::{Deserialize, Serialize};

pub use self::{
    follow::{Act, Follow, Way, Ways},
    progress::{MAX_SPANS, Progress},
    token::{FeedToken, FeedTokenError},
};
use crate::{
    gate::{Admitted, Retracted},
    record::{Color, DanmuKey, Mode},
    viewer::Role,
};

/// The name of the event that a connection begins with.
pub const HELLO: &str = "hello";
/// The name of the event that declares danmu which will not come.
pub const GAP: &str = "gap";
/// The name of the event that reports how the server's own reading goes.
pub const STATE: &str = "state";

/// Heartbeat: after so long without an event the server sends one, milliseconds.
pub const HEARTBEAT_MS: u64 = 6_000;

/// The most danmu of history that a joining viewer gets.
pub const MAX_HISTORY: usize = 50;

/// The data of an event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Told {
    /// Danmu, in order: new ones; or, in a hello, the latest history, for the chat list and not for the picture.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub danmu: Vec<Item>,
    /// How many more were dropped by density.
    #[serde(skip_serializing_if = "is_default")]
    pub dropped: u32,
    /// Whether these are older than what was sent last: from while this viewer was away.
    #[serde(skip_serializing_if = "is_default")]
    pub past: bool,
    /// Retractions, final: hidden danmu, and what was sent of these banned authors, are not to be shown any more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub retracted: Vec<Retracted>,
    /// How many danmu between the last event and the next will not come. In a hello `None` where that is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missed: Option<u64>,
    /// Whether everything since the requested token follows. `false` for a viewer who asked for none.
    #[serde(skip_serializing_if = "is_default")]
    pub recovered: bool,
    /// The requested token, where it could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The room's modes ([`Modes`](crate::room::Modes) as a number), in every hello and whenever they change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modes: Option<u64>,
    /// How the server's own reading of the stream goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reading: Option<Reading>,
    /// The age of the position that it is at, in milliseconds.
    #[serde(skip_serializing_if = "is_default")]
    pub behind_ms: i64,
    /// The server's clock, in Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub now: Option<i64>,
}

/// How the server's own reading of the stream goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reading {
    /// At the newest record.
    Live,
    /// Catching up.
    Behind,
    /// Cut off from the stream; it retries by itself.
    #[default]
    Reconnecting,
}

/// One danmu as viewers get it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Its name among those of its room: [`DanmuKey`]'s text.
    pub id: String,
    /// Its text. Text, never HTML.
    pub text: String,
    /// Where it is shown.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mode: Mode,
    /// Its colour.
    #[serde(default, skip_serializing_if = "is_default")]
    pub color: Color,
    /// When the stream took it, in Unix milliseconds.
    pub at: i64,
    /// The name that its author goes by, where it has one. Text, never HTML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The id of its author, where that was verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub viewer: Option<String>,
    /// What its author may do.
    #[serde(default, skip_serializing_if = "is_default")]
    pub role: Role,
    /// How many equal danmu it stands for; 1 for itself alone.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub n: u32,
}

impl Item {
    /// Ends the id of an item that its author gets [beside its own](Self::beside_own). No key ends so.
    const BESIDE: char = 'x';

    /// The item that viewers get for a danmu that passed the gate.
    #[must_use]
    pub fn new(admitted: Admitted) -> Self {
        let Admitted { key, text, mode, color, arrival_ms: at, evidence, .. } = admitted;
        let evidence = evidence.as_deref();
        Self {
            id: key.to_string(),
            text,
            mode,
            color,
            at,
            name: evidence.and_then(|evidence| evidence.name.as_ref()).map(|name| name.as_str().to_owned()),
            viewer: evidence.map(|evidence| evidence.viewer.as_str().to_owned()),
            role: evidence.map_or_else(Role::default, |evidence| evidence.role),
            n: 1,
        }
    }

    /// The item for its own author, who has already shown it: `None`, unless it stands for several; then it gets an id of its
    /// own.
    #[must_use]
    pub fn beside_own(mut self) -> Option<Self> {
        (self.n > 1).then(|| {
            self.id.push(Self::BESIDE);
            self
        })
    }

    /// Whether one of these retracts it.
    #[must_use]
    pub fn is_among(&self, retracted: &[Retracted]) -> bool {
        let key = self.id.trim_end_matches(Self::BESIDE);
        let viewer = self.viewer.as_deref();
        retracted.iter().any(|retracted| retracted.covers(key, viewer, self.role, self.at))
    }

    /// The key that the id was made from.
    #[must_use]
    pub fn key(&self) -> DanmuKey {
        match self.id.parse() {
            Ok(id) => DanmuKey::Record(id),
            Err(_) => DanmuKey::Sequence(self.id.strip_prefix('s').unwrap_or(&self.id).to_owned()),
        }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

const fn one() -> u32 {
    1
}

// By reference, as serde requires.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_one(n: &u32) -> bool {
    *n == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{gate::Evidence, record::RecordId, room::RoomId};

    #[test]
    fn a_plain_danmu_is_short_on_the_wire() {
        let key = DanmuKey::Record(RecordId::new(1, 2));
        let item = Item::new(Admitted {
            key: key.clone(),
            text: "hi".into(),
            mode: Mode::Scroll,
            color: Color::WHITE,
            arrival_ms: 5,
            sent_ms: None,
            held_ms: None,
            evidence: None,
        });
        let json = serde_json::to_string(&item).expect("JSON");
        assert_eq!(json, r#"{"id":"00000000010000000000000002","text":"hi","at":5}"#);
        assert_eq!(serde_json::from_str::<Item>(&json).expect("an item"), item);
        assert_eq!(item.key(), key);
    }

    #[test]
    fn a_signed_danmu_says_whose_it_is() {
        let evidence = |name: Option<&str>, role| Evidence {
            viewer: "g4f2a".parse().expect("an id"),
            name: name.map(|name| name.to_owned().try_into().expect("a name")),
            role,
            room: RoomId::demo(),
            issued_ms: 0,
            expires_ms: 9,
        };
        let json = |evidence: Evidence| {
            let (key, evidence) = (DanmuKey::Sequence("7".into()), Some(evidence.into()));
            let (mode, color, sent_ms) = (Mode::default(), Color::default(), Some(4));
            let item = Item::new(Admitted {
                key,
                text: "hi".into(),
                mode,
                color,
                arrival_ms: 5,
                sent_ms,
                held_ms: None,
                evidence,
            });
            serde_json::to_string(&item).expect("JSON")
        };
        assert_eq!(json(evidence(None, Role::Viewer)), r#"{"id":"s7","text":"hi","at":5,"viewer":"g4f2a"}"#);
        assert_eq!(
            json(evidence(Some("Ann"), Role::Moderator)),
            r#"{"id":"s7","text":"hi","at":5,"name":"Ann","viewer":"g4f2a","role":"moderator"}"#
        );
    }

    #[test]
    fn a_foreign_danmu_keeps_its_key() {
        let key = DanmuKey::Sequence("4965".into());
        let admitted = Admitted {
            key: key.clone(),
            text: "hi".into(),
            mode: Mode::Top,
            color: Color::WHITE,
            arrival_ms: 5,
            sent_ms: None,
            held_ms: None,
            evidence: None,
        };
        let item = Item { n: 3, ..Item::new(admitted) };
        let json = serde_json::to_string(&item).expect("JSON");
        assert_eq!(json, r#"{"id":"s4965","text":"hi","mode":"top","at":5,"n":3}"#);
        assert_eq!(serde_json::from_str::<Item>(&json).expect("an item").key(), key);
    }

    #[test]
    fn who_said_the_first_of_many_equal_ones_is_told_how_many_there_were() {
        let item: Item = serde_json::from_str(r#"{"id":"s7","text":"666","at":5}"#).expect("an item");
        assert_eq!(item.clone().beside_own(), None);
        let many = Item { n: 12, ..item.clone() }.beside_own().expect("told");
        assert_eq!((many.n, &*many.text), (12, "666"));
        assert_ne!(many.id, item.id);
    }

    #[test]
    fn an_event_says_what_there_is_to_say_and_no_more() {
        let hello = Told {
            recovered: true,
            missed: Some(0),
            reading: Some(Reading::Behind),
            behind_ms: 7,
            now: Some(9),
            ..Told::default()
        };
        let json = serde_json::to_string(&hello).expect("JSON");
        assert_eq!(json, r#"{"missed":0,"recovered":true,"reading":"behind","behind_ms":7,"now":9}"#);
        assert_eq!(serde_json::from_str::<Told>(&json).expect("an event"), hello);
        assert_eq!(serde_json::from_str::<Told>("{}").expect("an event"), Told::default());
    }
}
