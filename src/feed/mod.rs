//! The feed: what the relay tells a viewer, and the places in it from which one can go on.
//!
//! It travels as Server-Sent Events ([HTML, section 9.2](https://html.spec.whatwg.org/multipage/server-sent-events.html)).
//! The types here are the data of its events, one JSON object each; an event's `id` is a [`Position`]. Both sides share
//! them, so what the server encodes is what the browser reads. Nothing here does I/O.
//!
//! | event | data | when |
//! | --- | --- | --- |
//! | `hello` | [`Hello`] | first of all, once a connection |
//! | (none) | [`Frame`] | new danmu |
//! | `gap` | [`Gap`] | danmu that this viewer will not get, because it read too slowly |
//! | `state` | [`ReaderState`] | the server's own reading goes differently from now on, or nothing was told for 15 s |

mod position;

use serde::{Deserialize, Serialize};

pub use self::position::{Position, PositionError};
use crate::{
    gate::{Admitted, DanmuKey},
    record::{Color, Mode},
};

/// The name of the event that carries a [`Hello`].
pub const HELLO: &str = "hello";
/// The name of the event that carries a [`Gap`].
pub const GAP: &str = "gap";
/// The name of the event that carries a [`ReaderState`].
pub const STATE: &str = "state";

/// The most danmu that a viewer who joins is told of.
pub const MAX_HISTORY: usize = 50;

/// How a connection begins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Whether everything since the position that was asked for follows. `false` for a viewer who asked for none.
    pub recovered: bool,
    /// The position that was asked for, where it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// How many danmu lie between that position and what follows, and will not come; `None` where nobody can know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed: Option<u64>,
    /// The server's reading at this moment.
    pub state: ReaderState,
    /// The server's clock, in Unix milliseconds.
    pub now: i64,
    /// What was said last, for the chat list, not for the picture; none where everything was recovered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Item>,
}

/// Danmu, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// What may be shown.
    pub danmu: Vec<Item>,
    /// How many more there were that the picture has no room for.
    #[serde(default, skip_serializing_if = "is_default")]
    pub dropped: u32,
}

/// One danmu as viewers get it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Names it among those of its room: [`DanmuKey`]'s text.
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
    /// How many said the same; 1 for itself.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub n: u32,
}

/// Danmu that a viewer will not get.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// How many.
    pub missed: u64,
}

/// How the server's own reading of the stream goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum ReaderState {
    /// At the newest record.
    #[default]
    Live,
    /// Catching up.
    Behind {
        /// Age of the place it is at, in milliseconds.
        ms: i64,
    },
    /// Cut off from the stream; tried again by itself.
    Reconnecting,
}

impl Item {
    /// What a viewer gets of a danmu that passed the gate.
    #[must_use]
    pub fn new(admitted: Admitted) -> Self {
        let Admitted { key, text, mode, color, arrival_ms, .. } = admitted;
        Self { id: key.to_string(), text, mode, color, at: arrival_ms, n: 1 }
    }

    /// The id as it was before it became text.
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

// By reference, as serde asks for it.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_one(n: &u32) -> bool {
    *n == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::RecordId;

    #[test]
    fn a_plain_danmu_is_short_on_the_wire() {
        let key = DanmuKey::Record(RecordId::new(1, 2));
        let item = Item::new(Admitted {
            key: key.clone(),
            text: "hi".into(),
            mode: Mode::Scroll,
            color: Color::WHITE,
            arrival_ms: 5,
        });
        let json = serde_json::to_string(&item).expect("JSON");
        assert_eq!(json, r#"{"id":"00000000010000000000000002","text":"hi","at":5}"#);
        assert_eq!(serde_json::from_str::<Item>(&json).expect("an item"), item);
        assert_eq!(item.key(), key);
    }

    #[test]
    fn a_foreign_danmu_keeps_its_key() {
        let key = DanmuKey::Sequence("4965".into());
        let item = Item { id: key.to_string(), text: "hi".into(), mode: Mode::Top, color: Color::WHITE, at: 5, n: 3 };
        let json = serde_json::to_string(&item).expect("JSON");
        assert_eq!(json, r#"{"id":"s4965","text":"hi","mode":"top","at":5,"n":3}"#);
        assert_eq!(serde_json::from_str::<Item>(&json).expect("an item").key(), key);
    }

    #[test]
    fn a_hello_says_how_the_reading_goes() {
        let hello = Hello {
            recovered: true,
            missed: Some(0),
            state: ReaderState::Behind { ms: 7 },
            now: 9,
            ..Hello::default()
        };
        let json = serde_json::to_string(&hello).expect("JSON");
        assert_eq!(json, r#"{"recovered":true,"missed":0,"state":{"state":"behind","ms":7},"now":9}"#);
        assert_eq!(serde_json::from_str::<Hello>(&json).expect("a hello"), hello);
    }
}
