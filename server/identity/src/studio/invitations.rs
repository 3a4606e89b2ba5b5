//! Invitations: links by which the streamer of a room makes others moderators there.
//!
//! A link has a random token of the form of a streamer key; the store has its SHA-256. Whoever opens the link gets a pass that
//! names the invitation. The pass counts for that viewer while the invitation is neither revoked nor expired, which is looked up
//! in memory on each request. Tokens are tried under the limits of streamer keys. Promises: tokens are never logged.

use std::{collections::HashMap, num::NonZeroU32, sync::PoisonError, time::Instant};

use danmu::{
    room::{RoomId, is_title},
    viewer::{Rank, Role},
};
use danmu_app::{
    audit::{Act, AuditDetail},
    error::{ApiError, CrewError},
    invitation::{Invitation, InvitationState},
    services::Caller,
};

use super::{Inner, StreamerKey, Studio, made::random_id};
use crate::{
    capacity::network,
    clock::now_ms,
    identity::PassedBy,
    store::{By, InvitationRow, StoreError},
    vending::Rate,
};

/// The most invitations of a room that are neither revoked nor expired.
const MOST: i64 = 100;
/// The longest label, in characters.
const MAX_LABEL: usize = 40;
/// The longest that an invitation lasts which ends by itself, in hours: a year.
const MAX_HOURS: u32 = 24 * 365;
/// Rate limit of invitations that are made and revoked in one room: each is a write to the store, which all servers read again.
pub(super) const PACE: Rate = Rate { per_minute: NonZeroU32::new(60).unwrap(), burst: NonZeroU32::new(200).unwrap() };

/// The invitations in force, as the store had them after so many changes.
#[derive(Default)]
pub(super) struct Invitations {
    changes: i64,
    /// By id: the room, and when it ends, Unix milliseconds.
    by_id: HashMap<String, (RoomId, Option<i64>)>,
}

impl Invitations {
    /// Whether the invitation of that id is one of the room's, and in force.
    pub(super) fn holds(&self, room: &RoomId, id: &str, now_ms: i64) -> bool {
        self.by_id.get(id).is_some_and(|(of, ends_ms)| of == room && is_ahead(*ends_ms, now_ms))
    }
}

/// Whether an end, if there is one, has not come.
fn is_ahead(ends_ms: Option<i64>, now_ms: i64) -> bool {
    ends_ms.is_none_or(|ends_ms| ends_ms > now_ms)
}

impl Studio {
    /// Reads invitations that another process has made or revoked.
    pub(super) async fn refresh_invitations(&self) -> Result<(), StoreError> {
        let Inner { store, invitations, .. } = &*self.0;
        // Counted first: a change in between is read again next time.
        let changes = store.invitation_changes().await?;
        if changes != invitations.read().unwrap_or_else(PoisonError::into_inner).changes {
            let rows = store.live_invitations(now_ms()).await?;
            let by_id = rows.into_iter().map(|row| (row.id, (row.room, row.expires_ms))).collect();
            *invitations.write().unwrap_or_else(PoisonError::into_inner) = Invitations { changes, by_id };
        }
        Ok(())
    }

    /// Makes an invitation to a room, for so many hours or for good; returns its token, which is kept nowhere. The caller must
    /// have checked that the streamer asks.
    ///
    /// # Errors
    /// [`ApiError::Other`] for a label or a time that it cannot have, and where the room has a hundred in force;
    /// [`ApiError::TooMany`] over the room's rate limit; [`CrewError::Store`].
    pub async fn invite(&self, by: &By, room: RoomId, label: &str, hours: Option<u32>) -> Result<String, ApiError> {
        let label = label.trim().to_owned();
        if label.chars().count() > MAX_LABEL || !label.is_empty() && !is_title(&label) {
            let label: String = label.chars().take(2 * MAX_LABEL).collect();
            let why = format!("{label:?} cannot name an invitation: 0 to {MAX_LABEL} characters that can be seen");
            return Err(ApiError::Other(why));
        }
        if let Some(hours) = hours.filter(|hours| !(1..=MAX_HOURS).contains(hours)) {
            let why = format!("an invitation lasts 1 to {MAX_HOURS} hours or for good, not {hours} hours");
            return Err(ApiError::Other(why));
        }
        self.0.inviting.check(&room).map_err(|retry_after_s| ApiError::TooMany { retry_after_s })?;
        let (token, id) = StreamerKey::new().and_then(|token| Ok((token, random_id()?))).map_err(|error| {
            tracing::error!(%error, "nobody can be invited");
            ApiError::Other("the server has no random numbers at the moment; try again".to_owned())
        })?;
        let (hash, made_ms) = (token.digest(), now_ms());
        let expires_ms = hours.map(|hours| made_ms.saturating_add(i64::from(hours) * 3_600_000));
        let (revoked_ms, used_ms, uses) = (None, None, 0);
        let row = InvitationRow { id, room, hash, label, made_ms, expires_ms, revoked_ms, used_ms, uses };
        if !self.0.store.make_invitation(&row, MOST).await.map_err(not_stored)? {
            let why = format!("{MOST} invitations to this room work, which is the most; revoke one that is not needed");
            return Err(ApiError::Other(why));
        }
        tracing::info!(room = %row.room, invitation = row.id, ?hours, "a streamer invites moderators");
        let detail = AuditDetail { until: row.expires_ms, text: named(&row.label), ..AuditDetail::default() };
        self.note_invitation(&row.room, Act::Invite, &row.id, &by.clone().with(detail)).await;
        self.refresh_or_log().await;
        Ok(token.to_string())
    }

    /// The invitations to a room, the newest first; those that have ended too, up to a hundred. The caller must have checked
    /// that the streamer asks.
    ///
    /// # Errors
    /// [`CrewError::Store`].
    pub async fn invitations(&self, room: &RoomId) -> Result<Vec<Invitation>, ApiError> {
        let now_ms = now_ms();
        let told = |row: InvitationRow| {
            let state = match row.revoked_ms {
                Some(_) => InvitationState::Revoked,
                None if is_ahead(row.expires_ms, now_ms) => InvitationState::InForce,
                None => InvitationState::Expired,
            };
            let InvitationRow { id, label, made_ms, expires_ms, used_ms, uses, .. } = row;
            Invitation { id, label, made_ms, expires_ms, used_ms, uses, state }
        };
        let rows = self.0.store.invitations(room).await.map_err(not_stored)?;
        Ok(rows.into_iter().map(told).collect())
    }

    /// Revokes an invitation to a room, and with it what it opened; one that has ended stays as it is. The caller must have
    /// checked that the streamer asks.
    ///
    /// # Errors
    /// [`ApiError::Other`] if the room has no such invitation, [`ApiError::TooMany`] over the room's rate limit,
    /// [`CrewError::Store`].
    pub async fn revoke(&self, by: &By, room: &RoomId, id: &str) -> Result<(), ApiError> {
        self.0.inviting.check(room).map_err(|retry_after_s| ApiError::TooMany { retry_after_s })?;
        if !self.0.store.revoke_invitation(room, id, now_ms()).await.map_err(not_stored)? {
            let id: String = id.chars().take(MAX_LABEL).collect();
            let why = format!("this room has no invitation {id:?}; open the studio again to see those that it has");
            return Err(ApiError::Other(why));
        }
        tracing::info!(%room, invitation = id, "an invitation is revoked");
        self.note_invitation(room, Act::Uninvite, id, by).await;
        self.refresh_or_log().await;
        Ok(())
    }

    /// Checks the token of an invitation to a room that exists. Returns the value of the caller's cookie for the studio; `None`
    /// for the room's streamer, who keeps what it has.
    ///
    /// # Errors
    /// [`CrewError::BadInvitation`] if the token is wrong, or its invitation revoked or expired; [`ApiError::TooMany`] over the
    /// rate limit of the network or the room, which streamer keys count for too; [`CrewError::Store`].
    pub async fn accept(&self, room: RoomId, token: &str, caller: Caller) -> Result<Option<String>, ApiError> {
        let from = network(caller.addr);
        match self.look_up(&room, token, &caller).await {
            Ok(id) => {
                tracing::info!(%room, network = %from, viewer = %caller.viewer, invitation = id, "an invitation is accepted");
                let by = By::viewer(&caller.viewer, caller.name.as_ref(), Some(Rank::Moderator));
                self.note_invitation(&room, Act::Join, &id, &by).await;
                // One that another process made a moment ago is known from here on.
                self.refresh_or_log().await;
                let keeps = caller.rights.role_in(&room) >= Role::Streamer;
                let cookie = || self.0.identity.studio_cookie(room, PassedBy::Invitation(id), caller.viewer);
                Ok((!keeps).then(cookie))
            }
            Err(error) => {
                let what =
                    if error == CrewError::BadInvitation.into() { "no invitation" } else { "invitations too fast" };
                if let Some(times) = self.0.refused.note(&(room.clone(), from, what), Instant::now()) {
                    tracing::warn!(times, %room, network = %from, %error, "an invitation is refused");
                }
                Err(error)
            }
        }
    }

    /// Writes to the audit what was done with an invitation. Nobody is kept out, or let in, where that fails.
    async fn note_invitation(&self, room: &RoomId, act: Act, id: &str, by: &By) {
        if let Err(error) = self.0.store.note(Some(room), act, id, by, now_ms()).await
            && let Some(times) = self.0.unnoted.note(&(), Instant::now())
        {
            tracing::error!(times, %error, "the audit lacks who was invited");
        }
    }

    /// The id of the room's invitation with that token, if it is in force. Counts its use.
    async fn look_up(&self, room: &RoomId, token: &str, caller: &Caller) -> Result<String, ApiError> {
        let too_many = |retry_after_s| ApiError::TooMany { retry_after_s };
        // Network first, as for keys.
        self.0.networks.check(&network(caller.addr)).map_err(too_many)?;
        self.0.rooms.check(&Some(room.clone())).map_err(too_many)?;
        let token: StreamerKey = token.parse().map_err(|_| CrewError::BadInvitation)?;
        let used = self.0.store.use_invitation(room, &token.digest(), now_ms()).await;
        used.map_err(not_stored)?.ok_or(CrewError::BadInvitation.into())
    }
}

/// A label, if there is one.
fn named(label: &str) -> Option<String> {
    (!label.is_empty()).then(|| label.to_owned())
}

fn not_stored(error: StoreError) -> ApiError {
    tracing::error!(%error, "invitations cannot be read or written");
    CrewError::Store.into()
}
