//! Rooms: their ids, and what a page needs to know of one.
//!
//! A room's id is also its partition key on the stream, so that all its danmu are in order on one shard.

mod limits;
mod mode;
mod review;
mod rule;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use self::{
    limits::{MAX_DENSITY, MAX_PACE, RoomPace, RoomPaceError},
    mode::{MAX_SLOW_S, Modes, RoomMode},
    review::{HELD_MS, MIN_REVIEW_S, Review},
    rule::{RuleId, RuleIdError},
};
use crate::{record::text::check_short, viewer::Role};

/// The id of a room: 1 to 64 of `a-z`, `0-9`, `-` and `_`, starting with a letter or a digit.
///
/// The alphabet is small on purpose: the id is used in URLs, in partition keys (256 characters at most) and in file names, and
/// no two ids differ in case only.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoomId(String);

impl RoomId {
    /// The longest id, in bytes.
    pub const MAX_LEN: usize = 64;

    /// The room that every server has until its operator lists others.
    #[must_use]
    pub fn demo() -> Self {
        Self("demo".into())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is not a room id.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RoomIdError {
    /// No text.
    #[error("a room id is empty; give 1 to {max} characters", max = RoomId::MAX_LEN)]
    Empty,
    /// Too long, in bytes.
    #[error("a room id of {0} bytes is too long; {max} are allowed", max = RoomId::MAX_LEN)]
    TooLong(usize),
    /// A character outside the alphabet, or a `-` or `_` at the start.
    #[error("{0:?} cannot stand there in a room id; use a-z, 0-9, - and _, starting with a letter or a digit")]
    Character(char),
}

impl FromStr for RoomId {
    type Err = RoomIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for RoomId {
    type Error = RoomIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.is_empty() {
            return Err(RoomIdError::Empty);
        }
        if text.len() > Self::MAX_LEN {
            return Err(RoomIdError::TooLong(text.len()));
        }
        let foreign = text
            .char_indices()
            .find(|&(at, c)| !(c.is_ascii_lowercase() || c.is_ascii_digit() || at > 0 && matches!(c, '-' | '_')));
        match foreign {
            Some((_, c)) => Err(RoomIdError::Character(c)),
            None => Ok(Self(text)),
        }
    }
}

impl From<RoomId> for String {
    fn from(id: RoomId) -> Self {
        id.0
    }
}

impl fmt::Display for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a page shows of a room, and the rules that its danmu obey.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    /// Its id, and its partition key on the stream.
    pub id: RoomId,
    /// The displayed name, in the streamer's own language.
    pub title: String,
    /// Address of the video: an absolute URL, or a path on the page's origin.
    pub video: String,
    /// Address of the picture shown before the video plays, if there is one.
    pub poster: Option<String>,
    /// Whether unsigned records are shown, plain text from foreign producers included.
    pub unsigned: Unsigned,
    /// How fast viewers may post, by role.
    pub paces: Paces,
}

/// What a streamer sets of a room that was made in the studio.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoomTexts {
    /// The displayed name; see [`is_title`].
    pub title: String,
    /// Address of the video; empty if there is none.
    pub video: String,
    /// Address of the picture shown before the video plays.
    pub poster: Option<String>,
}

/// Whether a room can have that title: 1 to 100 characters that may be sent, and not only blanks.
#[must_use]
pub fn is_title(title: &str) -> bool {
    title.chars().count() <= 100 && check_short(title).is_ok()
}

/// The rate limit of a viewer (a token bucket). Unsigned records have no viewer, and no rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The refill: danmu per minute, 1 and up.
    pub per_minute: u32,
    /// The bucket's size: danmu at once, 1 and up.
    pub burst: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self { per_minute: 60, burst: 5 }
    }
}

/// The pace of each role. Packed into one number each for guests, members and moderators, to keep pages small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Paces(pub [u32; 3]);

impl Paces {
    /// For guests, members and moderators. Values are capped at 65,535.
    #[must_use]
    pub fn new(viewer: Pace, member: Pace, moderator: Pace) -> Self {
        let most = u32::from(u16::MAX);
        Self([viewer, member, moderator].map(|pace| pace.per_minute.min(most) << 16 | pace.burst.min(most)))
    }

    /// The pace of a role; `None` for the streamer, who has no limit.
    #[must_use]
    pub const fn of(&self, role: Role) -> Option<Pace> {
        let Self([viewer, member, moderator]) = *self;
        let pace = match role {
            Role::Viewer => viewer,
            Role::Member => member,
            Role::Moderator => moderator,
            Role::Streamer => return None,
        };
        Some(Pace { per_minute: pace >> 16, burst: pace & 0xffff })
    }
}

impl From<Pace> for Paces {
    /// The same for all.
    fn from(pace: Pace) -> Self {
        Self::new(pace, pace, pace)
    }
}

impl Default for Paces {
    fn default() -> Self {
        Pace::default().into()
    }
}

/// What a room does with unsigned records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unsigned {
    /// They are shown, without a name.
    Allow,
    /// They are dropped.
    #[default]
    Deny,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_id_names_what_is_wrong_with_it() {
        assert_eq!("".parse::<RoomId>(), Err(RoomIdError::Empty));
        assert_eq!("a".repeat(65).parse::<RoomId>(), Err(RoomIdError::TooLong(65)));
        for (text, c) in [("Demo", 'D'), ("-a", '-'), ("a b", ' '), ("房间", '房'), ("a/b", '/'), ("a.b", '.')] {
            assert_eq!(text.parse::<RoomId>(), Err(RoomIdError::Character(c)), "{text}");
        }
    }

    #[test]
    fn each_role_has_its_pace_and_nothing_holds_up_the_streamer() {
        let pace = |per_minute, burst| Pace { per_minute, burst };
        let paces = Paces::new(pace(1, 2), pace(6_000, 6_000), pace(70_000, 70_000));
        assert_eq!(paces.of(Role::Viewer), Some(pace(1, 2)));
        assert_eq!(paces.of(Role::Member), Some(pace(6_000, 6_000)));
        assert_eq!(paces.of(Role::Moderator), Some(pace(65_535, 65_535)));
        assert_eq!(paces.of(Role::Streamer), None);
        let json = serde_json::to_string(&paces).unwrap();
        assert_eq!(serde_json::from_str::<Paces>(&json).unwrap(), paces);
    }

    #[test]
    fn a_title_is_short_and_can_be_seen() {
        for title in ["Anna's late show", "弹幕", &"é".repeat(100)] {
            assert!(is_title(title), "{title}");
        }
        for none in ["", " ", &"a".repeat(101), "a\nb", "a\u{202e}b"] {
            assert!(!is_title(none), "{none:?}");
        }
    }

    proptest! {
        #[test]
        fn every_id_of_the_alphabet_survives_json(id in "[a-z0-9][a-z0-9_-]{0,63}") {
            let room: RoomId = id.parse().unwrap();
            let json = serde_json::to_string(&room).unwrap();
            prop_assert_eq!(serde_json::from_str::<RoomId>(&json).unwrap(), room);
        }

        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            let _ = text.parse::<RoomId>();
        }
    }
}
