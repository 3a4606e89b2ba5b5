//! Tags of streams and of consumers.

use serde_json::{Value, json};

use crate::world::{ARN, Answer, Failure, STREAM, Test, World};

async fn tags_of(world: &World, arn: &str) -> Result<Value, Failure> {
    let answer = world.call(&world.root(), "ListTagsForResource", json!({ "ResourceARN": arn })).await?;
    Ok(answer.json()?["Tags"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_has_the_tags_that_it_was_given_after_a_restart_too() -> Test {
    let world = World::start().await?;
    let root = world.root();
    let call = async |operation: &str, body: Value| -> Result<Answer, Failure> {
        let mut body = body;
        body["StreamName"] = json!(STREAM);
        world.call(&root, operation, body).await
    };
    let none = call("ListTagsForStream", json!({})).await?.json()?;
    assert_eq!(none, json!({ "Tags": [], "HasMoreTags": false }));
    let tags = json!({ "Zb": "1", "_": "", "弹幕": "ü0 _./=+-@:%", "a": "old" });
    assert_eq!(call("AddTagsToStream", json!({ "Tags": tags })).await?.status, 200);
    assert_eq!(call("AddTagsToStream", json!({ "Tags": { "a": "new" } })).await?.text(), "");
    assert_eq!(call("RemoveTagsFromStream", json!({ "TagKeys": ["_", "never had"] })).await?.status, 200);
    let all = json!([
        { "Key": "Zb", "Value": "1" }, { "Key": "a", "Value": "new" }, { "Key": "弹幕", "Value": "ü0 _./=+-@:%" },
    ]);
    let listed = call("ListTagsForStream", json!({})).await?.json()?;
    assert_eq!(listed, json!({ "Tags": all, "HasMoreTags": false }));
    let page = call("ListTagsForStream", json!({ "ExclusiveStartTagKey": "Za", "Limit": 2 })).await?.json()?;
    assert_eq!((&page["Tags"], &page["HasMoreTags"]), (&json!([all[0], all[1]]), &json!(true)));

    let world = world.restart().await?;
    assert_eq!(tags_of(&world, ARN).await?, all);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_made_with_tags_has_them_and_loses_them_with_itself() -> Test {
    let world = World::start().await?;
    let root = world.root();
    let create = json!({ "StreamName": "tagged", "ShardCount": 1, "Tags": { "team": "live" } });
    assert_eq!(world.call(&root, "CreateStream", create.clone()).await?.status, 200);
    let arn = ARN.replace(STREAM, "tagged");
    let team = json!([{ "Key": "team", "Value": "live" }]);
    assert_eq!(tags_of(&world, &arn).await?, team);
    let register = json!({ "StreamARN": arn, "ConsumerName": "wall", "Tags": { "team": "live" } });
    let consumer = world.call(&root, "RegisterStreamConsumer", register).await?.json()?;
    let consumer = consumer["Consumer"]["ConsumerARN"].as_str().ok_or("no ARN")?;
    let more = json!({ "ResourceARN": consumer, "Tags": { "cost": "7" } });
    assert_eq!(world.call(&root, "TagResource", more).await?.status, 200);
    let less = json!({ "ResourceARN": consumer, "TagKeys": ["team"] });
    assert_eq!(world.call(&root, "UntagResource", less).await?.status, 200);
    assert_eq!(tags_of(&world, consumer).await?, json!([{ "Key": "cost", "Value": "7" }]));
    assert_eq!(tags_of(&world, &arn).await?, team, "the stream's are its own");

    world.call(&root, "DeleteStream", json!({ "StreamName": "tagged", "EnforceConsumerDeletion": true })).await?;
    let create = json!({ "StreamName": "tagged", "ShardCount": 1 });
    assert_eq!(world.call(&root, "CreateStream", create).await?.status, 200);
    assert_eq!(tags_of(&world, &arn).await?, json!([]));
    let gone = world.call(&root, "ListTagsForResource", json!({ "ResourceARN": consumer })).await?;
    assert_eq!(gone.error(), (400, "ResourceNotFoundException".to_owned()));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_beyond_their_limits_are_refused_with_the_rule_and_change_nothing() -> Test {
    let world = World::start().await?;
    let root = world.root();
    let many = |from: u32, count: u32| -> Value {
        Value::Object((from..from + count).map(|number| (number.to_string(), json!(""))).collect())
    };
    let long = |length: usize| "k".repeat(length);
    let stream = |more: Value| {
        let mut body = more;
        body["StreamName"] = json!(STREAM);
        body
    };
    assert_eq!(world.call(&root, "AddTagsToStream", stream(json!({ "Tags": many(0, 50) }))).await?.status, 200);
    let (validation, argument) = ("ValidationException", "InvalidArgumentException");
    for (operation, body, name, words) in [
        ("AddTagsToStream", stream(json!({})), validation, "Value null at 'tags'"),
        ("AddTagsToStream", stream(json!({ "Tags": {} })), validation, "Value '{}' at 'tags'"),
        ("AddTagsToStream", stream(json!({ "Tags": many(0, 201) })), validation, "less than or equal to 200"),
        ("AddTagsToStream", stream(json!({ "Tags": { long(129): "" } })), validation, "Map keys must satisfy"),
        ("AddTagsToStream", stream(json!({ "Tags": { "": "" } })), validation, "Map keys must satisfy"),
        ("AddTagsToStream", stream(json!({ "Tags": { "a": long(257) } })), validation, "Map value must satisfy"),
        ("AddTagsToStream", stream(json!({ "Tags": { "a;b": "" } })), argument, "invalid characters"),
        ("AddTagsToStream", stream(json!({ "Tags": { "a": "b\tc" } })), argument, "invalid characters"),
        ("AddTagsToStream", stream(json!({ "Tags": { "one more": "" } })), argument, "more than 50 tags"),
        ("RemoveTagsFromStream", stream(json!({ "TagKeys": [] })), validation, "Value '[]' at 'tagKeys'"),
        ("RemoveTagsFromStream", stream(json!({ "TagKeys": vec!["a"; 51] })), validation, "less than or equal to 50"),
        ("RemoveTagsFromStream", stream(json!({ "TagKeys": ["a,b"] })), argument, "invalid characters"),
        ("ListTagsForStream", stream(json!({ "Limit": 51 })), validation, "'limit'"),
        ("ListTagsForStream", stream(json!({ "ExclusiveStartTagKey": "" })), validation, "'exclusiveStartTagKey'"),
        ("TagResource", json!({ "Tags": { "a": "" } }), validation, "Value null at 'resourceARN'"),
        ("TagResource", json!({ "ResourceARN": "danmu", "Tags": { "a": "" } }), validation, "'resourceARN'"),
        (
            "ListTagsForResource",
            json!({ "ResourceARN": ARN.replace(STREAM, "nowhere") }),
            "ResourceNotFoundException",
            "nowhere",
        ),
        (
            "CreateStream",
            json!({ "StreamName": "b", "ShardCount": 1, "Tags": many(0, 51) }),
            argument,
            "more than 50 tags",
        ),
    ] {
        // These count over the account, five a second.
        let answer = world.call(&root, operation, body.clone()).await?;
        assert_eq!(answer.error(), (400, name.to_owned()), "{operation} {body}: {}", answer.text());
        assert!(answer.message().contains(words), "{operation}: {}", answer.message());
    }
    assert_eq!(tags_of(&world, ARN).await?.as_array().map(Vec::len), Some(50), "one more was not added");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limits_of_the_account_are_told_with_the_open_shards_of_all_streams() -> Test {
    let world = World::start_with(3, |_| {}).await?;
    world.endpoint.ensure_stream("other", 2).await?;
    let limits = world.call(&world.root(), "DescribeLimits", json!({})).await?.json()?;
    assert_eq!((&limits["OpenShardCount"], &limits["OnDemandStreamCount"]), (&json!(5), &json!(0)));
    assert!(limits["ShardLimit"].as_u64() > Some(500) && limits["OnDemandStreamCountLimit"] == 0, "{limits}");
    Ok(())
}
