//! Streams as a whole: listed, deleted, scaled, kept for longer or for less.

use serde_json::json;

use crate::world::{Test, World};

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
