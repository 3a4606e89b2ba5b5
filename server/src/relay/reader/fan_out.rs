//! Enhanced fan-out: a consumer of our own, and what is pushed to it
//! ([SubscribeToShard](https://docs.aws.amazon.com/kinesis/latest/APIReference/API_SubscribeToShard.html)).

use std::time::Duration;

use aws_sdk_kinesis::{
    Client,
    error::ProvideErrorMetadata,
    operation::subscribe_to_shard::SubscribeToShardOutput,
    primitives::DateTime,
    types::{ConsumerStatus, ShardIteratorType, StartingPosition, SubscribeToShardEventStream},
};
use danmu::kinesis::{
    Error, Kind,
    api::{From, GetRecordsReply},
};
use tokio::time::{sleep, timeout};

use super::sdk;

/// How long a consumer may take to become active.
const ACTIVATION: Duration = Duration::from_secs(30);
/// How often it is asked after.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// A subscription that says nothing for so long is dead: the service sends an event at least every few seconds, records or
/// not.
const SILENCE: Duration = Duration::from_secs(30);

/// A registered consumer.
#[derive(Clone, Debug)]
pub struct Consumer {
    client: Client,
    arn: String,
}

/// A subscription to a shard. Ends after five minutes at the latest.
pub struct Subscription(SubscribeToShardOutput);

impl Consumer {
    /// Registers a consumer, or finds the one of that name, and waits until it may subscribe.
    ///
    /// # Errors
    /// When it may not be, or there are twenty already, or no answer comes.
    pub async fn register(client: &Client, stream: &str, name: &str) -> Result<Self, Error> {
        let summary = client.describe_stream_summary().stream_name(stream).send().await;
        let summary = summary.map_err(|error| sdk::failed(&error))?.stream_description_summary;
        let stream_arn = summary.ok_or_else(|| sdk::strange("no description of the stream"))?.stream_arn;
        match client.register_stream_consumer().stream_arn(&stream_arn).consumer_name(name).send().await {
            Ok(_) => {}
            Err(error) if error.code() == Some("ResourceInUseException") => {}
            Err(error) => return Err(sdk::failed(&error)),
        }
        let active = async {
            loop {
                let asked = client.describe_stream_consumer().stream_arn(&stream_arn).consumer_name(name).send().await;
                let described = asked.map_err(|error| sdk::failed(&error))?.consumer_description;
                let described = described.ok_or_else(|| sdk::strange("no description of the consumer"))?;
                if described.consumer_status == ConsumerStatus::Active {
                    return Ok(Self { client: client.clone(), arn: described.consumer_arn });
                }
                sleep(ASK_EVERY).await;
            }
        };
        timeout(ACTIVATION, active)
            .await
            .unwrap_or_else(|_| Err(Error::network("the consumer did not get active".into())))
    }

    /// Takes it back.
    pub async fn deregister(&self) {
        // Whoever is gone anyway needs no answer.
        let _ = self.client.deregister_stream_consumer().consumer_arn(&self.arn).send().await;
    }

    /// Subscribes to a shard.
    ///
    /// # Errors
    /// As the service refuses it. A shard that is subscribed to still, by a connection that broke, is tried again.
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
                // The one before is let go by the service after five seconds.
                let in_use = error.code == "ResourceInUseException";
                Err(if in_use { Error { kind: Kind::Server, ..error } } else { error })
            }
        }
    }
}

impl Subscription {
    /// The next event, as the reply of a read.
    ///
    /// # Errors
    /// [`Kind::IteratorExpired`] once it has ended, for whatever reason: the reader then subscribes anew from where it is.
    pub async fn next(&mut self) -> Result<GetRecordsReply, Error> {
        loop {
            let event = match timeout(SILENCE, self.0.event_stream.recv()).await {
                Ok(Ok(Some(SubscribeToShardEventStream::SubscribeToShardEvent(event)))) => event,
                // Of a kind that is newer than this program.
                Ok(Ok(Some(_))) => continue,
                Ok(Ok(None)) => return Err(ended("five minutes are over")),
                Ok(Err(error)) => {
                    let code = error.as_service_error().and_then(ProvideErrorMetadata::code).map(str::to_owned);
                    return Err(ended(&code.unwrap_or_else(|| "the connection broke".into())));
                }
                Err(_) => return Err(ended("it went silent")),
            };
            let children = event.child_shards.filter(|children| !children.is_empty());
            // The last event of a shard names its children, and no number to go on from.
            let is_last = children.is_some() || event.continuation_sequence_number.is_empty();
            return Ok(GetRecordsReply {
                records: event.records.into_iter().map(sdk::record).collect(),
                next_shard_iterator: (!is_last).then(String::new),
                millis_behind_latest: Some(event.millis_behind_latest),
                child_shards: children.map(sdk::children).transpose()?,
            });
        }
    }
}

fn ended(why: &str) -> Error {
    let message = format!("the subscription ended: {why}");
    Error { kind: Kind::IteratorExpired, code: "SubscriptionEnded".into(), message, retry_after: None }
}
