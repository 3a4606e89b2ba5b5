//! The token vending machine: temporary credentials for one client, that can do one thing on one stream.
//!
//! Each session is made by STS `AssumeRole` with an inline policy, so that it can do no more than the policy says even
//! where the role could. The server's own credentials never leave it.

mod limit;
mod policy;

use std::{sync::Arc, time::Duration};

use aws_sdk_sts::error::DisplayErrorContext;
use danmu::{
    room::RoomId,
    session::{Purpose, Session},
    ticket::PublicKey,
};
use danmu_app::{
    api::ApiError,
    services::{ClientAddr, VendFuture, Vending},
};

pub use self::{limit::ClientLimit, policy::Grant};
use crate::{bus::Bus, clock::now_ms};

/// Longer than any healthy STS takes; a page that waits must be told in time to try again.
const TIMEOUT: Duration = Duration::from_secs(8);

/// Vends sessions.
#[derive(Clone)]
pub struct TokenVending(Arc<Inner>);

struct Inner {
    bus: Bus,
    limit: ClientLimit,
    duration_s: u32,
    direct: bool,
}

impl TokenVending {
    /// Vends sessions on `bus` that last `duration_s` seconds; with `direct`, for reading too.
    #[must_use]
    pub fn new(bus: Bus, limit: ClientLimit, duration_s: u32, direct: bool) -> Self {
        Self(Arc::new(Inner { bus, limit, duration_s, direct }))
    }

    /// A session for a page of ours.
    ///
    /// # Errors
    /// See [`Vending::vend`].
    pub async fn session(&self, room: RoomId, purpose: Purpose, client: ClientAddr) -> Result<Session, ApiError> {
        let grant = match purpose {
            Purpose::Produce => Grant::Produce,
            Purpose::Consume if self.0.direct => Grant::Consume,
            Purpose::Consume => return Err(ApiError::DirectOff),
        };
        self.assume(room, grant, client).await
    }

    /// A session for a page like that of the AWS article: one set of credentials that puts, and reads where direct
    /// reading is allowed.
    ///
    /// # Errors
    /// See [`Vending::vend`].
    pub async fn article_session(&self, room: RoomId, client: ClientAddr) -> Result<Session, ApiError> {
        let grant = if self.0.direct { Grant::Both } else { Grant::Produce };
        self.assume(room, grant, client).await
    }

    async fn assume(&self, room: RoomId, grant: Grant, client: ClientAddr) -> Result<Session, ApiError> {
        let Inner { bus, limit, duration_s, .. } = &*self.0;
        limit.check(client).map_err(|retry_after_s| ApiError::TooMany { retry_after_s })?;
        let call = bus
            .sts
            .assume_role()
            .role_arn(&bus.role_arn)
            .role_session_name(session_name(&room, grant))
            .duration_seconds(i32::try_from(*duration_s).unwrap_or(3_600))
            .policy(grant.policy(&bus.stream_arn()))
            .send();
        let answer = match tokio::time::timeout(TIMEOUT, call).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                tracing::error!(error = %DisplayErrorContext(&error), "STS gave no session");
                return Err(ApiError::VendingDown);
            }
            Err(_) => {
                tracing::error!(timeout_s = TIMEOUT.as_secs(), "STS did not answer in time");
                return Err(ApiError::VendingDown);
            }
        };
        let Some(credentials) = answer.credentials else {
            tracing::error!("STS answered without credentials");
            return Err(ApiError::VendingDown);
        };
        Ok(Session {
            access_key_id: credentials.access_key_id,
            secret_access_key: credentials.secret_access_key,
            session_token: credentials.session_token,
            expiration: credentials.expiration.to_millis().unwrap_or(0),
            vended_at: now_ms(),
            region: bus.region.clone(),
            endpoint: bus.browser_endpoint.clone(),
            stream: bus.stream.clone(),
            partition_key: room.into(),
            ticket: None,
            ticket_keys: Vec::new(),
        })
    }
}

impl Vending for TokenVending {
    fn vend(&self, room: RoomId, purpose: Purpose, _: Option<PublicKey>, client: ClientAddr) -> VendFuture {
        let vending = self.clone();
        Box::pin(async move { vending.session(room, purpose, client).await })
    }
}

/// The name of a session in the logs of AWS: `[\w+=,.@-]{2,64}`
/// ([AssumeRole](https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html)).
fn session_name(room: &RoomId, grant: Grant) -> String {
    let mut name = format!("{}.{room}", grant.name());
    // Ids are ASCII, so any cut is a character's end.
    name.truncate(64);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_session_fits_whatever_the_room() {
        let room: RoomId = "a".repeat(RoomId::MAX_LEN).parse().expect("an id");
        assert_eq!(session_name(&room, Grant::Produce).len(), 64);
    }
}
