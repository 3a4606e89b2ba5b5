//! `GetShardIterator`, and shard iterators: sealed positions that are valid for five minutes.
//!
//! An iterator is opaque to clients and authenticated by a key derived from the root key, so that clients cannot forge one.
//! Stateless: an iterator survives a restart.

use base64::Engine;

use super::{
    Call, Outcome,
    pages::Pages,
    shapes::{SEQUENCE_NUMBER, SHARD_ID},
    types::{GetShardIterator, GetShardIteratorAnswer, Timestamp},
    unless_dry,
};
use crate::{
    crypto::{Key, LENIENT},
    error::{ApiError, ErrorCode, Violations},
    quotas::ITERATOR_LIFE_MS,
    root_key::RootKey,
    sequence::{RecordPosition, SequenceNumber},
    store::{Shard, Stream, shard_id},
};

/// The content of an iterator: where to read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) issued_ms: u64,
    pub(super) stream: u64,
    pub(super) shard: u32,
    pub(super) from: RecordPosition,
}

/// The starting position that a request asks for, unchecked.
pub(super) struct Start<'a> {
    /// One of [`KINDS`].
    pub(super) kind: Option<&'a str>,
    pub(super) sequence_number: Option<&'a str>,
    pub(super) timestamp: Option<Timestamp>,
    /// The request's member names for the kind and the sequence number.
    pub(super) fields: [&'static str; 2],
}

/// The types of starting positions, in the service's order.
const KINDS: [&str; 5] = ["AFTER_SEQUENCE_NUMBER", "LATEST", "AT_TIMESTAMP", "AT_SEQUENCE_NUMBER", "TRIM_HORIZON"];

impl Start<'_> {
    /// Adds the violations of its members.
    pub(super) fn check(&self, violations: &mut Violations) {
        let [kind, number] = self.fields;
        match self.kind {
            None => violations.missing(kind),
            Some(given) if !KINDS.contains(&given) => {
                let rule = format!("Member must satisfy enum value set: [{}]", KINDS.join(", "));
                violations.constraint(given, kind, &rule);
            }
            Some(_) => {}
        }
        SEQUENCE_NUMBER.check(self.sequence_number, number, violations);
    }
}

/// Seals and opens iterators and page tokens, which clients hold.
#[derive(Clone)]
pub(crate) struct Seals {
    iterators: Key,
    pages: Key,
    pub(super) lists: Pages,
}

impl Seals {
    pub(crate) fn new(root: &RootKey) -> Self {
        let secret = root.secret_access_key.as_bytes();
        Self {
            iterators: Key::derive(secret, "danmu-stream shard iterator 1"),
            pages: Key::derive(secret, "danmu-stream page token 1"),
            lists: Pages::new(root),
        }
    }

    pub(super) fn iterator(&self, cursor: Cursor) -> String {
        LENIENT.encode(self.iterators.seal(cursor.to_bytes()))
    }

    pub(super) fn open_iterator(&self, text: &str) -> Option<Cursor> {
        open(&self.iterators, text)
    }

    /// A token for the next page of shards: the same layout under another key, with the filter of the list
    /// in `from`.
    pub(super) fn page(&self, cursor: Cursor) -> String {
        LENIENT.encode(self.pages.seal(cursor.to_bytes()))
    }

    pub(super) fn open_page(&self, text: &str) -> Option<Cursor> {
        open(&self.pages, text)
    }
}

fn open(key: &Key, text: &str) -> Option<Cursor> {
    // Tokens of this endpoint have 92 characters; the service's limit is 512.
    if text.len() > 512 {
        return None;
    }
    let sealed = LENIENT.decode(text).ok()?;
    Cursor::from_bytes(key.open(&sealed)?)
}

impl Cursor {
    fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(36);
        for number in [self.issued_ms, self.stream, self.from.ms, self.from.counter] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(&self.shard.to_be_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let number = |at: usize| Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        Some(Self {
            issued_ms: number(0)?,
            stream: number(8)?,
            from: RecordPosition { ms: number(16)?, counter: number(24)? },
            shard: u32::from_be_bytes(bytes.get(32..36)?.try_into().ok()?),
        })
    }

    /// Whether it is older than [`ITERATOR_LIFE_MS`].
    pub(super) fn is_expired(self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.issued_ms) > ITERATOR_LIFE_MS
    }
}

impl Call<'_> {
    pub(super) async fn get_shard_iterator(&self, request: &GetShardIterator) -> Outcome {
        let name = self.allowed(request)?;
        let start = Start {
            kind: request.shard_iterator_type.as_deref(),
            sequence_number: request.starting_sequence_number.as_deref(),
            timestamp: request.timestamp,
            fields: ["shardIteratorType", "startingSequenceNumber"],
        };
        let mut violations = Violations::default();
        SHARD_ID.require(request.shard_id.as_deref(), "shardId", &mut violations);
        start.check(&mut violations);
        violations.verdict()?;
        let stream = self.existing(name)?;
        let index = self.shard(&stream, request.shard_id.as_deref(), "shardId")?;
        let Some(shard) = stream.shard(index) else {
            return Err(self.no_shard(&stream.meta.name, &shard_id(index)));
        };
        let from = self.position(&stream, shard, &start)?;
        unless_dry(request.dry_run)?;
        self.turn_on_shard(&stream, index, ErrorCode::ProvisionedThroughputExceeded).await?;
        let now_ms = self.endpoint.store.now_ms();
        let cursor = Cursor { issued_ms: now_ms, stream: stream.meta.id, shard: index, from };
        self.answer(&GetShardIteratorAnswer { shard_iterator: self.endpoint.seals.iterator(cursor) })
    }

    /// The position in `shard` of a start that was [checked](Start::check).
    pub(super) fn position(
        &self,
        stream: &Stream,
        shard: &Shard,
        start: &Start<'_>,
    ) -> Result<RecordPosition, ApiError> {
        let kind = start.kind.unwrap_or_default();
        // AT_TIMESTAMP uses another member and ignores the sequence number.
        if kind != "AT_TIMESTAMP" && start.sequence_number.is_some() != kind.ends_with("_SEQUENCE_NUMBER") {
            let given = if start.sequence_number.is_some() { "also a" } else { "no" };
            let message = format!(
                "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) \
                 TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified {kind} and {given} \
                 StartingSequenceNumber."
            );
            return Err(ApiError::new(ErrorCode::InvalidArgument, message));
        }
        Ok(match kind {
            "TRIM_HORIZON" => RecordPosition::START,
            "LATEST" => self.endpoint.store.tip(),
            "AT_SEQUENCE_NUMBER" => self.given_sequence(stream, shard, start)?,
            "AFTER_SEQUENCE_NUMBER" => self.given_sequence(stream, shard, start)?.next(),
            // AT_TIMESTAMP.
            _ => {
                let Some(at) = start.timestamp else {
                    let message = "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current \
                                   request has no timestamp parameter.";
                    return Err(ApiError::new(ErrorCode::InvalidArgument, message));
                };
                let now_ms = self.endpoint.store.now_ms();
                if at.0 > now_ms {
                    let message = format!(
                        "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. \
                         timestampInMillis: {}, currentTimestampInMillis: {now_ms}",
                        at.0
                    );
                    return Err(ApiError::new(ErrorCode::InvalidArgument, message));
                }
                RecordPosition::at(at.0)
            }
        })
    }

    /// The position of `StartingSequenceNumber`, which must belong to this shard.
    fn given_sequence(&self, stream: &Stream, shard: &Shard, start: &Start<'_>) -> Result<RecordPosition, ApiError> {
        let text = start.sequence_number.unwrap_or_default();
        let wrong = |message: String| Err(ApiError::new(ErrorCode::InvalidArgument, message));
        match text.parse::<SequenceNumber>() {
            Ok(sequence) if sequence.shard == shard.index && sequence.shard_created == shard.epoch => {
                Ok(sequence.position)
            }
            Ok(sequence) if sequence.shard != shard.index => wrong(format!(
                "Invalid StartingSequenceNumber. It encodes {}, while it was used in a call to a shard with {}",
                shard_id(sequence.shard),
                shard.id()
            )),
            _ => wrong(format!(
                "StartingSequenceNumber {text} used in {} on shard {} in stream {} under account {} is invalid because it \
                 did not come from this stream.",
                self.operation,
                shard.id(),
                stream.meta.name,
                self.endpoint.place.account
            )),
        }
    }
}
