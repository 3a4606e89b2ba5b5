//! Studios: whoever has a room's streamer key is the streamer of that room, with no identity provider. Whom the streamer invites
//! by a link is a moderator there ([`invitations`]).
//!
//! The key opens the studio to the viewer that types it: a cookie ([`StudioPass`]) that names the room, the key's id and the
//! viewer. It counts together with the viewer's own cookie, and while that key is the room's; each rotation makes a new id.
//!
//! Guessing: attempts are limited for each network and each room before anything is computed, argon2 runs on other threads,
//! two at a time, and where there is no key a hash of the same cost is verified. Promises: keys are never logged.

mod attempts;
mod invitations;
mod key;
mod made;

use std::{
    collections::HashMap,
    net::IpAddr,
    num::NonZeroU32,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use danmu::{
    rights::Rights,
    room::RoomId,
    viewer::{Rank, Role, ViewerId},
};
use danmu_app::{
    audit::{Act, AuditDetail},
    error::{ApiError, CrewError},
    services::Caller,
};
use danmu_stream::Seldom;
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};
use tokio_util::sync::CancellationToken;

use self::{
    attempts::{Attempts, Due},
    invitations::Invitations,
};
pub use self::{
    key::{HashError, NoKey, StreamerKey},
    made::{DemoKey, NewKey, StudioError, demo_key, rotate, rotate_known},
};
use crate::{
    capacity::network,
    clock::now_ms,
    identity::{Identity, PassedBy, StudioPass},
    store::{By, Store, StoreError, StreamerKeyRow},
    vending::{Limit, Rate},
};

/// How often the store is asked whether a key has changed.
const EVERY: Duration = Duration::from_millis(250);
/// How often idle rate-limit entries are removed.
const FORGET_EVERY: Duration = Duration::from_secs(60);
/// The most studio cookies of one request that are looked at.
const MAX_PASSES: usize = 20;
/// Rate limit of attempts from one network.
const NETWORK: Rate = Rate { per_minute: NonZeroU32::new(10).unwrap(), burst: NonZeroU32::new(5).unwrap() };
/// Rate limit of attempts at one room, from all networks together.
const ROOM: Rate = Rate { per_minute: NonZeroU32::new(60).unwrap(), burst: NonZeroU32::new(60).unwrap() };
/// The most keys that are verified at a time: each takes 19 MiB, and a core for tens of milliseconds.
const AT_ONCE: usize = 2;
/// How long an attempt waits for its turn.
const PATIENCE: Duration = Duration::from_secs(2);

/// The rooms' streamer keys and invitations, and who came in by them. A handle.
#[derive(Clone)]
pub struct Studio(Arc<Inner>);

struct Inner {
    store: Store,
    identity: Identity,
    keys: RwLock<Keys>,
    networks: Limit<IpAddr>,
    /// Rooms without a key count as one, so that no number of names fills the memory.
    rooms: Limit<Option<RoomId>>,
    turns: Arc<Semaphore>,
    refused: Seldom<(RoomId, IpAddr, &'static str)>,
    unread: Seldom<()>,
    invitations: RwLock<Invitations>,
    /// Invitations that are made and revoked.
    inviting: Limit<RoomId>,
    attempts: Attempts,
    unnoted: Seldom<()>,
}

/// The keys as the store had them after so many changes.
#[derive(Default)]
struct Keys {
    changes: i64,
    by_room: HashMap<RoomId, StreamerKeyRow>,
}

impl Studio {
    /// Reads the keys.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open(store: Store, identity: Identity) -> Result<Self, StoreError> {
        let studio = Self(Arc::new(Inner {
            store,
            identity,
            keys: RwLock::default(),
            networks: Limit::new(NETWORK),
            rooms: Limit::new(ROOM),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            refused: Seldom::default(),
            unread: Seldom::default(),
            invitations: RwLock::default(),
            inviting: Limit::new(invitations::PACE),
            attempts: Attempts::default(),
            unnoted: Seldom::default(),
        }));
        studio.refresh().await?;
        Ok(studio)
    }

    /// Reads keys and invitations that another process has changed. If the store cannot be read, those in memory stay.
    async fn refresh(&self) -> Result<(), StoreError> {
        let keys = self.refresh_keys().await;
        self.refresh_invitations().await.and(keys)
    }

    async fn refresh_keys(&self) -> Result<(), StoreError> {
        let Inner { store, keys, .. } = &*self.0;
        // Counted first: a change in between is read again next time.
        let changes = store.streamer_key_changes().await?;
        if changes != keys.read().unwrap_or_else(PoisonError::into_inner).changes {
            let rows = store.streamer_keys().await?;
            let by_room = rows.into_iter().map(|row| (row.room.clone(), row)).collect();
            *keys.write().unwrap_or_else(PoisonError::into_inner) = Keys { changes, by_room };
        }
        Ok(())
    }

    async fn refresh_or_log(&self) {
        if let Err(error) = self.refresh().await
            && let Some(times) = self.0.unread.note(&(), Instant::now())
        {
            tracing::error!(times, %error, "streamer keys or invitations cannot be read; those from before are used");
        }
    }

    /// Keeps keys and invitations up to date until `stop` is cancelled.
    pub async fn follow(self, stop: CancellationToken) {
        let mut forgotten = Instant::now();
        while timeout(EVERY, stop.cancelled()).await.is_err() {
            self.refresh_or_log().await;
            self.note_attempts(false).await;
            if forgotten.elapsed() >= FORGET_EVERY {
                forgotten = Instant::now();
                self.0.networks.forget_idle();
                self.0.rooms.forget_idle();
                self.0.inviting.forget_idle();
            }
        }
        self.note_attempts(true).await;
    }

    /// Writes refused attempts to the audit, those that would wait too if `all`.
    async fn note_attempts(&self, all: bool) {
        for Due { room, network, viewer, count } in self.0.attempts.due(Instant::now(), all) {
            let by = By::viewer(&viewer, None, None).with(AuditDetail { count: Some(count), ..AuditDetail::default() });
            self.note(room.as_ref(), Act::WrongKey, network, &by).await;
        }
    }

    /// Writes to the audit what was done from a network. Nobody is kept out, or let in, where that fails.
    async fn note(&self, room: Option<&RoomId>, act: Act, network: Option<IpAddr>, by: &By) {
        let network = network.map(named).unwrap_or_default();
        if let Err(error) = self.0.store.note(room, act, &network, by, now_ms()).await
            && let Some(times) = self.0.unnoted.note(&(), Instant::now())
        {
            tracing::error!(times, %error, "the audit lacks who opened a studio, or tried to");
        }
    }

    /// A viewer's rights with those that its passes add: streamer of each room whose studio it opened by the key, moderator of
    /// each where it was invited. Passes of other viewers, by older keys, and by invitations that have ended, count for nothing.
    pub fn rights<'a>(&self, viewer: &ViewerId, rights: Rights, cookies: impl Iterator<Item = &'a str>) -> Rights {
        let passes = cookies.take(MAX_PASSES).filter_map(|cookie| self.0.identity.studio_pass(cookie));
        let own = passes.filter(|pass| pass.viewer == *viewer);
        let keys = self.0.keys.read().unwrap_or_else(PoisonError::into_inner);
        let invitations = self.0.invitations.read().unwrap_or_else(PoisonError::into_inner);
        let now_ms = now_ms();
        let role = |pass: &StudioPass| match &pass.by {
            PassedBy::Key(id) => {
                keys.by_room.get(&pass.room).is_some_and(|row| row.id == *id).then_some(Role::Streamer)
            }
            PassedBy::Invitation(id) => invitations.holds(&pass.room, id, now_ms).then_some(Role::Moderator),
        };
        own.filter_map(|pass| role(&pass).map(|role| (pass.room, role)))
            .fold(rights, |rights, (room, role)| rights.and_in(room, role))
    }

    /// Checks a room's streamer key. Returns the value of the caller's cookie for the studio.
    ///
    /// # Errors
    /// [`CrewError::WrongKey`], also for a room that has no key or does not exist; [`ApiError::TooMany`] over the rate limit of
    /// the network or the room, and while too many others wait for the same.
    pub async fn enter(&self, room: RoomId, key: &str, caller: Caller) -> Result<String, ApiError> {
        let from = network(caller.addr);
        match self.verify(&room, key, from).await {
            Ok(id) => {
                tracing::info!(%room, network = %from, viewer = %caller.viewer, "a studio is opened by its key");
                let by = By::viewer(&caller.viewer, caller.name.as_ref(), Some(Rank::Streamer));
                self.note(Some(&room), Act::OpenStudio, Some(from), &by).await;
                Ok(self.pass(room, id, caller.viewer))
            }
            Err(error) => {
                let known = self.0.keys.read().unwrap_or_else(PoisonError::into_inner).by_room.contains_key(&room);
                self.0.attempts.count(known.then(|| room.clone()), from, caller.viewer);
                let what = if error == CrewError::WrongKey.into() { "wrong" } else { "too many" };
                if let Some(times) = self.0.refused.note(&(room.clone(), from, what), Instant::now()) {
                    tracing::warn!(times, %room, network = %from, %error, "a streamer key is refused");
                }
                Err(error)
            }
        }
    }

    /// The value of the cookie that opens a room's studio to a viewer without its key: to who made the room. `None` if the room
    /// has no key.
    pub async fn admit(&self, room: RoomId, viewer: ViewerId) -> Option<String> {
        let id = self.key_id(&room).await?;
        Some(self.pass(room, id, viewer))
    }

    /// The id of a room's key, if it has one; reads first what other processes have changed.
    pub async fn key_id(&self, room: &RoomId) -> Option<String> {
        self.refresh_or_log().await;
        self.0.keys.read().unwrap_or_else(PoisonError::into_inner).by_room.get(room).map(|row| row.id.clone())
    }

    /// The value of the cookie that opens a room's studio to a viewer, as long as the room's key is the one with that id. The
    /// caller must have made that key for this viewer, or checked it.
    #[must_use]
    pub fn pass(&self, room: RoomId, id: String, viewer: ViewerId) -> String {
        self.0.identity.studio_cookie(room, PassedBy::Key(id), viewer)
    }

    /// The id of the room's key, if this is the key.
    async fn verify(&self, room: &RoomId, key: &str, from: IpAddr) -> Result<String, ApiError> {
        let too_many = |retry_after_s| ApiError::TooMany { retry_after_s };
        // Network first: what one network asks too often must not use up the room's limit, which the streamer needs.
        self.0.networks.check(&from).map_err(too_many)?;
        // A key that was made a moment ago is known.
        self.refresh_or_log().await;
        let row = self.0.keys.read().unwrap_or_else(PoisonError::into_inner).by_room.get(room).cloned();
        self.0.rooms.check(&row.as_ref().map(|row| row.room.clone())).map_err(too_many)?;
        // What has not the form of a key cannot be one, which tells nothing about the room.
        let key: StreamerKey = key.parse().map_err(|_| CrewError::WrongKey)?;
        let waits = timeout(PATIENCE, Arc::clone(&self.0.turns).acquire_owned()).await;
        let Ok(Ok(turn)) = waits else { return Err(too_many(1)) };
        let (id, hash) = row.map(|row| (row.id, row.hash)).unzip();
        let verifying = spawn_blocking(move || {
            // Kept until it is done, though the caller may have left.
            let _turn = turn;
            key.fits(hash.as_deref().unwrap_or(key::NOBODYS))
        });
        let fits = verifying.await.unwrap_or_default();
        id.filter(|_| fits).ok_or(CrewError::WrongKey.into())
    }
}

/// A network of [`network`] as text: an IPv4 address, or an IPv6 /64.
fn named(network: IpAddr) -> String {
    if network.is_ipv6() { format!("{network}/64") } else { network.to_string() }
}

#[cfg(test)]
mod tests;
