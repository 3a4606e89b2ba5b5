//! `SplitShard`, `MergeShards` and `UpdateShardCount`. Control plane; complete when answered.

use super::{
    Call, Outcome, Output, in_range,
    shapes::{HASH_KEY, SHARD_ID},
    streams::too_many_shards,
    types::{MergeShards, SplitShard, UpdateShardCount, UpdateShardCountAnswer},
};
use crate::{
    error::{ApiError, ErrorCode, Violations},
    hash::parse_hash_key,
    quotas::MAX_SHARDS,
};

impl Call<'_> {
    pub(super) async fn split_shard(&self, request: &SplitShard) -> Outcome {
        let stream = self.controllable(request)?;
        let mut violations = Violations::default();
        HASH_KEY.require(request.new_starting_hash_key.as_deref(), "newStartingHashKey", &mut violations);
        SHARD_ID.require(request.shard_to_split.as_deref(), "shardToSplit", &mut violations);
        violations.verdict()?;
        let stream = self.existing(stream)?;
        let name = &stream.meta.name;
        let shard = self.shard(&stream, request.shard_to_split.as_deref(), "shardToSplit")?;
        // A key beyond the last hash key gets the same error as one beyond the shard's range.
        let new_start = request.new_starting_hash_key.as_deref().and_then(parse_hash_key).unwrap_or(u128::MAX);
        self.turn_on(&stream).await?;
        let done = self.endpoint.store.split(name, shard, new_start).await;
        done.map_err(|error| self.store_error(name, error))?;
        Ok(Output::EMPTY)
    }

    pub(super) async fn merge_shards(&self, request: &MergeShards) -> Outcome {
        let stream = self.controllable(request)?;
        let mut violations = Violations::default();
        SHARD_ID.require(request.shard_to_merge.as_deref(), "shardToMerge", &mut violations);
        SHARD_ID.require(request.adjacent_shard_to_merge.as_deref(), "adjacentShardToMerge", &mut violations);
        violations.verdict()?;
        let stream = self.existing(stream)?;
        let name = &stream.meta.name;
        let shard = self.shard(&stream, request.shard_to_merge.as_deref(), "shardToMerge")?;
        let adjacent = self.shard(&stream, request.adjacent_shard_to_merge.as_deref(), "adjacentShardToMerge")?;
        self.turn_on(&stream).await?;
        let done = self.endpoint.store.merge(name, shard, adjacent).await;
        done.map_err(|error| self.store_error(name, error))?;
        Ok(Output::EMPTY)
    }

    pub(super) async fn update_shard_count(&self, request: &UpdateShardCount) -> Outcome {
        let stream = self.stream_to_control(request)?;
        match request.scaling_type.as_deref() {
            None => return Err(ApiError::missing("scalingType")),
            Some("UNIFORM_SCALING") => {}
            Some(other) => {
                let rule = "Member must satisfy enum value set: [UNIFORM_SCALING]";
                return Err(ApiError::constraint(other, "scalingType", rule));
            }
        }
        let target = request.target_shard_count.ok_or_else(|| ApiError::missing("targetShardCount"))?;
        let target = in_range(Some(target), "targetShardCount", 1..=i64::MAX, 1)?;
        let current = stream.open_shards();
        check_step(current, target)?;
        let shards = u32::try_from(target).ok().filter(|shards| *shards <= MAX_SHARDS);
        let shards = shards.ok_or_else(|| too_many_shards(target))?;
        self.turn_on(&stream).await?;
        self.count_scaling(&stream)?;
        let name = &stream.meta.name;
        self.endpoint.store.resize(name, shards).await.map_err(|error| self.store_error(name, error))?;
        self.answer(&UpdateShardCountAnswer {
            stream_name: name,
            stream_arn: self.endpoint.place.stream_arn(name),
            current_shard_count: current,
            target_shard_count: shards,
        })
    }
}

/// Checks that a stream is scaled to at most twice and at least half of its open shards.
fn check_step(current: usize, target: usize) -> Result<(), ApiError> {
    let step = if target > current.saturating_mul(2) {
        "up over double"
    } else if target.saturating_mul(2) < current {
        "down below half"
    } else {
        return Ok(());
    };
    let message = format!(
        "UpdateShardCount cannot scale {step} your current open shard count. Current open shard count: {current} Target \
         shard count: {target}"
    );
    Err(ApiError::new(ErrorCode::InvalidArgument, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_at_most_doubles_and_at_most_halves() {
        for (current, target, fits) in [
            (1, 1, true),
            (1, 2, true),
            (1, 3, false),
            (5, 10, true),
            (5, 11, false),
            (5, 3, true),
            (5, 2, false),
            (4, 2, true),
            (4, usize::MAX, false),
        ] {
            assert_eq!(check_step(current, target).is_ok(), fits, "{current} to {target}");
        }
    }
}
