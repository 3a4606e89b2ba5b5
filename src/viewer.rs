//! Viewers: their ids, names, roles and ranks.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::record::text::check_short;

/// The id of a viewer: 1 to 64 visible ASCII characters. Cheap to clone, since much state contains it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ViewerId(Arc<str>);

impl ViewerId {
    /// The longest id, in bytes.
    pub const MAX_LEN: usize = 64;

    /// The server itself, in the tickets of its decisions. No viewer has this id.
    #[must_use]
    pub fn server() -> Self {
        Self("=server".into())
    }

    /// The id of a guest, from a random number: `g` and 32 hexadecimal digits.
    #[must_use]
    pub fn guest(random: u128) -> Self {
        Self(format!("g{random:032x}").into())
    }

    /// Whether it is a guest's.
    #[must_use]
    pub fn is_guest(&self) -> bool {
        let digits = self.0.strip_prefix('g').unwrap_or_default();
        digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is not a viewer id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a viewer id is 1 to {max} visible ASCII characters", max = ViewerId::MAX_LEN)]
pub struct ViewerIdError;

impl FromStr for ViewerId {
    type Err = ViewerIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = (1..=Self::MAX_LEN).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(text.into())).ok_or(ViewerIdError)
    }
}

impl TryFrom<String> for ViewerId {
    type Error = ViewerIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ViewerId> for String {
    fn from(id: ViewerId) -> Self {
        id.0.as_ref().to_owned()
    }
}

impl fmt::Display for ViewerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A display name: 1 to 64 bytes, by the character rules of a danmu's text. Text, never HTML. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(Arc<str>);

impl Name {
    /// The longest name, in bytes of UTF-8. Every danmu of its viewer carries it.
    pub const MAX_LEN: usize = 64;
    /// What begins a name that its bearer, a guest, has not proved; no other name begins so.
    pub const UNPROVED: char = '~';
    /// The longest unproved name, in characters without the mark.
    pub const MAX_UNPROVED: usize = 20;
    /// What looks like the mark.
    const LIKE_UNPROVED: [char; 6] = [Self::UNPROVED, '\u{2dc}', '\u{2053}', '\u{223c}', '\u{301c}', '\u{ff5e}'];

    /// The text as a name that nobody has proved: marked, 1 to [`Self::MAX_UNPROVED`] characters besides.
    ///
    /// # Errors
    /// [`NameError`].
    pub fn unproved(text: &str) -> Result<Self, NameError> {
        let text = Self::without_mark(text);
        let fits = (1..=Self::MAX_UNPROVED).contains(&text.chars().count()) && check_short(text).is_ok();
        if fits { format!("{}{text}", Self::UNPROVED).try_into() } else { Err(NameError) }
    }

    /// The text as a name that an issuer vouches for, so without the mark.
    ///
    /// # Errors
    /// [`NameError`].
    pub fn proved(text: &str) -> Result<Self, NameError> {
        Self::without_mark(text).to_owned().try_into()
    }

    fn without_mark(text: &str) -> &str {
        text.trim_start_matches(|c: char| c.is_whitespace() || Self::LIKE_UNPROVED.contains(&c)).trim_end()
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is not a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a name is 1 to {max} bytes of text that can be seen, without characters that nobody may send", max = Name::MAX_LEN)]
pub struct NameError;

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let fits = text.len() <= Self::MAX_LEN && check_short(&text).is_ok();
        fits.then(|| Self(text.into())).ok_or(NameError)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0.as_ref().to_owned()
    }
}

/// What a viewer may do in a room, in ascending order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A guest.
    #[default]
    Viewer,
    /// A signed-in user.
    Member,
    /// A moderator.
    Moderator,
    /// The room's owner: has no rate limit, and density never drops the streamer's danmu.
    Streamer,
}

impl Role {
    /// Whether it may decide who may post.
    #[must_use]
    pub const fn may_moderate(self) -> bool {
        matches!(self, Self::Moderator | Self::Streamer)
    }
}

/// The rank of a moderating person: decisions concern viewers below it, and those of a lower rank do not override them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rank {
    /// A moderator of the room.
    Moderator,
    /// The room's streamer; also the default where no rank is given.
    #[default]
    Streamer,
    /// The operator of the server.
    Operator,
}

impl Rank {
    /// The rank of a role; `None` where it may not moderate.
    #[must_use]
    pub const fn of(role: Role) -> Option<Self> {
        match role {
            Role::Viewer | Role::Member => None,
            Role::Moderator => Some(Self::Moderator),
            Role::Streamer => Some(Self::Streamer),
        }
    }

    /// Whether that role is below this rank.
    #[must_use]
    pub fn is_above(self, role: Role) -> bool {
        Self::of(role).is_none_or(|rank| rank < self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_is_known_by_its_id() {
        assert!(ViewerId::guest(0xabc).is_guest());
        for other in ["g", "ann", "G00000000000000000000000000000abc", "g00000000000000000000000000000ABC"] {
            assert!(!other.parse::<ViewerId>().expect("an id").is_guest(), "{other}");
        }
    }

    #[test]
    fn nobody_stands_above_an_equal() {
        let roles = [Role::Viewer, Role::Member, Role::Moderator, Role::Streamer];
        for (rank, below) in [(Rank::Moderator, 2), (Rank::Streamer, 3), (Rank::Operator, 4)] {
            assert_eq!(roles.map(|role| rank.is_above(role)), [0, 1, 2, 3].map(|at| at < below), "{rank:?}");
        }
        assert_eq!(roles.map(Rank::of), [None, None, Some(Rank::Moderator), Some(Rank::Streamer)]);
    }

    #[test]
    fn an_id_is_short_and_can_be_seen() {
        for text in ["a", "6f9619ff-8b86-d011-b42d-00cf4fc964ff", &"x".repeat(64)] {
            assert_eq!(text.parse::<ViewerId>().map(|id| id.to_string()), Ok(text.to_owned()));
        }
        assert_eq!(ViewerId::guest(0x4f2a).to_string().parse(), Ok(ViewerId::guest(0x4f2a)));
        for text in ["", "a b", "é", "a\n", &"x".repeat(65)] {
            assert_eq!(text.parse::<ViewerId>(), Err(ViewerIdError), "{text:?}");
        }
    }

    #[test]
    fn a_name_is_short_and_can_be_shown() {
        for text in ["Ann", "小明", "👩‍👩‍👧 \"\\"] {
            let name = Name::try_from(text.to_owned()).expect(text);
            let json = serde_json::to_string(&name).expect("JSON");
            assert_eq!(serde_json::from_str::<Name>(&json).map(String::from).expect("a name"), text);
        }
        for text in ["", " ", "a\nb", "\u{202e}nnA", "a\u{7}", &"x".repeat(65)] {
            assert_eq!(Name::try_from(text.to_owned()), Err(NameError), "{text:?}");
        }
    }

    #[test]
    fn an_unproved_name_is_marked_once_and_no_proved_one_is() {
        let text = |name: Result<Name, NameError>| name.map(|name| name.as_str().to_owned());
        for (given, name) in [
            ("Anna", "~Anna"),
            (" ~～Anna ", "~Anna"),
            ("A~", "~A~"),
            (&"小".repeat(20), &*format!("~{}", "小".repeat(20))),
        ] {
            assert_eq!(text(Name::unproved(given)), Ok(name.to_owned()));
        }
        for none in ["", " ", "~", "a\u{202e}b", "a\nb", &"a".repeat(21), "\u{200b}"] {
            assert_eq!(text(Name::unproved(none)), Err(NameError), "{none:?}");
        }
        assert_eq!(text(Name::proved("~ ∼Anna")), Ok("Anna".to_owned()));
        assert_eq!(text(Name::proved("~")), Err(NameError));
    }
}
