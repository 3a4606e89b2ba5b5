//! `RegisterStreamConsumer`, `DescribeStreamConsumer`, `ListStreamConsumers`, `DeregisterStreamConsumer`.
//!
//! Registering and deregistering are complete when they are answered. They and listing are for the root key, and for sessions
//! that may control; a session may describe a consumer, and subscribe as one, if its policy allows that on the consumer's ARN.

use std::sync::Arc;

use super::{
    Call, Outcome, Output, in_range,
    pages::List,
    streams::ACTIVE,
    tags::first_tags,
    types::{
        ConsumerInfo, DescribeStreamConsumerAnswer, ListStreamConsumers, ListStreamConsumersAnswer, NamedConsumer,
        RegisterStreamConsumer, RegisterStreamConsumerAnswer, Timestamp,
    },
};
use crate::{
    arn::is_stream_name,
    error::{ApiError, ErrorCode},
    store::{Consumer, Refusal, StoreError, Stream},
};

/// The largest page of consumers.
const MAX_PAGE: usize = 100;

impl Call<'_> {
    pub(super) async fn register_stream_consumer(&self, request: RegisterStreamConsumer) -> Outcome {
        self.may_control(request.stream_arn.as_deref().unwrap_or_default())?;
        let stream = self.stream_of_arn(request.stream_arn.as_deref())?;
        let name = check_consumer_name(request.consumer_name.as_deref())?;
        let tags = first_tags(request.tags)?;
        self.turn_on(&stream).await?;
        let registered = self.endpoint.store.register_consumer(&stream.meta.name, name, tags).await;
        let consumer = registered.map_err(|error| self.consumer_error(&stream, name, error))?;
        self.answer(&RegisterStreamConsumerAnswer { consumer: self.consumer_info(&stream, &consumer) })
    }

    pub(super) async fn deregister_stream_consumer(&self, request: &NamedConsumer) -> Outcome {
        if !self.endpoint.sessions_may_control {
            self.must_be_root()?;
        }
        let (stream, consumer) = self.named_consumer(request)?;
        let consumer_arn =
            self.endpoint.place.consumer_arn(&stream.meta.name, &consumer.name, consumer.created_ms / 1000);
        self.may_control(&consumer_arn)?;
        self.turn_on(&stream).await?;
        let done = self.endpoint.store.deregister_consumer(&stream.meta.name, &consumer.name).await;
        done.map_err(|error| self.consumer_error(&stream, &consumer.name, error))?;
        self.endpoint.subscriptions.deregistered(stream.meta.id, &consumer.name, consumer.created_ms);
        Ok(Output::EMPTY)
    }

    pub(super) async fn describe_stream_consumer(&self, request: &NamedConsumer) -> Outcome {
        let (stream, consumer) = self.named_consumer(request)?;
        self.turn_on(&stream).await?;
        let info = self.consumer_info(&stream, &consumer);
        let stream_arn = Some(self.endpoint.place.stream_arn(&stream.meta.name));
        self.answer(&DescribeStreamConsumerAnswer { consumer_description: ConsumerInfo { stream_arn, ..info } })
    }

    pub(super) async fn list_stream_consumers(&self, request: &ListStreamConsumers) -> Outcome {
        self.may_control(request.stream_arn.as_deref().unwrap_or_default())?;
        let stream = self.stream_of_arn(request.stream_arn.as_deref())?;
        let limit = in_range(request.max_results, "maxResults", 1..=10_000, 100)?.min(MAX_PAGE);
        let after = match request.next_token.as_deref() {
            Some(_) if request.stream_creation_timestamp.is_some() => {
                let message = "NextToken and StreamCreationTimestamp cannot be provided together.";
                return Err(ApiError::new(ErrorCode::InvalidArgument, message));
            }
            Some(token) => {
                let ended = self.opened_token(List::Consumers, token)?;
                if ended.stream != stream.meta.id {
                    return Err(ApiError::new(
                        ErrorCode::InvalidArgument,
                        "NextToken is not of the stream of StreamARN.",
                    ));
                }
                ended.after
            }
            None => String::new(),
        };
        self.check_created(&stream, request.stream_creation_timestamp)?;
        self.turn_on(&stream).await?;
        let mut rest = stream.consumers.iter().filter(|consumer| *consumer.name > *after).peekable();
        let page: Vec<_> = rest.by_ref().take(limit).collect();
        let last = page.last().filter(|_| rest.peek().is_some());
        let next_token = last.map(|last| self.next_token(List::Consumers, stream.meta.id, &last.name));
        let consumers = page.into_iter().map(|consumer| self.consumer_info(&stream, consumer)).collect();
        self.answer(&ListStreamConsumersAnswer { consumers, next_token })
    }

    /// The consumer with this ARN and its stream, after the caller's right is checked: a caller without it does not learn
    /// which consumers exist.
    pub(super) fn consumer(&self, arn: &str) -> Result<(Arc<Stream>, Consumer), ApiError> {
        let place = &self.endpoint.place;
        let (name, consumer, created_s) = place.consumer_of(arn).ok_or_else(|| {
            let message = format!("ConsumerARN {arn} does not name a consumer of this account and region.");
            ApiError::new(ErrorCode::InvalidArgument, message)
        })?;
        self.may_use(arn)?;
        let stream = self.existing(name)?;
        let found = stream.consumer(consumer).filter(|found| found.created_ms / 1000 == created_s).cloned();
        let found = found.ok_or_else(|| self.no_consumer(arn))?;
        Ok((stream, found))
    }

    /// The consumer that a request names by its ARN, by its stream and name, or by all of these.
    fn named_consumer(&self, request: &NamedConsumer) -> Result<(Arc<Stream>, Consumer), ApiError> {
        let NamedConsumer { stream_arn, consumer_name, consumer_arn } = request;
        if let Some(arn) = consumer_arn {
            let (stream, consumer) = self.consumer(arn)?;
            let other_stream =
                stream_arn.as_ref().is_some_and(|given| *given != self.endpoint.place.stream_arn(&stream.meta.name));
            if other_stream || consumer_name.as_ref().is_some_and(|given| **given != *consumer.name) {
                let message = "ConsumerARN, StreamARN and ConsumerName do not name the same consumer.";
                return Err(ApiError::new(ErrorCode::InvalidArgument, message));
            }
            return Ok((stream, consumer));
        }
        let (Some(stream_arn), Some(name)) = (stream_arn, consumer_name) else {
            let message = "Either ConsumerARN or both StreamARN and ConsumerName must be given.";
            return Err(ApiError::new(ErrorCode::InvalidArgument, message));
        };
        let name = check_consumer_name(Some(name))?;
        let place = &self.endpoint.place;
        let stream_name = self.name_of_arn(stream_arn)?;
        let stream = self.endpoint.store.stream(stream_name);
        let found = stream.as_ref().and_then(|stream| stream.consumer(name)).cloned();
        // The right is checked first, for a missing consumer with second 0 in its ARN.
        let created_s = found.as_ref().map_or(0, |consumer| consumer.created_ms / 1000);
        let arn = place.consumer_arn(stream_name, name, created_s);
        self.may_use(&arn)?;
        let stream = stream.ok_or_else(|| self.refused(stream_name, Refusal::NoSuchStream))?;
        Ok((stream, found.ok_or_else(|| self.no_consumer(name))?))
    }

    /// The stream with this ARN; consumer operations take no stream name. The caller checks the right.
    fn stream_of_arn(&self, arn: Option<&str>) -> Result<Arc<Stream>, ApiError> {
        self.existing(self.name_of_arn(arn.ok_or_else(|| ApiError::missing("streamARN"))?)?)
    }

    pub(super) fn no_consumer(&self, named: &str) -> ApiError {
        let account = &self.endpoint.place.account;
        ApiError::new(ErrorCode::ResourceNotFound, format!("Consumer {named}, account {account} not found."))
    }

    fn consumer_error(&self, stream: &Stream, name: &str, error: StoreError) -> ApiError {
        match error {
            StoreError::Refused(Refusal::NoSuchConsumer) => self.no_consumer(name),
            StoreError::Refused(Refusal::ConsumerExists) => {
                let (stream, account) = (&stream.meta.name, &self.endpoint.place.account);
                let message = format!("Consumer {name} of stream {stream} under account {account} already exists.");
                ApiError::new(ErrorCode::ResourceInUse, message)
            }
            other => self.store_error(&stream.meta.name, other),
        }
    }

    fn consumer_info(&self, stream: &Stream, consumer: &Consumer) -> ConsumerInfo {
        let Consumer { name, created_ms, .. } = consumer;
        ConsumerInfo {
            consumer_name: name.to_string(),
            consumer_arn: self.endpoint.place.consumer_arn(&stream.meta.name, name, created_ms / 1000),
            consumer_status: ACTIVE,
            consumer_creation_timestamp: Timestamp(*created_ms),
            stream_arn: None,
        }
    }
}

/// Checks a consumer's name, for which the rule of stream names holds.
fn check_consumer_name(name: Option<&str>) -> Result<&str, ApiError> {
    let name = name.ok_or_else(|| ApiError::missing("consumerName"))?;
    if is_stream_name(name) {
        return Ok(name);
    }
    let rule = "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]{1,128}";
    Err(ApiError::constraint(name, "consumerName", rule))
}
