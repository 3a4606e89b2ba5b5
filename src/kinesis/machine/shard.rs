//! Shard cursor: how far one shard is read, and what comes next.

use super::{State, pace::Pace};
use crate::kinesis::shard_map::HashKeyRange;

#[derive(Debug)]
pub(super) struct ShardCursor {
    /// Whether its records are wanted at all.
    pub(super) in_scope: bool,
    pub(super) parents: Vec<String>,
    /// The listing after which unknown parents are known to be gone.
    pub(super) settled_by: u64,
    pub(super) phase: Phase,
    /// The sequence number up to which everything was delivered.
    pub(super) last: Option<String>,
    /// Its first sequence number, once listed; empty before.
    pub(super) start: String,
    /// The iterator was replaced after a refusal, and the new one has not read yet.
    pub(super) renewed: bool,
    /// A call is in progress.
    pub(super) busy: bool,
    /// When the next call may be made.
    pub(super) due: i64,
    pub(super) pace: Pace,
    /// Failures in a row.
    pub(super) failures: u32,
    pub(super) state: State,
    /// It has been at its newest record.
    pub(super) reached: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Waits for its parents to be finished.
    Waiting,
    /// Needs an iterator.
    Parked,
    /// Has an iterator.
    Reading(String),
    /// Read to its end, or gone.
    Done,
}

impl ShardCursor {
    pub(super) fn new(parents: Vec<String>, range: HashKeyRange, keys: Option<&[u128]>, settled_by: u64) -> Self {
        Self {
            in_scope: keys.is_none_or(|keys| keys.iter().any(|key| range.contains(*key))),
            parents,
            settled_by,
            phase: Phase::Waiting,
            last: None,
            start: String::new(),
            renewed: false,
            busy: false,
            due: i64::MIN,
            pace: Pace::new(),
            failures: 0,
            state: State::Starting,
            reached: false,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }

    /// Whether a record with this number was not delivered yet.
    pub(super) fn is_new(&self, number: &str) -> bool {
        self.last.as_deref().is_none_or(|last| is_before(last, number))
    }

    /// Whether a listed shard of this name that begins at `start` belongs to a stream created anew. (Also true if nothing was
    /// read and the start was unknown: then resetting loses nothing.)
    pub(super) fn precedes(&self, start: &str) -> bool {
        is_before(self.last.as_ref().unwrap_or(&self.start), start)
    }
}

/// The order of sequence numbers, which are decimals without leading zeros.
#[must_use]
pub fn is_before(number: &str, other: &str) -> bool {
    (number.len(), number) < (other.len(), other)
}
