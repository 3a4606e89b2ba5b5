//! Rooms that are made in the studio: kept in the store, beside those of the settings, and acted on by every server that shares
//! it within a second.

mod aliases;
mod fate;

use std::{
    collections::HashMap,
    net::IpAddr,
    num::NonZeroU32,
    path::PathBuf,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use danmu::{
    rights::Rights,
    room::{Paces, Room, RoomId, RoomTexts, Unsigned, is_title},
    viewer::Role,
};
use danmu_app::{
    error::{ApiError, CrewError},
    services::{AliasesFuture, Caller, Decider, DecisionFuture, MadeRoom, MakeFuture, RoomKeeper},
};
use danmu_identity::{
    capacity::network,
    clock::now_ms,
    identity::STUDIO_AGE_S,
    store::{By, RoomRow, Store, StoreError},
    studio::{Studio, rotate},
    vending::{Limit, Rate},
};
use danmu_relay::rooms::RoomMap;
use danmu_stream::Seldom;
use http::{HeaderMap, request::Parts};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{
    config::{RoomMakers, is_address},
    http::STUDIO,
};

/// How often the store is asked whether a room has changed.
const EVERY: Duration = Duration::from_millis(250);
/// How often idle rate-limit entries are removed.
const FORGET_EVERY: Duration = Duration::from_secs(60);
/// The longest address, in bytes.
const MAX_ADDRESS: usize = 2_000;
/// The most rooms in a store, archived and deleted ones included.
const MOST: usize = 10_000;
/// Rate limit of rooms made from one network.
const PACE: Rate = Rate { per_minute: NonZeroU32::new(120).unwrap(), burst: NonZeroU32::new(120).unwrap() };

/// Keeps the rooms of the store. A handle.
#[derive(Clone)]
pub struct StoredRooms(Arc<Inner>);

struct Inner {
    store: Store,
    /// The data directory.
    data: PathBuf,
    studio: Studio,
    map: RoomMap,
    /// The rooms of the settings.
    declared: Vec<Room>,
    makers: RoomMakers,
    /// The store's number of changes up to which the map is.
    changes: AtomicI64,
    pace: Limit<IpAddr>,
    unread: Seldom<()>,
    /// Rooms that are deleted, and streamer keys that are made anew.
    fates: Limit<RoomId>,
    /// Other ids, and the rooms that they lead to.
    aliases: RwLock<HashMap<RoomId, RoomId>>,
    /// Changes of other ids.
    renames: Limit<RoomId>,
}

/// A room of the store, as pages and relay know it. Only what the store may change of a room is in it; the rest is as usual.
fn room(row: RoomRow) -> Room {
    let RoomTexts { title, video, poster } = row.texts;
    Room { id: row.id, title, video, poster, unsigned: Unsigned::default(), paces: Paces::default() }
}

impl StoredRooms {
    /// Adds the rooms of the store to those of the settings, which the map has.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open(
        (store, data): (Store, PathBuf),
        studio: Studio,
        map: RoomMap,
        makers: RoomMakers,
    ) -> Result<Self, StoreError> {
        let declared = map.all().to_vec();
        let (changes, pace, unread) = (AtomicI64::new(-1), Limit::new(PACE), Seldom::default());
        let (fates, renames, aliases) = (Limit::new(fate::PACE), Limit::new(aliases::PACE), RwLock::default());
        let rooms = Self(Arc::new(Inner {
            store,
            data,
            studio,
            map,
            declared,
            makers,
            changes,
            pace,
            unread,
            fates,
            aliases,
            renames,
        }));
        rooms.refresh().await?;
        Ok(rooms)
    }

    /// Takes up what has changed in the store. A room of the settings hides one of the store with its id.
    async fn refresh(&self) -> Result<(), StoreError> {
        let Inner { store, map, declared, changes, .. } = &*self.0;
        // Counted first: a change in between is read again next time.
        let now = store.room_changes().await?;
        if changes.load(Relaxed) != now {
            let aliases = aliases::in_force(store.aliases().await?, |id| declared.iter().any(|room| room.id == *id));
            let rows = store.rooms().await?.into_iter().filter(|row| row.archived_ms.is_none());
            let stored = rows.filter(|row| declared.iter().all(|room| room.id != row.id)).map(room);
            map.set(declared.iter().cloned().chain(stored).collect());
            *self.0.aliases.write().unwrap_or_else(PoisonError::into_inner) = aliases;
            changes.store(now, Relaxed);
        }
        Ok(())
    }

    /// Keeps the rooms up to date until `stop` is cancelled. If the store cannot be read, the rooms stay as they are.
    pub async fn follow(self, stop: CancellationToken) {
        let mut forgotten = Instant::now();
        while timeout(EVERY, stop.cancelled()).await.is_err() {
            if let Err(error) = self.refresh().await
                && let Some(times) = self.0.unread.note(&(), Instant::now())
            {
                tracing::error!(times, %error, "rooms cannot be read; those from before stay");
            }
            if forgotten.elapsed() >= FORGET_EVERY {
                forgotten = Instant::now();
                self.0.pace.forget_idle();
                self.0.fates.forget_idle();
                self.0.renames.forget_idle();
            }
        }
    }

    async fn make_room(
        &self,
        id: RoomId,
        texts: RoomTexts,
        caller: Caller,
        headers: HeaderMap,
    ) -> Result<MadeRoom, ApiError> {
        let Inner { store, data, studio, declared, pace, .. } = &*self.0;
        if !self.may_make(&caller.rights) {
            return Err(CrewError::MayNotMakeRooms.into());
        }
        let texts = checked(texts)?;
        pace.check(&network(caller.addr)).map_err(|retry_after_s| ApiError::TooMany { retry_after_s })?;
        let full = store.rooms().await.map_err(not_stored)?.len() >= MOST;
        if full {
            return Err(ApiError::Other(format!("there are {MOST} rooms, which is the most; no room was made")));
        }
        let free = declared.iter().all(|room| room.id != id);
        let by = By::viewer(&caller.viewer, caller.name.as_ref(), None);
        if !free || !store.make_room(&id, &texts, &by, now_ms()).await.map_err(not_stored)? {
            return Err(CrewError::RoomExists(id.to_string()).into());
        }
        tracing::info!(room = %id, by = %caller.viewer, "a room is made");
        let key = rotate(store, data, &id, None).await.map_err(|error| {
            tracing::error!(room = %id, %error, "a room is made without a streamer key; `danmu-server rooms key` makes one");
            CrewError::Store
        })?;
        self.refresh().await.map_err(not_stored)?;
        let pass = studio.admit(id.clone(), caller.viewer).await;
        let cookie = pass.and_then(|pass| STUDIO.set_for(id.as_str(), &pass, STUDIO_AGE_S, &headers));
        Ok(MadeRoom { key: key.key.to_string(), cookie })
    }
}

/// The texts without blanks around them.
///
/// # Errors
/// [`CrewError::BadTitle`], [`CrewError::BadAddress`].
pub fn checked(RoomTexts { title, video, poster }: RoomTexts) -> Result<RoomTexts, ApiError> {
    let title = title.trim().to_owned();
    if !is_title(&title) {
        return Err(CrewError::BadTitle.into());
    }
    let address = |text: String| {
        let text = text.trim().to_owned();
        let fits = text.is_empty() || text.len() <= MAX_ADDRESS && is_address(&text);
        if fits { Ok(text) } else { Err(CrewError::BadAddress(text.chars().take(80).collect())) }
    };
    let poster = poster.map(address).transpose()?.filter(|poster| !poster.is_empty());
    Ok(RoomTexts { title, video: address(video)?, poster })
}

/// Who changes a room, for the audit.
fn who(by: &Decider) -> By {
    By::viewer(&by.viewer, by.name.as_ref(), Some(by.rank))
}

fn not_stored(error: StoreError) -> ApiError {
    tracing::error!(%error, "rooms cannot be read or written");
    CrewError::Store.into()
}

impl RoomKeeper for StoredRooms {
    fn may_make(&self, rights: &Rights) -> bool {
        match self.0.makers {
            RoomMakers::Anyone => true,
            RoomMakers::Members => rights.lowest() >= Role::Member,
            RoomMakers::Nobody => false,
        }
    }

    fn keeps(&self, room: &RoomId) -> bool {
        self.0.declared.iter().all(|declared| declared.id != *room)
    }

    fn make(&self, room: RoomId, texts: RoomTexts, caller: Caller, headers: HeaderMap) -> MakeFuture {
        let rooms = self.clone();
        Box::pin(async move { rooms.make_room(room, texts, caller, headers).await })
    }

    fn edit(&self, by: Decider, room: RoomId, texts: RoomTexts) -> DecisionFuture {
        let rooms = self.clone();
        Box::pin(async move {
            let texts = checked(texts)?;
            if !rooms.keeps(&room)
                || !rooms.0.store.edit_room(&room, &texts, &who(&by), now_ms()).await.map_err(not_stored)?
            {
                return Err(CrewError::NotKept.into());
            }
            tracing::info!(by = %by.viewer, %room, "a room is changed");
            rooms.refresh().await.map_err(not_stored)
        })
    }

    fn archive(&self, by: Decider, room: RoomId) -> DecisionFuture {
        let rooms = self.clone();
        Box::pin(async move {
            if !rooms.keeps(&room)
                || !rooms.0.store.archive_room(&room, true, &who(&by), now_ms()).await.map_err(not_stored)?
            {
                return Err(CrewError::NotKept.into());
            }
            tracing::info!(by = %by.viewer, %room, "a room is archived");
            rooms.refresh().await.map_err(not_stored)
        })
    }

    fn delete(&self, by: Decider, room: RoomId, request: Parts) -> DecisionFuture {
        let rooms = self.clone();
        Box::pin(async move { fate::delete(&rooms, by, room, request).await })
    }

    fn new_key(&self, by: Decider, room: RoomId, stay: bool, request: Parts) -> MakeFuture {
        let rooms = self.clone();
        Box::pin(async move { fate::new_key(&rooms, by, room, stay, request).await })
    }

    fn leads_to(&self, alias: &RoomId) -> Option<RoomId> {
        let room = self.0.aliases.read().unwrap_or_else(PoisonError::into_inner).get(alias).cloned()?;
        // Of a room that has ended the other ids have, too.
        self.0.map.get(&room).map(|room| room.id)
    }

    fn aliases(&self, room: RoomId) -> AliasesFuture {
        let rooms = self.clone();
        Box::pin(async move { rooms.aliases_of(&room).await })
    }

    fn add_alias(&self, by: Decider, room: RoomId, alias: RoomId) -> DecisionFuture {
        let rooms = self.clone();
        Box::pin(async move { rooms.put_alias(&by, &room, alias).await })
    }

    fn end_alias(&self, by: Decider, room: RoomId, alias: RoomId) -> DecisionFuture {
        let rooms = self.clone();
        Box::pin(async move { rooms.take_alias(&by, &room, &alias).await })
    }
}
