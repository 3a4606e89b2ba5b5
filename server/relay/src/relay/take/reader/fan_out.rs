//! Enhanced fan-out: a consumer, and its subscriptions
//! ([SubscribeToShard](https://docs.aws.amazon.com/kinesis/latest/APIReference/API_SubscribeToShard.html)).

use std::time::Duration;

use aws_sdk_kinesis::{
    Client,
    operation::subscribe_to_shard::SubscribeToShardOutput,
    primitives::DateTime,
    types::{ShardIteratorType, StartingPosition, SubscribeToShardEventStream},
};
use danmu::kinesis::{
    Error, ErrorKind,
    api::{From, GetRecordsReply},
};
use tokio::time::timeout;

use super::sdk::{self, in_time};

/// A subscription that is silent for this long is dead: the service sends an event at least every few seconds, with records
/// or without.
const SILENCE: Duration = Duration::from_secs(30);

/// A registered consumer.
#[derive(Clone, Debug)]
pub struct Consumer {
    client: Client,
    arn: String,
}

/// A subscription to a shard. The service ends it after five minutes at the latest.
pub struct Subscription(SubscribeToShardOutput);

impl Consumer {
    /// The consumer with that ARN.
    pub fn new(client: &Client, arn: String) -> Self {
        Self { client: client.clone(), arn }
    }

    /// Whether it has that ARN.
    pub fn is(&self, arn: &str) -> bool {
        self.arn == arn
    }

    /// Deregisters it.
    pub async fn deregister(&self) {
        let call = self.client.deregister_stream_consumer().consumer_arn(&self.arn);
        let done = in_time(async { call.send().await.map_err(|error| sdk::failed(&error)) }).await;
        if let Err(error) =
            done.map(drop).or_else(|error| if error.kind == ErrorKind::NotFound { Ok(()) } else { Err(error) })
        {
            tracing::warn!(%error, consumer = self.arn, "the consumer is not taken back; it is, once it is an hour old");
        }
    }

    /// Subscribes to a shard.
    ///
    /// # Errors
    /// The service's error. A shard that a broken connection is still subscribed to is a retryable error.
    pub async fn subscribe(&self, shard_id: &str, from: &From) -> Result<Subscription, Error> {
        let position = match from {
            From::TrimHorizon => StartingPosition::builder().r#type(ShardIteratorType::TrimHorizon),
            From::Timestamp(ms) => {
                StartingPosition::builder().r#type(ShardIteratorType::AtTimestamp).timestamp(DateTime::from_millis(*ms))
            }
            From::After(number) => {
                StartingPosition::builder().r#type(ShardIteratorType::AfterSequenceNumber).sequence_number(number)
            }
        };
        let position = position.build().map_err(|error| sdk::strange(&error.to_string()))?;
        let call = self.client.subscribe_to_shard().consumer_arn(&self.arn).shard_id(shard_id);
        match call.starting_position(position).send().await {
            Ok(subscription) => Ok(Subscription(subscription)),
            Err(error) => {
                let error = sdk::failed(&error);
                // The service releases the subscription before after five seconds.
                let in_use = error.code == "ResourceInUseException";
                Err(if in_use { Error { kind: ErrorKind::Server, ..error } } else { error })
            }
        }
    }
}

impl Subscription {
    /// The next event, as the reply of a read.
    ///
    /// # Errors
    /// [`ErrorKind::IteratorExpired`] once it has ended: the reader then subscribes again from where it is. An error of the
    /// stream's encryption key, or throttling, is returned as it is, and ends it, too.
    pub async fn next(&mut self) -> Result<GetRecordsReply, Error> {
        loop {
            let event = match timeout(SILENCE, self.0.event_stream.recv()).await {
                Ok(Ok(Some(SubscribeToShardEventStream::SubscribeToShardEvent(event)))) => event,
                // An event of a kind unknown to this SDK version.
                Ok(Ok(Some(_))) => continue,
                Ok(Ok(None)) => return Err(ended("five minutes are over")),
                Ok(Err(error)) => {
                    return Err(match sdk::said_in_stream(&error) {
                        Some(said) if matches!(said.kind, ErrorKind::Encryption | ErrorKind::Throttled) => said,
                        Some(said) => ended(&said.code),
                        None => ended("the connection broke"),
                    });
                }
                Err(_) => return Err(ended("it went silent")),
            };
            let children = event.child_shards.filter(|children| !children.is_empty());
            // The last event of a shard has its children, and no continuation sequence number.
            let is_last = children.is_some() || event.continuation_sequence_number.is_empty();
            return Ok(GetRecordsReply {
                records: event.records.into_iter().map(sdk::record).collect(),
                next_shard_iterator: (!is_last).then_some(event.continuation_sequence_number),
                millis_behind_latest: Some(event.millis_behind_latest),
                child_shards: children.map(sdk::children).transpose()?,
            });
        }
    }
}

fn ended(why: &str) -> Error {
    let message = format!("the subscription ended: {why}");
    Error { kind: ErrorKind::IteratorExpired, code: "SubscriptionEnded".into(), message, retry_after: None }
}
