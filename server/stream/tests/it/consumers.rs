//! Consumers: who registers, describes, lists and deregisters them, and by which names.

use serde_json::{Value, json};

use crate::world::{ARN, Failure, STREAM, Test, World};

const OTHER: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/other";

async fn register(world: &World, name: &str) -> Result<Value, Failure> {
    let answer =
        world.call(&world.root(), "RegisterStreamConsumer", json!({ "StreamARN": ARN, "ConsumerName": name })).await?;
    let consumer = answer.json()?["Consumer"].clone();
    if consumer.is_object() { Ok(consumer) } else { Err(answer.text().into()) }
}

fn arn_of(consumer: &Value) -> Result<&str, Failure> {
    consumer["ConsumerARN"].as_str().ok_or_else(|| consumer.to_string().into())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_is_registered_described_and_deregistered() -> Test {
    let world = World::start().await?;
    let root = world.root();
    let consumer = register(&world, "wall").await?;
    let arn = arn_of(&consumer)?;
    let created = consumer["ConsumerCreationTimestamp"].as_f64().ok_or("no time")?;
    assert_eq!(arn, format!("{ARN}/consumer/wall:{}", created.floor()));
    assert_eq!((&consumer["ConsumerName"], &consumer["ConsumerStatus"]), (&json!("wall"), &json!("ACTIVE")));
    assert_eq!(consumer["StreamARN"], Value::Null);

    let mut described = consumer.clone();
    described["StreamARN"] = json!(ARN);
    for by in [
        json!({ "ConsumerARN": arn }),
        json!({ "StreamARN": ARN, "ConsumerName": "wall" }),
        json!({ "StreamARN": ARN, "ConsumerName": "wall", "ConsumerARN": arn }),
    ] {
        let answer = world.call(&root, "DescribeStreamConsumer", by.clone()).await?;
        assert_eq!(answer.json()?["ConsumerDescription"], described, "{by}");
    }
    let summary = world.call(&root, "DescribeStreamSummary", json!({ "StreamName": STREAM })).await?.json()?;
    assert_eq!(summary["StreamDescriptionSummary"]["ConsumerCount"], json!(1));

    let gone = world.call(&root, "DeregisterStreamConsumer", json!({ "ConsumerARN": arn })).await?;
    assert_eq!((gone.status.as_u16(), gone.text()), (200, String::new()));
    for operation in ["DescribeStreamConsumer", "DeregisterStreamConsumer"] {
        for by in [json!({ "ConsumerARN": arn }), json!({ "StreamARN": ARN, "ConsumerName": "wall" })] {
            let answer = world.call(&root, operation, by).await?;
            assert_eq!(answer.error(), (400, "ResourceNotFoundException".to_owned()), "{}", answer.text());
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_names_no_consumer_is_refused_by_name() -> Test {
    let world = World::start().await?;
    let root = world.root();
    let consumer = register(&world, "wall").await?;
    let arn = arn_of(&consumer)?;
    for (operation, body, name) in [
        ("RegisterStreamConsumer", json!({ "StreamARN": ARN, "ConsumerName": "wall" }), "ResourceInUseException"),
        ("RegisterStreamConsumer", json!({ "StreamARN": OTHER, "ConsumerName": "a" }), "ResourceNotFoundException"),
        ("RegisterStreamConsumer", json!({ "StreamName": STREAM, "ConsumerName": "a" }), "ValidationException"),
        ("RegisterStreamConsumer", json!({ "StreamARN": ARN }), "ValidationException"),
        ("RegisterStreamConsumer", json!({ "StreamARN": ARN, "ConsumerName": "a b" }), "ValidationException"),
        ("DescribeStreamConsumer", json!({}), "InvalidArgumentException"),
        ("DescribeStreamConsumer", json!({ "StreamARN": ARN }), "InvalidArgumentException"),
        ("DescribeStreamConsumer", json!({ "ConsumerName": "wall" }), "InvalidArgumentException"),
        ("DescribeStreamConsumer", json!({ "ConsumerARN": ARN }), "InvalidArgumentException"),
        ("DescribeStreamConsumer", json!({ "ConsumerARN": arn, "ConsumerName": "b" }), "InvalidArgumentException"),
        ("DescribeStreamConsumer", json!({ "ConsumerARN": arn, "StreamARN": OTHER }), "InvalidArgumentException"),
        ("DescribeStreamConsumer", json!({ "ConsumerARN": format!("{arn}1") }), "ResourceNotFoundException"),
        ("DescribeStreamConsumer", json!({ "StreamARN": OTHER, "ConsumerName": "a" }), "ResourceNotFoundException"),
        ("ListStreamConsumers", json!({}), "ValidationException"),
        ("ListStreamConsumers", json!({ "StreamARN": OTHER }), "ResourceNotFoundException"),
        ("ListStreamConsumers", json!({ "StreamARN": ARN, "MaxResults": 0 }), "ValidationException"),
        ("ListStreamConsumers", json!({ "StreamARN": ARN, "NextToken": "AAAA" }), "InvalidArgumentException"),
        ("ListStreamConsumers", json!({ "StreamARN": ARN, "StreamCreationTimestamp": 1 }), "ResourceNotFoundException"),
    ] {
        let answer = world.call(&root, operation, body.clone()).await?;
        assert_eq!(answer.error(), (400, name.to_owned()), "{operation} {body}: {}", answer.text());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn consumers_are_listed_page_by_page_and_twenty_are_the_most() -> Test {
    let world = World::start().await?;
    let root = world.root();
    let names: Vec<_> = (0..20).map(|number| format!("wall-{number:02}")).collect();
    for name in names.iter().rev() {
        register(&world, name).await?;
    }
    let more = world.call(&root, "RegisterStreamConsumer", json!({ "StreamARN": ARN, "ConsumerName": "more" })).await?;
    assert_eq!(more.error(), (400, "LimitExceededException".to_owned()), "{}", more.text());

    let mut listed = Vec::new();
    let mut token = Value::Null;
    loop {
        let body = json!({ "StreamARN": ARN, "MaxResults": 8, "NextToken": token });
        let page = world.call(&root, "ListStreamConsumers", body).await?.json()?;
        let consumers = page["Consumers"].as_array().ok_or_else(|| page.to_string())?;
        listed.extend(consumers.iter().filter_map(|consumer| consumer["ConsumerName"].as_str().map(str::to_owned)));
        token = page["NextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    assert_eq!(listed, names);

    let page = world.call(&root, "ListStreamConsumers", json!({ "StreamARN": ARN, "MaxResults": 1 })).await?.json()?;
    world.endpoint.ensure_stream("other", 1).await?;
    let elsewhere = json!({ "StreamARN": OTHER, "NextToken": page["NextToken"] });
    let elsewhere = world.call(&root, "ListStreamConsumers", elsewhere).await?;
    assert_eq!(elsewhere.error(), (400, "InvalidArgumentException".to_owned()));
    world.clock.by_seconds(301);
    let late = json!({ "StreamARN": ARN, "NextToken": page["NextToken"] });
    let late = world.call(&root, "ListStreamConsumers", late).await?;
    assert_eq!(late.error(), (400, "ExpiredNextTokenException".to_owned()));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_describes_the_consumers_of_its_policy_and_registers_none() -> Test {
    let world = World::start().await?;
    let arns = [register(&world, "wall").await?, register(&world, "other").await?];
    let [wall, other] = [arn_of(&arns[0])?, arn_of(&arns[1])?];
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": "kinesis:*", "Resource": format!("{ARN}/consumer/wall:*") }],
    });
    let session = world.session(Some(&policy.to_string())).await?;
    let denied = (400, "AccessDeniedException".to_owned());
    for (allowed, by) in [
        (true, json!({ "ConsumerARN": wall })),
        (true, json!({ "StreamARN": ARN, "ConsumerName": "wall" })),
        (false, json!({ "ConsumerARN": other })),
        (false, json!({ "StreamARN": ARN, "ConsumerName": "other" })),
        // Whoever may not, does not learn what is there.
        (false, json!({ "ConsumerARN": format!("{ARN}/consumer/nobody:1") })),
        (false, json!({ "StreamARN": ARN, "ConsumerName": "nobody" })),
        (false, json!({ "StreamARN": OTHER, "ConsumerName": "nobody" })),
    ] {
        let answer = world.call(&session, "DescribeStreamConsumer", by.clone()).await?;
        assert_eq!(answer.status == 200, allowed, "{by}: {}", answer.text());
        assert!(allowed || answer.error() == denied, "{by}: {}", answer.text());
        let public = world.call_public(&session, "DescribeStreamConsumer", by).await?;
        assert_eq!(public.error(), denied, "{}", public.text());
    }
    for (operation, body) in [
        ("RegisterStreamConsumer", json!({ "StreamARN": ARN, "ConsumerName": "mine" })),
        ("DeregisterStreamConsumer", json!({ "ConsumerARN": wall })),
        ("ListStreamConsumers", json!({ "StreamARN": ARN })),
    ] {
        assert_eq!(world.call(&session, operation, body.clone()).await?.error(), denied, "{operation}");
        assert_eq!(world.call_public(&session, operation, body).await?.error(), denied, "{operation}");
    }
    Ok(())
}
