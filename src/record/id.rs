//! Record ids: made by the author's client, 48 bits of time and 80 bits of chance, written as 26 characters.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Crockford's alphabet: no I, L, O and U ([Base 32](https://www.crockford.com/base32.html)).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LEN: usize = 26;

/// The id of a danmu, in the form of a [ULID](https://github.com/ulid/spec): sorts by time, and two never meet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RecordId(u128);

impl RecordId {
    /// From Unix milliseconds (the lower 48 bits count) and a random number (the lower 80 bits count).
    #[must_use]
    pub const fn new(at_ms: i64, random: u128) -> Self {
        let time = (at_ms as u128) & ((1 << 48) - 1);
        Self(time << 80 | random & ((1 << 80) - 1))
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for place in (0..LEN).rev() {
            let digit = (self.0 >> (5 * place)) as usize & 31;
            fmt::Write::write_char(f, ALPHABET[digit] as char)?;
        }
        Ok(())
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
        // 26 digits hold 130 bits; a first digit above 7 would not fit.
        if text.len() != LEN || text.as_bytes()[0] > b'7' {
            return Err(RecordIdError);
        }
        // Upper case only: one id must have one spelling, or the same danmu could be shown twice.
        let value = text.bytes().try_fold(0_u128, |value, byte| {
            let digit = ALPHABET.iter().position(|&letter| letter == byte)?;
            Some(value << 5 | digit as u128)
        });
        value.map(Self).ok_or(RecordIdError)
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
