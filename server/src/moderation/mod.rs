//! Who may not speak here: bans, and what an operator has switched.
//!
//! A decision is made in the [store](crate::store), by `danmu-server ban` or by whatever else writes there, and this carries it
//! out ([`work`]): the stream is told, by a record that the server signs, so that the gate of every replica acts when it reads
//! it; the embedded endpoint, or on AWS the role of viewers' sessions, denies the viewer's credentials; and nobody banned is
//! vended a new session. Promises: a server
//! acts within [`EVERY`] of a decision, and carries out after a start what was decided while there was none. What the stream
//! tells of other servers' decisions goes into the store, too.
//! Never takes a word for it that the gate did not verify.

pub mod command;
mod iam;
mod networks;
mod order;
mod role;
mod work;

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use danmu::{
    gate::Bans,
    record::Moderation as Order,
    room::{Room, RoomId, Unsigned},
    viewer::ViewerId,
};
use danmu_app::{
    api::ApiError,
    services::{Decider, DecisionFuture, Moderating},
};
use tokio::sync::mpsc;

use self::networks::Guests;
pub use self::{
    iam::{IamError, Role},
    order::Signer,
    role::{KnownBy, RolePolicies},
    work::{Means, Work},
};
use crate::{
    clock::now_ms,
    store::{Ban, Store, StoreError, Switch, Whom},
};

/// What is said where a ban has no teeth.
const UNSIGNED: &str =
    "the room shows danmu that carry no ticket (unsigned = \"allow\"): whoever is banned may go on without a name";
/// How often the store is looked at.
const EVERY: Duration = Duration::from_millis(200);
/// How much of what the stream tells may wait to be kept.
const QUEUE: usize = 1_024;

/// What is decided, as it stands now. A handle.
#[derive(Clone, Debug)]
pub struct Moderation(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    known: RwLock<Known>,
    heard: mpsc::Sender<Heard>,
    guests: Guests,
}

/// What the gate read off the stream.
#[derive(Clone, Debug)]
struct Heard {
    room: RoomId,
    order: Order,
    arrival_ms: i64,
}

/// The store as it was last read.
#[derive(Debug, Default)]
struct Known {
    change: i64,
    bans: Vec<Ban>,
    /// Where a viewer's bans stand in the list.
    viewers: HashMap<ViewerId, Vec<usize>>,
    frozen: bool,
    revoked_before_ms: i64,
}

impl Moderation {
    /// By what a store holds; [`Work`] carries it out from then on.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn open(store: Store) -> Result<(Self, Work), StoreError> {
        let known = RwLock::new(Known::read(&store).await?);
        let (heard, inbox) = mpsc::channel(QUEUE);
        let moderation = Self(Arc::new(Inner { store, known, heard, guests: Guests::default() }));
        let work = Work::new(moderation.clone(), inbox);
        Ok((moderation, work))
    }

    /// Whether a viewer who asks from there may have a session for a room. Networks are banned for guests alone.
    ///
    /// # Errors
    /// [`ApiError::Banned`]; [`ApiError::VendingDown`] for everybody while vending is frozen.
    pub fn admits(&self, viewer: &ViewerId, addr: IpAddr, room: &RoomId) -> Result<(), ApiError> {
        let (known, now_ms) = (self.known(), now_ms());
        if known.frozen {
            return Err(ApiError::VendingDown);
        }
        let holds = |ban: &Ban| ban.holds(now_ms) && ban.room.as_ref().is_none_or(|only| only == room);
        let viewers = known.viewers.get(viewer).into_iter().flatten();
        let banned = viewers.filter_map(|at| known.bans.get(*at)).any(holds)
            || viewer.is_guest()
                && known.networks().any(|(ban, network)| network.contains(&addr.to_canonical()) && holds(ban));
        if banned { Err(ApiError::Banned) } else { Ok(()) }
    }

    /// A viewer has a session from there, until `until_ms`.
    pub fn vended(&self, viewer: &ViewerId, addr: IpAddr, until_ms: i64) {
        if viewer.is_guest() {
            self.0.guests.saw(viewer, addr.to_canonical(), until_ms, now_ms());
        }
    }

    /// What the gate of a room begins with.
    #[must_use]
    pub fn bans(&self, room: &RoomId) -> Bans {
        let mut bans = Bans::default();
        for ban in &self.known().bans {
            if let Whom::Viewer(viewer) = &ban.whom
                && ban.room.as_ref().is_none_or(|only| only == room)
            {
                bans.ban(viewer, ban.from_ms, ban.until_ms);
            }
        }
        bans
    }

    /// The gate found an order true that arrived then.
    pub fn hear(&self, room: &RoomId, order: &Order, arrival_ms: i64) {
        let heard = Heard { room: room.clone(), order: order.clone(), arrival_ms };
        // The gate knows already; and whoever else tells the stream of so much at once is read again after the next start.
        if self.0.heard.try_send(heard).is_err() {
            tracing::warn!(%room, "more is decided than can be kept: some of it is not in the store");
        }
    }

    fn known(&self) -> std::sync::RwLockReadGuard<'_, Known> {
        self.0.known.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Moderating for Moderation {
    fn ban(&self, by: Decider, room: &Room, viewer: ViewerId, seconds: Option<u32>) -> DecisionFuture {
        let (moderation, now_ms) = (self.clone(), now_ms());
        let (Decider { viewer: by, .. }, unsigned, room) = (by, room.unsigned, room.id.clone());
        let until_ms = seconds.map(|seconds| now_ms.saturating_add(i64::from(seconds) * 1_000));
        Box::pin(async move {
            tracing::info!(%by, %room, %viewer, ?seconds, "a moderator bans");
            if unsigned == Unsigned::Allow {
                tracing::warn!(%room, "{UNSIGNED}");
            }
            let banned = moderation.0.store.ban(&Whom::Viewer(viewer), Some(&room), now_ms, until_ms).await;
            banned.map_err(|error| unwritten(&error))
        })
    }

    fn unban(&self, by: Decider, room: &Room, viewer: ViewerId) -> DecisionFuture {
        let (moderation, by, room) = (self.clone(), by.viewer, room.id.clone());
        Box::pin(async move {
            tracing::info!(%by, %room, %viewer, "a moderator ends a ban");
            let ended = moderation.0.store.unban(&Whom::Viewer(viewer), Some(&room), now_ms()).await;
            ended.map(drop).map_err(|error| unwritten(&error))
        })
    }
}

fn unwritten(error: &StoreError) -> ApiError {
    tracing::error!(%error, "what a moderator decided could not be written down");
    ApiError::Store
}

impl Known {
    async fn read(store: &Store) -> Result<Self, StoreError> {
        // The number first: what is decided meanwhile is then read again.
        let change = store.change().await?;
        let bans = store.bans().await?;
        let mut viewers: HashMap<ViewerId, Vec<usize>> = HashMap::new();
        for (at, ban) in bans.iter().enumerate() {
            if let Whom::Viewer(viewer) = &ban.whom {
                viewers.entry(viewer.clone()).or_default().push(at);
            }
        }
        let frozen = store.switch(Switch::VendingFrozen).await? != 0;
        let revoked_before_ms = store.switch(Switch::RevokedBefore).await?;
        Ok(Self { change, bans, viewers, frozen, revoked_before_ms })
    }

    fn networks(&self) -> impl Iterator<Item = (&Ban, &ipnet::IpNet)> {
        self.bans.iter().filter_map(|ban| match &ban.whom {
            Whom::Network(network) => Some((ban, network)),
            Whom::Viewer(_) => None,
        })
    }
}
