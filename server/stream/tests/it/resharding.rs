//! Splitting and merging, while others write.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use aws_sdk_kinesis::{
    Client,
    error::ProvideErrorMetadata,
    primitives::Blob,
    types::{PutRecordsRequestEntry, ShardFilter, ShardFilterType, ShardIteratorType},
};

use danmu_stream::Clock;
use serde_json::{Value, json};

use crate::world::{Failure, PATIENCE, STREAM, Test, World};

const MIDDLE: &str = "170141183460469231731687303715884105728";

/// Reads a shard from its beginning to its end; says what was in it and who its children are. An open shard ends when a
/// read brings nothing.
async fn read_to_end(kinesis: &Client, shard: &str) -> Result<(Vec<(String, String)>, Vec<String>), Failure> {
    let iterator = kinesis.get_shard_iterator().stream_name(STREAM).shard_id(shard);
    let iterator = iterator.shard_iterator_type(ShardIteratorType::TrimHorizon).send().await?;
    let mut next = iterator.shard_iterator;
    let mut records = Vec::new();
    while let Some(iterator) = next {
        let page = kinesis.get_records().shard_iterator(iterator).send().await?;
        for record in page.records() {
            let text = String::from_utf8(record.data.as_ref().to_vec())?;
            records.push((record.sequence_number.clone(), text));
        }
        let children: Vec<_> = page.child_shards().iter().map(|child| child.shard_id.clone()).collect();
        if page.next_shard_iterator.is_none() {
            return Ok((records, children));
        }
        if page.records().is_empty() {
            break;
        }
        next = page.next_shard_iterator;
    }
    Ok((records, Vec::new()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_split_shard_is_read_to_its_end_and_then_its_children() -> Test {
    let world = World::start().await?;
    let kinesis = world.kinesis(&world.root());
    let put =
        |text: &'static str| kinesis.put_record().stream_name(STREAM).partition_key(text).data(Blob::new(text)).send();
    put("before").await?;
    kinesis
        .split_shard()
        .stream_name(STREAM)
        .shard_to_split("shardId-000000000000")
        .new_starting_hash_key(MIDDLE)
        .send()
        .await?;
    let after = put("after").await?;
    assert_ne!(after.shard_id, "shardId-000000000000");

    let (records, children) = read_to_end(&kinesis, "shardId-000000000000").await?;
    assert_eq!(records.len(), 1);
    assert_eq!(children, ["shardId-000000000001", "shardId-000000000002"]);
    let (records, _) = read_to_end(&kinesis, &after.shard_id).await?;
    assert_eq!(records[0].0, after.sequence_number);

    let listed = kinesis.list_shards().stream_name(STREAM).send().await?;
    let parent = &listed.shards()[0];
    let ending = parent.sequence_number_range.as_ref().and_then(|range| range.ending_sequence_number.clone());
    assert!(ending.ok_or("the parent has no end")? < after.sequence_number);
    assert_eq!(listed.shards()[1].parent_shard_id.as_deref(), Some("shardId-000000000000"));
    let latest = ShardFilter::builder().r#type(ShardFilterType::AtLatest).build()?;
    let latest = kinesis.list_shards().stream_name(STREAM).shard_filter(latest).send().await?;
    assert_eq!(latest.shards().len(), 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_records_of_a_closed_shard_come_before_its_end() -> Test {
    let world = World::start().await?;
    let root = world.root();
    for text in ["one", "two", "three"] {
        assert_eq!(world.put(&root, "room", text).await?.status, 200);
    }
    let split = json!({ "StreamName": STREAM, "ShardToSplit": "shardId-000000000000", "NewStartingHashKey": MIDDLE });
    assert_eq!(world.call(&root, "SplitShard", split).await?.status, 200);
    let mut next =
        world.iterator(&root, "shardId-000000000000", json!({ "ShardIteratorType": "TRIM_HORIZON" })).await?;
    for texts in [vec!["one", "two"], vec!["three"]] {
        let page = world.call(&root, "GetRecords", json!({ "ShardIterator": next, "Limit": 2 })).await?;
        assert_eq!(page.texts()?, texts);
        let page = page.json()?;
        assert_eq!(page["ChildShards"], Value::Null, "it goes on: {page}");
        next = page["NextShardIterator"].as_str().ok_or("records without an iterator are dropped by clients")?.into();
    }
    // Whoever stops here and comes back finds the end as well.
    for _ in 0..2 {
        let end = world.get(&root, &next).await?.json()?;
        assert_eq!((&end["Records"], &end["NextShardIterator"]), (&json!([]), &Value::Null));
        assert_eq!(end["MillisBehindLatest"], 0);
        assert_eq!(end["ChildShards"].as_array().map(Vec::len), Some(2), "{end}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_split_or_merged_is_refused() -> Test {
    let world = World::start_with(3, |_| {}).await?;
    let kinesis = world.kinesis(&world.root());
    let split = |shard: &'static str, key: &'static str| {
        kinesis.split_shard().stream_name(STREAM).shard_to_split(shard).new_starting_hash_key(key).send()
    };
    let merge = |shard: &'static str, other: &'static str| {
        kinesis.merge_shards().stream_name(STREAM).shard_to_merge(shard).adjacent_shard_to_merge(other).send()
    };
    let beyond = "999999999999999999999999999999999999999";
    for key in ["0", "1", MIDDLE, beyond] {
        let error = split("shardId-000000000000", key).await.err().ok_or(key)?;
        assert_eq!(error.code(), Some("InvalidArgumentException"), "{key}");
    }
    for (shard, key) in [("shardId-000000000000", "-1"), ("shardId-000000000000", "sth"), ("?", "7"), ("", "7")] {
        let error = split(shard, key).await.err().ok_or(key)?;
        assert_eq!(error.code(), Some("ValidationException"), "{shard} {key}");
    }
    let error = merge("shardId-000000000000", "?").await.err().ok_or("merged with nothing")?;
    assert_eq!(error.code(), Some("ValidationException"));
    let error = merge("shardId-000000000000", "shardId-000000000002").await.err().ok_or("merged strangers")?;
    assert_eq!(error.code(), Some("InvalidArgumentException"));
    let error = merge("shardId-000000000000", "shardId-000000000000").await.err().ok_or("merged with itself")?;
    assert_eq!(error.code(), Some("InvalidArgumentException"));
    merge("shardId-000000000001", "shardId-000000000000").await?;
    let split_again = split("shardId-000000000000", "7").await.err().ok_or("split a closed shard")?;
    let merged_again = merge("shardId-000000000000", "shardId-000000000001").await.err().ok_or("merged closed ones")?;
    for (code, message) in [(split_again.code(), split_again.message()), (merged_again.code(), merged_again.message())]
    {
        assert_eq!(code, Some("InvalidArgumentException"));
        assert!(message.is_some_and(|words| words.contains("already been merged or split")), "{message:?}");
    }
    let error = split("shardId-000000000099", "7").await.err().ok_or("split nothing")?;
    assert_eq!(error.code(), Some("ResourceNotFoundException"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn shards_are_found_by_time_and_forgotten_after_retention() -> Test {
    let world = World::start().await?;
    let root = world.root();
    let at_start = world.clock.now_ms() as f64 / 1000.0;
    world.clock.by_seconds(3600);
    let split = json!({ "StreamName": STREAM, "ShardToSplit": "shardId-000000000000", "NewStartingHashKey": MIDDLE });
    assert_eq!(world.call(&root, "SplitShard", split).await?.status, 200);
    world.clock.by_seconds(3600);
    let after_split = world.clock.now_ms() as f64 / 1000.0 - 1.0;

    let shards = async |filter: Value| -> Result<Vec<u64>, Failure> {
        let list = json!({ "StreamName": STREAM, "ShardFilter": filter });
        let answer = world.call(&root, "ListShards", list).await?;
        let list = answer.json()?;
        let shards = list["Shards"].as_array().ok_or_else(|| answer.text())?;
        let index = |shard: &Value| shard["ShardId"].as_str().and_then(|id| id.strip_prefix("shardId-")?.parse().ok());
        Ok(shards.iter().filter_map(index).collect())
    };
    assert_eq!(shards(json!({ "Type": "AT_TIMESTAMP", "Timestamp": at_start })).await?, [0]);
    assert_eq!(shards(json!({ "Type": "FROM_TIMESTAMP", "Timestamp": at_start })).await?, [0, 1, 2]);
    assert_eq!(shards(json!({ "Type": "AT_TIMESTAMP", "Timestamp": after_split })).await?, [1, 2]);
    assert_eq!(shards(json!({ "Type": "FROM_TIMESTAMP", "Timestamp": after_split })).await?, [1, 2]);
    assert_eq!(shards(json!({ "Type": "AT_TRIM_HORIZON" })).await?, [0]);
    assert_eq!(shards(json!({ "Type": "FROM_TRIM_HORIZON" })).await?, [0, 1, 2]);
    assert_eq!(shards(json!({ "Type": "AT_LATEST" })).await?, [1, 2]);

    world.clock.by_seconds(22 * 3600);
    let at_end = world.iterator(&root, "shardId-000000000000", json!({ "ShardIteratorType": "LATEST" })).await?;
    world.endpoint.trim().await?;
    assert_eq!(shards(json!({ "Type": "AFTER_SHARD_ID", "ShardId": "shardId-000000000000" })).await?, [1, 2]);
    world.clock.by_seconds(7200);
    world.endpoint.trim().await?;
    let all = world.call(&root, "ListShards", json!({ "StreamName": STREAM })).await?.json()?;
    assert_eq!(all["Shards"].as_array().map(Vec::len), Some(2), "the parent is past retention");
    assert_eq!(world.get(&root, &at_end).await?.error().1, "ExpiredIteratorException");
    Ok(())
}

/// Puts `texts` under keys of their own, trying again what was refused.
async fn put_all(kinesis: Client, mut texts: VecDeque<String>, taken: Arc<AtomicUsize>) -> Result<(), Failure> {
    while !texts.is_empty() {
        let batch: Vec<_> = texts.drain(..texts.len().min(100)).collect();
        let entry = |text: &String| {
            PutRecordsRequestEntry::builder().partition_key(text).data(Blob::new(text.as_str())).build()
        };
        let entries = batch.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
        let put = kinesis.put_records().stream_name(STREAM).set_records(Some(entries)).send().await?;
        for (text, record) in batch.into_iter().zip(put.records()) {
            if record.error_code.is_some() {
                texts.push_back(text);
            } else {
                taken.fetch_add(1, SeqCst);
            }
        }
        if put.failed_record_count > Some(0) {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_records_survive_a_split_and_a_merge_among_four_writers() -> Test {
    let world = World::start_with(4, |_| {}).await?;
    let kinesis = world.kinesis(&world.root());
    let taken = Arc::<AtomicUsize>::default();
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let texts = (0..2500).map(|number| format!("{writer}-{number}")).collect();
            tokio::spawn(put_all(kinesis.clone(), texts, Arc::clone(&taken)))
        })
        .collect();
    let in_the_middle = async {
        while taken.load(SeqCst) < 2_500 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, in_the_middle).await?;
    let key = "42535295865117307932921825928971026432".parse::<u128>()?.to_string();
    kinesis
        .split_shard()
        .stream_name(STREAM)
        .shard_to_split("shardId-000000000000")
        .new_starting_hash_key(key)
        .send()
        .await?;
    kinesis
        .merge_shards()
        .stream_name(STREAM)
        .shard_to_merge("shardId-000000000002")
        .adjacent_shard_to_merge("shardId-000000000003")
        .send()
        .await?;
    for writer in writers {
        writer.await??;
    }

    let mut seen = BTreeMap::new();
    let mut numbers = BTreeSet::new();
    let shards = kinesis.list_shards().stream_name(STREAM).send().await?;
    assert_eq!(shards.shards().len(), 7);
    for shard in shards.shards() {
        let (records, _) = read_to_end(&kinesis, &shard.shard_id).await?;
        assert!(records.is_sorted_by(|one, other| one.0 < other.0), "out of order");
        for (number, text) in records {
            assert!(numbers.insert(number), "a sequence number was used twice");
            *seen.entry(text).or_insert(0) += 1;
        }
    }
    assert_eq!(seen.len(), 10_000);
    assert!(seen.values().all(|times| *times == 1), "a record came twice");
    Ok(())
}
