//! Other ids of the rooms of the store: pages under them lead to the room's own.

use std::{collections::HashMap, num::NonZeroU32};

use danmu::room::RoomId;
use danmu_app::{
    error::{ApiError, CrewError},
    services::Decider,
};
use danmu_identity::{
    clock::now_ms,
    store::{AliasMade, AliasRow},
    vending::Rate,
};

use super::{StoredRooms, not_stored, who};

/// Rate limit of changes of one room's aliases. Each is a write to the store.
pub(super) const PACE: Rate = Rate { per_minute: NonZeroU32::new(30).unwrap(), burst: NonZeroU32::new(20).unwrap() };

/// The rooms that the aliases in force lead to. Where the settings declare a room under one, that room counts.
pub(super) fn in_force(rows: Vec<AliasRow>, is_declared: impl Fn(&RoomId) -> bool) -> HashMap<RoomId, RoomId> {
    let rows = rows.into_iter().filter(|row| row.ended_ms.is_none() && !is_declared(&row.alias));
    rows.map(|AliasRow { alias, room, .. }| (alias, room)).collect()
}

impl StoredRooms {
    /// The aliases of a room, in their order.
    pub(super) async fn aliases_of(&self, room: &RoomId) -> Result<Vec<String>, ApiError> {
        let rows = self.0.store.aliases().await.map_err(not_stored)?.into_iter();
        let rows = rows.filter(|row| row.room == *room && row.ended_ms.is_none());
        Ok(rows.map(|row| row.alias.to_string()).collect())
    }

    /// Makes an alias of a room.
    ///
    /// # Errors
    /// See [`RoomKeeper::add_alias`](danmu_app::services::RoomKeeper::add_alias).
    pub(super) async fn put_alias(&self, by: &Decider, room: &RoomId, alias: RoomId) -> Result<(), ApiError> {
        self.check_alias(room)?;
        let taken = || CrewError::RoomExists(alias.to_string());
        if self.0.declared.iter().any(|declared| declared.id == alias) {
            return Err(taken().into());
        }
        match self.0.store.put_alias(room, &alias, &who(by), now_ms()).await.map_err(not_stored)? {
            AliasMade::Made => {}
            AliasMade::Taken => return Err(taken().into()),
            AliasMade::TooMany => return Err(CrewError::TooManyAliases.into()),
            AliasMade::NoRoom => return Err(CrewError::NotKept.into()),
        }
        tracing::info!(by = %by.viewer, %room, %alias, "a room has another id");
        self.refresh().await.map_err(not_stored)
    }

    /// Takes an alias of a room away, if there is one.
    ///
    /// # Errors
    /// See [`RoomKeeper::end_alias`](danmu_app::services::RoomKeeper::end_alias).
    pub(super) async fn take_alias(&self, by: &Decider, room: &RoomId, alias: &RoomId) -> Result<(), ApiError> {
        self.check_alias(room)?;
        if self.0.store.end_alias(room, alias, &who(by), now_ms()).await.map_err(not_stored)? {
            tracing::info!(by = %by.viewer, %room, %alias, "another id of a room is taken away");
        }
        self.refresh().await.map_err(not_stored)
    }

    fn check_alias(&self, room: &RoomId) -> Result<(), ApiError> {
        if self.0.declared.iter().any(|declared| declared.id == *room) {
            return Err(CrewError::NotKept.into());
        }
        self.0.renames.check(room).map_err(|retry_after_s| ApiError::TooMany { retry_after_s })
    }
}
