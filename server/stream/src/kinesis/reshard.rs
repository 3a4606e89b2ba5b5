//! `SplitShard` and `MergeShards`. For the root key; done when they are answered.

use super::{
    Answer, Call, Outcome,
    types::{MergeShards, SplitShard},
};
use crate::{
    error::{ApiError, Kind},
    hash::parse_hash_key,
};

impl Call<'_> {
    pub(super) async fn split_shard(&self, request: &SplitShard) -> Outcome {
        let stream = self.stream_for_root(request)?;
        let name = &stream.meta.name;
        let shard = self.shard(&stream, request.shard_to_split.as_deref(), "shardToSplit")?;
        let text = request.new_starting_hash_key.as_deref().ok_or_else(|| ApiError::missing("newStartingHashKey"))?;
        let new_start = parse_hash_key(text).ok_or_else(|| {
            let message = format!("NewStartingHashKey {text} is not in the range: [0, 2^128-1].");
            ApiError::new(Kind::InvalidArgument, message)
        })?;
        self.turn_on(&stream).await?;
        let done = self.endpoint.store.split(name, shard, new_start).await;
        done.map_err(|error| self.store_error(name, error))?;
        Ok(Answer::EMPTY)
    }

    pub(super) async fn merge_shards(&self, request: &MergeShards) -> Outcome {
        let stream = self.stream_for_root(request)?;
        let name = &stream.meta.name;
        let shard = self.shard(&stream, request.shard_to_merge.as_deref(), "shardToMerge")?;
        let adjacent = self.shard(&stream, request.adjacent_shard_to_merge.as_deref(), "adjacentShardToMerge")?;
        self.turn_on(&stream).await?;
        let done = self.endpoint.store.merge(name, shard, adjacent).await;
        done.map_err(|error| self.store_error(name, error))?;
        Ok(Answer::EMPTY)
    }
}
