//! Drives the domain's reader over the SDK: makes its calls, several at a time, and passes on its events.

use std::{collections::HashMap, pin::pin};

use aws_sdk_kinesis::Client;
use danmu::kinesis::{
    Error, ErrorKind, Scope, State, Stats, StreamCursor,
    api::{ChildShard, From, ListShardsReply},
    machine::{Call, CallReply, Event, Machine, MachineStep},
    shard_map::{SequenceNumberRange, Shard},
};
use futures::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::{
    sync::mpsc,
    time::{Duration, Instant, sleep_until},
};

use super::{
    ReaderStats, Reading,
    fan_out::{Consumer, Subscription},
    sdk::{self, in_time},
};

/// One run of the reader in one mode (polling or pushed), from one cursor on.
pub struct Driver<'a> {
    client: &'a Client,
    stream: &'a str,
    /// The consumer whose subscriptions are read; without one the stream is polled.
    consumer: Option<Consumer>,
    tell: &'a mpsc::Sender<Reading>,
    stats: &'a ReaderStats,
    /// The counts of the drivers before this one.
    before: Stats,
    machine: Machine,
    calls: FuturesUnordered<BoxFuture<'static, Outcome>>,
    /// The subscriptions without a pending read, by shard id.
    subscriptions: HashMap<String, Subscription>,
    begun: Instant,
    created_ms: Option<i64>,
    listed: Vec<Shard>,
    caught_up: bool,
}

/// The outcome of a call.
enum Outcome {
    /// A reply for the machine.
    CallReply(CallReply),
    /// A page of shards, and the creation time of their stream.
    Listed(Result<(ListShardsReply, i64), Error>),
    /// A shard was subscribed to.
    Subscribed(String, Result<Box<Subscription>, Error>),
    /// An event was pushed, and the subscription goes on.
    Pushed(CallReply, String, Box<Subscription>),
}

impl<'a> Driver<'a> {
    /// A driver that has made no call yet. `created_ms` is the stream that was reported last.
    pub fn new(
        (client, stream): (&'a Client, &'a str),
        consumer: Option<Consumer>,
        (scope, position): (Scope, StreamCursor),
        tell: &'a mpsc::Sender<Reading>,
        stats: &'a ReaderStats,
        created_ms: Option<i64>,
    ) -> Self {
        let machine = Machine::new(scope, position);
        let machine = if consumer.is_some() { machine.pushed() } else { machine };
        Self {
            client,
            stream,
            consumer,
            tell,
            before: stats.get().machine,
            stats,
            machine,
            calls: FuturesUnordered::new(),
            subscriptions: HashMap::new(),
            begun: Instant::now(),
            created_ms,
            listed: Vec::new(),
            caught_up: false,
        }
    }

    /// Reads until `end`, whose output it returns; `None` if the consumer is gone or of no use, or the receiver was dropped.
    /// All records read by then have been reported, so the cursor of [`Self::end`] is exact.
    pub async fn run<T>(&mut self, end: impl Future<Output = T>) -> Option<T> {
        let mut end = pin!(end);
        loop {
            while let Some(event) = self.machine.event() {
                let reading = match event {
                    Event::Records(records) => Reading::Records(records),
                    Event::State(state) => {
                        complain(&state);
                        Reading::State(state)
                    }
                };
                self.tell.send(reading).await.ok()?;
            }
            self.stats.update(|counted| counted.machine = self.machine.stats().after(self.before));
            if !self.caught_up && self.machine.has_caught_up() {
                self.caught_up = true;
                self.tell.send(Reading::CaughtUp).await.ok()?;
            }
            let alarm = match self.machine.step(self.now()) {
                MachineStep::Call(call) => {
                    let call = self.perform(call);
                    self.calls.push(call);
                    continue;
                }
                MachineStep::Wait(until) => Some(self.begun + Duration::from_millis(until.max(0).unsigned_abs())),
                MachineStep::Idle => None,
            };
            if self.calls.is_empty() && alarm.is_none() {
                // Neither a call under way nor a time to wait for: nothing will ever happen.
                return None;
            }
            let outcome = tokio::select! {
                Some(outcome) = self.calls.next() => outcome,
                () = sleep_until(alarm.unwrap_or(self.begun)), if alarm.is_some() => continue,
                ended = &mut end => return Some(ended),
            };
            if !self.take(outcome).await {
                return None;
            }
        }
    }

    /// The cursor from which to go on, and the stream's creation time.
    pub fn end(self) -> (StreamCursor, Option<i64>) {
        (self.machine.position(), self.created_ms)
    }

    /// Takes in an outcome; returns whether to go on.
    async fn take(&mut self, outcome: Outcome) -> bool {
        let mut useless = false;
        let answer = match outcome {
            Outcome::CallReply(answer) => answer,
            Outcome::Listed(Ok((reply, created_ms))) => {
                if !self.announce(&reply, created_ms).await {
                    return false;
                }
                CallReply::Shards(Ok(reply))
            }
            Outcome::Listed(Err(error)) => CallReply::Shards(Err(error)),
            Outcome::Subscribed(shard_id, Ok(subscription)) => {
                self.stats.update(|counted| counted.subscriptions += 1);
                self.subscriptions.insert(shard_id.clone(), *subscription);
                CallReply::Iterator(shard_id, Ok(String::new()))
            }
            Outcome::Subscribed(shard_id, Err(error)) => {
                useless = matches!(error.kind, ErrorKind::NotFound | ErrorKind::Denied);
                CallReply::Iterator(shard_id, Err(error))
            }
            Outcome::Pushed(answer, shard_id, subscription) => {
                self.subscriptions.insert(shard_id, *subscription);
                answer
            }
        };
        if let CallReply::Records(_, Ok(reply)) = &answer
            && let Some(children) = reply.child_shards.as_ref().filter(|children| !children.is_empty())
            && self.tell.send(Reading::Shards(children.iter().map(born).collect())).await.is_err()
        {
            return false;
        }
        if let Some(error) = failure(&answer).filter(|error| error.code != "SubscriptionEnded") {
            self.stats.update(|counted| counted.failed += 1);
            tracing::debug!(%error, "a read of the stream failed");
        }
        let random = getrandom::u64().unwrap_or_default();
        self.machine.answer(answer, self.now(), random);
        !useless
    }

    /// Reports the stream and its shards, before the machine acts on them. Returns whether to go on.
    async fn announce(&mut self, reply: &ListShardsReply, created_ms: i64) -> bool {
        self.listed.extend(reply.shards.iter().cloned());
        if reply.next_token.is_some() {
            return true;
        }
        if self.created_ms.replace(created_ms) != Some(created_ms)
            && self.tell.send(Reading::Stream { created_ms }).await.is_err()
        {
            return false;
        }
        self.tell.send(Reading::Shards(std::mem::take(&mut self.listed))).await.is_ok()
    }

    fn perform(&mut self, call: Call) -> BoxFuture<'static, Outcome> {
        let (client, stream) = (self.client.clone(), self.stream.to_owned());
        match (call, &self.consumer) {
            (Call::ListShards { next_token }, _) => {
                if next_token.is_none() {
                    self.listed.clear();
                }
                Box::pin(async move { Outcome::Listed(in_time(list(&client, &stream, next_token)).await) })
            }
            (Call::Iterator { shard_id, from }, None) => Box::pin(async move {
                let outcome = in_time(sdk::shard_iterator(&client, &stream, &shard_id, &from)).await;
                Outcome::CallReply(CallReply::Iterator(shard_id, outcome))
            }),
            (Call::Records { shard_id, iterator }, None) => Box::pin(async move {
                let outcome = in_time(sdk::get_records(&client, &iterator, sdk::LIMIT)).await;
                Outcome::CallReply(CallReply::Records(shard_id, outcome))
            }),
            (Call::Iterator { shard_id, from }, Some(consumer)) => {
                let consumer = consumer.clone();
                self.subscriptions.remove(&shard_id);
                Box::pin(async move {
                    let outcome = in_time(subscribe(&consumer, &shard_id, &from)).await;
                    Outcome::Subscribed(shard_id, outcome)
                })
            }
            (Call::Records { shard_id, .. }, Some(_)) => {
                let subscription = self.subscriptions.remove(&shard_id);
                Box::pin(async move {
                    let Some(mut subscription) = subscription.map(Box::new) else {
                        return Outcome::CallReply(CallReply::Records(
                            shard_id,
                            Err(Error::network("not subscribed".into())),
                        ));
                    };
                    match subscription.next().await {
                        Ok(reply) => {
                            Outcome::Pushed(CallReply::Records(shard_id.clone(), Ok(reply)), shard_id, subscription)
                        }
                        Err(error) => Outcome::CallReply(CallReply::Records(shard_id, Err(error))),
                    }
                })
            }
        }
    }

    /// Milliseconds of a monotonic clock.
    fn now(&self) -> i64 {
        i64::try_from(self.begun.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

/// A child shard as a listing would have it.
fn born(child: &ChildShard) -> Shard {
    let mut parents = child.parent_shards.iter().cloned();
    Shard {
        shard_id: child.shard_id.clone(),
        parent_shard_id: parents.next(),
        adjacent_parent_shard_id: parents.next(),
        hash_key_range: child.hash_key_range,
        sequence_number_range: SequenceNumberRange::default(),
    }
}

async fn list(client: &Client, stream: &str, next_token: Option<String>) -> Result<(ListShardsReply, i64), Error> {
    // Shards first: if the stream is recreated in between, the next listing has its new shards.
    let reply = sdk::list_shards(client, stream, next_token).await?;
    Ok((reply, sdk::created_ms(client, stream).await?))
}

async fn subscribe(consumer: &Consumer, shard_id: &str, from: &From) -> Result<Box<Subscription>, Error> {
    consumer.subscribe(shard_id, from).await.map(Box::new)
}

/// Logs a failure that does not pass by itself, with the remedy: an operator has to act.
fn complain(state: &State) {
    let State::Failed { reason, .. } = state else { return };
    let way_out = match reason.kind {
        ErrorKind::Encryption => {
            "see that the key is enabled, and that its policy and ours let us use it (deploy/policies, consumer-key)"
        }
        ErrorKind::Denied => "see that the server's role may read it (deploy/policies, relay)",
        ErrorKind::NotFound => "see that it exists in this region and account",
        _ => "see what the service says",
    };
    tracing::error!(error = %reason, way_out, "the stream cannot be read; it is tried again now and then");
}

fn failure(answer: &CallReply) -> Option<&Error> {
    match answer {
        CallReply::Shards(outcome) => outcome.as_ref().err(),
        CallReply::Iterator(_, outcome) => outcome.as_ref().err(),
        CallReply::Records(_, outcome) => outcome.as_ref().err(),
    }
}
