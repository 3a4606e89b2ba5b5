//! Producer: puts records, a single one at once, and in batches when they come faster than replies.
//!
//! A put ends with a sequence number or an error of its own, and never reports a success that the service did not confirm.
//! Records are sent in the order of the calls; only the entries that failed are sent again, before anything newer. It spawns no
//! task: each awaited put drives the sending for all, and dropping one does not affect the others (if not sent yet, it is
//! withdrawn).
//!
//! When a reply is lost, the record may have been put, and the retry puts it again under a second sequence number. Readers
//! deduplicate them by the record's id.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    mem,
    pin::pin,
    rc::Rc,
    time::Duration,
};

use futures::{
    FutureExt,
    channel::oneshot,
    future::{Either, LocalBoxFuture, Shared, select},
};

use super::{
    api,
    backoff::full_jitter,
    client::Client,
    error::{Error, ErrorKind, Retry},
    host::Host,
    keeper::Vend,
};

/// Back-off after a failure: base and cap of its jitter, in milliseconds.
const BACKOFF_MS: (u32, u32) = (60, 2_000);

/// Settings of a [`Producer`].
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The time after which an unconfirmed put fails.
    pub deadline: Duration,
    /// The time after which a request without a reply is abandoned and sent again.
    pub attempt: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { deadline: Duration::from_secs(15), attempt: Duration::from_secs(5) }
    }
}

/// Proof that a record is on the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The shard.
    pub shard_id: String,
    /// Its sequence number in the shard.
    pub sequence_number: String,
}

/// Why a put has no receipt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PutError {
    /// Over the service's limit for a record.
    #[error("the record has {bytes} bytes, the limit is {limit}")]
    TooLarge {
        /// Data and partition key.
        bytes: usize,
        /// [`api::MAX_RECORD_BYTES`].
        limit: usize,
    },
    /// A partition key has 1 to 256 characters.
    #[error("a partition key has 1 to 256 characters, this one {characters}")]
    PartitionKey {
        /// How many it has.
        characters: usize,
    },
    /// The vending machine gave no permission.
    #[error("no permission for the stream: {message}")]
    NoSession {
        /// Why, for a person.
        message: String,
        /// When to ask again, if that may help.
        retry_after: Option<Duration>,
    },
    /// The stream refused it, and would refuse it again.
    #[error("the stream refused it: {0}")]
    Refused(Error),
    /// The deadline passed without a confirmation.
    #[error("not confirmed after {} s{}", waited.as_secs(), if *maybe_put { ", it may have arrived all the same" } else { "" })]
    NotConfirmed {
        /// How long it was tried.
        waited: Duration,
        /// A request with it had no reply: it may be on the stream.
        maybe_put: bool,
        /// The last failure, if there was one.
        last: Option<Error>,
    },
}

impl PutError {
    /// Whether the record may be on the stream nevertheless.
    #[must_use]
    pub const fn maybe_put(&self) -> bool {
        matches!(self, Self::NotConfirmed { maybe_put: true, .. })
    }
}

/// Puts records with the sessions of a [`Client`]. Clones share the queue.
pub struct Producer<H, V> {
    line: Rc<Outbox<H, V>>,
    flight: Rc<RefCell<Option<Shared<LocalBoxFuture<'static, ()>>>>>,
}

/// The outbox: the queue of records, and the client that sends them.
struct Outbox<H, V> {
    client: Client<H, V>,
    options: Options,
    queue: RefCell<VecDeque<OutboxRecord>>,
    busy: Cell<bool>,
}

struct OutboxRecord {
    data: Vec<u8>,
    partition_key: String,
    done: oneshot::Sender<Result<Receipt, PutError>>,
    story: Rc<RefCell<Story>>,
    /// It was in a batch that was refused as a whole: it is sent alone now.
    alone: bool,
}

/// What its author has to know if the deadline passes.
#[derive(Default)]
struct Story {
    /// A request with it was sent and has no reply yet: it may have been put.
    in_air: Rc<Cell<bool>>,
    maybe_put: bool,
    last: Option<Error>,
}

impl OutboxRecord {
    fn size(&self) -> usize {
        self.data.len() + self.partition_key.len()
    }

    fn finish(self, result: Result<Receipt, PutError>) {
        // Its author may have stopped waiting.
        let _ = self.done.send(result);
    }
}

impl<H: Host, V: Vend> Producer<H, V> {
    /// Sends nothing until the first put.
    pub fn new(client: Client<H, V>, options: Options) -> Self {
        let line = Outbox { client, options, queue: RefCell::default(), busy: Cell::new(false) };
        Self { line: Rc::new(line), flight: Rc::default() }
    }

    /// The client it sends with.
    pub fn client(&self) -> &Client<H, V> {
        &self.line.client
    }

    /// Puts `data` (with the key at most 1 MiB) under `partition_key` (1 to 256 characters).
    ///
    /// # Errors
    /// See [`PutError`]; the caller may send the record again or show the error to its author.
    pub async fn put(&self, data: Vec<u8>, partition_key: &str) -> Result<Receipt, PutError> {
        let characters = partition_key.chars().count();
        if !(1..=api::MAX_PARTITION_KEY).contains(&characters) {
            return Err(PutError::PartitionKey { characters });
        }
        let (done, mut receipt) = oneshot::channel();
        let story = Rc::new(RefCell::new(Story::default()));
        let entry = OutboxRecord {
            data,
            partition_key: partition_key.to_owned(),
            done,
            story: Rc::clone(&story),
            alone: false,
        };
        let bytes = entry.size();
        if bytes > api::MAX_RECORD_BYTES {
            return Err(PutError::TooLarge { bytes, limit: api::MAX_RECORD_BYTES });
        }
        self.line.queue.borrow_mut().push_back(entry);

        let waited = self.line.options.deadline;
        let mut deadline = pin!(self.line.client.clock().host().sleep(waited));
        // The receipt is polled first: a flight may have finished this put and continued with others.
        loop {
            match select(select(&mut receipt, self.join()), &mut deadline).await {
                Either::Left((Either::Left((Ok(result), _)), _)) => return result,
                // The flight has ended. Unless the receipt is here by now, the next one sends this put.
                Either::Left((Either::Right(_), _)) => {}
                Either::Left((Either::Left((Err(oneshot::Canceled), _)), _)) | Either::Right(_) => {
                    let Story { in_air, maybe_put, last } = story.take();
                    return Err(PutError::NotConfirmed { waited, maybe_put: maybe_put || in_air.get(), last });
                }
            }
        }
    }

    /// The flight in progress, or a new one for the queue.
    fn join(&self) -> Shared<LocalBoxFuture<'static, ()>> {
        let mut flight = self.flight.borrow_mut();
        if let Some(flight) = flight.as_ref()
            && self.line.busy.get()
        {
            return flight.clone();
        }
        self.line.busy.set(true);
        let line = Rc::clone(&self.line);
        let new = async move { line.fly().await }.boxed_local().shared();
        *flight = Some(new.clone());
        new
    }
}

impl<H, V> Clone for Producer<H, V> {
    fn clone(&self) -> Self {
        Self { line: Rc::clone(&self.line), flight: Rc::clone(&self.flight) }
    }
}

impl<H: Host, V: Vend> Outbox<H, V> {
    /// Sends until the queue is empty.
    async fn fly(&self) {
        let mut failures = 0;
        loop {
            let batch = self.take();
            if batch.is_empty() {
                // No await between this and the end: a later put finds the outbox idle.
                self.busy.set(false);
                return;
            }
            let Some(wait) = self.send(batch).await else {
                failures = 0;
                continue;
            };
            let host = self.client.clock().host();
            let jitter = full_jitter(BACKOFF_MS.0, BACKOFF_MS.1, failures, host.random());
            failures += 1;
            host.sleep(jitter.max(wait)).await;
        }
    }

    /// Takes the next entries that are still awaited, as many as one request may carry.
    fn take(&self) -> Vec<OutboxRecord> {
        let mut queue = self.queue.borrow_mut();
        queue.retain(|entry| !entry.done.is_canceled());
        let mut bytes = 0;
        let mut count = 0;
        for entry in queue.iter().take(api::MAX_BATCH) {
            bytes += entry.size();
            if count > 0 && (bytes > api::MAX_BATCH_BYTES || entry.alone) {
                break;
            }
            count += 1;
            if entry.alone {
                break;
            }
        }
        queue.drain(..count).collect()
    }

    /// Sends one request. Entries that may be retried go back to the head of the queue; then the minimum wait before the next
    /// request is returned.
    async fn send(&self, batch: Vec<OutboxRecord>) -> Option<Duration> {
        let in_air = Rc::<Cell<bool>>::default();
        batch.iter().for_each(|entry| entry.story.borrow_mut().in_air = Rc::clone(&in_air));
        let limit = self.client.clock().host().sleep(self.options.attempt);
        let call = async {
            match batch.as_slice() {
                [one] => self.client.put_record_seen(&one.data, &one.partition_key, &in_air).await.map(|reply| {
                    vec![api::PutRecordsEntry {
                        shard_id: Some(reply.shard_id),
                        sequence_number: Some(reply.sequence_number),
                        ..Default::default()
                    }]
                }),
                many => {
                    let entries: Vec<_> = many.iter().map(|e| (e.data.as_slice(), e.partition_key.as_str())).collect();
                    self.client.put_records_seen(&entries, &in_air).await.map(|reply| reply.records)
                }
            }
        };
        let outcome = match select(pin!(call), pin!(limit)).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(_) => Err(Error::network("no reply in time".into())),
        };
        // A reply covers all entries that reached the service; without a reply they may have been put.
        let unknown = in_air.take();
        match outcome {
            Ok(entries) => self.settle(batch, entries),
            Err(error) => self.fail(batch, &error, unknown),
        }
    }

    fn settle(&self, batch: Vec<OutboxRecord>, replies: Vec<api::PutRecordsEntry>) -> Option<Duration> {
        let mut again = Vec::new();
        for (entry, reply) in batch.into_iter().zip(replies) {
            match (reply.shard_id, reply.sequence_number, reply.error_code) {
                (Some(shard_id), Some(sequence_number), None) => {
                    entry.finish(Ok(Receipt { shard_id, sequence_number }))
                }
                (_, _, code) => {
                    // An entry without a sequence number is no success, even without a code.
                    let code = code.as_deref().unwrap_or("InternalFailure");
                    let error = Error::from_code(code, reply.error_message.as_deref().unwrap_or_default(), 200);
                    if error.retry() == Retry::Never {
                        entry.finish(Err(PutError::Refused(error)));
                    } else {
                        entry.story.borrow_mut().last = Some(error);
                        again.push(entry);
                    }
                }
            }
        }
        let wait = (!again.is_empty()).then_some(Duration::ZERO);
        self.put_back(again);
        wait
    }

    fn fail(&self, mut batch: Vec<OutboxRecord>, error: &Error, unknown: bool) -> Option<Duration> {
        if error.retry() == Retry::Never || error.retry_after.is_some_and(|wait| wait >= self.options.deadline) {
            if error.kind == ErrorKind::Invalid && batch.len() > 1 {
                // One of them is invalid: send each alone.
                batch.iter_mut().for_each(|entry| entry.alone = true);
                self.put_back(batch);
                return None;
            }
            for entry in batch {
                entry.finish(Err(match error.kind {
                    ErrorKind::NoSession => {
                        PutError::NoSession { message: error.message.clone(), retry_after: error.retry_after }
                    }
                    _ => PutError::Refused(error.clone()),
                }));
            }
            return None;
        }
        for entry in &batch {
            let mut story = entry.story.borrow_mut();
            story.maybe_put |= unknown || error.kind == ErrorKind::Server;
            story.last = Some(error.clone());
        }
        self.put_back(batch);
        Some(error.retry_after.unwrap_or_default())
    }

    fn put_back(&self, entries: Vec<OutboxRecord>) {
        let mut queue = self.queue.borrow_mut();
        let newer = mem::take(&mut *queue);
        queue.extend(entries.into_iter().chain(newer));
    }
}
