//! How subscriptions end, and what they cost meanwhile: looked at below the connection, where a frame is made when it is
//! asked for, and where minutes pass at once.

use axum::body::Body;
use http_body_util::BodyExt;
use serde_json::json;
use tokio::time::{Duration, Instant, advance, pause, resume};

use crate::{
    events::{Frames, register, straight, subscription},
    still::StillTime,
    world::{Failure, Keys, STREAM, Test, World},
};

const SHARD: &str = "shardId-000000000000";

async fn latest(world: &World, keys: &Keys, consumer: &str) -> Result<Frames, Failure> {
    let ask = subscription(world, keys, consumer, SHARD, json!({ "Type": "LATEST" }));
    let mut frames = Frames::of(straight(world, &ask).await?).await?;
    assert!(frames.next().await?.ok_or("it ended")?.texts()?.is_empty());
    Ok(frames)
}

/// Puts as many records as that, at the pace of a shard.
async fn put_each_second(world: &World, text: &str, count: usize) -> Test {
    let time = StillTime::begin();
    for _ in 0..count {
        let answer = world.put(&world.root(), "room", text).await?;
        assert_eq!(answer.status, 200, "{}", answer.text());
        time.pass(Duration::from_secs(1)).await;
    }
    resume();
    Ok(())
}

async fn assert_fails(mut frames: Frames, name: &str) -> Test {
    let last = frames.next().await?.ok_or("it ended without a word")?;
    assert_eq!((last.kind.as_str(), last.name.as_str()), ("exception", name), "{}", last.json);
    assert!(last.json["message"].as_str().is_some_and(|message| !message.is_empty()));
    assert!(frames.next().await?.is_none(), "nothing comes after an exception");
    Ok(())
}

#[tokio::test]
async fn a_subscription_ends_after_five_minutes_in_which_it_is_never_silent() -> Test {
    let world = World::start().await?;
    let consumer = register(&world, "screen").await?;
    let mut frames = latest(&world, &world.root(), &consumer).await?;
    pause();
    let since = Instant::now();
    let (mut beats, mut last) = (0, since);
    while let Some(frame) = frames.next().await? {
        assert!(frame.texts()?.is_empty() && frame.continuation().len() == 56, "{frame:?}");
        assert!(last.elapsed() < Duration::from_millis(5100));
        (beats, last) = (beats + 1, Instant::now());
    }
    assert!((58..=60).contains(&beats), "{beats} events");
    let life = since.elapsed();
    assert!(life > Duration::from_secs(295) && life < Duration::from_secs(301), "{life:?}");
    assert_eq!(world.endpoint.metrics().subscriptions_active, 0);
    // And is renewed by whoever asks.
    latest(&world, &world.root(), &consumer).await?;
    Ok(())
}

#[tokio::test]
async fn a_later_subscription_takes_over_and_the_earlier_is_told() -> Test {
    let world = World::start().await?;
    let (root, consumer) = (world.root(), register(&world, "screen").await?);
    let first = latest(&world, &root, &consumer).await?;
    let again = subscription(&world, &root, &consumer, SHARD, json!({ "Type": "LATEST" })).send().await?;
    assert_eq!(again.error(), (400, "ResourceInUseException".to_owned()));
    pause();
    advance(Duration::from_secs(5)).await;
    let mut second = latest(&world, &root, &consumer).await?;
    resume();
    assert_fails(first, "ResourceInUseException").await?;
    world.put(&root, "room", "fresh").await?;
    assert_eq!(second.records(1).await?.0, ["fresh"]);
    assert_eq!(world.endpoint.metrics().subscriptions_active, 1);
    Ok(())
}

#[tokio::test]
async fn a_stream_that_is_deleted_takes_its_subscriptions_along() -> Test {
    let world = World::start().await?;
    let (root, consumer) = (world.root(), register(&world, "screen").await?);
    let frames = latest(&world, &root, &consumer).await?;
    let body = json!({ "StreamName": STREAM, "EnforceConsumerDeletion": true });
    let answer = world.call(&root, "DeleteStream", body).await?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_fails(frames, "ResourceNotFoundException").await
}

#[tokio::test]
async fn a_consumer_that_is_deregistered_is_pushed_nothing_more() -> Test {
    let world = World::start().await?;
    let (root, consumer) = (world.root(), register(&world, "screen").await?);
    let other = register(&world, "other").await?;
    let frames = latest(&world, &root, &consumer).await?;
    let mut kept = latest(&world, &root, &other).await?;
    let answer = world.call(&root, "DeregisterStreamConsumer", json!({ "ConsumerARN": consumer })).await?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    world.put(&root, "room", "fresh").await?;
    assert_fails(frames, "ResourceNotFoundException").await?;
    assert_eq!(kept.records(1).await?.0, ["fresh"]);
    Ok(())
}

#[tokio::test]
async fn a_session_that_expired_is_pushed_nothing_more() -> Test {
    let world = World::start().await?;
    let (root, consumer) = (world.root(), register(&world, "screen").await?);
    let session = world.session(None).await?;
    let mut frames = latest(&world, &session, &consumer).await?;
    world.put(&root, "room", "in time").await?;
    assert_eq!(frames.records(1).await?.0, ["in time"]);
    world.clock.by_seconds(901);
    world.put(&root, "room", "too late").await?;
    assert!(frames.next().await?.is_none());
    Ok(())
}

#[tokio::test]
async fn an_endpoint_that_closes_or_lets_go_ends_subscriptions_and_begins_none() -> Test {
    let world = World::start().await?;
    let (root, consumer) = (world.root(), register(&world, "screen").await?);
    let other = register(&world, "other").await?;
    let mut frames = latest(&world, &root, &consumer).await?;
    world.endpoint.end_subscriptions();
    assert!(frames.next().await?.is_none());
    let refused = subscription(&world, &root, &other, SHARD, json!({ "Type": "LATEST" })).send().await?;
    assert_eq!(refused.error(), (503, "ServiceUnavailable".to_owned()));
    assert_eq!(world.put(&root, "room", "still").await?.status, 200, "puts go on");
    Ok(())
}

#[tokio::test]
async fn a_subscription_does_not_keep_the_data_directory() -> Test {
    let world = World::start().await?;
    let consumer = register(&world, "screen").await?;
    let mut frames = latest(&world, &world.root(), &consumer).await?;
    let world = world.restart().await?;
    assert!(frames.next().await?.is_none());
    latest(&world, &world.root(), &consumer).await?;
    Ok(())
}

#[tokio::test]
async fn an_event_is_made_when_the_client_has_room_for_it_and_not_before() -> Test {
    let world = World::start().await?;
    let (root, consumer) = (world.root(), register(&world, "screen").await?);
    put_each_second(&world, &"x".repeat(500_000), 4).await?;
    let ask = subscription(&world, &root, &consumer, SHARD, json!({ "Type": "TRIM_HORIZON" }));
    let mut body: Body = straight(&world, &ask).await?.into_body();
    body.frame().await.ok_or("no beginning")??;
    for pushed in [2, 4] {
        // Whatever works by itself has its turn while others are served.
        for _ in 0..3 {
            world.iterator(&root, SHARD, json!({ "ShardIteratorType": "LATEST" })).await?;
        }
        assert_eq!(world.endpoint.metrics().records_pushed, pushed - 2, "nothing is made ahead");
        let event = body.frame().await.ok_or("it ended")??.into_data().map_err(|_| "no data")?;
        assert!(event.len() < 1_500_000, "{} bytes", event.len());
        assert_eq!(world.endpoint.metrics().records_pushed, pushed);
    }
    Ok(())
}

#[tokio::test]
async fn what_a_consumer_is_pushed_is_two_megabytes_a_second() -> Test {
    let world = World::start().await?;
    let (root, consumer) = (world.root(), register(&world, "screen").await?);
    put_each_second(&world, &"x".repeat(900_000), 5).await?;
    let ask = subscription(&world, &root, &consumer, SHARD, json!({ "Type": "TRIM_HORIZON" }));
    let mut frames = Frames::of(straight(&world, &ask).await?).await?;
    pause();
    let since = Instant::now();
    frames.records(5).await?;
    // 2 MiB are saved up, and the last 0.9 MB are owed.
    let owed = (4.0 * 900_004.0 / (2.0 * 1024.0 * 1024.0)) - 1.0;
    assert!(since.elapsed().as_secs_f64() >= owed - 0.01, "{:?} instead of {owed} s", since.elapsed());
    Ok(())
}

#[tokio::test]
async fn what_is_past_retention_is_not_pushed() -> Test {
    let world = World::start().await?;
    let (root, consumer) = (world.root(), register(&world, "screen").await?);
    world.put(&root, "room", "old").await?;
    world.clock.by_seconds(25 * 3600);
    world.put(&root, "room", "young").await?;
    let ask = subscription(&world, &root, &consumer, SHARD, json!({ "Type": "TRIM_HORIZON" }));
    let mut frames = Frames::of(straight(&world, &ask).await?).await?;
    assert_eq!(frames.records(1).await?.0, ["young"]);
    Ok(())
}
