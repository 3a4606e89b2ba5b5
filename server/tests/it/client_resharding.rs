//! Resharding under load: four writers put ten thousand records while one shard is split and two are merged.

use std::{cell::Cell, time::Duration};

use danmu::kinesis::{Scope, shard_map::hash_key};
use futures::future::{join_all, try_join3};
use serde_json::json;

use crate::world::{PATIENCE, STREAM, Test, World, assert_complete, order, read, story};

const WRITERS: usize = 4;
const EACH: usize = 2_500;

#[test]
fn ten_thousand_records_arrive_once_while_a_shard_is_split_and_two_are_merged() -> Test {
    story(async {
        let world = World::start(3).await?;
        let mut reader = world.reader(Scope::All);

        let said = &Cell::new(0);
        let until_said = async |count: usize| {
            while said.get() < count {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let write = async {
            let writers: Vec<_> = (0..WRITERS)
                .map(|writer| {
                    let producer = world.producer();
                    async move {
                        // Fifty say something every 70 ms or so: bursts that must be gathered, for about four seconds.
                        for wave in 0..EACH / 50 {
                            let puts = (0..50).map(|n| {
                                let text = format!("{writer}/{wave}/{n}");
                                let key = format!("key {}", n % 11);
                                let producer = producer.clone();
                                async move { producer.put(text.into_bytes(), &key).await }
                            });
                            for outcome in join_all(puts).await {
                                outcome?;
                            }
                            said.set(said.get() + 50);
                            tokio::time::sleep(Duration::from_millis(70)).await;
                        }
                        Ok::<_, danmu::kinesis::PutError>(())
                    }
                })
                .collect();
            for outcome in join_all(writers).await {
                outcome?;
            }
            Ok(())
        };
        let reshard = async {
            until_said(1_500).await;
            let middle = u128::MAX / 6;
            let split = json!({"StreamName": STREAM, "ShardToSplit": "shardId-000000000000", "NewStartingHashKey": middle.to_string()});
            world.control("SplitShard", split).await?;
            until_said(4_000).await;
            let merge = json!({"StreamName": STREAM, "ShardToMerge": "shardId-000000000001", "AdjacentShardToMerge": "shardId-000000000002"});
            world.control("MergeShards", merge).await
        };
        let reading = read(&mut reader, WRITERS * EACH, 2 * PATIENCE);
        let ((), (), seen) = try_join3(write, reshard, reading).await?;

        let texts = (0..WRITERS).flat_map(|writer| {
            (0..EACH / 50).flat_map(move |wave| (0..50).map(move |n| format!("{writer}/{wave}/{n}")))
        });
        assert_complete(&seen.records, texts);
        let mut shards: Vec<&str> = seen.records.iter().map(|record| record.shard_id.as_str()).collect();
        shards.sort_unstable();
        shards.dedup();
        assert!(shards.len() >= 5, "the resharding came too late: {shards:?}");
        // Parents before children, for each key: its records come in the order of their sequence numbers.
        for key in (0..11).map(|n| format!("key {n}")) {
            let of_key = seen.records.iter().filter(|record| record.partition_key == key);
            let numbers: Vec<_> = of_key.map(order).collect();
            assert!(numbers.is_sorted(), "{key} ({}) out of order", hash_key(&key));
        }
        println!("shards read: {shards:?}; {:?}", reader.stats());
        Ok(())
    })
}
