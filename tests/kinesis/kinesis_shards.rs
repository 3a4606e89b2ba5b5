//! Every key has exactly one open shard, whatever was split and merged before.

use danmu::kinesis::shard_map::{HashKeyRange, Shard, hash_key, open_shard_of, shards_of};
use proptest::prelude::*;

fn shard(id: usize, start: u128, end: u128, parents: &[&str]) -> Shard {
    let mut parents = parents.iter().map(|parent| (*parent).to_owned());
    Shard {
        shard_id: format!("shardId-{id:012}"),
        parent_shard_id: parents.next(),
        adjacent_parent_shard_id: parents.next(),
        hash_key_range: HashKeyRange { start, end },
        sequence_number_range: Default::default(),
    }
}

fn close(shard: &mut Shard) {
    shard.sequence_number_range.ending_sequence_number = Some("9".into());
}

/// Splits or merges the open shards at random, from one that covers everything.
fn reshard(steps: &[(bool, u16, u128)]) -> Vec<Shard> {
    let mut shards = vec![shard(0, 0, u128::MAX, &[])];
    for &(split, pick, at) in steps {
        let mut open: Vec<usize> = (0..shards.len()).filter(|&i| !shards[i].is_closed()).collect();
        open.sort_by_key(|&i| shards[i].hash_key_range.start);
        let place = usize::from(pick) % open.len();
        let HashKeyRange { start, end } = shards[open[place]].hash_key_range;
        let id = shards[open[place]].shard_id.clone();
        if split && start < end {
            let middle = start + 1 + at % (end - start);
            close(&mut shards[open[place]]);
            shards.push(shard(shards.len(), start, middle - 1, &[&id]));
            shards.push(shard(shards.len(), middle, end, &[&id]));
        } else if let Some(&next) = open.get(place + 1) {
            let (end, other) = (shards[next].hash_key_range.end, shards[next].shard_id.clone());
            close(&mut shards[open[place]]);
            close(&mut shards[next]);
            shards.push(shard(shards.len(), start, end, &[&id, &other]));
        }
    }
    shards
}

proptest! {
    #[test]
    fn every_key_has_one_open_shard_and_an_unbroken_line_to_it(
        steps in proptest::collection::vec(any::<(bool, u16, u128)>(), 0..40),
        key in "\\PC{1,20}",
    ) {
        let shards = reshard(&steps);
        let hash = hash_key(&key);
        let line: Vec<_> = shards_of(&shards, &key).collect();
        prop_assert!(line.iter().all(|shard| shard.hash_key_range.contains(hash)));
        prop_assert_eq!(line.iter().filter(|shard| !shard.is_closed()).count(), 1);
        prop_assert_eq!(open_shard_of(&shards, &key), line.last().copied());
        prop_assert_eq!(&line[0].shard_id, "shardId-000000000000");
        for pair in line.windows(2) {
            prop_assert!(pair[1].parents().any(|parent| parent == pair[0].shard_id));
        }
    }
}
