//! `aws-sdk-kinesis` drives what no other test does by it, in one history; the other operations are all over this suite.

use aws_sdk_kinesis::{
    primitives::Blob,
    types::{ConsumerStatus, ShardIteratorType, StartingPosition, StreamStatus, SubscribeToShardEventStream},
};
use tokio::time::timeout;

use crate::world::{ARN, PATIENCE, STREAM, Test, World};

#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_for_rust_describes_lists_and_subscribes() -> Test {
    let world = World::start_with(2, |_| {}).await?;
    let client = world.kinesis(&world.root());
    client.create_stream().stream_name("another").shard_count(1).send().await?;
    let listed = client.list_streams().send().await?;
    assert_eq!((listed.stream_names, listed.has_more_streams), (vec!["another".to_owned(), STREAM.to_owned()], false));
    let described = client.describe_stream().stream_name(STREAM).send().await?.stream_description.ok_or("nothing")?;
    assert_eq!((described.stream_arn.as_str(), described.stream_status), (ARN, StreamStatus::Active));
    assert_eq!((described.shards.len(), described.retention_period_hours), (2, 24));

    client.register_stream_consumer().stream_arn(ARN).consumer_name("relay").send().await?;
    let asked = client.describe_stream_consumer().stream_arn(ARN).consumer_name("relay").send().await?;
    let consumer = asked.consumer_description.ok_or("no consumer")?;
    assert_eq!((consumer.consumer_name.as_str(), consumer.consumer_status), ("relay", ConsumerStatus::Active));

    let position = StartingPosition::builder().r#type(ShardIteratorType::TrimHorizon).build()?;
    let call = client.subscribe_to_shard().consumer_arn(&consumer.consumer_arn).shard_id("shardId-000000000000");
    let mut subscription = call.starting_position(position).send().await?;
    let put = client.put_record().stream_name(STREAM).partition_key("k").explicit_hash_key("0");
    let put = put.data(Blob::new("pushed")).send().await?;
    let pushed = async {
        while let Some(event) = subscription.event_stream.recv().await? {
            let SubscribeToShardEventStream::SubscribeToShardEvent(event) = event else { continue };
            if let Some(record) = event.records.into_iter().next() {
                return Ok::<_, crate::world::Failure>(Some(record));
            }
        }
        Ok(None)
    };
    let record = timeout(PATIENCE, pushed).await??.ok_or("the subscription ended")?;
    assert_eq!((record.data.as_ref(), record.sequence_number), (&b"pushed"[..], put.sequence_number));
    drop(subscription);

    client.deregister_stream_consumer().consumer_arn(consumer.consumer_arn).send().await?;
    client.delete_stream().stream_name("another").send().await?;
    assert_eq!(client.list_streams().send().await?.stream_names, [STREAM]);
    Ok(())
}
