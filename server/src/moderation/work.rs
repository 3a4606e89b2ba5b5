//! Carries out what is decided.

use std::{collections::HashSet, sync::PoisonError, time::Duration};

use aws_sdk_kinesis::{error::DisplayErrorContext, primitives::Blob};
use danmu::{record::Moderation as Order, room::RoomId, viewer::ViewerId};
use danmu_stream::Endpoint;
use tokio::{sync::mpsc, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{EVERY, Heard, Known, Moderation, RolePolicies, order::Signer};
use crate::{
    bus::Bus,
    clock::now_ms,
    store::{Ban, StoreError, Whom},
    vending::session_name,
};

/// How long the stream may take to take an order.
const PATIENCE: Duration = Duration::from_secs(3);
/// When IAM is asked again that failed.
const IAM_AGAIN_MS: i64 = 5_000;
/// How often bans that have been over for long are forgotten.
const FORGET_MS: i64 = 600_000;

/// What carries out the decisions of a store.
pub struct Work {
    moderation: Moderation,
    inbox: mpsc::Receiver<Heard>,
    /// The source identities that the endpoint was told to deny.
    denied: HashSet<String>,
    revoked_before_ms: i64,
    /// The last decision whose networks were looked at.
    networks_done: i64,
    /// When who is denied changes by itself, Unix milliseconds.
    due_ms: i64,
    forgot_ms: i64,
}

/// By what it is done.
pub struct Means {
    /// The stream, which is told.
    pub bus: Bus,
    /// The rooms that a ban from all of them is told of.
    pub rooms: Vec<RoomId>,
    /// Signs what is told.
    pub signer: Signer,
    /// The embedded stream, where it is of this process: denies credentials.
    pub endpoint: Option<Endpoint>,
    /// The roles of viewers' sessions on AWS: likewise.
    pub roles: Option<RolePolicies>,
}

impl Work {
    pub(super) fn new(moderation: Moderation, inbox: mpsc::Receiver<Heard>) -> Self {
        Self {
            moderation,
            inbox,
            denied: HashSet::new(),
            revoked_before_ms: 0,
            networks_done: 0,
            due_ms: i64::MIN,
            forgot_ms: 0,
        }
    }

    /// Works until `stop`. What fails is tried again.
    pub async fn run(mut self, mut means: Means, stop: CancellationToken) {
        if let Some(endpoint) = &means.endpoint {
            self.denied.extend(endpoint.denied().sources.into_iter().map(|(source, _)| source));
        }
        while !stop.is_cancelled() {
            if let Err(error) = self.step(&mut means).await {
                tracing::error!(%error, "who is banned is not known to be up to date");
            }
            tokio::select! {
                () = stop.cancelled() => {}
                heard = self.inbox.recv() => if let Some(heard) = heard {
                    self.keep(heard).await;
                },
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    async fn step(&mut self, means: &mut Means) -> Result<(), StoreError> {
        let (store, now_ms) = (&self.moderation.0.store, now_ms());
        let changed = store.change().await? != self.moderation.known().change;
        if changed {
            let known = Known::read(store).await?;
            *self.moderation.0.known.write().unwrap_or_else(PoisonError::into_inner) = known;
        }
        if changed {
            self.ban_guests_of_networks(now_ms).await?;
        }
        if changed || now_ms >= self.due_ms {
            self.deny(means, now_ms).await;
            if let Some(roles) = &mut means.roles {
                self.deny_on_aws(roles, now_ms).await;
            }
        }
        self.tell(means, now_ms).await?;
        if now_ms - self.forgot_ms > FORGET_MS {
            self.forgot_ms = now_ms;
            self.moderation.0.store.forget_bans(now_ms).await?;
            self.moderation.0.store.forget_identities(now_ms).await?;
        }
        Ok(())
    }

    /// A record does not say where it comes from. So who has a session from a network that is banned now is banned by name, for
    /// as long as that session lasts: another one is not to be had there.
    async fn ban_guests_of_networks(&mut self, now_ms: i64) -> Result<(), StoreError> {
        let found = {
            let known = self.moderation.known();
            let holds = known.networks().filter(|(ban, _)| ban.holds(now_ms) && ban.change > self.networks_done);
            let guests = |(ban, network): (&Ban, &_)| {
                let (room, until_ms) = (ban.room.clone(), ban.until_ms.unwrap_or(i64::MAX));
                let guests = self.moderation.0.guests.of(network, now_ms);
                guests.into_iter().map(move |(viewer, ends_ms)| (viewer, room.clone(), ends_ms.min(until_ms)))
            };
            // One who is banned for longer is not let off earlier.
            let longer = |viewer: &ViewerId, room: &Option<RoomId>, until_ms: i64| {
                let bans = known.viewers.get(viewer).into_iter().flatten().filter_map(|at| known.bans.get(*at));
                bans.into_iter().any(|ban| ban.room == *room && ban.until_ms.is_none_or(|until| until >= until_ms))
            };
            let found: Vec<_> =
                holds.flat_map(guests).filter(|(who, room, until)| !longer(who, room, *until)).collect();
            self.networks_done = known.change;
            found
        };
        for (viewer, room, until_ms) in found {
            tracing::info!(%viewer, "banned with its network, until its session ends");
            self.moderation.0.store.ban(&Whom::Viewer(viewer), room.as_ref(), now_ms, Some(until_ms)).await?;
        }
        Ok(())
    }

    async fn keep(&self, heard: Heard) {
        let (Heard { room, order, arrival_ms }, store) = (heard, &self.moderation.0.store);
        let kept = match &order {
            Order::Ban { viewer, until } => store.heard_ban(viewer, &room, arrival_ms, *until).await,
            Order::Unban { viewer } => store.heard_unban(viewer, &room, arrival_ms).await,
        };
        match kept {
            Ok(true) => tracing::info!(%room, ?order, "told by the stream"),
            Ok(false) => {}
            Err(error) => tracing::error!(%error, %room, ?order, "what the stream tells could not be kept"),
        }
    }

    /// Has the embedded endpoint deny who is banned from every room, and nobody else. (A session is for a stream; whoever is
    /// banned from one room may speak in others.)
    async fn deny(&mut self, means: &Means, now_ms: i64) {
        let (wanted, due_ms, revoked_before_ms) = {
            let known = self.moderation.known();
            let everywhere = known.bans.iter().filter(|ban| ban.room.is_none() && ban.holds(now_ms));
            let wanted: HashSet<_> = everywhere.clone().filter_map(source_identity).collect();
            let due_ms = everywhere.filter_map(|ban| ban.until_ms).min().unwrap_or(i64::MAX);
            (wanted, due_ms, known.revoked_before_ms)
        };
        self.due_ms = due_ms;
        let Some(endpoint) = &means.endpoint else { return };
        let mut denied = self.denied.clone();
        for source in wanted.difference(&self.denied) {
            match endpoint.deny_source(source).await {
                Ok(()) => _ = denied.insert(source.clone()),
                Err(error) => {
                    tracing::error!(%error, source, "the credentials of a banned viewer are not denied");
                    self.due_ms = now_ms;
                }
            }
        }
        for source in self.denied.difference(&wanted) {
            match endpoint.allow_source(source).await {
                Ok(_) => _ = denied.remove(source),
                Err(error) => {
                    tracing::error!(%error, source, "the credentials of a viewer are still denied");
                    self.due_ms = now_ms;
                }
            }
        }
        self.denied = denied;
        if revoked_before_ms > self.revoked_before_ms {
            match endpoint.revoke_older_than(revoked_before_ms).await {
                Ok(()) => self.revoked_before_ms = revoked_before_ms,
                Err(error) => {
                    tracing::error!(%error, "old sessions are not revoked");
                    self.due_ms = now_ms;
                }
            }
        }
    }

    /// Has the roles of viewers' sessions deny them. What fails is tried again after a while: IAM is slow, and limited.
    async fn deny_on_aws(&mut self, roles: &mut RolePolicies, now_ms: i64) {
        let (bans, revoked_before_ms) = {
            let known = self.moderation.known();
            (known.bans.clone(), known.revoked_before_ms)
        };
        let due_ms = roles.bring(&bans, revoked_before_ms, now_ms).await.unwrap_or_else(|error| {
            tracing::error!(%error, "the credentials of banned viewers are not denied as they should be");
            now_ms + IAM_AGAIN_MS
        });
        self.due_ms = self.due_ms.min(due_ms);
    }

    /// Tells the stream of what it has not been told of yet.
    async fn tell(&self, means: &Means, now_ms: i64) -> Result<(), StoreError> {
        let untold: Vec<Ban> = {
            let known = self.moderation.known();
            known.bans.iter().filter(|ban| !ban.told && matches!(ban.whom, Whom::Viewer(_))).cloned().collect()
        };
        let mut told = Vec::new();
        for ban in untold {
            if self.moderation.0.store.claim(&ban, now_ms).await? && put(means, &ban, now_ms).await {
                self.moderation.0.store.told(&ban, now_ms).await?;
                told.push(ban.change);
            }
        }
        if !told.is_empty() {
            let mut known = self.moderation.0.known.write().unwrap_or_else(PoisonError::into_inner);
            known.bans.iter_mut().filter(|ban| told.contains(&ban.change)).for_each(|ban| ban.told = true);
        }
        Ok(())
    }
}

/// Puts a decision onto the stream, for each room that it concerns; whether all of it is there.
async fn put(means: &Means, ban: &Ban, now_ms: i64) -> bool {
    let Whom::Viewer(viewer) = ban.whom.clone() else { return true };
    let order = if ban.until_ms.is_some_and(|until_ms| until_ms <= now_ms) {
        Order::Unban { viewer }
    } else {
        Order::Ban { viewer, until: ban.until_ms }
    };
    let rooms = ban.room.as_ref().map_or(&means.rooms[..], std::slice::from_ref);
    let mut all = true;
    for room in rooms {
        let data = Blob::new(means.signer.record(room, order.clone(), now_ms));
        let put = means.bus.kinesis.put_record().stream_name(&means.bus.stream).partition_key(room.as_str());
        let failed = match timeout(PATIENCE, put.data(data).send()).await {
            Ok(Ok(_)) => continue,
            Ok(Err(error)) => DisplayErrorContext(&error).to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        tracing::error!(%room, ?order, error = failed, "the stream could not be told; it is tried again");
        all = false;
    }
    if all {
        tracing::info!(?order, rooms = rooms.len(), "the stream was told");
    }
    all
}

/// By what name the sessions of a banned viewer are known to STS.
fn source_identity(ban: &Ban) -> Option<String> {
    match &ban.whom {
        Whom::Viewer(viewer) => Some(session_name(viewer)),
        Whom::Network(_) => None,
    }
}
