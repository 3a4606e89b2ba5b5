//! A place in a room's feed.
//!
//! The danmu of a room stand in one order: its partition key lives on a line of shards, each the child of the one before,
//! and a shard is read to its end before its child is begun. So one shard and one sequence number say how far a viewer
//! is, on any replica of the server. The stream's creation time stands beside them, since a stream that was deleted and
//! made anew begins its shards' names again.

use std::{fmt, str::FromStr};

use thiserror::Error;

/// The longest sequence number, in decimal digits
/// ([Record](https://docs.aws.amazon.com/kinesis/latest/APIReference/API_Record.html)); the service's own have 56.
const MAX_DIGITS: usize = 129;
/// The longest shard id, in characters
/// ([Shard](https://docs.aws.amazon.com/kinesis/latest/APIReference/API_Shard.html)).
const MAX_SHARD_ID: usize = 128;
/// Stands in neither a shard id nor a number, and in an address as it is.
const SEPARATOR: char = '~';

/// A place in a room's feed: right after a record. As text (`Display`, `FromStr`) it is a token without spaces or
/// characters that mean something in an address; whoever is given one need not know what it says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    created_ms: i64,
    shard_id: String,
    sequence_number: String,
}

impl Position {
    /// Right after that record of the stream that was created then (Unix milliseconds).
    ///
    /// # Errors
    /// [`PositionError`] when the shard id or the sequence number is none.
    pub fn new(
        created_ms: i64,
        shard_id: impl Into<String>,
        sequence_number: impl Into<String>,
    ) -> Result<Self, PositionError> {
        let (shard_id, sequence_number) = (shard_id.into(), sequence_number.into());
        let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        if shard_id.is_empty() || shard_id.len() > MAX_SHARD_ID || !shard_id.chars().all(named) {
            return Err(PositionError::ShardId);
        }
        let digits = sequence_number.as_bytes();
        let plain = digits.iter().all(u8::is_ascii_digit) && (digits == b"0" || digits.first() != Some(&b'0'));
        if digits.is_empty() || digits.len() > MAX_DIGITS || !plain {
            return Err(PositionError::SequenceNumber);
        }
        Ok(Self { created_ms, shard_id, sequence_number })
    }

    /// When the stream was created, in Unix milliseconds.
    #[must_use]
    pub fn created_ms(&self) -> i64 {
        self.created_ms
    }

    /// The shard.
    #[must_use]
    pub fn shard_id(&self) -> &str {
        &self.shard_id
    }

    /// The last record before this place, in decimal.
    #[must_use]
    pub fn sequence_number(&self) -> &str {
        &self.sequence_number
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{SEPARATOR}{}{SEPARATOR}{}", self.created_ms, self.shard_id, self.sequence_number)
    }
}

/// Why a text is no position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PositionError {
    /// Not three parts, or the first is no time.
    #[error("a position is what an event's id says; take it from there, or give none")]
    Form,
    /// The middle part is no shard id.
    #[error("the shard of a position is 1 to {MAX_SHARD_ID} of a-z, A-Z, 0-9, _, . and -")]
    ShardId,
    /// The last part is no sequence number.
    #[error("the sequence number of a position is 1 to {MAX_DIGITS} digits, without leading zeros")]
    SequenceNumber,
}

impl FromStr for Position {
    type Err = PositionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(3, SEPARATOR);
        let (Some(created), Some(shard_id), Some(number)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(PositionError::Form);
        };
        let created_ms: i64 = created.parse().map_err(|_| PositionError::Form)?;
        // One place has one spelling.
        if created_ms.to_string() != created {
            return Err(PositionError::Form);
        }
        Self::new(created_ms, shard_id, number)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_position_survives_its_text() {
        let token = "1795519000000~shardId-000000000003~49654321098765432109876543210987654321098765432109876543";
        let position: Position = token.parse().expect("a position");
        assert_eq!(position.shard_id(), "shardId-000000000003");
        assert_eq!(position.created_ms(), 1_795_519_000_000);
        assert_eq!(position.to_string(), token);
    }

    #[test]
    fn what_is_no_position_is_refused_with_what_is_wrong_in_it() {
        for (text, error) in [
            ("", PositionError::Form),
            ("1~shardId-0", PositionError::Form),
            ("x~shardId-0~1", PositionError::Form),
            ("+1~shardId-0~1", PositionError::Form),
            ("01~shardId-0~1", PositionError::Form),
            ("1~~1", PositionError::ShardId),
            ("1~a b~1", PositionError::ShardId),
            ("1~shardId-0~", PositionError::SequenceNumber),
            ("1~shardId-0~01", PositionError::SequenceNumber),
            ("1~shardId-0~1~2", PositionError::SequenceNumber),
        ] {
            assert_eq!(text.parse::<Position>(), Err(error), "{text:?}");
        }
        assert!(format!("1~s~{}", "9".repeat(MAX_DIGITS)).parse::<Position>().is_ok());
        assert!(format!("1~s~{}", "9".repeat(MAX_DIGITS + 1)).parse::<Position>().is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_and_what_is_read_is_written_alike(text in "\\PC*|-?[0-9]{1,20}~[a-zA-Z0-9_.-]{1,8}~[0-9]{1,60}") {
            if let Ok(position) = text.parse::<Position>() {
                prop_assert_eq!(position.to_string(), text);
            }
        }
    }
}
