//! Every operation, through the AWS SDK for Rust.

use aws_sdk_kinesis::{
    error::ProvideErrorMetadata,
    primitives::{Blob, DateTime},
    types::{PutRecordsRequestEntry, ShardFilter, ShardFilterType, ShardIteratorType, StreamStatus},
};
use serde_json::json;

use crate::world::{ARN, STREAM, Test, World};

const SHARD: &str = "shardId-000000000000";

#[tokio::test(flavor = "multi_thread")]
async fn a_record_comes_back_as_it_was_put() -> Test {
    let world = World::start().await?;
    let kinesis = world.kinesis(&world.root());
    let put = kinesis.put_record().stream_name(STREAM).partition_key("房间").data(Blob::new("弹幕")).send().await?;
    assert_eq!(put.shard_id, SHARD);
    assert_eq!(put.sequence_number.len(), 56);
    assert!(put.sequence_number.starts_with("49"));

    let iterator = kinesis.get_shard_iterator().stream_arn(ARN).shard_id(SHARD);
    let iterator = iterator.shard_iterator_type(ShardIteratorType::TrimHorizon).send().await?;
    let got = kinesis.get_records().set_shard_iterator(iterator.shard_iterator).send().await?;
    let [record] = got.records() else { return Err(format!("{got:?}").into()) };
    assert_eq!(record.data.as_ref(), "弹幕".as_bytes());
    assert_eq!(record.partition_key.as_deref(), Some("房间"));
    assert_eq!(record.sequence_number, put.sequence_number);
    assert_eq!(got.millis_behind_latest, Some(0));
    assert!(got.next_shard_iterator.is_some());
    let arrival = record.approximate_arrival_timestamp.ok_or("no arrival")?.to_millis()?;
    let now = i64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_millis())?;
    assert!((now - arrival).abs() < 5000, "{arrival} and {now}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_made_once_and_described() -> Test {
    let world = World::start().await?;
    let kinesis = world.kinesis(&world.root());
    kinesis.create_stream().stream_name("other").shard_count(3).send().await?;
    let again = kinesis.create_stream().stream_name("other").shard_count(3).send().await.err();
    let again = again.ok_or("made twice")?.into_service_error();
    assert!(again.is_resource_in_use_exception(), "{again:?}");

    let summary = kinesis.describe_stream_summary().stream_name("other").send().await?;
    let summary = summary.stream_description_summary.ok_or("no summary")?;
    assert_eq!(summary.open_shard_count, 3);
    assert_eq!(summary.stream_status, StreamStatus::Active);
    assert_eq!(summary.retention_period_hours, 24);
    assert_eq!(summary.stream_arn, "arn:aws:kinesis:us-east-1:000000000000:stream/other");

    let described = kinesis.describe_stream().stream_name("other").limit(2).send().await?;
    let described = described.stream_description.ok_or("no description")?;
    assert_eq!(described.shards().len(), 2);
    assert!(described.has_more_shards);

    let missing = kinesis.describe_stream_summary().stream_name("nowhere").send().await.err();
    assert!(missing.ok_or("found")?.into_service_error().is_resource_not_found_exception());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn shards_are_listed_page_by_page() -> Test {
    let world = World::start_with(5, |_| {}).await?;
    let kinesis = world.kinesis(&world.root());
    let mut ids = Vec::new();
    let mut page = kinesis.list_shards().stream_name(STREAM).max_results(2).send().await?;
    loop {
        ids.extend(page.shards().iter().map(|shard| shard.shard_id.clone()));
        let Some(token) = page.next_token else { break };
        page = kinesis.list_shards().next_token(token).max_results(2).send().await?;
    }
    let expected: Vec<_> = (0..5).map(|index| format!("shardId-{index:012}")).collect();
    assert_eq!(ids, expected);

    let after = kinesis.list_shards().stream_name(STREAM).exclusive_start_shard_id(&ids[2]).send().await?;
    assert_eq!(after.shards().len(), 2);
    let filter = ShardFilter::builder().r#type(ShardFilterType::AfterShardId).shard_id(&ids[3]).build()?;
    let filtered = kinesis.list_shards().stream_name(STREAM).shard_filter(filter).send().await?;
    assert_eq!(filtered.shards().len(), 1);

    let both = kinesis.list_shards().stream_name(STREAM).next_token("x").send().await.err();
    assert!(both.ok_or("took both")?.into_service_error().is_invalid_argument_exception());
    let forged = kinesis.list_shards().next_token("AAAA").send().await.err();
    assert!(forged.ok_or("took a forged token")?.into_service_error().is_invalid_argument_exception());

    let first = kinesis.list_shards().stream_name(STREAM).max_results(1).send().await?;
    let token = first.next_token.ok_or("no token")?;
    world.clock.by_seconds(301);
    let late = world.call(&world.root(), "ListShards", json!({ "NextToken": token })).await?;
    assert_eq!(late.error(), (400, "ExpiredNextTokenException".to_owned()));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn many_records_are_put_at_once_and_read_in_order() -> Test {
    let world = World::start().await?;
    let kinesis = world.kinesis(&world.root());
    let entry = |number: u32| {
        let entry = PutRecordsRequestEntry::builder().partition_key("room").data(Blob::new(number.to_string()));
        entry.build()
    };
    let entries = (0..500).map(entry).collect::<Result<Vec<_>, _>>()?;
    let put = kinesis.put_records().stream_name(STREAM).set_records(Some(entries)).send().await?;
    assert_eq!(put.failed_record_count, Some(0));
    let numbers: Vec<_> = put.records().iter().filter_map(|record| record.sequence_number.clone()).collect();
    assert_eq!(numbers.len(), 500);
    assert!(numbers.is_sorted_by(|one, other| one < other));

    let iterator = kinesis.get_shard_iterator().stream_name(STREAM).shard_id(SHARD);
    let iterator = iterator.shard_iterator_type(ShardIteratorType::TrimHorizon).send().await?;
    let first = kinesis.get_records().set_shard_iterator(iterator.shard_iterator).limit(200).send().await?;
    assert_eq!(first.records().len(), 200);
    let second = kinesis.get_records().set_shard_iterator(first.next_shard_iterator.clone()).send().await?;
    let read: Vec<_> =
        first.records().iter().chain(second.records()).map(|record| record.sequence_number.clone()).collect();
    assert_eq!(read, numbers);
    assert_eq!(second.millis_behind_latest, Some(0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_is_behind_knows_by_how_much() -> Test {
    let world = World::start().await?;
    let root = world.root();
    world.put(&root, "room", "old").await?;
    world.clock.by_seconds(60);
    world.put(&root, "room", "new").await?;
    let iterator = world.iterator(&root, SHARD, json!({ "ShardIteratorType": "TRIM_HORIZON" })).await?;
    let first = world.call(&root, "GetRecords", json!({ "ShardIterator": iterator, "Limit": 1 })).await?;
    let behind = first.json()?["MillisBehindLatest"].as_u64().ok_or("no lag")?;
    assert!((60_000..65_000).contains(&behind), "{behind}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_of_iterator_begins_where_it_says() -> Test {
    let world = World::start().await?;
    let root = world.root();
    let mut numbers = Vec::new();
    for text in ["one", "two", "three"] {
        let put = world.put(&root, "room", text).await?;
        numbers.push(put.json()?["SequenceNumber"].as_str().ok_or("no number")?.to_owned());
        world.clock.by_seconds(1);
    }
    let all = world.iterator(&root, SHARD, json!({ "ShardIteratorType": "TRIM_HORIZON" })).await?;
    let all = world.get(&root, &all).await?;
    assert_eq!(all.texts()?, ["one", "two", "three"]);
    let arrival = all.json()?["Records"][1]["ApproximateArrivalTimestamp"].as_f64().ok_or("no arrival")?;

    let after_a_millisecond = ((arrival * 1000.0).round() + 1.0) / 1000.0;
    for (request, expected) in [
        (
            json!({ "ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": numbers[1] }),
            vec!["two", "three"],
        ),
        (json!({ "ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": numbers[1] }), vec!["three"]),
        (json!({ "ShardIteratorType": "AT_TIMESTAMP", "Timestamp": arrival }), vec!["two", "three"]),
        (json!({ "ShardIteratorType": "AT_TIMESTAMP", "Timestamp": after_a_millisecond }), vec!["three"]),
    ] {
        let iterator = world.iterator(&root, SHARD, request.clone()).await?;
        assert_eq!(world.get(&root, &iterator).await?.texts()?, expected, "{request}");
    }

    let latest = world.iterator(&root, SHARD, json!({ "ShardIteratorType": "LATEST" })).await?;
    world.put(&root, "room", "four").await?;
    assert_eq!(world.get(&root, &latest).await?.texts()?, ["four"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_start_is_refused_with_the_reason() -> Test {
    let world = World::start_with(2, |_| {}).await?;
    let root = world.root();
    let kinesis = world.kinesis(&root);
    let put = world.put(&root, "room", "one").await?.json()?;
    let number = put["SequenceNumber"].as_str().ok_or("no number")?;
    let other = if put["ShardId"] == SHARD { "shardId-000000000001" } else { SHARD };

    for (shard, request, name) in [
        (
            other,
            json!({ "ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": number }),
            "InvalidArgumentException",
        ),
        (
            SHARD,
            json!({ "ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": "7" }),
            "InvalidArgumentException",
        ),
        (
            SHARD,
            json!({ "ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": "x" }),
            "ValidationException",
        ),
        (SHARD, json!({ "ShardIteratorType": "LATEST", "StartingSequenceNumber": number }), "InvalidArgumentException"),
        (
            SHARD,
            json!({ "ShardIteratorType": "TRIM_HORIZON", "StartingSequenceNumber": number }),
            "InvalidArgumentException",
        ),
        (SHARD, json!({ "ShardIteratorType": "AT_SEQUENCE_NUMBER" }), "InvalidArgumentException"),
        (SHARD, json!({ "ShardIteratorType": "AT_TIMESTAMP" }), "InvalidArgumentException"),
        (SHARD, json!({ "ShardIteratorType": "AT_TIMESTAMP", "Timestamp": 9e12 }), "InvalidArgumentException"),
        (SHARD, json!({ "ShardIteratorType": "SOMEWHERE" }), "ValidationException"),
        ("shardId-000000000009", json!({ "ShardIteratorType": "LATEST" }), "ResourceNotFoundException"),
        ("nonsense", json!({ "ShardIteratorType": "LATEST" }), "ResourceNotFoundException"),
        ("?", json!({ "ShardIteratorType": "LATEST" }), "ValidationException"),
    ] {
        let mut body = json!({ "StreamName": STREAM, "ShardId": shard });
        if let (Some(body), Some(more)) = (body.as_object_mut(), request.as_object()) {
            body.extend(more.clone());
        }
        let answer = world.call(&root, "GetShardIterator", body).await?;
        assert_eq!(answer.error(), (400, name.to_owned()), "{request}: {}", answer.text());
    }

    let future = kinesis.get_shard_iterator().stream_name(STREAM).shard_id(SHARD);
    let future =
        future.shard_iterator_type(ShardIteratorType::AtTimestamp).timestamp(DateTime::from_secs(4_000_000_000));
    let error = future.send().await.err().ok_or("took the future")?;
    assert_eq!(error.code(), Some("InvalidArgumentException"));
    Ok(())
}
