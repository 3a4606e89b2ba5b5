//! Invitations of moderators for the app's server functions: tokens in, cookies out.

use danmu::room::RoomId;
use danmu_app::{
    error::ApiError,
    services::{AcceptFuture, Caller, Decider, DecisionFuture, InviteFuture, Inviting, ListFuture},
};
use danmu_identity::{identity::STUDIO_AGE_S, store::By, studio::Studio};
use http::HeaderMap;

use super::guest::STUDIO;

/// Invites moderators, and lets them in.
pub struct Invitations(Studio);

impl Invitations {
    /// Those of this studio.
    #[must_use]
    pub const fn new(studio: Studio) -> Self {
        Self(studio)
    }
}

fn who(by: &Decider) -> By {
    By::viewer(&by.viewer, by.name.as_ref(), Some(by.rank))
}

impl Inviting for Invitations {
    fn invite(&self, by: Decider, room: RoomId, label: String, hours: Option<u32>) -> InviteFuture {
        let studio = self.0.clone();
        Box::pin(async move { studio.invite(&who(&by), room, &label, hours).await })
    }

    fn list(&self, room: RoomId) -> ListFuture {
        let studio = self.0.clone();
        Box::pin(async move { studio.invitations(&room).await })
    }

    fn revoke(&self, by: Decider, room: RoomId, id: String) -> DecisionFuture {
        let studio = self.0.clone();
        Box::pin(async move { studio.revoke(&who(&by), &room, &id).await })
    }

    fn accept(&self, room: RoomId, token: String, caller: Caller, headers: HeaderMap) -> AcceptFuture {
        let studio = self.0.clone();
        Box::pin(async move {
            let Some(value) = studio.accept(room.clone(), &token, caller).await? else { return Ok(None) };
            let cookie = STUDIO.set_for(room.as_str(), &value, STUDIO_AGE_S, &headers);
            cookie.map(Some).ok_or_else(|| ApiError::Other("the cookie cannot be set".to_owned()))
        })
    }
}
