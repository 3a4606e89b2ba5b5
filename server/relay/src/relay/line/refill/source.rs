//! The source of a refill: the stream, by polling, within the refill's rate limit.

use std::{sync::Arc, time::Duration};

use danmu::kinesis::{
    Record, Scope, StreamCursor,
    api::WireRecord,
    machine::{Call, CallReply, Event, Machine, MachineStep},
};
use danmu_identity::aws::bus::KinesisBus;
use tokio::time::{Instant, sleep};

use super::shards::{CALL, Shards};
use crate::relay::take::reader::sdk::{self, in_time};

/// The most records of a call, and of the first call, when their size is still unknown.
const MOST: usize = 10_000;
const FIRST: usize = 1_000;

/// The records of one call.
#[derive(Debug)]
pub struct Batch {
    /// Records of the room.
    pub records: Vec<Record>,
    /// Whether the read has caught up with the newest record.
    pub all: bool,
}

/// A source of records.
pub trait Source: Send + Sync + 'static {
    /// A read that was begun.
    type Reading: Reading;

    /// Begins to read the records with a partition key that arrived at `since_ms` (Unix milliseconds) or later.
    fn open(&self, key: &str, since_ms: i64, shards: &Arc<Shards>) -> Self::Reading;
}

/// A read.
pub trait Reading: Send {
    /// The next batch, which may be empty; `None` if there will never be another.
    fn next(&mut self) -> impl Future<Output = Option<Batch>> + Send;
}

/// The stream, as a source.
#[derive(Clone, Debug)]
pub struct Stream(pub KinesisBus);

/// A read of the stream.
pub struct Polling {
    bus: KinesisBus,
    machine: Machine,
    shards: Arc<Shards>,
    begun: Instant,
    limit: usize,
}

impl Source for Stream {
    type Reading = Polling;

    fn open(&self, key: &str, since_ms: i64, shards: &Arc<Shards>) -> Polling {
        let machine = Machine::new(Scope::PartitionKey(key.to_owned()), StreamCursor::at(since_ms));
        Polling { bus: self.0.clone(), machine, shards: Arc::clone(shards), begun: Instant::now(), limit: FIRST }
    }
}

impl Reading for Polling {
    async fn next(&mut self) -> Option<Batch> {
        loop {
            match self.machine.step(self.now()) {
                MachineStep::Call(call) => {
                    let answer = self.perform(call).await;
                    let was_read = matches!(answer, CallReply::Records(_, Ok(_)));
                    self.machine.answer(answer, self.now(), getrandom::u64().unwrap_or_default());
                    let mut records = Vec::new();
                    while let Some(event) = self.machine.event() {
                        if let Event::Records(more) = event {
                            records.extend(more);
                        }
                    }
                    let all = self.machine.has_caught_up();
                    if was_read || all {
                        return Some(Batch { records, all });
                    }
                }
                MachineStep::Wait(until) => {
                    let wait = until.saturating_sub(self.now()).max(0).unsigned_abs();
                    sleep(Duration::from_millis(wait)).await;
                }
                MachineStep::Idle => return None,
            }
        }
    }
}

impl Polling {
    async fn perform(&mut self, call: Call) -> CallReply {
        let (client, stream) = (&self.bus.kinesis, &self.bus.stream);
        match call {
            Call::ListShards { next_token } => {
                CallReply::Shards(in_time(sdk::list_shards(client, stream, next_token)).await)
            }
            Call::Iterator { shard_id, from } => {
                let outcome = in_time(sdk::shard_iterator(client, stream, &shard_id, &from)).await;
                CallReply::Iterator(shard_id, outcome)
            }
            Call::Records { shard_id, iterator } => {
                self.shards.ready(&shard_id).await;
                let limit = i32::try_from(self.limit).unwrap_or(i32::MAX);
                let outcome = in_time(sdk::get_records(client, &iterator, limit)).await;
                let (mut bytes, mut count) = (0, 0);
                if let Ok(reply) = &outcome {
                    count = reply.records.len();
                    let key_bytes = |record: &WireRecord| record.partition_key.as_ref().map_or(0, String::len);
                    bytes = reply.records.iter().map(|record| record.data.len() + key_bytes(record)).sum();
                }
                self.shards.charge(&shard_id, bytes);
                // As many records as make up the minimum charge of a call.
                let limit = (CALL * count).checked_div(bytes).map(|limit| limit.clamp(1, MOST));
                self.limit = limit.unwrap_or(self.limit);
                CallReply::Records(shard_id, outcome)
            }
        }
    }

    /// Milliseconds of a monotonic clock.
    fn now(&self) -> i64 {
        i64::try_from(self.begun.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}
