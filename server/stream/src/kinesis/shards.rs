//! `ListShards`, and descriptions of shards.

use super::{
    Call, Outcome, in_range,
    iterator::Cursor,
    types::{HashKeyRange, ListShards, ListShardsAnswer, SequenceNumberRange, ShardFilter, ShardInfo, Timestamp},
};
use crate::{
    error::{ApiError, ErrorCode},
    sequence::RecordPosition,
    store::{Refusal, Shard, Stream, shard_id, shard_index},
};

const MAX_RESULTS: i64 = 10_000;
/// The default and largest page of shards.
const MAX_PAGE: usize = 1000;

impl Call<'_> {
    pub(super) async fn list_shards(&self, request: &ListShards) -> Outcome {
        let limit = in_range(request.max_results, "maxResults", 1..=MAX_RESULTS, MAX_RESULTS)?.min(MAX_PAGE);
        let now_ms = self.endpoint.store.now_ms();
        let (stream, after, wanted) = match request.next_token.as_deref() {
            Some(token) => {
                let cursor = self.page_cursor(request, token, now_ms)?;
                let gone = || {
                    ApiError::new(ErrorCode::ResourceNotFound, "The stream of this NextToken does not exist any more.")
                };
                let stream = self.endpoint.store.stream_by_id(cursor.stream).ok_or_else(gone)?;
                let arn = self.endpoint.place.stream_arn(&stream.meta.name);
                self.may_use(&arn)?;
                (stream, Some(cursor.shard), Wanted::from_position(cursor.from))
            }
            None => {
                let stream = self.stream(request)?;
                let after = request.exclusive_start_shard_id.as_deref().map(parse_shard_id).transpose()?;
                let (wanted, after_too) = filter(request.shard_filter.as_ref(), &stream, now_ms)?;
                (stream, after.max(after_too), wanted)
            }
        };
        self.check_created(&stream, request.stream_creation_timestamp)?;
        self.turn_on(&stream).await?;
        let mut shards = stream
            .shards
            .iter()
            .filter(|shard| after.is_none_or(|after| shard.index > after) && wanted.admits(shard))
            .peekable();
        let page: Vec<_> = shards.by_ref().take(limit).collect();
        let next_token = page.last().filter(|_| shards.peek().is_some()).map(|last| {
            self.endpoint.seals.page(Cursor {
                issued_ms: now_ms,
                stream: stream.meta.id,
                shard: last.index,
                from: wanted.to_position(),
            })
        });
        self.answer(&ListShardsAnswer { shards: page.into_iter().map(describe).collect(), next_token })
    }

    /// Checks `StreamCreationTimestamp`, which distinguishes streams of the same name; to the second, as clients print it.
    pub(super) fn check_created(&self, stream: &Stream, given: Option<Timestamp>) -> Result<(), ApiError> {
        if given.is_none_or(|given| given.0 / 1000 == stream.meta.created_ms / 1000) {
            return Ok(());
        }
        Err(self.refused(&stream.meta.name, Refusal::NoSuchStream))
    }

    fn page_cursor(&self, request: &ListShards, token: &str, now_ms: u64) -> Result<Cursor, ApiError> {
        let named_twice = request.stream_name.is_some()
            || request.exclusive_start_shard_id.is_some()
            || request.stream_creation_timestamp.is_some();
        if named_twice {
            let message = "NextToken and StreamName, StreamCreationTimestamp or ExclusiveStartShardId cannot be provided together.";
            return Err(ApiError::new(ErrorCode::InvalidArgument, message));
        }
        let cursor = self
            .endpoint
            .seals
            .open_page(token)
            .ok_or_else(|| ApiError::new(ErrorCode::InvalidArgument, "Invalid NextToken."))?;
        if cursor.is_expired(now_ms) {
            return Err(ApiError::new(ErrorCode::ExpiredNextToken, "The NextToken is older than 300 seconds."));
        }
        Ok(cursor)
    }
}

/// The filter of a list of shards. A page token contains it, so that the next page has the same filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    All,
    /// Those that are open now.
    Open,
    /// Those that were open at a time, milliseconds.
    OpenAt(u64),
    /// Those that were open at a time or later, milliseconds.
    OpenSince(u64),
}

impl Wanted {
    fn admits(self, shard: &Shard) -> bool {
        match self {
            Self::All => true,
            Self::Open => shard.is_open(),
            Self::OpenAt(at) => shard.created_ms <= at && shard.closed.is_none_or(|closed| closed.ms > at),
            Self::OpenSince(at) => shard.closed.is_none_or(|closed| closed.ms >= at),
        }
    }

    /// Packed into the `from` of a page token, where it is no position.
    fn to_position(self) -> RecordPosition {
        let (counter, ms) = match self {
            Self::All => (0, 0),
            Self::Open => (1, 0),
            Self::OpenAt(at) => (2, at),
            Self::OpenSince(at) => (3, at),
        };
        RecordPosition { ms, counter }
    }

    fn from_position(RecordPosition { ms, counter }: RecordPosition) -> Self {
        match counter {
            1 => Self::Open,
            2 => Self::OpenAt(ms),
            3 => Self::OpenSince(ms),
            _ => Self::All,
        }
    }
}

/// Resolves a `ShardFilter`: which shards are listed, and after which one the list begins.
/// <https://docs.aws.amazon.com/kinesis/latest/APIReference/API_ShardFilter.html>
fn filter(filter: Option<&ShardFilter>, stream: &Stream, now_ms: u64) -> Result<(Wanted, Option<u32>), ApiError> {
    let Some(filter) = filter else { return Ok((Wanted::All, None)) };
    let kind = filter.kind.as_deref().ok_or_else(|| ApiError::missing("shardFilter.type"))?;
    let time = || {
        let at = filter.timestamp.ok_or_else(|| ApiError::missing("shardFilter.timestamp"))?.0;
        if at > now_ms {
            let message = format!("The timestamp of the ShardFilter is in the future: {at} is after {now_ms}.");
            return Err(ApiError::new(ErrorCode::InvalidArgument, message));
        }
        Ok(at)
    };
    let horizon = stream.horizon(now_ms).max(stream.meta.created_ms);
    let wanted = match kind {
        "AFTER_SHARD_ID" => {
            let id = filter.shard_id.as_deref().ok_or_else(|| ApiError::missing("shardFilter.shardId"))?;
            return Ok((Wanted::All, Some(parse_shard_id(id)?)));
        }
        "AT_LATEST" => Wanted::Open,
        "AT_TRIM_HORIZON" => Wanted::OpenAt(horizon),
        "FROM_TRIM_HORIZON" => Wanted::OpenSince(horizon),
        "AT_TIMESTAMP" => Wanted::OpenAt(time()?.max(horizon)),
        "FROM_TIMESTAMP" => Wanted::OpenSince(time()?.max(horizon)),
        other => {
            let rule = "Member must satisfy enum value set: [AFTER_SHARD_ID, AT_TRIM_HORIZON, FROM_TRIM_HORIZON, \
                        AT_LATEST, AT_TIMESTAMP, FROM_TIMESTAMP]";
            return Err(ApiError::constraint(other, "shardFilter.type", rule));
        }
    };
    Ok((wanted, None))
}

pub(super) fn parse_shard_id(id: &str) -> Result<u32, ApiError> {
    shard_index(id).ok_or_else(|| {
        let rule = "Member must satisfy regular expression pattern: shardId-[0-9]{12}";
        ApiError::constraint(id, "shardId", rule)
    })
}

pub(super) fn describe(shard: &Shard) -> ShardInfo {
    let [parent_shard_id, adjacent_parent_shard_id] = parents(shard);
    ShardInfo {
        shard_id: shard.id(),
        parent_shard_id,
        adjacent_parent_shard_id,
        hash_key_range: hash_key_range(shard),
        sequence_number_range: SequenceNumberRange {
            starting_sequence_number: shard.starting_sequence().to_string(),
            ending_sequence_number: shard.ending_sequence().map(|end| end.to_string()),
        },
    }
}

pub(super) fn hash_key_range(shard: &Shard) -> HashKeyRange {
    HashKeyRange { starting_hash_key: shard.start.to_string(), ending_hash_key: shard.end.to_string() }
}

pub(super) fn parents(shard: &Shard) -> [Option<String>; 2] {
    [shard.parent.map(shard_id), shard.adjacent_parent.map(shard_id)]
}
