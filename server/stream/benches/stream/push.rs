//! From a put to its event at a consumer that has subscribed to the shard.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use aws_sdk_kinesis::{
    Client,
    operation::subscribe_to_shard::SubscribeToShardOutput,
    primitives::Blob,
    types::{ConsumerStatus, ShardIteratorType, StartingPosition, SubscribeToShardEventStream},
};
use tokio::{
    sync::oneshot,
    time::{sleep, timeout},
};

use crate::{
    kit::{Failure, Latency, Noise},
    load::DATA,
    subject::create_stream,
};

/// A stream of one shard, beside the full one.
const STREAM: &str = "pushed";
/// How long the last event may be on its way.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest that all of it may take.
const TIME: Duration = Duration::from_secs(20);

/// Puts up to `count` records, 5 to 40 ms apart, and times each from the call that puts it to the event that brings it: its
/// way to the disk is in the figure.
pub async fn measure(client: &Client, count: usize) -> Result<Latency, Failure> {
    create_stream(client, STREAM, 1).await?;
    let subscription = subscribe(client).await?;
    let (last, until_last) = oneshot::channel();
    let consumer = tokio::spawn(consume(subscription, until_last));
    let mut noise = Noise::new(7);
    let mut sent = HashMap::new();
    let until = Instant::now() + TIME;
    for number in 0..count as u64 {
        if Instant::now() > until {
            break;
        }
        sleep(Duration::from_micros(5_000 + noise.next() % 35_000)).await;
        let mut data = noise.bytes(DATA);
        data[..8].copy_from_slice(&number.to_le_bytes());
        sent.insert(number, Instant::now());
        client.put_record().stream_name(STREAM).partition_key("viewer").data(Blob::new(data)).send().await?;
    }
    // The consumer is gone where its subscription failed, and says so itself.
    let _ = last.send(sent.len());
    let arrived = timeout(PATIENCE, consumer).await???;
    let took = arrived.iter().filter_map(|(number, at)| Some(at.duration_since(*sent.get(number)?)));
    Ok(Latency::of(took, sent.len() - arrived.len()))
}

async fn subscribe(client: &Client) -> Result<SubscribeToShardOutput, Failure> {
    let summary = client.describe_stream_summary().stream_name(STREAM).send().await?;
    let arn = summary.stream_description_summary.ok_or("no summary of the stream")?.stream_arn;
    client.register_stream_consumer().stream_arn(&arn).consumer_name("bench").send().await?;
    let consumer = loop {
        let answer = client.describe_stream_consumer().stream_arn(&arn).consumer_name("bench").send().await?;
        let consumer = answer.consumer_description.ok_or("no description of the consumer")?;
        if consumer.consumer_status == ConsumerStatus::Active {
            break consumer;
        }
        sleep(Duration::from_millis(20)).await;
    };
    let latest = StartingPosition::builder().r#type(ShardIteratorType::Latest).build()?;
    let shard = "shardId-000000000000";
    let subscription = client.subscribe_to_shard().consumer_arn(consumer.consumer_arn).shard_id(shard);
    Ok(subscription.starting_position(latest).send().await?)
}

/// Which records came, and when, until as many came as `last` says.
async fn consume(
    mut subscription: SubscribeToShardOutput,
    mut last: oneshot::Receiver<usize>,
) -> Result<HashMap<u64, Instant>, Failure> {
    let (mut arrived, mut all) = (HashMap::new(), usize::MAX);
    while arrived.len() < all {
        let event = tokio::select! {
            event = subscription.event_stream.recv() => event?,
            Ok(count) = &mut last, if all == usize::MAX => {
                all = count;
                continue;
            }
        };
        let now = Instant::now();
        let Some(event) = event else { break };
        if let SubscribeToShardEventStream::SubscribeToShardEvent(event) = event {
            for record in event.records {
                let number = record.data.as_ref().first_chunk().ok_or("a record without a number")?;
                arrived.insert(u64::from_le_bytes(*number), now);
            }
        }
    }
    Ok(arrived)
}
