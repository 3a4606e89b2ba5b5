//! `SubscribeToShard`: what is pushed to whom, over HTTP/1.1 and HTTP/2.

use std::collections::BTreeSet;

use aws_sdk_kinesis::{
    Client,
    error::ProvideErrorMetadata,
    primitives::DateTime,
    types::{
        ShardIteratorType as Type, StartingPosition, SubscribeToShardEvent,
        SubscribeToShardEventStream::SubscribeToShardEvent as Pushed, builders::StartingPositionBuilder,
    },
};
use danmu_stream::Clock;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    events::{Frames, over_http2, register, straight, subscription},
    world::{Failure, PATIENCE, STREAM, Test, World},
};

const SHARD: &str = "shardId-000000000000";

fn at(kind: Type) -> StartingPositionBuilder {
    StartingPosition::builder().r#type(kind)
}

/// Subscribes with the AWS SDK and gives every event to `look` until that says that it has enough, or until the end.
async fn listen(
    kinesis: &Client,
    (consumer, shard): (&str, &str),
    start: StartingPositionBuilder,
    mut look: impl FnMut(&SubscribeToShardEvent) -> bool,
) -> Test {
    let call = kinesis.subscribe_to_shard().consumer_arn(consumer).shard_id(shard);
    let mut answer = call.starting_position(start.build()?).send().await?;
    while let Some(event) = timeout(PATIENCE, answer.event_stream.recv()).await?? {
        let Pushed(event) = event else { return Err(format!("{event:?}").into()) };
        if look(&event) {
            break;
        }
    }
    Ok(())
}

fn texts(event: &SubscribeToShardEvent) -> impl Iterator<Item = String> {
    event.records().iter().map(|record| String::from_utf8_lossy(record.data.as_ref()).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_starting_position_begins_where_it_says() -> Test {
    let world = World::start().await?;
    let (root, kinesis) = (world.root(), world.kinesis(&world.root()));
    let mut numbers = Vec::new();
    let mut times = Vec::new();
    for text in ["one", "two", "three"] {
        world.clock.by_seconds(1);
        times.push(world.clock.now_ms());
        let put = world.put(&root, "room", text).await?.json()?;
        numbers.push(put["SequenceNumber"].as_str().ok_or("no number")?.to_owned());
    }
    let starts = [
        (at(Type::TrimHorizon), 0),
        (at(Type::AtSequenceNumber).sequence_number(&numbers[1]), 1),
        (at(Type::AfterSequenceNumber).sequence_number(&numbers[1]), 2),
        (at(Type::AtTimestamp).timestamp(DateTime::from_millis(times[1])), 1),
        (at(Type::Latest), 3),
    ];
    for (number, (start, first)) in starts.into_iter().enumerate() {
        let consumer = register(&world, &format!("consumer-{number}")).await?;
        let (mut seen, mut is_late) = (Vec::new(), false);
        let call = kinesis.subscribe_to_shard().consumer_arn(&consumer).shard_id(SHARD);
        let mut answer = call.starting_position(start.clone().build()?).send().await?;
        while seen.last().is_none_or(|last| last != &format!("late-{number}")) {
            let event = timeout(PATIENCE, answer.event_stream.recv()).await??.ok_or("it ended")?;
            let Pushed(event) = event else { return Err(format!("{event:?}").into()) };
            assert_eq!(event.millis_behind_latest, 0);
            seen.extend(texts(&event));
            if !is_late {
                world.put(&root, "room", &format!("late-{number}")).await?;
                is_late = true;
            }
        }
        // The late ones of those before are among what comes, too; but never for the latest.
        let expected = ["one", "two", "three"].map(str::to_owned).into_iter();
        let expected = expected.chain((0..=number).map(|number| format!("late-{number}")));
        let skipped = if first == 3 { 3 + number } else { first };
        assert_eq!(seen, expected.skip(skipped).collect::<Vec<_>>(), "{start:?}");
    }
    let pushed = world.endpoint.metrics();
    assert_eq!((pushed.subscriptions, pushed.records_pushed), (5, 4 + 4 + 4 + 6 + 1));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_is_pushed_over_http2_in_order_and_can_be_gone_on_with() -> Test {
    let world = World::start().await?;
    let root = world.root();
    let consumer = register(&world, "screen").await?;
    let ask = subscription(&world, &root, &consumer, SHARD, json!({ "Type": "LATEST" }));
    let mut frames = Frames::of(over_http2(&ask).await?).await?;
    let begun = frames.next().await?.ok_or("it ended")?;
    assert!(begun.texts()?.is_empty(), "it says where it begins");
    for number in 0..20 {
        world.put(&root, "room", &number.to_string()).await?;
    }
    let (texts, continuation) = frames.records(20).await?;
    assert_eq!(texts, (0..20).map(|number| number.to_string()).collect::<Vec<_>>());
    drop(frames);
    world.put(&root, "room", "meanwhile").await?;
    for (number, (kind, from)) in
        [("AFTER", continuation.as_str()), ("AT", continuation.as_str()), ("AFTER", begun.continuation())]
            .into_iter()
            .enumerate()
    {
        let consumer = register(&world, &format!("again-{number}")).await?;
        let start = json!({ "Type": format!("{kind}_SEQUENCE_NUMBER"), "SequenceNumber": from });
        let ask = subscription(&world, &root, &consumer, SHARD, start);
        let (texts, _) = Frames::of(over_http2(&ask).await?).await?.records(1).await?;
        match kind {
            "AFTER" if from == continuation => assert_eq!(texts, ["meanwhile"]),
            // The last one may come again, and must not be missing behind it.
            "AT" => assert_eq!(texts.last().map(String::as_str), Some("meanwhile")),
            _ => assert_eq!(texts.len(), 21, "nothing is lost that came right after the beginning"),
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_split_and_a_merge_lose_nothing_for_whoever_follows_the_children() -> Test {
    let world = World::start().await?;
    let (root, kinesis) = (world.root(), world.kinesis(&world.root()));
    let consumer = register(&world, "archive").await?;
    let writing = async {
        for number in 0..60 {
            let answer = world.put(&root, &format!("room-{}", number % 7), &number.to_string()).await?;
            assert_eq!(answer.status, 200, "{}", answer.text());
            let reshard = match number {
                20 => Some((
                    "SplitShard",
                    json!({
                        "ShardToSplit": SHARD, "NewStartingHashKey": (1_u128 << 127).to_string(),
                    }),
                )),
                40 => Some((
                    "MergeShards",
                    json!({
                        "ShardToMerge": "shardId-000000000001", "AdjacentShardToMerge": "shardId-000000000002",
                    }),
                )),
                _ => None,
            };
            if let Some((operation, mut body)) = reshard {
                body["StreamName"] = Value::from(STREAM);
                let answer = world.call(&root, operation, body).await?;
                assert_eq!(answer.status, 200, "{}", answer.text());
            }
        }
        Ok::<(), Failure>(())
    };
    let mut seen = Vec::new();
    let reading = async {
        let mut ended = BTreeSet::new();
        let mut shards = vec![SHARD.to_owned()];
        while let Some(shard) = shards.pop() {
            let is_last = shard.ends_with('3');
            listen(&kinesis, (&consumer, &shard), at(Type::TrimHorizon), |event| {
                seen.extend(texts(event).map(|text| text.parse::<u32>().unwrap_or(u32::MAX)));
                // A child is begun when all its parents were read.
                for child in event.child_shards() {
                    assert!(event.continuation_sequence_number.is_empty(), "the shard has ended");
                    ended.insert(shard.clone());
                    if child.parent_shards().iter().all(|parent| ended.contains(parent)) {
                        shards.push(child.shard_id.clone());
                    }
                }
                is_last && seen.len() >= 60
            })
            .await?;
        }
        Ok::<(), Failure>(())
    };
    let (written, read) = tokio::join!(writing, reading);
    written?;
    read?;
    seen.sort_unstable();
    assert_eq!(seen, (0..60).collect::<Vec<_>>(), "each once");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_records_of_a_closed_shard_are_pushed_before_its_end() -> Test {
    let world = World::start().await?;
    let root = world.root();
    let put = world.put(&root, "room", "last").await?.json()?;
    let middle = (1_u128 << 127).to_string();
    let split = json!({ "StreamName": STREAM, "ShardToSplit": SHARD, "NewStartingHashKey": middle });
    assert_eq!(world.call(&root, "SplitShard", split).await?.status, 200);
    let number = put["SequenceNumber"].as_str().ok_or("no number")?;
    let again = json!({ "Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": number });
    for (name, start) in [("first", json!({ "Type": "TRIM_HORIZON" })), ("again", again)] {
        let consumer = register(&world, name).await?;
        let ask = subscription(&world, &root, &consumer, SHARD, start);
        let mut frames = Frames::of(straight(&world, &ask).await?).await?;
        if name == "first" {
            let records = frames.next().await?.ok_or("it ended")?;
            assert_eq!((records.texts()?, records.continuation()), (vec!["last".to_owned()], number), "{records:?}");
            assert_eq!(records.json["ChildShards"], Value::Null, "it goes on: {records:?}");
        }
        let end = frames.next().await?.ok_or("it ended without a word")?;
        assert_eq!((end.texts()?, end.continuation()), (Vec::new(), ""), "{end:?}");
        assert_eq!(end.json["ChildShards"].as_array().map(Vec::len), Some(2), "{end:?}");
        assert!(frames.next().await?.is_none(), "nothing comes after the end");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_subscribed_to_is_refused_by_name() -> Test {
    let world = World::start_with(2, |_| {}).await?;
    let (root, kinesis) = (world.root(), world.kinesis(&world.root()));
    let consumer = register(&world, "screen").await?;
    let elsewhere = world.put(&root, "room", "text").await?.json()?;
    let other = if elsewhere["ShardId"] == SHARD { "shardId-000000000001" } else { SHARD };
    let number = elsewhere["SequenceNumber"].as_str().ok_or("no number")?;
    let latest = || at(Type::Latest);
    let unregistered = format!("{consumer}1");
    let (foreign, unknown) = (consumer.replace("us-east-1", "us-east-2"), consumer.replace("screen", "nobody"));
    for (consumer, shard, start, name) in [
        (unregistered.as_str(), SHARD, latest(), "ResourceNotFoundException"),
        (foreign.as_str(), SHARD, latest(), "InvalidArgumentException"),
        (unknown.as_str(), SHARD, latest(), "ResourceNotFoundException"),
        (&consumer, "shardId-000000000007", latest(), "ResourceNotFoundException"),
        (&consumer, other, at(Type::AtSequenceNumber).sequence_number(number), "InvalidArgumentException"),
        (&consumer, SHARD, at(Type::AtSequenceNumber), "InvalidArgumentException"),
        (&consumer, SHARD, latest().sequence_number(number), "InvalidArgumentException"),
        (&consumer, SHARD, at(Type::AtSequenceNumber).sequence_number("x"), "ValidationException"),
        (&consumer, "?", latest(), "ValidationException"),
        (&consumer, SHARD, at(Type::AtTimestamp), "InvalidArgumentException"),
        (&consumer, SHARD, at(Type::from("EARLIEST")), "ValidationException"),
    ] {
        let call = kinesis.subscribe_to_shard().consumer_arn(consumer).shard_id(shard);
        let refused = call.starting_position(start.clone().build()?).send().await.err();
        assert_eq!(refused.as_ref().and_then(|error| error.code()), Some(name), "{consumer} {shard} {start:?}");
    }
    let missing = json!({ "ConsumerARN": consumer, "ShardId": SHARD });
    let answer = world.call(&root, "SubscribeToShard", missing).await?;
    assert_eq!(answer.error(), (400, "ValidationException".to_owned()));
    assert_eq!(world.endpoint.metrics().subscriptions, 0, "none of them keeps the place");
    listen(&kinesis, (&consumer, SHARD), latest(), |_| true).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_of_an_http2_request_is_the_one_that_was_signed() -> Test {
    let world = World::start().await?;
    let mut ask = world.ask(&world.root()).kinesis("DescribeStreamSummary", &json!({ "StreamName": STREAM }));
    assert_eq!(over_http2(&ask).await?.status(), 200);
    // Signed for another host than the one in `:authority`.
    ask.host = "elsewhere.example".to_owned();
    assert_eq!(over_http2(&ask).await?.headers()["x-amzn-errortype"], "InvalidSignatureException");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_subscribes_to_the_consumer_that_its_policy_names() -> Test {
    let world = World::start().await?;
    let (mine, other) = (register(&world, "mine").await?, register(&world, "other").await?);
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": "kinesis:SubscribeToShard", "Resource": mine }],
    });
    let session = world.session(Some(&policy.to_string())).await?;
    let latest = || json!({ "Type": "LATEST" });
    Frames::of(straight(&world, &subscription(&world, &session, &mine, SHARD, latest())).await?).await?;
    let refused = subscription(&world, &session, &other, SHARD, latest()).send().await?;
    assert_eq!(refused.error(), (400, "AccessDeniedException".to_owned()));
    assert!(refused.message().contains(&other), "{}", refused.message());
    Ok(())
}
