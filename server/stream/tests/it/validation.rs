//! Requests that are wrong, or only tried out: what is told about them, and that nothing was done.

use danmu_stream::Options;
use serde_json::{Value, json};

use crate::world::{Failure, STREAM, Test, World};

const SHARD: &str = "shardId-000000000000";

#[tokio::test(flavor = "multi_thread")]
async fn all_members_that_are_wrong_are_told_at_once_and_before_what_exists() -> Test {
    let world = World::start().await?;
    let root = world.root();
    for stream in [STREAM, "nowhere"] {
        let put = world.call(&root, "PutRecord", json!({ "StreamName": stream, "PartitionKey": "" })).await?;
        assert_eq!(
            put.message(),
            "2 validation errors detected: Value null at 'data' failed to satisfy constraint: Member must not be null; \
             Value '' at 'partitionKey' failed to satisfy constraint: Member must have length greater than or equal to 1"
        );
        let split = json!({ "StreamName": stream, "ShardToSplit": "?", "NewStartingHashKey": "sth" });
        let split = world.call(&root, "SplitShard", split).await?;
        assert_eq!(
            split.message(),
            "2 validation errors detected: Value 'sth' at 'newStartingHashKey' failed to satisfy constraint: Member must \
             satisfy regular expression pattern: 0|([1-9]\\d{0,38}); Value '?' at 'shardToSplit' failed to satisfy \
             constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
        );
        let merge = world.call(&root, "MergeShards", json!({ "StreamName": stream })).await?;
        assert!(merge.message().starts_with("2 validation errors"), "{}", merge.message());
        let iterator = world.call(&root, "GetShardIterator", json!({ "StreamName": stream })).await?;
        assert_eq!(iterator.error(), (400, "ValidationException".to_owned()));
        assert!(iterator.message().starts_with("2 validation errors"), "{}", iterator.message());
    }
    let records: Vec<_> = (0..20).map(|_| json!({ "PartitionKey": "a" })).collect();
    let put = world.call(&root, "PutRecords", json!({ "StreamName": STREAM, "Records": records })).await?;
    assert!(put.message().starts_with("10 validation errors detected: Value null at 'records.1.member.data'"));
    let missing =
        world.call(&root, "PutRecord", json!({ "StreamName": "nowhere", "PartitionKey": "a", "Data": "" })).await?;
    assert_eq!(missing.error(), (400, "ResourceNotFoundException".to_owned()));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_tells_whether_a_request_would_succeed_and_does_nothing() -> Test {
    let world = World::start().await?;
    let (root, reader) = (world.root(), world.consumer().await?);
    let iterator = world.iterator(&root, SHARD, json!({ "ShardIteratorType": "TRIM_HORIZON" })).await?;
    let put = json!({ "StreamName": STREAM, "PartitionKey": "a", "Data": "aGk=", "DryRun": true });
    let puts = json!({ "StreamName": STREAM, "Records": [{ "PartitionKey": "a", "Data": "aGk=" }], "DryRun": true });
    let start = json!({ "StreamName": STREAM, "ShardId": SHARD, "ShardIteratorType": "LATEST", "DryRun": true });
    let get = json!({ "ShardIterator": iterator, "DryRun": true });
    for (operation, body) in
        [("PutRecord", &put), ("PutRecords", &puts), ("GetShardIterator", &start), ("GetRecords", &get)]
    {
        let answer = world.call(&root, operation, body.clone()).await?;
        assert_eq!(answer.error(), (400, "DryRunOperationException".to_owned()), "{operation}: {}", answer.text());
    }
    assert_eq!(world.call(&reader, "PutRecord", put).await?.error().1, "AccessDeniedException");
    assert_eq!(world.get(&root, &iterator).await?.texts()?, Vec::<String>::new());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_of_a_filtered_list_are_filtered_by_their_token() -> Test {
    let world = World::start_with(3, |_| {}).await?;
    let root = world.root();
    let merge = json!({ "StreamName": STREAM, "ShardToMerge": SHARD, "AdjacentShardToMerge": "shardId-000000000001" });
    assert_eq!(world.call(&root, "MergeShards", merge).await?.status, 200);
    let ids = async |filter: Value| -> Result<Vec<String>, Failure> {
        let mut body = json!({ "StreamName": STREAM, "ShardFilter": filter, "MaxResults": 1 });
        let mut ids = Vec::new();
        loop {
            let page = world.call(&root, "ListShards", body).await?.json()?;
            let shards = page["Shards"].as_array().ok_or_else(|| page.to_string())?;
            ids.extend(shards.iter().filter_map(|shard| shard["ShardId"].as_str().map(str::to_owned)));
            if page["NextToken"].is_null() {
                return Ok(ids);
            }
            body = json!({ "NextToken": page["NextToken"], "MaxResults": 1 });
        }
    };
    let all = ids(Value::Null).await?;
    let open = ids(json!({ "Type": "AT_LATEST" })).await?;
    assert_eq!((all.len(), &open[..]), (4, &all[2..]));
    assert_eq!(ids(json!({ "Type": "FROM_TRIM_HORIZON" })).await?, all);
    assert_eq!(ids(json!({ "Type": "AFTER_SHARD_ID", "ShardId": SHARD })).await?, all[1..]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn iterators_of_a_shard_are_given_out_five_times_a_second() -> Test {
    let strict = World::start_with(2, |options: &mut Options| options.strict_reads = true).await?;
    let root = strict.root();
    let ask = |shard: &'static str| {
        strict.call(
            &root,
            "GetShardIterator",
            json!({ "StreamName": STREAM, "ShardId": shard, "ShardIteratorType": "LATEST" }),
        )
    };
    let mut refused = 0;
    for _ in 0..20 {
        let answer = ask(SHARD).await?;
        if answer.status != 200 {
            assert_eq!(answer.error(), (400, "ProvisionedThroughputExceededException".to_owned()));
            refused += 1;
        }
    }
    assert!(refused > 0, "twenty are more than five a second");
    assert_eq!(ask("shardId-000000000001").await?.status, 200, "another shard has its own limit");

    let patient = World::start().await?;
    for _ in 0..7 {
        patient.iterator(&patient.root(), SHARD, json!({ "ShardIteratorType": "LATEST" })).await?;
    }
    Ok(())
}
