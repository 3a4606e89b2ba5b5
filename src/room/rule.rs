//! Ids of a room's rules. What a rule says is known to servers alone: it is not on the stream, where viewers could read it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The id of a rule: chosen at random, 16 hexadecimal digits as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RuleId(u64);

/// Why a text is no id of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a rule's id is 16 hexadecimal digits")]
pub struct RuleIdError;

impl RuleId {
    /// The id of that number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for RuleId {
    type Err = RuleIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let number = if fits { u64::from_str_radix(text, 16).ok() } else { None };
        number.map(Self).ok_or(RuleIdError)
    }
}

impl TryFrom<String> for RuleId {
    type Error = RuleIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<RuleId> for String {
    fn from(id: RuleId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_written_in_one_way_only() {
        let id = RuleId::new(0xab);
        assert_eq!((id.to_string().as_str(), "00000000000000ab".parse()), ("00000000000000ab", Ok(id)));
        for other in ["", "ab", "00000000000000AB", "+0000000000000ab", "00000000000000ab0", "0000000000000 ab"] {
            assert_eq!(other.parse::<RuleId>(), Err(RuleIdError), "{other:?}");
        }
    }
}
