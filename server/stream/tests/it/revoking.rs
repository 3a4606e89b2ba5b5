//! Sessions that are denied before they expire.

use aws_sdk_kinesis::error::ProvideErrorMetadata;
use base64::{Engine, engine::general_purpose::STANDARD};
use danmu_stream::{Clock, RevokeError};
use futures::future::try_join_all;
use serde_json::json;

use crate::world::{ARN, Failure, Keys, STREAM, Test, World, element};

const HALF_A_DAY_S: i64 = 43_200;

fn denied() -> (u16, String) {
    (400, "AccessDeniedException".to_owned())
}

async fn puts(world: &World, keys: &Keys) -> Result<u16, Failure> {
    Ok(world.put(keys, "room", "hi").await?.status.as_u16())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_viewer_may_do_nothing_from_the_next_request_on_and_a_hundred_others_go_on() -> Test {
    let world = World::start().await?;
    let (first, second) = (world.session_of("banned", None).await?, world.session_of("banned", None).await?);
    let others: Vec<_> = (0..100).map(|n| format!("viewer-{n}")).collect();
    let others = try_join_all(others.iter().map(|name| world.session_of(name, None))).await?;
    assert_eq!((puts(&world, &first).await?, puts(&world, &second).await?), (200, 200));

    world.endpoint.deny_source("banned").await?;
    for keys in [&first, &second] {
        let put = world.put(keys, "room", "hi").await?;
        assert_eq!(put.error(), denied());
        assert_eq!(
            put.message(),
            format!(
                "User: arn:aws:sts::000000000000:assumed-role/viewer/viewer-1 is not authorized to perform: \
                 kinesis:PutRecord on resource: {ARN} with an explicit deny in an identity-based policy"
            )
        );
        let public = json!({ "StreamName": STREAM, "PartitionKey": "room", "Data": "aGk=" });
        assert_eq!(world.call_public(keys, "PutRecord", public).await?.error(), denied());
        assert_eq!(world.call(keys, "ListShards", json!({ "StreamName": STREAM })).await?.error(), denied());
        // Who one is may always be asked, as on AWS.
        world.sts(keys).get_caller_identity().send().await?;
    }
    let statuses = try_join_all(others.iter().map(|keys| puts(&world, keys))).await?;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    assert_eq!(world.endpoint.metrics().denied, 8);

    let refused = world.session_of("banned", None).await.err().ok_or("a denied identity got a session")?.to_string();
    assert_eq!(element(&refused, "Code")?, "AccessDenied");
    assert!(element(&refused, "Message")?.contains("explicit deny"), "{refused}");
    assert!(world.endpoint.allow_source("banned").await? && !world.endpoint.allow_source("banned").await?);
    assert_eq!(puts(&world, &first).await?, 200, "what had not expired is good again");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_session_is_denied_by_its_key_and_not_the_others_of_its_identity() -> Test {
    let world = World::start().await?;
    let (gone, kept) = (world.session_of("ann", None).await?, world.session_of("ann", None).await?);
    world.endpoint.deny_key(&gone.id).await?;
    assert_eq!((puts(&world, &gone).await?, puts(&world, &kept).await?), (400, 200));
    assert!(world.endpoint.allow_key(&gone.id).await?);
    assert_eq!(puts(&world, &gone).await?, 200);
    for (what, refused) in [
        ("key", world.endpoint.deny_key("AKIAAAAAAAAAAAAAAAAA").await),
        ("source", world.endpoint.deny_source("a b").await),
        ("source", world.endpoint.deny_source("").await),
    ] {
        assert!(matches!(refused, Err(RevokeError::Invalid { .. })), "{what}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_identity_of_256_characters_is_taken_and_denied_also_after_a_restart() -> Test {
    let world = World::start().await?;
    let long = "x".repeat(256);
    let session = world.session_of(&long, None).await?;
    assert_eq!(puts(&world, &session).await?, 200);
    world.endpoint.deny_source(&long).await?;
    let world = world.restart().await?;
    assert_eq!(puts(&world, &session).await?, 400);
    assert!(world.endpoint.deny_source(&"x".repeat(257)).await.is_err());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_session_older_than_a_time_is_revoked_and_new_ones_are_good() -> Test {
    let world = World::start().await?;
    let (named, nameless) = (world.session_of("ann", None).await?, world.session(None).await?);
    world.clock.by_seconds(60);
    let young = world.session(None).await?;
    world.endpoint.revoke_older_than(world.clock.now_ms() - 30_000).await?;
    let statuses = [puts(&world, &named).await?, puts(&world, &nameless).await?, puts(&world, &young).await?];
    assert_eq!(statuses, [400, 400, 200]);
    assert_eq!(world.put(&world.root(), "room", "hi").await?.status, 200);

    // A time to come would be a lock on the door: it means now.
    world.endpoint.revoke_older_than(i64::MAX).await?;
    world.clock.by_seconds(1);
    assert_eq!(puts(&world, &young).await?, 400);
    assert_eq!(puts(&world, &world.session(None).await?).await?, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn denials_outlive_a_restart_and_go_with_the_sessions_that_they_concern() -> Test {
    let world = World::start().await?;
    let (ann, bob, cleo) =
        (world.session_of("ann", None).await?, world.session(None).await?, world.session_of("cleo", None).await?);
    world.endpoint.deny_source("ann").await?;
    world.endpoint.deny_key(&bob.id).await?;
    let world = world.restart().await?;
    let statuses = [puts(&world, &ann).await?, puts(&world, &bob).await?, puts(&world, &cleo).await?];
    assert_eq!(statuses, [400, 400, 200]);
    world.endpoint.revoke_older_than(world.clock.now_ms()).await?;
    let world = world.restart().await?;
    assert_eq!(puts(&world, &cleo).await?, 400);

    let kept = world.endpoint.denied();
    assert_eq!(kept.sources.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["ann"]);
    assert_eq!((kept.keys.len(), kept.older_than_ms.is_some(), world.endpoint.metrics().denials), (1, true, 3));
    world.clock.by_seconds(HALF_A_DAY_S + 1);
    world.endpoint.trim().await?;
    assert_eq!(world.endpoint.denied(), danmu_stream::Denied::default());
    let world = world.restart().await?;
    assert_eq!(world.endpoint.metrics().denials, 0);
    world.session_of("ann", None).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_denied_and_allowed_at_once_is_the_same_after_a_restart() -> Test {
    let world = World::start().await?;
    for round in 0..20 {
        let names: Vec<_> = (0..50).map(|n| format!("viewer-{round}-{n}")).collect();
        let denied = names.iter().map(|name| world.endpoint.deny_source(name));
        let allowed = names.iter().map(|name| world.endpoint.allow_source(name));
        let (denied, allowed) = tokio::join!(try_join_all(denied), try_join_all(allowed));
        denied?;
        allowed?;
    }
    let before = world.endpoint.denied();
    let world = world.restart().await?;
    assert_eq!(world.endpoint.denied(), before);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_under_way_ends_when_its_session_is_denied() -> Test {
    let world = World::start().await?;
    let root = world.kinesis(&world.root());
    let consumer = root.register_stream_consumer().stream_arn(ARN).consumer_name("wall").send().await?;
    let arn = consumer.consumer.ok_or("no consumer")?.consumer_arn;
    let reader = world.kinesis(&world.session_of("ann", None).await?);
    let start = aws_sdk_kinesis::types::StartingPosition::builder()
        .r#type(aws_sdk_kinesis::types::ShardIteratorType::Latest)
        .build()?;
    let subscribed = reader.subscribe_to_shard().consumer_arn(&arn).shard_id("shardId-000000000000");
    let mut events = subscribed.starting_position(start.clone()).send().await?.event_stream;
    events.recv().await?.ok_or("no first event")?;
    world.endpoint.deny_source("ann").await?;
    world.put(&world.root(), "room", "unseen").await?;
    while let Some(event) = events.recv().await? {
        let aws_sdk_kinesis::types::SubscribeToShardEventStream::SubscribeToShardEvent(event) = event else { continue };
        assert!(event.records.is_empty(), "it was pushed a record after it was denied");
    }
    let again = reader.subscribe_to_shard().consumer_arn(&arn).shard_id("shardId-000000000000");
    let refused = again.starting_position(start).send().await.err().ok_or("it may go on")?;
    assert_eq!(refused.code(), Some("AccessDeniedException"));
    Ok(())
}

#[tokio::test]
async fn a_denied_session_gets_no_room_for_a_large_body() -> Test {
    let world = World::start().await?;
    let keys = world.session_of("ann", None).await?;
    world.endpoint.deny_source("ann").await?;
    let large = STANDARD.encode(vec![b'x'; 200_000]);
    let ask =
        world.ask(&keys).kinesis("PutRecord", &json!({ "StreamName": STREAM, "PartitionKey": "k", "Data": large }));
    // Refused by its head: the body never ends, and is waited for, for a while in which nothing else happens.
    tokio::time::pause();
    let answer = ask.send_without_end().await?;
    assert!(answer.contains("AccessDeniedException") && answer.contains("explicit deny"), "{answer}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_identity_stays_with_the_sessions_that_a_session_asks_for() -> Test {
    let world = World::start_with(1, |options| options.sessions_may_control = true).await?;
    let policy = |actions: &[&str]| {
        json!({ "Version": "2012-10-17", "Statement": { "Effect": "Allow", "Action": actions, "Resource": "*" } })
            .to_string()
    };
    let may_ask = policy(&["sts:AssumeRole", "kinesis:*"]);
    let ann = world.session_of("ann", Some(&may_ask)).await?;
    let refused = |result: Result<Keys, Failure>| result.err().map(|error| error.to_string()).unwrap_or_default();
    let other = refused(world.session_by(&ann, "bob", None).await);
    assert!(other.contains("sts:SetSourceIdentity"), "{other}");
    let may_set = world.session_of("ann", Some(&policy(&["sts:*"]))).await?;
    let other = refused(world.session_by(&may_set, "bob", None).await);
    assert!(other.contains("cannot be changed"), "{other}");
    let chained = world.session_by(&ann, "", None).await?;
    assert_eq!(puts(&world, &chained).await?, 200);
    world.endpoint.deny_source("ann").await?;
    assert_eq!(puts(&world, &chained).await?, 400);
    Ok(())
}
