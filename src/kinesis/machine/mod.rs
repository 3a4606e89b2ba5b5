//! The reader of a stream as a pure state machine: no I/O, no clock, no randomness of its own.
//!
//! Its driver asks [`Machine::step`] what to do, makes the [`Call`]s (several can be in progress, one per shard), hands each
//! outcome to [`Machine::answer`], and takes out [`Event`]s. [`super::reader`] drives it with our own client; the server may
//! use another.
//!
//! It delivers every record of the shards in scope from the cursor on, once and in the order of each shard; a shard's records
//! only after all of its parents'; across expired iterators, throttling, splits and merges; and never in a hot loop. When the
//! stream is deleted and created again under its name, it continues with the new one's records, from its beginning or the
//! starting time, within seconds (a minute, if no shard was being read just then); only at that moment a child may come early.
//! It never starts at `LATEST`, which would lose what arrives before the first iterator exists. Times are milliseconds of the
//! driver's clock, except [`StreamCursor::since_ms`], which is compared to the service's.

mod call;
mod event;
mod listing;
mod pace;
mod shard;

use std::collections::{BTreeMap, VecDeque};

pub use call::{Call, CallReply, MachineStep};
pub use event::{Event, Record, Scope, State, Stats, StreamCursor};
use listing::Listing;
use pace::Pace;
pub use shard::is_before;
use shard::{Phase, ShardCursor};

use super::{
    api::{From, GetRecordsReply},
    backoff::full_jitter,
    error::{Error, ErrorKind},
};

/// A reply that took this long was queued.
const SLOW_MS: i64 = 150;
/// Less than this behind is live.
const BEHIND_MS: i64 = 3_000;
/// Back-off after a temporary failure: base and cap of its jitter.
const BACKOFF_MS: (u32, u32) = (200, 10_000);
/// The minimum wait after a lasting failure; up to as much again as jitter.
const RARELY_MS: i64 = 10_000;

/// The state machine.
#[derive(Debug)]
pub struct Machine {
    scope: Scope,
    keys: Option<Vec<u128>>,
    since_ms: i64,
    /// Whether records are pushed (a subscription), so that no read interval is kept.
    pushed: bool,
    /// Sequence numbers to resume after, until the first listing shows their shards.
    resume: BTreeMap<String, String>,
    shards: BTreeMap<String, ShardCursor>,
    listing: Listing,
    events: VecDeque<Event>,
    state: State,
    stats: Stats,
}

impl Machine {
    /// Reads the shards in scope from the cursor `position` on.
    pub fn new(scope: Scope, position: StreamCursor) -> Self {
        Self {
            keys: scope.hash_keys(),
            scope,
            since_ms: position.since_ms,
            pushed: false,
            resume: position.shards,
            shards: BTreeMap::new(),
            listing: Listing { wanted: true, due: i64::MIN, ..Listing::default() },
            events: VecDeque::new(),
            state: State::Starting,
            stats: Stats::default(),
        }
    }

    /// For a push driver (enhanced fan-out): [`Call::Iterator`] subscribes to a shard, [`Call::Records`] waits for pushed
    /// records, and calls follow at once. A reply's iterator is its continuation sequence number, to subscribe again after. A
    /// subscription that ends counts as an expired iterator, and none outlives a failure.
    #[must_use]
    pub fn pushed(self) -> Self {
        Self { pushed: true, ..self }
    }

    /// The next step. Each call is returned once.
    pub fn step(&mut self, now: i64) -> MachineStep {
        let listing = &mut self.listing;
        if !listing.wanted && listing.again <= now {
            (listing.wanted, listing.due) = (true, now);
        }
        if listing.wanted && !listing.busy && listing.due <= now {
            listing.busy = true;
            if listing.token.is_none() {
                listing.begun += 1;
                listing.found.clear();
            }
            return MachineStep::Call(Call::ListShards { next_token: listing.token.clone() });
        }
        self.start_ready();
        let due = |line: &ShardCursor| !line.busy && matches!(line.phase, Phase::Parked | Phase::Reading(_));
        let next = self.shards.iter().filter(|(_, line)| due(line)).min_by_key(|(_, line)| line.due);
        let Some((id, line)) = next.filter(|(_, line)| line.due <= now) else {
            let Listing { wanted, busy, due, again, .. } = self.listing;
            let listing = (!busy).then_some(if wanted { due } else { again });
            let earliest = next.map(|(_, line)| line.due).into_iter().chain(listing).min();
            return earliest.map_or(MachineStep::Idle, MachineStep::Wait);
        };
        let shard_id = id.clone();
        let from = self.start_of(line);
        let Some(line) = self.shards.get_mut(&shard_id) else { return MachineStep::Idle };
        line.busy = true;
        MachineStep::Call(match &line.phase {
            Phase::Reading(iterator) => {
                line.pace.begin(now);
                self.stats.reads += 1;
                Call::Records { iterator: iterator.clone(), shard_id }
            }
            _ => Call::Iterator { shard_id, from },
        })
    }

    /// Takes the outcome of a call. `random` is 64 fresh random bits.
    pub fn answer(&mut self, answer: CallReply, now: i64, random: u64) {
        match answer {
            CallReply::Shards(Ok(reply)) => self.shards_listed(reply, now),
            CallReply::Shards(Err(error)) => self.listing_failed(error, now, random),
            CallReply::Iterator(id, outcome) => {
                let Some(line) = self.shards.get_mut(&id) else { return };
                line.busy = false;
                match outcome {
                    Ok(_) if line.phase != Phase::Parked => {}
                    Ok(iterator) => {
                        line.phase = Phase::Reading(iterator);
                        line.due = now;
                    }
                    Err(error) => self.shard_failed(&id, error, now, random),
                }
            }
            CallReply::Records(id, outcome) => {
                if let Some(line) = self.shards.get_mut(&id) {
                    line.busy = false;
                }
                match outcome {
                    Ok(reply) => self.records_read(&id, reply, now),
                    Err(error) => self.shard_failed(&id, error, now, random),
                }
            }
        }
        self.restate();
    }

    /// The next event, if there is one.
    pub fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The cursor to resume from after the events taken out so far. (Take out all there are first.)
    pub fn position(&self) -> StreamCursor {
        // A child is read only after its parents. A child with less progress is left over from a deleted stream, whose parents
        // alone an aborted listing has replaced.
        let behind =
            |line: &ShardCursor, child: &ShardCursor| child.last.as_ref().is_some_and(|last| line.is_new(last));
        let passed =
            |id: &str, line: &ShardCursor| line.is_done() && self.children(id).any(|child| behind(line, child));
        let read = self.shards.iter().filter(|(id, line)| !passed(id, line));
        let read = read.filter_map(|(id, line)| Some((id.clone(), line.last.clone()?)));
        StreamCursor { since_ms: self.since_ms, shards: self.resume.clone().into_iter().chain(read).collect() }
    }

    /// The counts so far.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// Whether everything from before reading began was delivered: every shard in scope was read to its newest record, or to
    /// its end.
    pub fn has_caught_up(&self) -> bool {
        let done = |line: &ShardCursor| !line.in_scope || line.is_done() || line.reached;
        self.listing.completed > 0 && !self.listing.wanted && self.shards.values().all(done)
    }

    /// The state of reading.
    pub fn state(&self) -> &State {
        &self.state
    }

    fn children<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a ShardCursor> {
        self.shards.values().filter(move |line| line.in_scope && line.parents.iter().any(|parent| parent == id))
    }

    /// Where a shard resumes or starts. A child starts at its beginning; but where nothing was read from its parents, they may
    /// have been closed before the starting time, which then applies here too.
    fn start_of(&self, line: &ShardCursor) -> From {
        match &line.last {
            Some(last) => From::After(last.clone()),
            None if line.parents.iter().any(|id| self.shards.get(id).is_some_and(|p| p.last.is_some())) => {
                From::TrimHorizon
            }
            None => From::Timestamp(self.since_ms),
        }
    }

    fn records_read(&mut self, id: &str, reply: GetRecordsReply, now: i64) {
        let Some(line) = self.shards.get_mut(id) else { return };
        // Finished or reset while the call was in progress.
        if !matches!(line.phase, Phase::Reading(_)) {
            return;
        }
        line.failures = 0;
        line.renewed = false;
        let mut records = Vec::new();
        for record in reply.records {
            if !line.is_new(&record.sequence_number) {
                continue;
            }
            line.last = Some(record.sequence_number.clone());
            if self.scope.wants(record.partition_key.as_deref()) {
                records.push(Record {
                    data: record.data,
                    partition_key: record.partition_key.unwrap_or_default(),
                    sequence_number: record.sequence_number,
                    arrival_ms: record.arrival_ms,
                    shard_id: id.to_owned(),
                });
            }
        }
        let behind = reply.millis_behind_latest.unwrap_or_default().max(0);
        let began = line.pace.begun();
        line.due = if self.pushed {
            // Throttling from before the subscription does not apply to it.
            line.pace = Pace::new();
            now
        } else {
            line.pace.answered(now, behind > 0)
        };
        line.reached |= behind == 0;
        line.state = match line.pace.noticed() {
            true => State::Throttled { interval_ms: line.pace.interval_ms() },
            false if behind > BEHIND_MS => State::Behind { ms: behind },
            false => State::Live,
        };
        self.stats.slow += u64::from(!self.pushed && now.saturating_sub(began) >= SLOW_MS);
        self.stats.behind_ms = behind;
        self.stats.interval_ms = line.pace.interval_ms();
        self.stats.records += records.len() as u64;
        if !records.is_empty() {
            self.events.push_back(Event::Records(records));
        }
        if let Some(iterator) = reply.next_shard_iterator {
            // In a quiet shard the last record is old, the continuation number is not.
            if self.pushed && !iterator.is_empty() && line.is_new(&iterator) {
                line.last = Some(iterator.clone());
            }
            line.phase = Phase::Reading(iterator);
            return;
        }
        line.phase = Phase::Done;
        // Only a listing that begins from now on can show all parents of these children.
        let settled_by = self.listing.begun + 1;
        for child in reply.child_shards.unwrap_or_default() {
            let line = ShardCursor::new(child.parent_shards, child.hash_key_range, self.keys.as_deref(), settled_by);
            self.shards.entry(child.shard_id).or_insert(line);
        }
        self.look_for_children(now);
    }

    fn shard_failed(&mut self, id: &str, error: Error, now: i64, random: u64) {
        let Some(line) = self.shards.get_mut(id) else { return };
        let reading = matches!(line.phase, Phase::Reading(_));
        if self.pushed && reading {
            line.phase = Phase::Parked;
        }
        if error.kind == ErrorKind::Throttled {
            self.stats.throttled += 1;
            line.due = line.pace.refused(now, random);
            self.stats.interval_ms = line.pace.interval_ms();
            if line.pace.noticed() {
                line.state = State::Throttled { interval_ms: line.pace.interval_ms() };
            }
            return;
        }
        let misplaced = matches!(error.kind, ErrorKind::IteratorExpired | ErrorKind::Invalid | ErrorKind::NotFound);
        if misplaced && reading {
            line.phase = Phase::Parked;
        }
        if misplaced && !self.listing.wanted {
            // The shard may have been trimmed, or the stream deleted and created again: the listing shows which.
            self.listing.wanted = true;
            self.listing.due = now + 1_000;
        }
        if misplaced && reading && error.kind != ErrorKind::NotFound && !line.renewed {
            // The first time at once, whatever failed before: a restarted endpoint may not know its old iterators.
            line.renewed = true;
            line.due = now;
            return;
        }
        line.state = trouble(error, line.failures, random);
        line.failures += 1;
        line.due = now + line.state.retry_in_ms();
    }

    fn restate(&mut self) {
        let lines = self.shards.values().filter(|line| line.in_scope && !line.is_done()).map(|line| &line.state);
        let Some(worst) = lines.chain(&self.listing.trouble).max_by_key(|state| state.rank()) else { return };
        let same = match (&self.state, worst) {
            (State::Throttled { .. }, State::Throttled { .. }) => true,
            (old, new) => old == new,
        };
        if !same && *worst != State::Starting {
            self.state = worst.clone();
            self.events.push_back(Event::State(worst.clone()));
        }
    }
}

fn trouble(reason: Error, failures: u32, random: u64) -> State {
    use super::error::Retry;
    let (least, lasting) = match reason.retry() {
        Retry::Never => (RARELY_MS, true),
        _ => (100, false),
    };
    let jitter = match lasting {
        true => (random % RARELY_MS as u64) as i64,
        false => full_jitter(BACKOFF_MS.0, BACKOFF_MS.1, failures, random).as_millis() as i64,
    };
    let asked = reason.retry_after.map_or(0, |wait| wait.as_millis() as i64);
    let retry_in = std::time::Duration::from_millis((least + jitter).max(asked).unsigned_abs());
    match lasting {
        true => State::Failed { reason, retry_in },
        false => State::Reconnecting { reason, retry_in },
    }
}
