//! What a record, a request and a shard may hold.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tokio::{
    task::JoinSet,
    time::{Instant, pause},
};

use crate::{
    events::begin_straight,
    still::StillTime,
    world::{Answer, Failure, STREAM, Test, World},
};

const SHARD: &str = "shardId-000000000000";
const MIB: usize = 1024 * 1024;
/// The most data of a record under the key that [`record`] gives it: both together may have a MiB.
const LARGEST: usize = MIB - "room".len();

fn record(size: usize) -> Value {
    json!({ "StreamName": STREAM, "PartitionKey": "room", "Data": STANDARD.encode(vec![b'x'; size]) })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mebibyte_is_taken_and_one_byte_more_is_not() -> Test {
    let world = World::start().await?;
    let root = world.root();
    let over = world.call(&root, "PutRecord", record(MIB + 1)).await?;
    assert_eq!(over.error(), (400, "ValidationException".to_owned()));
    assert!(over.message().contains("1048577 bytes") && over.message().contains("1048576"), "{}", over.message());
    let with_key = world.call(&root, "PutRecord", record(LARGEST + 1)).await?;
    assert_eq!(with_key.error(), (400, "ValidationException".to_owned()));
    assert!(with_key.message().contains("1048577 bytes with its partition key"), "{}", with_key.message());
    let many = json!({ "StreamName": STREAM, "Records": [record(3), record(LARGEST + 1)] });
    let many = world.call(&root, "PutRecords", many).await?;
    assert_eq!(many.error(), (400, "ValidationException".to_owned()));
    assert!(many.message().contains("'records.2.member.data'"), "{}", many.message());
    let exact = world.call(&root, "PutRecord", record(LARGEST)).await?;
    assert_eq!(exact.status, 200, "{}", exact.text());
    let iterator = world.iterator(&root, SHARD, json!({ "ShardIteratorType": "TRIM_HORIZON" })).await?;
    assert_eq!(world.get(&root, &iterator).await?.texts()?[0].len(), LARGEST);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_records_are_taken_and_one_more_is_not() -> Test {
    let world = World::start().await?;
    let root = world.root();
    let request = |count: usize, size: usize| {
        let entry = json!({ "PartitionKey": "room", "Data": STANDARD.encode(vec![b'x'; size]) });
        json!({ "StreamName": STREAM, "Records": vec![entry; count] })
    };
    let over = world.call(&root, "PutRecords", request(501, 1)).await?;
    assert_eq!(over.error(), (400, "ValidationException".to_owned()));
    let none = world.call(&root, "PutRecords", request(0, 1)).await?;
    assert_eq!(none.error(), (400, "ValidationException".to_owned()));
    let heavy = world.call(&root, "PutRecords", request(11, LARGEST)).await?;
    assert_eq!(heavy.error(), (400, "InvalidArgumentException".to_owned()));
    let full = world.call(&root, "PutRecords", request(10, LARGEST)).await?.json()?;
    assert_eq!(full["FailedRecordCount"], 9, "10 MiB are taken, of which a shard has room for one");
    assert_eq!(world.call(&root, "PutRecords", request(500, 1)).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn records_over_a_shards_limit_fail_one_by_one() -> Test {
    let world = World::start().await?;
    let time = StillTime::begin();
    let root = world.root();
    let entry = json!({ "PartitionKey": "room", "Data": STANDARD.encode(vec![b'x'; MIB / 2]) });
    let put = world.call(&root, "PutRecords", json!({ "StreamName": STREAM, "Records": vec![entry; 4] })).await?;
    let put = put.json()?;
    assert_eq!(put["FailedRecordCount"], 3);
    assert!(put["Records"][0]["SequenceNumber"].is_string());
    assert_eq!(put["Records"][3]["ErrorCode"], "ProvisionedThroughputExceededException");
    assert_eq!(
        put["Records"][3]["ErrorMessage"],
        "Rate exceeded for shard shardId-000000000000 in stream danmu under account 000000000000."
    );
    // The largest record needs the whole allowance of a second: of three at once two are refused.
    time.pass(Duration::from_secs(1)).await;
    let put = || world.call(&root, "PutRecord", record(LARGEST));
    let (one, two, three) = tokio::join!(put(), put(), put());
    let refused = [one?, two?, three?]
        .iter()
        .filter(|answer| answer.status != 200)
        .map(|answer| answer.error())
        .collect::<Vec<_>>();
    assert_eq!(refused, vec![(400, "ProvisionedThroughputExceededException".to_owned()); 2]);
    assert_eq!(world.endpoint.metrics().records_throttled, 5);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_outside_its_limits_is_refused_with_the_member_and_the_rule() -> Test {
    let world = World::start().await?;
    let root = world.root();
    for (change, name, part) in [
        (json!({ "PartitionKey": "" }), "ValidationException", "partitionKey"),
        (json!({ "PartitionKey": "x".repeat(257) }), "ValidationException", "256"),
        (json!({ "PartitionKey": null }), "ValidationException", "partitionKey"),
        (json!({ "PartitionKey": 7 }), "SerializationException", "string"),
        (json!({ "Data": null }), "ValidationException", "data"),
        (json!({ "Data": "?" }), "SerializationException", ""),
        (json!({ "ExplicitHashKey": "-1" }), "ValidationException", "explicitHashKey"),
        (json!({ "SequenceNumberForOrdering": "later" }), "ValidationException", "sequenceNumberForOrdering"),
        (json!({ "ExplicitHashKey": "340282366920938463463374607431768211456" }), "InvalidArgumentException", "2^128"),
        (json!({ "StreamName": "no such" }), "ValidationException", "streamName"),
        (json!({ "StreamName": "nowhere" }), "ResourceNotFoundException", "nowhere"),
        (json!({ "StreamName": null }), "InvalidArgumentException", "StreamName"),
        (
            json!({ "StreamARN": "arn:aws:kinesis:us-east-1:000000000000:stream/other" }),
            "InvalidArgumentException",
            "same",
        ),
        (
            json!({ "StreamARN": "arn:aws:kinesis:eu-west-1:000000000000:stream/danmu" }),
            "InvalidArgumentException",
            "region",
        ),
    ] {
        let mut body = record(3);
        if let (Some(body), Some(change)) = (body.as_object_mut(), change.as_object()) {
            body.extend(change.clone());
        }
        let answer = world.call(&root, "PutRecord", body).await?;
        assert_eq!(answer.error(), (400, name.to_owned()), "{change}: {}", answer.text());
        assert!(answer.message().contains(part), "{change}: {}", answer.message());
    }
    assert_eq!(world.call(&root, "PutRecord", record(0)).await?.status, 200, "an empty record is a record");

    let mut in_order = record(3);
    let put = world.call(&root, "PutRecord", in_order.clone()).await?.json()?;
    in_order["SequenceNumberForOrdering"] = put["SequenceNumber"].clone();
    assert_eq!(world.call(&root, "PutRecord", in_order.clone()).await?.status, 200);
    // As the real service writes it: the shard of 2026-01-01, the record of 2096.
    in_order["SequenceNumberForOrdering"] = json!("49670424472731169861061894383151348057803097580308004866");
    let future = world.call(&root, "PutRecord", in_order).await?;
    assert_eq!(future.error(), (400, "InvalidArgumentException".to_owned()), "{}", future.text());
    assert!(future.message().starts_with("ExclusiveMinimumSequenceNumber"), "{}", future.message());
    Ok(())
}

/// An answer with the moment at which it came.
type Timed = Result<(Instant, Answer), Failure>;

/// Asks the router itself for `count` reads of the same iterator at once.
fn reads_at_once(world: &World, iterator: &str, count: usize) -> Result<JoinSet<Timed>, Failure> {
    let ask = world.ask(&world.root()).kinesis("GetRecords", &json!({ "ShardIterator": iterator }));
    let mut reads = JoinSet::new();
    for _ in 0..count {
        let answer = begin_straight(world, &ask)?;
        reads.spawn(async move {
            let answer = Answer::of(answer.await?).await?;
            Ok((Instant::now(), answer))
        });
    }
    Ok(reads)
}

#[tokio::test]
async fn strict_refuses_what_is_over_five_reads_a_second_at_once() -> Test {
    let world = World::start_with(1, |options| options.strict_reads = true).await?;
    let iterator = world.iterator(&world.root(), SHARD, json!({ "ShardIteratorType": "TRIM_HORIZON" })).await?;
    pause();
    let started = Instant::now();
    let mut reads = reads_at_once(&world, &iterator, 20)?;
    let mut refused = 0;
    while let Some(read) = reads.join_next().await {
        let (at, answer) = read??;
        assert_eq!(at, started, "nobody waits");
        if answer.status != 200 {
            assert_eq!(answer.error(), (400, "ProvisionedThroughputExceededException".to_owned()));
            refused += 1;
        }
    }
    assert_eq!(refused, 15, "of 20");
    assert_eq!(world.endpoint.metrics().reads_delayed, 0);
    Ok(())
}

#[tokio::test]
async fn a_read_over_the_limit_waits_and_sees_what_came_meanwhile() -> Test {
    let world = World::start().await?;
    let root = world.root();
    let iterator = world.iterator(&root, SHARD, json!({ "ShardIteratorType": "TRIM_HORIZON" })).await?;
    let time = StillTime::begin();
    let mut reads = reads_at_once(&world, &iterator, 9)?;
    for _ in 0..5 {
        let (_, answer) = reads.join_next().await.ok_or("no read")???;
        assert_eq!((answer.status.as_u16(), answer.texts()?.len()), (200, 0));
    }
    // The other four came before the put and have not had their turn.
    assert_eq!(world.put(&root, "room", "fresh").await?.status, 200);
    for _ in 0..4 {
        assert!(reads.try_join_next().is_none(), "a read did not wait for its turn");
        time.pass(Duration::from_millis(201)).await;
        let (_, answer) = reads.join_next().await.ok_or("no read")???;
        assert_eq!(answer.texts()?, ["fresh"], "a waiting read looked at the log before its wait");
    }
    assert_eq!(world.endpoint.metrics().reads_delayed, 4);
    Ok(())
}

#[tokio::test]
async fn too_many_waiting_reads_are_refused_after_a_second() -> Test {
    let world = World::start().await?;
    let iterator = world.iterator(&world.root(), SHARD, json!({ "ShardIteratorType": "TRIM_HORIZON" })).await?;
    pause();
    let started = Instant::now();
    let mut reads = reads_at_once(&world, &iterator, 24)?;
    let mut refused = 0;
    while let Some(read) = reads.join_next().await {
        let (at, answer) = read??;
        if answer.status != 200 {
            assert_eq!(answer.error(), (400, "ProvisionedThroughputExceededException".to_owned()));
            let waited = (at - started).as_millis();
            assert!((1_000..=1_001).contains(&waited), "refused after {waited} ms");
            refused += 1;
        }
    }
    assert!((14..=15).contains(&refused), "5 at once and 4 or 5 within a second are served; {refused} were refused");
    assert_eq!(world.endpoint.metrics().reads_throttled, refused);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_past_retention_is_gone() -> Test {
    let world = World::start().await?;
    let root = world.root();
    world.put(&root, "room", "old").await?;
    world.clock.by_seconds(23 * 3600);
    world.put(&root, "room", "young").await?;
    world.clock.by_seconds(2 * 3600);
    let iterator = world.iterator(&root, SHARD, json!({ "ShardIteratorType": "TRIM_HORIZON" })).await?;
    assert_eq!(world.get(&root, &iterator).await?.texts()?, ["young"], "before the trim");
    assert_eq!(world.endpoint.trim().await?, 1);
    assert_eq!(world.get(&root, &iterator).await?.texts()?, ["young"], "after the trim");
    assert_eq!(world.endpoint.trim().await?, 0);
    Ok(())
}

#[tokio::test]
async fn slow_large_puts_take_their_own_room_and_nobody_elses() -> Test {
    let world = World::start_with(1, |options| options.session_bytes_per_s = u64::MAX).await?;
    let producer = world.producer().await?;
    let padded = |size: usize| {
        let mut body = record(3).to_string().into_bytes();
        body.resize(size, b' ');
        let mut ask = world.ask(&producer).kinesis_raw("PutRecord", body);
        (ask.addr, ask.host, ask.path) = (world.public, world.public.to_string(), "/aws/".to_owned());
        ask
    };
    let time = StillTime::begin();
    let mut slow = Vec::new();
    for _ in 0..64 * MIB / danmu_stream::MAX_BODY {
        slow.push(padded(danmu_stream::MAX_BODY).begin_and_be_read().await?);
    }
    let one_more = padded(danmu_stream::MAX_BODY);
    let waiting = begin_straight(&world, &one_more)?;
    let waiting = tokio::spawn(async move { Answer::of(waiting.await?).await });
    // A small one takes no time though a large one waits, and the other door has its own room.
    assert_eq!(padded(60_000).send().await?.status, 200);
    assert_eq!(world.call(&producer, "PutRecord", record(100_000)).await?.status, 200, "the other door has its own");
    time.pass(Duration::from_millis(999)).await;
    assert!(!waiting.is_finished(), "it waits for room");
    time.pass(Duration::from_millis(2)).await;
    let large = waiting.await??;
    assert_eq!(large.error(), (503, "ServiceUnavailable".to_owned()), "{}", large.text());
    assert!(large.message().contains("67108864 bytes"), "{}", large.message());

    drop(slow);
    let large = padded(danmu_stream::MAX_BODY).send().await?;
    assert_eq!(large.status, 200, "whoever goes away leaves the room: {}", large.text());
    Ok(())
}
