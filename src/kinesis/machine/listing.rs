//! The shard listing: which shards exist, which are whose children, and which are ready to be read.

use std::collections::{BTreeSet, btree_map::Entry};

use super::{
    Machine,
    event::State,
    shard::{Phase, ShardCursor, is_before},
    trouble,
};
use crate::kinesis::{api::ListShardsReply, error::Error};

/// How often the shards are listed without another cause: a stream that was deleted and created again while no shard of it was
/// being read may have a shard of the same name, which reports no error.
const RELIST_MS: i64 = 60_000;

/// The state of the listing.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) wanted: bool,
    pub(super) busy: bool,
    pub(super) due: i64,
    /// When the next periodic listing is due.
    pub(super) again: i64,
    /// How many listings were begun, and the number of the last that was completed.
    pub(super) begun: u64,
    pub(super) completed: u64,
    pub(super) token: Option<String>,
    pub(super) found: BTreeSet<String>,
    pub(super) failures: u32,
    pub(super) trouble: Option<State>,
}

impl Machine {
    /// Parks the shards whose parents are all finished.
    pub(super) fn start_ready(&mut self) {
        let settled = |line: &ShardCursor, parent: &String| match self.shards.get(parent) {
            Some(parent) => !parent.in_scope || parent.is_done(),
            None => self.listing.completed >= line.settled_by,
        };
        let ready = |line: &ShardCursor| {
            // Before the first listing is complete, no shard's parents are known.
            let known = self.listing.completed > 0 && line.phase == Phase::Waiting && line.in_scope;
            known && line.parents.iter().all(|parent| settled(line, parent))
        };
        let ready: Vec<String> = self.shards.iter().filter(|(_, line)| ready(line)).map(|(id, _)| id.clone()).collect();
        for id in ready {
            if let Some(line) = self.shards.get_mut(&id) {
                line.phase = Phase::Parked;
            }
        }
    }

    pub(super) fn shards_listed(&mut self, reply: ListShardsReply, now: i64) {
        let listing = &mut self.listing;
        listing.busy = false;
        listing.failures = 0;
        listing.trouble = None;
        for shard in reply.shards {
            listing.found.insert(shard.shard_id.clone());
            let parents = shard.parents().map(str::to_owned).collect();
            let new = ShardCursor::new(parents, shard.hash_key_range, self.keys.as_deref(), listing.begun);
            let start = shard.sequence_number_range.starting_sequence_number;
            match self.shards.entry(shard.shard_id) {
                Entry::Vacant(place) => place.insert(new).start = start,
                Entry::Occupied(place) => {
                    let line = place.into_mut();
                    if line.precedes(&start) {
                        // The cursor belongs to a deleted stream. Nothing was read of this one.
                        *line = ShardCursor { busy: line.busy, ..new };
                    } else {
                        (line.parents, line.in_scope) = (new.parents, new.in_scope);
                    }
                    line.start = start;
                }
            }
        }
        listing.token = reply.next_token;
        listing.due = now;
        if listing.token.is_some() {
            return;
        }
        listing.completed = listing.begun;
        listing.wanted = false;
        listing.again = now + RELIST_MS;
        // Shards no longer listed have been trimmed, unless they became known after this listing began.
        let (found, completed) = (&listing.found, listing.completed);
        self.shards.retain(|id, line| line.busy || line.settled_by > completed || found.contains(id));

        for (id, number) in std::mem::take(&mut self.resume) {
            if let Some(line) = self.shards.get_mut(&id)
                && !is_before(&number, &line.start)
            {
                line.last = Some(number);
                self.finish_ancestors(&id);
            }
        }
        self.look_for_children(now);
    }

    /// Marks all ancestors of a resumed shard as done.
    fn finish_ancestors(&mut self, id: &str) {
        let parents = self.shards.get(id).map(|line| line.parents.clone()).unwrap_or_default();
        for parent in parents {
            if let Some(line) = self.shards.get_mut(&parent)
                && !line.is_done()
            {
                line.phase = Phase::Done;
                self.finish_ancestors(&parent);
            }
        }
    }

    /// Requests a listing if the scope has a finished shard without children, or a child with an unknown parent.
    pub(super) fn look_for_children(&mut self, now: i64) {
        let orphan = |line: &ShardCursor| {
            line.settled_by > self.listing.completed && line.parents.iter().any(|id| !self.shards.contains_key(id))
        };
        let open_end = |(id, line): (&String, &ShardCursor)| line.is_done() && self.children(id).next().is_none();
        let in_scope = || self.shards.iter().filter(|(_, line)| line.in_scope);
        let unknown = in_scope().any(|(_, line)| orphan(line));
        let ended = in_scope().any(open_end) || in_scope().next().is_none();
        if (unknown || ended) && !self.listing.wanted {
            // The first one at once; a listing that did not help is repeated after a while.
            let helped = self.listing.due < now;
            self.listing.wanted = true;
            self.listing.due = if unknown || helped { now } else { now + 2_000 };
        } else if unknown && self.listing.trouble.is_none() {
            self.listing.due = self.listing.due.min(now);
        }
    }

    pub(super) fn listing_failed(&mut self, error: Error, now: i64, random: u64) {
        let listing = &mut self.listing;
        listing.busy = false;
        // The listing starts again: its token may be the cause.
        listing.token = None;
        let state = trouble(error, listing.failures, random);
        listing.failures += 1;
        listing.due = now + state.retry_in_ms();
        listing.trouble = Some(state);
    }
}
