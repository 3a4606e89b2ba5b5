//! Splits and merges: which shards close, which open, with which ranges. Pure; the writer makes the result durable.
//!
//! Promises: the open shards of a stream cover every hash key exactly once, before and after.

use super::{
    Refusal,
    model::{Closed, DEFAULT_RETENTION_HOURS, Shard, Stream, StreamMeta, Tags},
};
use crate::{hash::uniform_ranges, quotas::MAX_SHARDS, sequence::RecordPosition};

/// Hash keys, of 2^128, by which ranges may differ and still count as equal.
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
        retention_hours: DEFAULT_RETENTION_HOURS,
        horizon_ms: 0,
        next_shard: count,
        last_deregistered_s: 0,
        tags: Tags::new(),
    };
    Stream { meta, shards, consumers: Vec::new() }
}

/// Closes `index` at `end` and opens two children; the second begins at `new_start`.
pub(super) fn split(stream: &mut Stream, index: u32, new_start: u128, end: RecordPosition) -> Result<(), Refusal> {
    let parent = open_shard(stream, index)?.clone();
    // The rule of the real service: both children get at least two keys.
    if new_start <= parent.start.saturating_add(1) || new_start >= parent.end {
        return Err(Refusal::HashKeyOutside { start: parent.start, end: parent.end });
    }
    if stream.open_shards() >= MAX_SHARDS as usize {
        return Err(Refusal::TooManyShards);
    }
    divide(stream, &parent, new_start, end);
    Ok(())
}

fn divide(stream: &mut Stream, parent: &Shard, new_start: u128, end: RecordPosition) {
    close(stream, parent.index, end);
    open(stream, parent.start, new_start - 1, &[parent], end.ms);
    open(stream, new_start, parent.end, &[parent], end.ms);
}

/// Closes two adjacent shards at `ends` and opens one child over both.
pub(super) fn merge(stream: &mut Stream, index: u32, adjacent: u32, ends: [RecordPosition; 2]) -> Result<(), Refusal> {
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

/// Splits and merges adjacent shards, from the first hash key on, until there are `count` open shards of about equal size, in
/// as many steps as the real service (`known_counts` below). A shard is cut where an equal share of the remaining keys ends.
/// To save steps, a shard below five quarters of `1 / count` is kept if half of `1 / count` remains for each later shard, and
/// if it is a child made here or the stream does not grow.
///
/// Promises: each shard has at least half, and less than five quarters, of an equal share. A stream that doubles, halves or
/// grows by a quarter has the ranges of a new stream.
/// <https://docs.aws.amazon.com/kinesis/latest/APIReference/API_UpdateShardCount.html>
pub(super) fn resize(
    stream: &mut Stream,
    count: u32,
    advance: &mut impl FnMut() -> RecordPosition,
) -> Result<(), Refusal> {
    let (grows, first_new) = (count as usize > stream.open_shards(), stream.meta.next_shard);
    let share = uniform_ranges(count).next().map_or(u128::MAX, |(_, end)| end);
    let mut start = 0;
    for left in (1..=u128::from(count)).rev() {
        let keys = u128::MAX - start;
        let end = start + keys / left - u128::from(keys % left + 1 < left);
        let is_tolerable = |end: u128| {
            end - start < share.saturating_add(share / 4) - NEAR && u128::MAX - end >= (left - 1) * (share / 2)
        };
        while let Some(shard) = open_from(stream, start) {
            let is_cut = shard.index >= first_new;
            let is_done =
                shard.end.abs_diff(end) < NEAR || shard.end > end && (is_cut || !grows) && is_tolerable(shard.end);
            if is_done {
                start = shard.end.wrapping_add(1);
                break;
            }
            if shard.end > end {
                divide(stream, &shard, end + 1, advance());
                continue;
            }
            let Some(next) = open_from(stream, shard.end + 1) else { break };
            if next.end <= end || next.end - end < NEAR || !grows && is_tolerable(next.end) {
                merge(stream, shard.index, next.index, [advance(), advance()])?;
            } else {
                divide(stream, &next, end + 1, advance());
            }
        }
    }
    Ok(())
}

/// The open shard whose range begins with the key `start`.
fn open_from(stream: &Stream, start: u128) -> Option<Shard> {
    stream.shards.iter().find(|shard| shard.is_open() && shard.start == start).cloned()
}

fn open_shard(stream: &Stream, index: u32) -> Result<&Shard, Refusal> {
    let shard = stream.shard(index).ok_or(Refusal::NoSuchShard(index))?;
    if shard.is_open() { Ok(shard) } else { Err(Refusal::ShardClosed(index)) }
}

fn close(stream: &mut Stream, index: u32, end: RecordPosition) {
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
        let at = RecordPosition::at(1_732_000_000_001);
        assert_eq!(split(&mut stream, 0, 1000, at), Err(Refusal::TooManyShards));
        merge(&mut stream, 1, 2, [at, at.next()])?;
        split(&mut stream, 0, 1000, at)?;
        assert_eq!(stream.open_shards(), MAX_SHARDS as usize);
        Ok(())
    }

    #[test]
    fn a_stream_of_twice_the_shards_is_all_splits_and_one_of_half_all_merges() -> Result<(), Refusal> {
        let mut at = RecordPosition::at(1_732_000_000_000);
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

    fn resized(counts: &[u32]) -> Result<Stream, Refusal> {
        let mut at = RecordPosition::at(1_732_000_000_000);
        let mut advance = || {
            at = at.next();
            at
        };
        let (first, rest) = counts.split_first().unwrap_or((&1, &[]));
        let mut stream = create(1, "s", *first, 1_732_000_000_000);
        for count in rest {
            resize(&mut stream, *count, &mut advance)?;
        }
        Ok(stream)
    }

    #[test]
    fn a_changed_count_takes_the_steps_that_the_real_service_takes() -> Result<(), Refusal> {
        // How many shards there are in all afterwards: moto's tests, "verified against AWS".
        let known_counts = [(2, 4, 6), (4, 5, 15), (10, 13, 37), (4, 2, 6), (5, 3, 7), (10, 3, 17)];
        for (before, after, in_all) in known_counts {
            let stream = resized(&[before, after])?;
            assert_eq!((stream.open_shards(), stream.shards.len()), (after as usize, in_all), "{before} to {after}");
        }
        // Which shards stay open: seen by the authors of RisingWave (issue 9961).
        let stream = resized(&[4, 3])?;
        let open: Vec<_> = stream.shards.iter().filter(|shard| shard.is_open()).map(|shard| shard.index).collect();
        assert_eq!((open, stream.shards.len()), (vec![6, 9, 10], 11));
        Ok(())
    }

    #[test]
    fn a_stream_that_grows_by_a_quarter_or_doubles_or_halves_has_the_ranges_of_a_new_one() -> Result<(), Refusal> {
        for counts in [[4, 5], [8, 10], [12, 15], [4, 6], [4, 7], [3, 6], [6, 3], [4, 3], [500, 250]] {
            let mut stream = resized(&counts)?;
            stream.shards.retain(Shard::is_open);
            stream.shards.sort_by_key(|shard| shard.start);
            assert_eq!(stream.shards.len(), counts[1] as usize);
            for (shard, (start, end)) in stream.shards.iter().zip(uniform_ranges(counts[1])) {
                assert!(shard.start.abs_diff(start) < NEAR && shard.end.abs_diff(end) < NEAR, "{counts:?}: {shard:?}");
            }
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn a_resized_stream_has_so_many_shards_of_half_to_five_quarters_of_a_share(
            counts in proptest::collection::vec(1_u32..40, 2..6),
        ) {
            let Ok(stream) = resized(&counts) else { return Err(TestCaseError::fail("it was refused")) };
            let count = counts.last().copied().unwrap_or_default();
            prop_assert!(covers_every_key_once(&stream));
            prop_assert_eq!(stream.open_shards(), count as usize);
            let share = u128::MAX / u128::from(count);
            for shard in stream.shards.iter().filter(|shard| shard.is_open()) {
                let keys = shard.end - shard.start;
                prop_assert!(keys >= share / 2 - NEAR, "{keys} of {share}");
                prop_assert!(count == 1 || keys < share + share / 4, "{keys} of {share}");
            }
        }

        #[test]
        fn open_shards_cover_every_hash_key_whatever_is_split_and_merged(
            count in 1_u32..6,
            changes in proptest::collection::vec((any::<bool>(), 0_u32..20, 0_u32..20, any::<u128>()), 0..40),
        ) {
            let mut stream = create(1, "s", count, 1_732_000_000_000);
            let mut at = RecordPosition { ms: 1_732_000_000_000, counter: 0 };
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
