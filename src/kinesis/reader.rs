//! Reader: drives the [`Machine`] over a [`Client`]; makes its calls, and supplies time and randomness.

use std::{pin::pin, time::Duration};

use futures::{
    FutureExt, StreamExt,
    future::{Either, LocalBoxFuture, select},
    stream::FuturesUnordered,
};

use super::{
    client::Client,
    error::Error,
    host::Host,
    keeper::Vend,
    machine::{Call, CallReply, Event, Machine, MachineStep, Scope, Stats, StreamCursor},
};

/// The most records of one read: several times what a shard takes between two reads.
const LIMIT: u32 = 2_000;
/// A call without a reply times out after this long.
const PATIENCE: Duration = Duration::from_secs(10);

/// Reads a stream with the sessions of a [`Client`]. Drop it to stop.
pub struct Reader<H, V> {
    client: Client<H, V>,
    machine: Machine,
    calls: FuturesUnordered<LocalBoxFuture<'static, CallReply>>,
    /// The pending timer, by the host's clock.
    alarm: Option<(i64, LocalBoxFuture<'static, ()>)>,
    /// The machine's time: the host's, but monotonic. A clock that is set back by an hour must not make the reader wait for an
    /// hour.
    now: i64,
    set_back: i64,
}

impl<H: Host, V: Vend> Reader<H, V> {
    /// Reads the shards in scope from `position` on; makes no call before the first [`Self::next`].
    pub fn new(client: Client<H, V>, scope: Scope, position: StreamCursor) -> Self {
        let machine = Machine::new(scope, position);
        Self { client, machine, calls: FuturesUnordered::new(), alarm: None, now: i64::MIN, set_back: 0 }
    }

    /// The next event. It reads only while this is awaited; nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Event {
        loop {
            if let Some(event) = self.machine.event() {
                return event;
            }
            let now = self.now();
            match self.machine.step(now) {
                MachineStep::Call(call) => {
                    self.calls.push(perform(self.client.clone(), call).boxed_local());
                    continue;
                }
                MachineStep::Wait(until) if self.alarm.as_ref().is_none_or(|(set, _)| *set != until) => {
                    let client = self.client.clone();
                    let wait = Duration::from_millis(until.saturating_sub(now).max(0).unsigned_abs());
                    let alarm = async move { client.clock().host().sleep(wait).await };
                    self.alarm = Some((until, alarm.boxed_local()));
                }
                MachineStep::Wait(_) => {}
                MachineStep::Idle => self.alarm = None,
            }
            let answer = match (self.calls.is_empty(), self.alarm.as_mut()) {
                (false, Some((_, alarm))) => match select(self.calls.next(), alarm).await {
                    Either::Left((answer, _)) => answer,
                    Either::Right(_) => None,
                },
                (true, Some((_, alarm))) => {
                    alarm.await;
                    None
                }
                // No call, no timer: shards that all wait for each other. Looping would block the page.
                (true, None) => std::future::pending().await,
                (false, None) => self.calls.next().await,
            };
            match answer {
                Some(answer) => {
                    let (now, random) = (self.now(), self.client.clock().host().random());
                    self.machine.answer(answer, now, random);
                }
                None => self.alarm = None,
            }
        }
    }

    fn now(&mut self) -> i64 {
        let host = self.client.clock().host().now_ms().saturating_add(self.set_back);
        self.set_back += self.now.saturating_sub(host).max(0);
        self.now = self.now.max(host);
        self.now
    }

    /// The cursor to resume from, once the events returned so far have been handled.
    pub fn position(&self) -> StreamCursor {
        self.machine.position()
    }

    /// The counts so far.
    pub fn stats(&self) -> Stats {
        self.machine.stats()
    }
}

async fn perform<H: Host, V: Vend>(client: Client<H, V>, call: Call) -> CallReply {
    let late = client.clock().host().sleep(PATIENCE);
    let work = async {
        match &call {
            Call::ListShards { next_token } => CallReply::Shards(client.list_shards(next_token.as_deref()).await),
            Call::Iterator { shard_id, from } => {
                CallReply::Iterator(shard_id.clone(), client.shard_iterator(shard_id, from).await)
            }
            Call::Records { shard_id, iterator } => {
                CallReply::Records(shard_id.clone(), client.get_records(iterator, LIMIT).await)
            }
        }
    };
    match select(pin!(work), pin!(late)).await {
        Either::Left((answer, _)) => answer,
        Either::Right(_) => {
            let error = Error::network("no reply in time".into());
            match &call {
                Call::ListShards { .. } => CallReply::Shards(Err(error)),
                Call::Iterator { shard_id, .. } => CallReply::Iterator(shard_id.clone(), Err(error)),
                Call::Records { shard_id, .. } => CallReply::Records(shard_id.clone(), Err(error)),
            }
        }
    }
}
