//! The moderation task: stores decisions read from the stream, publishes pending ones, and denies credentials (embedded).
//!
//! Each step is retried after a failure, and a failed step does not stop the others: applying, keeping and publishing are
//! independent.

mod review;

use std::{
    collections::{BTreeMap, HashSet},
    sync::atomic::Ordering::Relaxed,
    time::Duration,
};

use danmu::{
    record::{Guests, Moderation as Told, RecordId},
    viewer::ViewerId,
};
use danmu_identity::{
    aws::{bus::KinesisBus, session_name::session_name},
    clock::{self, now_ms},
    store::{Row, StoreError, named},
};
use danmu_stream::{Endpoint, RevokeError};
use ipnet::IpNet;
use thiserror::Error;
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{Begun, EVERY, Heard, Moderation, RolePolicies, aws, order::Signer, snapshot};
use crate::bus::Bus;

/// Back-off after a failed put, milliseconds.
const AGAIN_MS: i64 = 1_000;
/// How many decisions are claimed, and put, at a time.
const TOGETHER: usize = 200;
/// How often recent speakers are written to the store, milliseconds.
const SPEAKERS_MS: i64 = 1_000;
/// How often old rows are deleted, milliseconds.
const FORGET_MS: i64 = 600_000;
/// How often the mark up to which the stream was kept is written, milliseconds.
const MARK_MS: i64 = 30_000;
/// How far before that mark a restart begins to read, milliseconds: clocks differ, and shards are at different positions.
const MARGIN_MS: i64 = 120_000;

/// Carries out the decisions of a store.
pub struct Work {
    moderation: Moderation,
    inbox: mpsc::Receiver<Heard>,
    /// Received from the queue, and not in the store yet.
    unkept: Vec<Heard>,
    /// The store's change number up to which rows were applied.
    change: i64,
    /// The bans of networks whose guests were already looked up.
    networks: HashSet<(IpNet, RecordId)>,
    /// The ledger's change number at that time.
    found_at: Option<u64>,
    /// The denials known to the endpoint, and the ledger's change number at that time.
    denied: HashSet<String>,
    denied_at: Option<u64>,
    revoked_before_ms: i64,
    /// When the set of denied viewers next changes by itself, Unix milliseconds.
    due_ms: i64,
    tell_ms: i64,
    mark_ms: i64,
    forget_ms: i64,
    speakers_ms: i64,
    snapshot: snapshot::Turn,
    review: review::Turn,
}

/// What the task works with.
pub struct Means<B = KinesisBus> {
    /// The stream, for publishing.
    pub bus: B,
    /// Signs the records.
    pub signer: Signer,
    /// The embedded stream's endpoint, if it is in this process: denies credentials.
    pub endpoint: Option<Endpoint>,
    /// The roles of viewers' sessions on AWS, if any: deny credentials.
    pub roles: Option<RolePolicies>,
    /// How long entries of the audit are kept.
    pub keep_audit: Duration,
}

/// Why a step failed.
#[derive(Debug, Error)]
enum Undone {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the stream could not be told: {0}")]
    Stream(String),
    #[error(transparent)]
    Endpoint(#[from] RevokeError),
}

impl Work {
    pub(super) fn new(moderation: Moderation, inbox: mpsc::Receiver<Heard>, change: i64) -> Self {
        Self {
            moderation,
            inbox,
            unkept: Vec::new(),
            change,
            networks: HashSet::new(),
            found_at: None,
            denied: HashSet::new(),
            denied_at: None,
            revoked_before_ms: 0,
            due_ms: i64::MIN,
            tell_ms: 0,
            mark_ms: 0,
            forget_ms: 0,
            speakers_ms: 0,
            snapshot: snapshot::Turn::default(),
            review: review::Turn::default(),
        }
    }

    /// Runs until `stop`; failed steps are retried.
    pub async fn run<B: Bus>(mut self, mut means: Means<B>, stop: CancellationToken) {
        if let Some(endpoint) = &means.endpoint {
            self.denied.extend(endpoint.denied().sources.into_iter().map(|(source, _)| source));
        }
        let mut denying =
            means.roles.take().map(|roles| tokio::spawn(aws::deny(self.moderation.clone(), roles, stop.clone())));
        while !stop.is_cancelled() {
            self.step(&means).await;
            // Back-pressure: while something cannot be kept, the queue fills up, and finally the stream is not read.
            let keeps = self.unkept.is_empty();
            tokio::select! {
                () = stop.cancelled() => {}
                count = self.inbox.recv_many(&mut self.unkept, super::QUEUE), if keeps => if count == 0 { return },
                () = self.moderation.0.decided.notified() => {}
                () = tokio::time::sleep(EVERY) => {}
                // Credentials would no longer be denied, so this task ends too, and its supervisor reports it.
                () = ended(denying.as_mut()) => return,
            }
        }
        if let Some(denying) = denying {
            let _ = denying.await;
        }
    }

    async fn step(&mut self, means: &Means<impl Bus>) {
        let now_ms = now_ms();
        let report = |what: &str, done: Result<(), Undone>| {
            if let Err(error) = done {
                tracing::error!(%error, "{what} is tried again");
            }
        };
        report("keeping what the stream tells", self.keep().await);
        report("looking at what is decided", self.follow().await);
        // First, since all gates depend on it. It waits for the catch-up, which finds what was published before a restart.
        if now_ms >= self.tell_ms && *self.moderation.0.begun.borrow() == Begun::Yes {
            let told = self.tell(means, now_ms).await;
            if told.is_err() {
                self.tell_ms = now_ms + AGAIN_MS;
            }
            report("telling what is decided", told);
        }
        report("keeping what waits for the crew", self.keep_held(now_ms).await);
        report("telling what was let through", self.pass_held(means, now_ms).await);
        report("denying credentials", self.deny(means, now_ms).await);
        report("looking after the store", self.look_after(means, now_ms).await);
        report("keeping who spoke", self.keep_speakers(now_ms).await);
        report("telling what is in force", self.tell_again(means, now_ms).await);
    }

    /// Writes received decisions and guests to the store; on an error all of them are retried.
    async fn keep(&mut self) -> Result<(), Undone> {
        let (mut decided, mut guests) = (Vec::new(), Vec::new());
        for heard in &self.unkept {
            match heard {
                Heard::Decision(one) => decided.push(one.clone()),
                Heard::Again(many) => decided.extend(many.iter().cloned()),
                Heard::Guests(some) => guests.push(some.clone()),
                Heard::Nothing(_) => {}
            }
        }
        let store = &self.moderation.0.store;
        if !decided.is_empty() {
            store.keep(&decided).await?;
        }
        if !guests.is_empty() {
            store.keep_guests(&guests).await?;
        }
        self.unkept.clear();
        Ok(())
    }

    /// Applies changes of the store, made by this server, by others that share it, or by an operator's commands.
    async fn follow(&mut self) -> Result<(), Undone> {
        let store = &self.moderation.0.store;
        let change = store.change().await?;
        if change == self.change {
            return Ok(());
        }
        let (rows, guests) = (store.decisions_since(self.change).await?, store.guests_since(self.change).await?);
        self.moderation.0.ledger.take(rows, &guests);
        self.moderation.change();
        self.change = change;
        Ok(())
    }

    /// Publishes pending decisions, then pending guests.
    async fn tell(&mut self, means: &Means<impl Bus>, now_ms: i64) -> Result<(), Undone> {
        let store = &self.moderation.0.store;
        loop {
            let rows = store.claim(TOGETHER, now_ms).await?;
            if rows.is_empty() {
                break;
            }
            let record = |row: &Row| {
                means.signer.record(row.id, row.room.as_ref(), Told::from(row.decision.clone()), clock::now_ms())
            };
            let put = means.bus.put(rows.iter().map(record).collect()).await;
            let of = |wanted: bool| {
                rows.iter().zip(&put.taken).filter(move |(_, taken)| **taken == wanted).map(|(row, _)| row.id)
            };
            if of(true).next().is_some() {
                store.told(of(true), now_ms).await?;
                tracing::info!(decisions = of(true).count(), "the stream was told");
            }
            if let Some(error) = put.error {
                store.release(of(false)).await?;
                return Err(Undone::Stream(error));
            }
        }
        self.find_guests(now_ms).await?;
        loop {
            let owed = self.moderation.0.store.owed_guests().await?;
            if owed.is_empty() {
                return Ok(());
            }
            let record =
                |guests: &Guests| means.signer.record(snapshot::new_id(), None, Told::Guests(guests.clone()), now_ms);
            if let Some(error) = means.bus.put(owed.iter().map(record).collect()).await.error {
                return Err(Undone::Stream(error));
            }
            let told: Vec<_> = owed.into_iter().map(|guests| Guests { from: Some(now_ms), ..guests }).collect();
            self.moderation.0.store.keep_guests(&told).await?;
        }
    }

    /// Names the guests with sessions from a newly banned network, until these sessions end (they get no new ones there).
    /// Records do not say which address they come from, so gates need the names.
    async fn find_guests(&mut self, now_ms: i64) -> Result<(), Undone> {
        let change = *self.moderation.0.changed.borrow();
        if self.found_at == Some(change) {
            return Ok(());
        }
        let banned: HashSet<_> = self.moderation.0.ledger.banned_networks(now_ms).into_iter().collect();
        let new: Vec<_> = banned.difference(&self.networks).map(|(network, _)| *network).collect();
        let mut found = Vec::new();
        for network in new {
            let guests = self.moderation.0.visitors.of(&network, now_ms);
            tracing::info!(%network, guests = guests.len(), "banned with their network, until their sessions end");
            // Grouped by the minute in which their sessions end: one record per group.
            let mut together: BTreeMap<i64, (i64, Vec<ViewerId>)> = BTreeMap::new();
            for (viewer, ends_ms) in guests {
                let group = together.entry(ends_ms.div_euclid(60_000)).or_default();
                group.0 = group.0.max(ends_ms);
                group.1.push(viewer);
            }
            let group = |(until, viewers)| Guests { network: named(&network), viewers, until, from: None };
            found.extend(together.into_values().map(group));
        }
        if !found.is_empty() {
            self.moderation.0.store.keep_guests(&found).await?;
        }
        (self.networks, self.found_at) = (banned, Some(change));
        Ok(())
    }

    /// Has the embedded endpoint deny viewers who are banned from every room, and allow again those whose ban is known to be
    /// over. Other denials stay.
    async fn deny(&mut self, means: &Means<impl Bus>, now_ms: i64) -> Result<(), Undone> {
        let Some(endpoint) = &means.endpoint else { return Ok(()) };
        let change = *self.moderation.0.changed.borrow();
        if self.denied_at == Some(change) && now_ms < self.due_ms {
            return Ok(());
        }
        let denials = self.moderation.0.ledger.denials(now_ms);
        let wanted: HashSet<_> = denials.wanted.keys().map(session_name).collect();
        let new: Vec<_> = wanted.difference(&self.denied).map(String::as_str).collect();
        if !new.is_empty() {
            endpoint.deny_sources(&new).await?;
        }
        self.denied.extend(wanted);
        let over: Vec<_> = denials.over.iter().map(session_name).filter(|name| self.denied.contains(name)).collect();
        if !over.is_empty() {
            endpoint.allow_sources(&over.iter().map(String::as_str).collect::<Vec<_>>()).await?;
            over.iter().for_each(|name| _ = self.denied.remove(name));
        }
        if denials.revoked_before_ms > self.revoked_before_ms {
            endpoint.revoke_older_than(denials.revoked_before_ms).await?;
            self.revoked_before_ms = denials.revoked_before_ms;
        }
        (self.denied_at, self.due_ms) = (Some(change), denials.due_ms());
        Ok(())
    }

    async fn look_after(&mut self, means: &Means<impl Bus>, now_ms: i64) -> Result<(), Undone> {
        let inner = &self.moderation.0;
        let all_kept = self.inbox.is_empty() && self.unkept.is_empty() && inner.reads_newest.load(Relaxed);
        if now_ms - self.mark_ms > MARK_MS && all_kept && *inner.begun.borrow() == Begun::Yes {
            inner.store.set_heard(now_ms - MARGIN_MS).await?;
            self.mark_ms = now_ms;
        }
        if now_ms - self.forget_ms > FORGET_MS {
            inner.store.forget(now_ms).await?;
            inner.store.forget_identities(now_ms).await?;
            inner.store.forget_speakers(now_ms).await?;
            let kept_ms = i64::try_from(means.keep_audit.as_millis()).unwrap_or(i64::MAX);
            inner.store.forget_audit(now_ms.saturating_sub(kept_ms)).await?;
            // A put that was never read back: the clock was too wrong for the gates, or the stream was recreated.
            inner.store.owe_again(now_ms - FORGET_MS).await?;
            inner.pace.forget_idle();
            inner.names.forget(now_ms);
            self.forget_ms = now_ms;
        }
        Ok(())
    }

    /// Writes recent speakers to the store.
    async fn keep_speakers(&mut self, now_ms: i64) -> Result<(), Undone> {
        if now_ms - self.speakers_ms < SPEAKERS_MS {
            return Ok(());
        }
        self.speakers_ms = now_ms;
        let inner = &self.moderation.0;
        let heard = inner.speakers.take();
        if heard.is_empty() {
            return Ok(());
        }
        let kept = inner.store.keep_speakers(&heard).await;
        if kept.is_err() {
            heard.into_iter().for_each(|speaker| inner.speakers.add(speaker));
        }
        Ok(kept?)
    }

    /// Publishes a snapshot when it is due.
    async fn tell_again(&mut self, means: &Means<impl Bus>, now_ms: i64) -> Result<(), Undone> {
        let inner = &self.moderation.0;
        if *inner.begun.borrow() != Begun::Yes || !inner.reads_newest.load(Relaxed) {
            return Ok(());
        }
        if !self.snapshot.is_due(inner.snapshot_ms.load(Relaxed), || inner.ledger.told().0, now_ms) {
            return Ok(());
        }
        let (decided, guests) = inner.ledger.told();
        let records = snapshot::records(decided, &guests);
        let count = records.len();
        let records = records.into_iter().map(|told| means.signer.record(snapshot::new_id(), None, told, now_ms));
        if let Some(error) = means.bus.put(records.collect()).await.error {
            return Err(Undone::Stream(error));
        }
        tracing::debug!(records = count, "the stream was told what is in force");
        Ok(())
    }
}

/// Waits for the task to end; for ever if there is none.
async fn ended(task: Option<&mut JoinHandle<()>>) {
    match task {
        Some(task) => drop(task.await),
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
