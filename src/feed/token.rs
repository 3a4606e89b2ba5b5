//! Feed token: a position in a room's feed.
//!
//! The danmu of a room have one order: its partition key lives on a line of shards, each the child of the one before, and a
//! shard is read to its end before its child. So one shard and one sequence number say how far a viewer is, on any replica. The
//! stream's creation time is included because a stream that was deleted and created again reuses shard ids; and the record's
//! arrival time, by which a replica that began to read later knows that it has all that followed.

use std::{fmt, str::FromStr};

use thiserror::Error;

use crate::record::MAX_SEQUENCE_DIGITS;

/// The longest shard id, in characters
/// ([Shard](https://docs.aws.amazon.com/kinesis/latest/APIReference/API_Shard.html)).
const MAX_SHARD_ID: usize = 128;
/// Occurs in neither a shard id nor a number, and needs no escape in a URL.
const SEPARATOR: char = '~';

/// A position in a room's feed: right after a record. Its text (`Display`, `FromStr`) is opaque to clients, without spaces or
/// characters that have a meaning in a URL.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FeedToken {
    created_ms: i64,
    shard_id: String,
    sequence_number: String,
    arrival_ms: i64,
}

impl FeedToken {
    /// Right after that record of the stream created at `created_ms`. Times are Unix milliseconds. Sequence number `0` means no
    /// record: everything of the shard that arrived at `arrival_ms` or later follows.
    ///
    /// # Errors
    /// [`FeedTokenError`] when the shard id or the sequence number is invalid.
    pub fn new(
        created_ms: i64,
        shard_id: impl Into<String>,
        sequence_number: impl Into<String>,
        arrival_ms: i64,
    ) -> Result<Self, FeedTokenError> {
        let (shard_id, sequence_number) = (shard_id.into(), sequence_number.into());
        let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        if shard_id.is_empty() || shard_id.len() > MAX_SHARD_ID || !shard_id.chars().all(named) {
            return Err(FeedTokenError::ShardId);
        }
        let digits = sequence_number.as_bytes();
        let plain = digits.iter().all(u8::is_ascii_digit) && (digits == b"0" || digits.first() != Some(&b'0'));
        if digits.is_empty() || digits.len() > MAX_SEQUENCE_DIGITS || !plain {
            return Err(FeedTokenError::SequenceNumber);
        }
        Ok(Self { created_ms, shard_id, sequence_number, arrival_ms })
    }

    /// The same position, in the stream that was created at `created_ms`.
    #[must_use]
    pub fn of_stream(self, created_ms: i64) -> Self {
        Self { created_ms, ..self }
    }

    /// When the stream was created, in Unix milliseconds; 0 where that is unknown (direct reading).
    #[must_use]
    pub fn created_ms(&self) -> i64 {
        self.created_ms
    }

    /// The shard.
    #[must_use]
    pub fn shard_id(&self) -> &str {
        &self.shard_id
    }

    /// The sequence number of the last record before this position, in decimal.
    #[must_use]
    pub fn sequence_number(&self) -> &str {
        &self.sequence_number
    }

    /// When that record arrived at the stream, in Unix milliseconds.
    #[must_use]
    pub fn arrival_ms(&self) -> i64 {
        self.arrival_ms
    }
}

impl fmt::Display for FeedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { created_ms, shard_id, sequence_number, arrival_ms } = self;
        write!(f, "{created_ms}{SEPARATOR}{shard_id}{SEPARATOR}{sequence_number}{SEPARATOR}{arrival_ms}")
    }
}

/// Why a text is not a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FeedTokenError {
    /// Not four parts, or the first or the last is not a time.
    #[error("a position is what an event's id says; take it from there, or give none")]
    Form,
    /// The second part is not a shard id.
    #[error("the shard of a position is 1 to {MAX_SHARD_ID} of a-z, A-Z, 0-9, _, . and -")]
    ShardId,
    /// The third part is not a sequence number.
    #[error("the sequence number of a position is 1 to {MAX_SEQUENCE_DIGITS} digits, without leading zeros")]
    SequenceNumber,
}

impl FromStr for FeedToken {
    type Err = FeedTokenError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split(SEPARATOR);
        let [Some(created), Some(shard_id), Some(number), Some(arrival), None] = [(); 5].map(|()| parts.next()) else {
            return Err(FeedTokenError::Form);
        };
        Self::new(time(created)?, shard_id, number, time(arrival)?)
    }
}

/// Rejects other spellings of a number, so that equal positions have equal text.
fn time(text: &str) -> Result<i64, FeedTokenError> {
    text.parse().ok().filter(|ms: &i64| ms.to_string() == text).ok_or(FeedTokenError::Form)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_position_survives_its_text() {
        let token =
            "1795519000000~shardId-000000000003~49654321098765432109876543210987654321098765432109876543~1795519000123";
        let position: FeedToken = token.parse().expect("a position");
        assert_eq!(position.shard_id(), "shardId-000000000003");
        assert_eq!((position.created_ms(), position.arrival_ms()), (1_795_519_000_000, 1_795_519_000_123));
        assert_eq!(position.to_string(), token);
    }

    #[test]
    fn what_is_no_position_is_refused_with_what_is_wrong_in_it() {
        for (text, error) in [
            ("", FeedTokenError::Form),
            ("1~shardId-0~1", FeedTokenError::Form),
            ("1~shardId-0~1~2~3", FeedTokenError::Form),
            ("x~shardId-0~1~1", FeedTokenError::Form),
            ("1~shardId-0~1~x", FeedTokenError::Form),
            ("+1~shardId-0~1~1", FeedTokenError::Form),
            ("01~shardId-0~1~1", FeedTokenError::Form),
            ("1~~1~1", FeedTokenError::ShardId),
            ("1~a b~1~1", FeedTokenError::ShardId),
            ("1~shardId-0~~1", FeedTokenError::SequenceNumber),
            ("1~shardId-0~01~1", FeedTokenError::SequenceNumber),
        ] {
            assert_eq!(text.parse::<FeedToken>(), Err(error), "{text:?}");
        }
        assert!(format!("1~s~{}~1", "9".repeat(MAX_SEQUENCE_DIGITS)).parse::<FeedToken>().is_ok());
        assert!(format!("1~s~{}~1", "9".repeat(MAX_SEQUENCE_DIGITS + 1)).parse::<FeedToken>().is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_and_what_is_read_is_written_alike(text in "\\PC*|-?[0-9]{1,20}~[a-zA-Z0-9_.-]{1,8}~[0-9]{1,60}~[0-9]{1,13}") {
            if let Ok(position) = text.parse::<FeedToken>() {
                prop_assert_eq!(position.to_string(), text);
            }
        }
    }
}
