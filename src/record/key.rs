//! Keys of danmu: how a danmu of a room is named where it is shown, and in decisions.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::RecordId;
use crate::viewer::ViewerId;

/// The longest sequence number, in decimal digits
/// ([Record](https://docs.aws.amazon.com/kinesis/latest/APIReference/API_Record.html)); the service's own have 56.
pub const MAX_SEQUENCE_DIGITS: usize = 129;

/// The key of a danmu among those of its room and author. As text it is the record id, or `s` and the sequence number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DanmuKey {
    /// The id that its author's client chose.
    Record(RecordId),
    /// Its sequence number, for a record that has no id.
    Sequence(String),
}

/// Why a text is no key of a danmu.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a danmu's key is a record id, or s and a sequence number of 1 to {MAX_SEQUENCE_DIGITS} digits")]
pub struct DanmuKeyError;

impl fmt::Display for DanmuKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record(id) => id.fmt(f),
            Self::Sequence(number) => write!(f, "s{number}"),
        }
    }
}

impl FromStr for DanmuKey {
    type Err = DanmuKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some(number) = text.strip_prefix('s') else {
            return text.parse().map(Self::Record).map_err(|_| DanmuKeyError);
        };
        let fits =
            (1..=MAX_SEQUENCE_DIGITS).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| Self::Sequence(number.to_owned())).ok_or(DanmuKeyError)
    }
}

impl TryFrom<String> for DanmuKey {
    type Error = DanmuKeyError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<DanmuKey> for String {
    fn from(key: DanmuKey) -> Self {
        key.to_string()
    }
}

/// One danmu of a room. Ids are unique per viewer only, so its verified author is part of its identity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DanmuRef {
    /// Its key.
    pub key: DanmuKey,
    /// Its author; `None` where that was not verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub viewer: Option<ViewerId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_text_and_nothing_else_is_one() {
        let longest = format!("s{}", "9".repeat(MAX_SEQUENCE_DIGITS));
        for text in ["00000000010000000000000002", "s7", &longest] {
            let key: DanmuKey = text.parse().expect("a key");
            assert_eq!(key.to_string(), text);
            assert_eq!(serde_json::to_string(&key).expect("JSON"), format!("{text:?}"));
        }
        for text in ["", "s", "7", "s-7", "s7x", "00000000010000000000000002x", &format!("{longest}9")] {
            assert_eq!(text.parse::<DanmuKey>(), Err(DanmuKeyError), "{text}");
        }
    }
}
