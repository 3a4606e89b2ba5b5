//! Splitting and merging: which shards close, which are born, with which ranges. Pure; the writer makes it durable.
//!
//! Promises: the open shards of a stream cover every hash key exactly once, before and after.

use super::{
    Refusal,
    model::{Closed, RETENTION_HOURS, Shard, Stream, StreamMeta},
};
use crate::{hash::uniform_ranges, kinesis::MAX_SHARDS, sequence::Position};

/// Keys that make no difference to whether ranges are equal: of 2^128.
const NEAR: u128 = 1 << 32;

/// A new stream with `count` shards of equal size.
pub(super) fn create(id: u64, name: &str, count: u32, now_ms: u64) -> Stream {
    let shards = uniform_ranges(count)
        .zip(0..)
        .map(|((start, end), index)| Shard {
            index,
            parent: None,
            adjacent_parent: None,
            start,
            end,
            created_ms: now_ms,
            epoch: now_ms / 1000,
            closed: None,
        })
        .collect();
    let meta = StreamMeta {
        id,
        name: name.into(),
        created_ms: now_ms,
        retention_hours: RETENTION_HOURS,
        horizon_ms: 0,
        next_shard: count,
        last_deregistered_s: 0,
    };
    Stream { meta, shards, consumers: Vec::new() }
}

/// Closes `index` at `end` and opens two children; the second begins at `new_start`.
pub(super) fn split(stream: &mut Stream, index: u32, new_start: u128, end: Position) -> Result<(), Refusal> {
    let parent = open_shard(stream, index)?.clone();
    // The rule of the real service: both children get at least one key, the lower one two ends of its own.
    if new_start <= parent.start.saturating_add(1) || new_start >= parent.end {
        return Err(Refusal::HashKeyOutside { start: parent.start, end: parent.end });
    }
    if stream.open_shards() >= MAX_SHARDS as usize {
        return Err(Refusal::TooManyShards);
    }
    divide(stream, &parent, new_start, end);
    Ok(())
}

fn divide(stream: &mut Stream, parent: &Shard, new_start: u128, end: Position) {
    close(stream, parent.index, end);
    open(stream, parent.start, new_start - 1, &[parent], end.ms);
    open(stream, new_start, parent.end, &[parent], end.ms);
}

/// Closes two neighbours at `ends` and opens one child over both.
pub(super) fn merge(stream: &mut Stream, index: u32, adjacent: u32, ends: [Position; 2]) -> Result<(), Refusal> {
    let one = open_shard(stream, index)?.clone();
    let other = open_shard(stream, adjacent)?.clone();
    let (low, high) = if one.start < other.start { (&one, &other) } else { (&other, &one) };
    if index == adjacent || low.end.checked_add(1) != Some(high.start) {
        return Err(Refusal::NotAdjacent { index, adjacent });
    }
    close(stream, index, ends[0]);
    close(stream, adjacent, ends[1]);
    open(stream, low.start, high.end, &[&one, &other], ends[1].ms);
    Ok(())
}

/// Splits and merges neighbours until `count` open shards have the ranges that a new stream's would have, give or take
/// [`NEAR`] keys: a third of a half ends not quite where a sixth does, and nobody shall split and merge for that.
pub(super) fn resize(stream: &mut Stream, count: u32, advance: &mut impl FnMut() -> Position) -> Result<(), Refusal> {
    let mut start = 0;
    for (_, end) in uniform_ranges(count) {
        while let Some(shard) = open_from(stream, start) {
            if shard.end.abs_diff(end) < NEAR {
                start = shard.end.wrapping_add(1);
                break;
            }
            if shard.end > end {
                divide(stream, &shard, end + 1, advance());
                continue;
            }
            let Some(next) = open_from(stream, shard.end + 1) else { break };
            if next.end > end && next.end - end >= NEAR {
                divide(stream, &next, end + 1, advance());
            } else {
                merge(stream, shard.index, next.index, [advance(), advance()])?;
            }
        }
    }
    Ok(())
}

/// The open shard that begins with the key `start`.
fn open_from(stream: &Stream, start: u128) -> Option<Shard> {
    stream.shards.iter().find(|shard| shard.is_open() && shard.start == start).cloned()
}

fn open_shard(stream: &Stream, index: u32) -> Result<&Shard, Refusal> {
    let shard = stream.shard(index).ok_or(Refusal::NoSuchShard(index))?;
    if shard.is_open() { Ok(shard) } else { Err(Refusal::ShardClosed(index)) }
}

fn close(stream: &mut Stream, index: u32, end: Position) {
    if let Some(shard) = stream.shard_mut(index) {
        shard.closed = Some(Closed { ms: end.ms, counter: end.counter });
    }
}

fn open(stream: &mut Stream, start: u128, end: u128, parents: &[&Shard], now_ms: u64) {
    let index = stream.meta.next_shard;
    let after_parents = parents.iter().map(|parent| parent.epoch + 1).max().unwrap_or(0);
    stream.meta.next_shard += 1;
    stream.shards.push(Shard {
        index,
        parent: parents.first().map(|parent| parent.index),
        adjacent_parent: parents.get(1).map(|parent| parent.index),
        start,
        end,
        created_ms: now_ms,
        epoch: after_parents.max(now_ms / 1000),
        closed: None,
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn covers_every_key_once(stream: &Stream) -> bool {
        let mut open: Vec<_> = stream.shards.iter().filter(|shard| shard.is_open()).collect();
        open.sort_by_key(|shard| shard.start);
        open.first().is_some_and(|shard| shard.start == 0)
            && open.last().is_some_and(|shard| shard.end == u128::MAX)
            && open.windows(2).all(|pair| pair[0].start <= pair[0].end && pair[0].end + 1 == pair[1].start)
    }

    #[test]
    fn a_stream_is_not_split_beyond_what_it_can_be_made_with() -> Result<(), Refusal> {
        let mut stream = create(1, "s", MAX_SHARDS, 1_732_000_000_000);
        let at = Position::at(1_732_000_000_001);
        assert_eq!(split(&mut stream, 0, 1000, at), Err(Refusal::TooManyShards));
        merge(&mut stream, 1, 2, [at, at.next()])?;
        split(&mut stream, 0, 1000, at)?;
        assert_eq!(stream.open_shards(), MAX_SHARDS as usize);
        Ok(())
    }

    #[test]
    fn a_stream_of_twice_the_shards_is_all_splits_and_one_of_half_all_merges() -> Result<(), Refusal> {
        let mut at = Position::at(1_732_000_000_000);
        let mut stream = create(1, "s", 3, at.ms);
        let mut advance = || {
            at = at.next();
            at
        };
        resize(&mut stream, 6, &mut advance)?;
        assert_eq!((stream.open_shards(), stream.shards.len()), (6, 3 + 6));
        resize(&mut stream, 3, &mut advance)?;
        assert_eq!((stream.open_shards(), stream.shards.len()), (3, 3 + 6 + 3));
        // With the most there may be, a merge may need a split first.
        let mut stream = create(1, "s", MAX_SHARDS, 1_732_000_000_000);
        resize(&mut stream, MAX_SHARDS - 1, &mut advance)?;
        assert_eq!(stream.open_shards(), MAX_SHARDS as usize - 1);
        Ok(())
    }

    proptest! {
        #[test]
        fn a_resized_stream_has_the_ranges_of_a_new_one(counts in proptest::collection::vec(1_u32..40, 1..6)) {
            let mut at = Position::at(1_732_000_000_000);
            let mut stream = create(1, "s", 3, at.ms);
            for count in counts {
                let resized = resize(&mut stream, count, &mut || {
                    at = at.next();
                    at
                });
                prop_assert_eq!(resized, Ok(()));
                let mut open: Vec<_> = stream.shards.iter().filter(|shard| shard.is_open()).collect();
                open.sort_by_key(|shard| shard.start);
                let ranges: Vec<_> = open.iter().map(|shard| (shard.start, shard.end)).collect();
                prop_assert!(covers_every_key_once(&stream));
                prop_assert_eq!(ranges.len(), count as usize);
                for ((start, end), (new_start, new_end)) in ranges.into_iter().zip(uniform_ranges(count)) {
                    prop_assert!(start.abs_diff(new_start) < NEAR && end.abs_diff(new_end) < NEAR);
                }
            }
        }

        #[test]
        fn open_shards_cover_every_hash_key_whatever_is_split_and_merged(
            count in 1_u32..6,
            changes in proptest::collection::vec((any::<bool>(), 0_u32..20, 0_u32..20, any::<u128>()), 0..40),
        ) {
            let mut stream = create(1, "s", count, 1_732_000_000_000);
            let mut at = Position { ms: 1_732_000_000_000, counter: 0 };
            for (is_split, one, other, key) in changes {
                at = at.next();
                let before = stream.clone();
                let done = if is_split {
                    split(&mut stream, one, key, at)
                } else {
                    merge(&mut stream, one, other, [at, at.next()])
                };
                if done.is_err() {
                    prop_assert_eq!(stream.shards.len(), before.shards.len());
                }
                prop_assert!(covers_every_key_once(&stream));
                for shard in &stream.shards {
                    for parent in [shard.parent, shard.adjacent_parent].into_iter().flatten() {
                        let parent = stream.shard(parent).ok_or_else(|| TestCaseError::fail("a parent is gone"))?;
                        prop_assert!(shard.starting_sequence().to_string() > parent.ending_sequence().map(|end| end.to_string()).unwrap_or_default());
                    }
                }
            }
        }
    }
}
