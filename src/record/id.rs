//! Record ids: made by the author's client from 48 bits of time and 80 random bits, written as 26 characters.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use ulid::Ulid;

/// The id of a danmu, a [ULID](https://github.com/ulid/spec): sorts by time; its random bits make collisions negligible.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RecordId(Ulid);

impl RecordId {
    /// From Unix milliseconds (the lower 48 bits count) and a random number (the lower 80 bits count).
    #[must_use]
    pub const fn new(at_ms: i64, random: u128) -> Self {
        Self(Ulid::from_parts(at_ms as u64, random))
    }

    /// When it was made, by its author's clock, in Unix milliseconds.
    #[must_use]
    pub const fn at_ms(self) -> i64 {
        // 48 bits.
        self.0.timestamp_ms().cast_signed()
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is not a record id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a record id is 26 characters of Crockford's base 32, the first of them 0 to 7")]
pub struct RecordIdError;

impl FromStr for RecordId {
    type Err = RecordIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Upper case only: one id must have one spelling, or the same danmu could be shown twice.
        let id = Ulid::from_string(text).map_err(|_| RecordIdError)?;
        if id.array_to_str(&mut [0; ulid::ULID_LEN]) == text { Ok(Self(id)) } else { Err(RecordIdError) }
    }
}

impl TryFrom<String> for RecordId {
    type Error = RecordIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<RecordId> for String {
    fn from(id: RecordId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_id_is_written_as_the_ulid_specification_says() {
        let id = RecordId::new(1_469_918_176_385, 0);
        assert_eq!(id.to_string(), "01ARYZ6S410000000000000000");
    }

    proptest! {
        #[test]
        fn every_id_is_read_back(at in 0_i64..1 << 48, random: u128) {
            let id = RecordId::new(at, random);
            prop_assert_eq!(id.to_string().parse::<RecordId>(), Ok(id));
        }

        #[test]
        fn ids_sort_as_their_texts_do(a: u128, b: u128, s in 0_i64..1 << 48, t in 0_i64..1 << 48) {
            let (a, b) = (RecordId::new(s, a), RecordId::new(t, b));
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        }

        #[test]
        fn an_id_has_one_spelling(text in "[0-9A-Za-z]{26}") {
            if let Ok(id) = text.parse::<RecordId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }
}
