//! `SubscribeToShard`: checks the request and begins a subscription, which [`push`](super::push) runs.

use std::sync::Arc;

use serde::Deserialize;
use tokio::time::Instant;

use super::{
    Call, Outcome, Output,
    iterator::Start,
    push::{Subscription, Times},
    shapes::SHARD_ID,
    types::Timestamp,
};
use crate::{
    auth::Caller,
    error::{ApiError, ErrorCode, Violations},
    metrics::add,
    store::shard_id,
    subscriptions::{Occupied, SubscriptionKey},
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SubscribeToShard {
    #[serde(rename = "ConsumerARN")]
    consumer_arn: Option<String>,
    shard_id: Option<String>,
    starting_position: Option<StartingPosition>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StartingPosition {
    #[serde(rename = "Type")]
    kind: Option<String>,
    sequence_number: Option<String>,
    timestamp: Option<Timestamp>,
}

impl Call<'_> {
    /// <https://docs.aws.amazon.com/kinesis/latest/APIReference/API_SubscribeToShard.html>
    pub(super) fn subscribe_to_shard(&self, request: &SubscribeToShard) -> Outcome {
        let endpoint = self.endpoint;
        let arn = request.consumer_arn.as_deref().ok_or_else(|| ApiError::missing("consumerARN"))?;
        let (stream, consumer) = self.consumer(arn)?;
        let start = request.starting_position.as_ref().map(|start| Start {
            kind: start.kind.as_deref(),
            sequence_number: start.sequence_number.as_deref(),
            timestamp: start.timestamp,
            fields: ["startingPosition.type", "startingPosition.sequenceNumber"],
        });
        let mut violations = Violations::default();
        SHARD_ID.require(request.shard_id.as_deref(), "shardId", &mut violations);
        match &start {
            Some(start) => start.check(&mut violations),
            None => violations.missing("startingPosition"),
        }
        violations.verdict()?;
        let start = start.ok_or_else(|| ApiError::missing("startingPosition"))?;
        let index = self.shard(&stream, request.shard_id.as_deref(), "shardId")?;
        let shard = stream.shard(index).ok_or_else(|| self.no_shard(&stream.meta.name, &shard_id(index)))?;
        let from = self.position(&stream, shard, &start)?;
        let place = SubscriptionKey {
            stream: stream.meta.id,
            shard: index,
            consumer: Arc::clone(&consumer.name),
            registered_ms: consumer.created_ms,
        };
        let seat =
            endpoint.subscriptions.take(place.clone()).map_err(|occupied| occupied_error(occupied, arn, index))?;
        add(&endpoint.counters.subscriptions, 1);
        let subscription = Subscription {
            endpoint: Arc::downgrade(endpoint),
            seat,
            format: self.format,
            from,
            changes: Some(endpoint.store.watch(place.stream, place.shard)),
            place,
            session: match self.caller {
                Caller::Root => None,
                Caller::Session { session, .. } => Some(session.clone()),
            },
            times: Times::from(Instant::now()),
        };
        Ok(Output::Events(subscription.into_body()))
    }
}

fn occupied_error(occupied: Occupied, consumer: &str, shard: u32) -> ApiError {
    let shard = shard_id(shard);
    match occupied {
        Occupied::TooSoon => ApiError::new(
            ErrorCode::ResourceInUse,
            format!(
                "Another active subscription exists for this consumer: {consumer}, {shard}. Try again after 5 seconds."
            ),
        ),
        Occupied::TooOften => ApiError::new(
            ErrorCode::LimitExceeded,
            format!("Rate exceeded for consumer {consumer} and shard {shard}: one SubscribeToShard a second."),
        ),
        Occupied::Closing => ApiError::new(ErrorCode::ServiceUnavailable, "The endpoint is shutting down. Try again."),
    }
}
