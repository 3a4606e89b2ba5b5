//! Puts records: one at once when it is alone, gathered when they come faster than replies.
//!
//! Promises: a put ends with a sequence number or an error of its own, never with silence and never with a success
//! that the service did not confirm. Records are sent in the order of the calls; only the entries that failed are
//! sent again, before anything newer. It spawns nothing: whoever awaits a put drives the sending for all, and a put
//! that is dropped takes nobody else's with it (dropped before it was sent, it is withdrawn).
//!
//! When a reply is lost the record may have been put all the same, and the retry puts it again under a second sequence
//! number. Readers tell the two apart by the record's own id.

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

/// The first wait after a failure, and the longest, in milliseconds.
const BACKOFF_MS: (u32, u32) = (60, 2_000);

/// Settings of a [`Producer`].
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// After this long a put that is not confirmed fails.
    pub deadline: Duration,
    /// After this long a request without a reply is given up, and sent again.
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
    /// The place in the shard.
    pub sequence_number: String,
}

/// Why a put has no receipt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PutError {
    /// Over the service's limit for a record. Send less.
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
        /// When it may help to ask again.
        retry_after: Option<Duration>,
    },
    /// The stream refused it, and would again.
    #[error("the stream refused it: {0}")]
    Refused(Error),
    /// The deadline passed without a confirmation.
    #[error("not confirmed after {} s{}", waited.as_secs(), if *maybe_put { ", it may have arrived all the same" } else { "" })]
    NotConfirmed {
        /// How long it was tried.
        waited: Duration,
        /// A request that carried it had no reply: it may be on the stream.
        maybe_put: bool,
        /// The last failure, if there was one.
        last: Option<Error>,
    },
}

impl PutError {
    /// Whether the record may be on the stream all the same.
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

/// What waits, and the way it goes.
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
    /// It was in a batch that was refused as a whole: it goes by itself now.
    alone: bool,
}

/// What its author wants to know if the deadline passes.
#[derive(Default)]
struct Story {
    /// A request that carries it was sent and has no reply yet: it may have been put.
    in_air: Rc<Cell<bool>>,
    maybe_put: bool,
    last: Option<Error>,
}

impl OutboxRecord {
    fn size(&self) -> usize {
        self.data.len() + self.partition_key.len()
    }

    fn finish(self, result: Result<Receipt, PutError>) {
        // Its author may have gone; then nobody is told.
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
    /// See [`PutError`]; the record is then yours again to send or to show to its author.
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
        // The receipt comes first: a flight may have finished this put and gone on with those of others.
        loop {
            match select(select(&mut receipt, self.join()), &mut deadline).await {
                Either::Left((Either::Left((Ok(result), _)), _)) => return result,
                // The flight has landed. Unless the receipt is there by now, the next one takes this put.
                Either::Left((Either::Right(_), _)) => {}
                Either::Left((Either::Left((Err(oneshot::Canceled), _)), _)) | Either::Right(_) => {
                    let Story { in_air, maybe_put, last } = story.take();
                    return Err(PutError::NotConfirmed { waited, maybe_put: maybe_put || in_air.get(), last });
                }
            }
        }
    }

    /// The flight under way, or a new one for what waits.
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
    /// Sends until nothing waits any more.
    async fn fly(&self) {
        let mut failures = 0;
        loop {
            let batch = self.take();
            if batch.is_empty() {
                // No await between this and the end: a put that comes later finds the line idle.
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

    /// The next entries that somebody still waits for, as many as one request may carry.
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

    /// One request. What failed and may succeed goes back to the head of the queue; then the answer is the least time
    /// to wait before the next.
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
        // The service answers for all that reached it; what failed without its answer may have been put.
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
                    // An entry without number and without code is no success either.
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
                // One of them is wrong: let each answer for itself.
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
