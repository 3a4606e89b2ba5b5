//! Streams as a whole: listed, deleted, scaled, kept for longer or for less.

use std::time::Duration;

use danmu_stream::Options;
use serde_json::{Value, json};

use crate::world::{ARN, Failure, Keys, STREAM, Test, World};

async fn summary(world: &World, keys: &Keys) -> Result<Value, Failure> {
    let answer = world.call(keys, "DescribeStreamSummary", json!({ "StreamARN": ARN })).await?;
    Ok(answer.json()?["StreamDescriptionSummary"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_listed_by_name_page_by_page() -> Test {
    let world = World::start().await?;
    let root = world.root();
    for name in ["zebra", "apple", "Apple", "b.c"] {
        world.endpoint.ensure_stream(name, 1).await?;
    }
    let names = ["Apple", "apple", "b.c", STREAM, "zebra"];
    let all = world.call(&root, "ListStreams", json!({})).await?.json()?;
    assert_eq!(all["StreamNames"], json!(names));
    assert_eq!((&all["HasMoreStreams"], &all["NextToken"]), (&json!(false), &Value::Null));
    let danmu = &all["StreamSummaries"][3];
    assert_eq!((&danmu["StreamName"], &danmu["StreamARN"]), (&json!(STREAM), &json!(ARN)));
    assert_eq!(danmu["StreamModeDetails"]["StreamMode"], json!("PROVISIONED"));
    assert_eq!(danmu["StreamCreationTimestamp"], summary(&world, &root).await?["StreamCreationTimestamp"]);

    let first = world.call(&root, "ListStreams", json!({ "Limit": 2 })).await?.json()?;
    assert_eq!((&first["StreamNames"], &first["HasMoreStreams"]), (&json!(names[..2]), &json!(true)));
    for next in [json!({ "NextToken": first["NextToken"] }), json!({ "ExclusiveStartStreamName": "apple" })] {
        let rest = world.call(&root, "ListStreams", next).await?.json()?;
        assert_eq!((&rest["StreamNames"], &rest["HasMoreStreams"]), (&json!(names[2..]), &json!(false)));
    }
    for (body, name) in [
        (json!({ "Limit": 0 }), "ValidationException"),
        (json!({ "Limit": 10_001 }), "ValidationException"),
        (json!({ "NextToken": "AAAA" }), "InvalidArgumentException"),
        (json!({ "NextToken": first["NextToken"], "ExclusiveStartStreamName": "a" }), "InvalidArgumentException"),
    ] {
        assert_eq!(world.call(&root, "ListStreams", body).await?.error(), (400, name.to_owned()));
    }
    world.clock.by_seconds(301);
    let late = world.call(&root, "ListStreams", json!({ "NextToken": first["NextToken"] })).await?;
    assert_eq!(late.error(), (400, "ExpiredNextTokenException".to_owned()));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_deleted_with_its_consumers_only_when_that_is_said() -> Test {
    let world = World::start().await?;
    let root = world.root();
    world.put(&root, "room", "soon gone").await?;
    let iterator =
        world.iterator(&root, "shardId-000000000000", json!({ "ShardIteratorType": "TRIM_HORIZON" })).await?;
    let register = json!({ "StreamARN": ARN, "ConsumerName": "wall" });
    assert_eq!(world.call(&root, "RegisterStreamConsumer", register).await?.status, 200);
    for body in [json!({ "StreamName": STREAM }), json!({ "StreamARN": ARN, "EnforceConsumerDeletion": false })] {
        let answer = world.call(&root, "DeleteStream", body).await?;
        assert_eq!(answer.error(), (400, "ResourceInUseException".to_owned()), "{}", answer.text());
    }
    let deleted =
        world.call(&root, "DeleteStream", json!({ "StreamARN": ARN, "EnforceConsumerDeletion": true })).await?;
    assert_eq!((deleted.status.as_u16(), deleted.text()), (200, String::new()));
    let missing = (400, "ResourceNotFoundException".to_owned());
    assert_eq!(world.put(&root, "room", "late").await?.error(), missing);
    assert_eq!(world.get(&root, &iterator).await?.error(), missing);
    assert_eq!(world.call(&root, "DeleteStream", json!({ "StreamName": STREAM })).await?.error(), missing);
    assert_eq!(world.call(&root, "ListStreams", json!({})).await?.json()?["StreamNames"], json!([]));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_scaled_to_twice_and_to_half_at_most() -> Test {
    let world = World::start_with(2, |_| {}).await?;
    let root = world.root();
    let scale = |to: i64| {
        let body = json!({ "StreamName": STREAM, "TargetShardCount": to, "ScalingType": "UNIFORM_SCALING" });
        world.call(&root, "UpdateShardCount", body)
    };
    for (to, name) in [
        (5, "InvalidArgumentException"),
        (0, "ValidationException"),
        (-1, "ValidationException"),
        (i64::MAX, "InvalidArgumentException"),
    ] {
        let answer = scale(to).await?;
        assert_eq!(answer.error(), (400, name.to_owned()), "{to}: {}", answer.text());
    }
    let up = scale(4).await?;
    let expected = json!({ "StreamName": STREAM, "StreamARN": ARN, "CurrentShardCount": 2, "TargetShardCount": 4 });
    assert_eq!(up.json()?, expected);
    assert_eq!(summary(&world, &root).await?["OpenShardCount"], json!(4));
    assert_eq!(scale(1).await?.error().1, "InvalidArgumentException");
    assert_eq!(scale(2).await?.json()?["CurrentShardCount"], json!(4));
    assert_eq!(summary(&world, &root).await?["OpenShardCount"], json!(2));

    for body in [
        json!({ "StreamName": STREAM, "TargetShardCount": 4 }),
        json!({ "StreamName": STREAM, "ScalingType": "UNIFORM_SCALING" }),
        json!({ "StreamName": STREAM, "TargetShardCount": 4, "ScalingType": "RANDOM" }),
    ] {
        let answer = world.call(&root, "UpdateShardCount", body).await?;
        assert_eq!(answer.error(), (400, "ValidationException".to_owned()), "{}", answer.text());
    }
    Ok(())
}

#[tokio::test]
async fn a_strict_endpoint_scales_a_stream_ten_times_a_day() -> Test {
    let world = World::start_with(1, |options: &mut Options| options.strict_reads = true).await?;
    tokio::time::pause();
    let root = world.root();
    let scale = |to: u32| {
        let body = json!({ "StreamName": STREAM, "TargetShardCount": to, "ScalingType": "UNIFORM_SCALING" });
        world.call(&root, "UpdateShardCount", body)
    };
    for turn in 0..10 {
        let answer = scale(if turn % 2 == 0 { 2 } else { 1 }).await?;
        assert_eq!(answer.status, 200, "{turn}: {}", answer.text());
    }
    // A second's worth of calls have been made, too: that is another limit.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(scale(2).await?.error(), (400, "LimitExceededException".to_owned()));
    world.clock.by_seconds(86_401);
    assert_eq!(scale(2).await?.status, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn retention_goes_the_way_that_is_asked_for() -> Test {
    let world = World::start().await?;
    let root = world.root();
    let change = |direction: &str, hours: i64| {
        let operation = format!("{direction}StreamRetentionPeriod");
        let (world, root) = (&world, &root);
        async move { world.call(root, &operation, json!({ "StreamARN": ARN, "RetentionPeriodHours": hours })).await }
    };
    for (direction, hours, after) in [
        ("Increase", 23, None),
        ("Increase", 8761, None),
        ("Increase", i64::MAX, None),
        ("Increase", 8760, Some(8760)),
        ("Increase", 100, None),
        ("Decrease", 100, Some(100)),
        ("Decrease", 101, None),
        ("Decrease", 23, None),
        ("Decrease", 24, Some(24)),
    ] {
        let answer = change(direction, hours).await?;
        match after {
            Some(after) => {
                assert_eq!((answer.status.as_u16(), answer.text()), (200, String::new()));
                assert_eq!(summary(&world, &root).await?["RetentionPeriodHours"], json!(after));
            }
            None => assert_eq!(
                answer.error(),
                (400, "InvalidArgumentException".to_owned()),
                "{direction} to {hours}: {}",
                answer.text()
            ),
        }
    }
    let missing = world.call(&root, "IncreaseStreamRetentionPeriod", json!({ "StreamName": STREAM })).await?;
    assert_eq!(missing.error(), (400, "ValidationException".to_owned()));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_control_plane_is_for_the_root_key_alone() -> Test {
    let world = World::start().await?;
    let session = world.session(None).await?;
    let denied = (400, "AccessDeniedException".to_owned());
    for operation in [
        "ListStreams",
        "DeleteStream",
        "UpdateShardCount",
        "IncreaseStreamRetentionPeriod",
        "DecreaseStreamRetentionPeriod",
        "CreateStream",
        "DescribeStream",
        "DescribeStreamSummary",
        "DescribeLimits",
        "AddTagsToStream",
        "RemoveTagsFromStream",
        "ListTagsForStream",
        "TagResource",
        "UntagResource",
        "ListTagsForResource",
    ] {
        // The stream exists or not: that is not told.
        for name in [STREAM, "nowhere"] {
            let body = json!({ "StreamName": name, "ShardCount": 1 });
            assert_eq!(world.call(&session, operation, body.clone()).await?.error(), denied, "{operation}");
            assert_eq!(world.call_public(&session, operation, body).await?.error(), denied, "{operation}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_arn_of_elsewhere_is_refused_as_the_service_does() -> Test {
    let world = World::start().await?;
    let root = world.root();
    for (arn, name) in [
        ("arn:aws:kinesis:us-east-1:111111111111:stream/danmu", "AccessDeniedException"),
        ("arn:aws:kinesis:us-east-2:000000000000:stream/danmu", "InvalidArgumentException"),
        ("arn:aws-cn:kinesis:us-east-1:000000000000:stream/danmu", "InvalidArgumentException"),
        ("arn:aws:kinesis:us-east-1:000000000000:stream/nowhere", "ResourceNotFoundException"),
        ("danmu", "ValidationException"),
        ("arn:aws:kinesis:us-east-1:1:stream/danmu", "ValidationException"),
    ] {
        for operation in ["DescribeStreamSummary", "ListShards"] {
            let answer = world.call(&root, operation, json!({ "StreamARN": arn })).await?;
            assert_eq!(answer.error(), (400, name.to_owned()), "{operation} {arn}: {}", answer.text());
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_partition_has_its_own_arns() -> Test {
    for (region, partition) in [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"), ("eu-west-1", "aws")] {
        let world = World::start_with(1, |options: &mut Options| options.region = region.to_owned()).await?;
        let arn = format!("arn:{partition}:kinesis:{region}:000000000000:stream/{STREAM}");
        for (operation, body) in [
            ("RegisterStreamConsumer", json!({ "StreamARN": arn, "ConsumerName": "wall" })),
            ("DescribeStreamSummary", json!({ "StreamARN": arn, "StreamName": STREAM })),
        ] {
            let mut ask = world.ask(&world.root()).kinesis(operation, &body);
            ask.region = region.to_owned();
            let answer = ask.send().await?;
            assert_eq!(answer.status, 200, "{region}: {}", answer.text());
            assert!(answer.text().contains(&arn), "{}", answer.text());
        }
    }
    Ok(())
}
