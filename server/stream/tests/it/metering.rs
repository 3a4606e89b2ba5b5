//! What one session may put, and how much of the endpoint's memory it may take.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use futures::future::try_join_all;
use serde_json::{Value, json};

use crate::{
    still::StillTime,
    world::{Failure, Keys, STREAM, Test, World},
};

/// Puts so many records at once; how many were taken.
async fn put_many(world: &World, keys: &Keys, count: usize, size: usize) -> Result<usize, Failure> {
    let entry = json!({ "PartitionKey": "elsewhere", "Data": STANDARD.encode(vec![b'x'; size]) });
    let answer = world.call(keys, "PutRecords", json!({ "StreamName": STREAM, "Records": vec![entry; count] })).await?;
    let answer = answer.json()?;
    let records = answer["Records"].as_array().ok_or_else(|| answer.to_string())?;
    let refused: Vec<&Value> = records.iter().filter(|record| record["ErrorCode"].is_string()).collect();
    assert_eq!(answer["FailedRecordCount"], refused.len());
    for record in &refused {
        assert_eq!(record["ErrorCode"], "ProvisionedThroughputExceededException");
        let message = record["ErrorMessage"].as_str().unwrap_or_default();
        assert!(
            message.starts_with("Rate exceeded for this session: it may put 20 records and 65536 bytes"),
            "{message}"
        );
    }
    Ok(records.len() - refused.len())
}

#[tokio::test]
async fn one_session_cannot_fill_a_shard_with_junk() -> Test {
    let world = World::start().await?;
    let (junk, other) = (world.session_of("junk", None).await?, world.session_of("other", None).await?);
    // Far more than a shard takes in a second, all at once.
    let time = StillTime::begin();
    let mut taken = 0;
    for _ in 0..4 {
        taken += put_many(&world, &junk, 500, 10).await?;
    }
    assert_eq!(taken, 100, "of 2000");
    let refused = world.put(&junk, "room", "one more").await?;
    assert_eq!(refused.error(), (400, "ProvisionedThroughputExceededException".to_owned()));
    assert!(refused.message().contains("for this session"), "{}", refused.message());

    assert_eq!(world.put(&other, "room", "hi").await?.status, 200, "the shard is there for others");
    assert_eq!(put_many(&world, &world.root(), 500, 10).await?, 500, "the root key is not metered");
    let metrics = world.endpoint.metrics();
    assert_eq!((metrics.records_metered, metrics.records_throttled), (1_901, 0));
    time.pass(Duration::from_secs(1)).await;
    assert_eq!(put_many(&world, &junk, 500, 10).await?, 20, "what a second gives");
    Ok(())
}

#[tokio::test]
async fn many_sessions_of_one_viewer_are_one_and_bytes_count_too() -> Test {
    let world = World::start().await?;
    let (first, second) = (world.session_of("ann", None).await?, world.session_of("ann", None).await?);
    let nameless = world.session(None).await?;
    let _time = StillTime::begin();
    assert_eq!(put_many(&world, &first, 60, 6_000).await?, 54, "of 6 kB, of 320 KiB");
    assert_eq!(put_many(&world, &second, 10, 6_000).await?, 0, "their sessions share one allowance");
    assert_eq!(put_many(&world, &nameless, 10, 6_000).await?, 10, "and nobody else's");
    Ok(())
}

#[tokio::test]
async fn one_session_holds_no_more_of_the_memory_than_one_body_of_what_it_may_put() -> Test {
    let world = World::start().await?;
    let (ann, bob) = (world.session_of("ann", None).await?, world.session_of("bob", None).await?);
    let put = |keys: &Keys, size: usize| {
        let data = STANDARD.encode(vec![b'x'; size]);
        world.ask(keys).kinesis("PutRecord", &json!({ "StreamName": STREAM, "PartitionKey": "k", "Data": data }))
    };
    let too_large = put(&ann, 900_000).send().await?;
    assert_eq!(too_large.error(), (413, "RequestEntityTooLargeException".to_owned()), "{}", too_large.text());
    // Begun and not ended: it is held until its end comes.
    let _begun = put(&ann, 200_000).begin_and_be_read().await?;
    let second = put(&ann, 200_000).send().await?;
    assert_eq!(second.error(), (400, "ProvisionedThroughputExceededException".to_owned()));
    assert_eq!(world.put(&ann, "room", "small ones never wait").await?.status, 200);
    let others = try_join_all([put(&bob, 200_000).send(), put(&world.root(), 800_000).send()]).await?;
    assert!(others.iter().all(|answer| answer.status == 200), "{others:?}");
    Ok(())
}
