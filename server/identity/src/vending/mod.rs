//! Token vending machine: issues temporary credentials to a viewer, for one purpose on one stream, together with a ticket that
//! says who the viewer is.
//!
//! A session comes from STS `AssumeRole` with an inline session policy, so that it can do no more than the policy says even
//! where the role could; or from an [identity pool](PoolCredentials). The server's own credentials never leave it. The session
//! carries the viewer's id, by which AWS' logs and policies identify it. Who is banned gets none ([`Decisions`]).
//!
//! Load shedding: when STS or the pool cannot keep up, callers who cannot be served soon are told when to retry ([`turns`]).
//! Nobody waits longer than a turn plus a call may take.

mod decisions;
mod identity_pool;
mod lifetime;
mod limit;
mod policy;
mod turns;

use std::{
    mem::{Discriminant, discriminant},
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use aws_sdk_sts::{
    error::{DisplayErrorContext, ProvideErrorMetadata},
    types::Credentials,
};
use danmu::{
    room::RoomId,
    session::{Purpose, Session},
    ticket::{Claims, PublicKey},
    viewer::ViewerId,
};
use danmu_app::{
    error::ApiError,
    services::{Caller, VendFuture, Vending},
};
use danmu_stream::Seldom;

pub use self::{
    decisions::Decisions,
    identity_pool::PoolCredentials,
    lifetime::{HOUR_S, attainable},
    limit::{Limit, Limits, Rate},
    policy::Grant,
};
use self::{lifetime::Lifetime, turns::Turns};
use crate::{
    aws::{bus::KinesisBus, session_name::session_name},
    clock::now_ms,
    identity::{Identity, Sound},
};

/// Timeout of a vending call: longer than a healthy STS takes, short enough for a waiting page to be told to retry.
const TIMEOUT: Duration = Duration::from_secs(8);
/// Range of the retry delay under load, in seconds; a range, so that pages do not all return at once.
const BUSY_S: std::ops::Range<u32> = 3..10;

/// Requests shed because no turn was free, or because STS throttled.
static SENT_AWAY: AtomicU64 = AtomicU64::new(0);

/// Counters of vending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sessions vended.
    pub sessions: u64,
    /// Requests refused by the rate limit of their viewer or network.
    pub too_often: u64,
    /// Requests shed because too many asked at once.
    pub sent_away: u64,
}

/// Vends sessions.
#[derive(Clone)]
pub struct TokenVending(Arc<Inner>);

struct Inner {
    bus: KinesisBus,
    limits: Limits,
    turns: Turns,
    sessions: AtomicU64,
    too_often: AtomicU64,
    /// Limits how often refusals are logged, by kind.
    refused: Seldom<Discriminant<ApiError>>,
    identity: Identity,
    moderation: Arc<dyn Decisions>,
    lifetime: Lifetime,
    direct: bool,
    pool: Option<PoolCredentials>,
}

impl TokenVending {
    /// Vends sessions on `bus` that last `duration_s` seconds, with tickets signed by `identity`, except to viewers whom
    /// `moderation` does not admit; with `direct`, sessions for reading too.
    #[must_use]
    pub fn new(
        bus: KinesisBus,
        limits: Limits,
        identity: Identity,
        moderation: impl Decisions + 'static,
        duration_s: u32,
        direct: bool,
    ) -> Self {
        Self::with(bus, limits, identity, Arc::new(moderation), duration_s, direct, None)
    }

    /// Takes credentials from this identity pool instead of STS.
    #[must_use]
    pub fn from_pool(self, pool: PoolCredentials) -> Self {
        let Inner { bus, limits, identity, moderation, lifetime, direct, .. } = &*self.0;
        let (bus, limits, identity) = (bus.clone(), limits.clone(), identity.clone());
        let (moderation, duration_s, direct) = (Arc::clone(moderation), lifetime.seconds(), *direct);
        Self::with(bus, limits, identity, moderation, duration_s, direct, Some(pool))
    }

    fn with(
        bus: KinesisBus,
        limits: Limits,
        identity: Identity,
        moderation: Arc<dyn Decisions>,
        duration_s: u32,
        direct: bool,
        pool: Option<PoolCredentials>,
    ) -> Self {
        let (turns, sessions, too_often) = (Turns::new(), AtomicU64::new(0), AtomicU64::new(0));
        Self(Arc::new(Inner {
            bus,
            limits,
            turns,
            sessions,
            too_often,
            refused: Seldom::default(),
            identity,
            moderation,
            lifetime: Lifetime::new(duration_s),
            direct,
            pool,
        }))
    }

    /// The counters so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let Inner { sessions, too_often, .. } = &*self.0;
        let [sessions, too_often, sent_away] = [sessions, too_often, &SENT_AWAY].map(|count| count.load(Relaxed));
        Counts { sessions, too_often, sent_away }
    }

    /// Load check before any work is done for a request: fails while the queue for a turn is full.
    ///
    /// # Errors
    /// [`ApiError::TooMany`].
    pub fn has_room(&self) -> Result<(), ApiError> {
        if self.0.turns.is_full() { Err(busy()) } else { Ok(()) }
    }

    /// A session for one of our pages; a session for speaking includes a ticket for the viewer's key.
    ///
    /// # Errors
    /// See [`Vending::vend`].
    pub async fn session(
        &self,
        room: RoomId,
        purpose: Purpose,
        key: Option<PublicKey>,
        caller: Caller,
    ) -> Result<Session, ApiError> {
        // Refuses a weak key, which accepts any signature: anybody could use a ticket for it.
        key.map(Sound::try_from).transpose().map_err(|error| ApiError::Other(error.to_string()))?;
        match purpose {
            Purpose::Produce => {
                let mut session = self.assume(&room, Grant::Produce, &caller).await?;
                session.ticket = key.map(|key| self.ticket(room, caller, key, &session));
                Ok(session)
            }
            Purpose::Consume
                if self.allows_direct() || self.0.direct && caller.rights.role_in(&room).may_moderate() =>
            {
                let session = self.assume(&room, Grant::Consume, &caller).await?;
                let bans = self.0.moderation.handed(&room, &self.0.identity)?;
                Ok(Session { ticket_keys: self.0.identity.public_keys(), bans, ..session })
            }
            Purpose::Consume => Err(ApiError::DirectOff),
        }
    }

    /// A session for a page like that of the AWS article: one set of credentials for putting, and for reading where direct
    /// reading is allowed.
    ///
    /// # Errors
    /// See [`Vending::vend`].
    pub async fn article_session(&self, room: RoomId, caller: Caller) -> Result<Session, ApiError> {
        let grant = if self.allows_direct() { Grant::Both } else { Grant::Produce };
        self.assume(&room, grant, &caller).await
    }

    /// Whether viewers may read the stream itself.
    fn allows_direct(&self) -> bool {
        self.0.direct && self.0.moderation.allows_direct()
    }

    /// A ticket that expires with the session.
    fn ticket(&self, room: RoomId, caller: Caller, key: PublicKey, session: &Session) -> String {
        let Caller { viewer, name, rights, .. } = caller;
        let role = rights.role_in(&room);
        let seconds = |ms: i64| ms.div_euclid(1_000);
        let (issued_s, expires_s) = (seconds(session.vended_at), seconds(session.expiration));
        self.0.identity.issue(Claims { viewer, name, role, room, issued_s, expires_s, key })
    }

    async fn assume(&self, room: &RoomId, grant: Grant, caller: &Caller) -> Result<Session, ApiError> {
        let given = self.try_assume(room, grant, caller).await;
        if let Err(error) = &given
            && let Some(requests) = self.0.refused.note(&discriminant(error), Instant::now())
        {
            tracing::info!(requests, %room, viewer = %caller.viewer, %error, "sessions are refused");
        }
        given
    }

    async fn try_assume(&self, room: &RoomId, grant: Grant, caller: &Caller) -> Result<Session, ApiError> {
        let Inner { bus, limits, turns, sessions, too_often, moderation, pool, .. } = &*self.0;
        moderation.admits(caller, room)?;
        limits.check(caller).map_err(|retry_after_s| {
            too_often.fetch_add(1, Relaxed);
            ApiError::TooMany { retry_after_s }
        })?;
        let _turn = turns.take().await.ok_or_else(busy)?;
        let (access_key_id, secret_access_key, session_token, expiration) = if let Some(pool) = pool {
            // The pool takes several calls, each with a timeout of its own, so that all of them get one too.
            let given = tokio::time::timeout(TIMEOUT, pool.give(caller)).await.map_err(|_| {
                if let Some(requests) = failed("late pool") {
                    tracing::error!(
                        requests,
                        timeout_s = TIMEOUT.as_secs(),
                        "the identity pool did not answer in time"
                    );
                }
                ApiError::VendingDown
            })??;
            (given.access_key_id, given.secret_access_key, given.session_token, given.expiration)
        } else {
            let given = self.credentials(grant, &caller.viewer).await?;
            let expiration = given.expiration.to_millis().unwrap_or(0);
            (given.access_key_id, given.secret_access_key, given.session_token, expiration)
        };
        // Checked again, since a decision made meanwhile could not know this session.
        moderation.vended(caller, room, expiration);
        moderation.admits(caller, room)?;
        sessions.fetch_add(1, Relaxed);
        Ok(Session {
            access_key_id,
            secret_access_key,
            session_token,
            expiration,
            vended_at: now_ms(),
            region: bus.region.clone(),
            endpoint: bus.browser_endpoint.clone(),
            stream: bus.stream.clone(),
            partition_key: room.as_str().into(),
            ticket: None,
            ticket_keys: Vec::new(),
            bans: Vec::new(),
        })
    }

    async fn credentials(&self, grant: Grant, viewer: &ViewerId) -> Result<Credentials, ApiError> {
        let Inner { bus, lifetime, .. } = &*self.0;
        let name = session_name(viewer);
        let call = async {
            loop {
                let asked_s = lifetime.seconds();
                let call = bus
                    .sts
                    .assume_role()
                    .role_arn(&bus.role_arn)
                    .role_session_name(&name)
                    .source_identity(&name)
                    .duration_seconds(asked_s.cast_signed())
                    .policy(grant.policy(&bus.stream_arn(), bus.kms));
                match call.send().await {
                    Err(error) if lifetime.refused(asked_s, error.code(), error.message()) => {}
                    outcome => return outcome,
                }
            }
        };
        let answer = match tokio::time::timeout(TIMEOUT, call).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                if let Some(requests) = failed("STS") {
                    tracing::error!(requests, error = %DisplayErrorContext(&error), "STS gave no session");
                }
                return Err(if is_busy(error.code()) { busy() } else { ApiError::VendingDown });
            }
            Err(_) => {
                if let Some(requests) = failed("late STS") {
                    tracing::error!(requests, timeout_s = TIMEOUT.as_secs(), "STS did not answer in time");
                }
                return Err(ApiError::VendingDown);
            }
        };
        answer.credentials.ok_or_else(|| {
            tracing::error!("STS answered without credentials");
            ApiError::VendingDown
        })
    }
}

impl Vending for TokenVending {
    fn vend(&self, room: RoomId, purpose: Purpose, key: Option<PublicKey>, caller: Caller) -> VendFuture {
        let vending = self.clone();
        Box::pin(async move { vending.session(room, purpose, key, caller).await })
    }
}

/// Whether STS throttled the call; the query protocol says `Throttling`
/// ([Common errors](https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html)).
fn is_busy(code: Option<&str>) -> bool {
    matches!(code, Some("Throttling" | "ThrottlingException" | "ThrottledException" | "RequestLimitExceeded"))
}

/// Rate limit of the log: how often a cause failed since it was last logged, or `None` if it must not be logged now.
fn failed(cause: &'static str) -> Option<u64> {
    static FAILED: LazyLock<Seldom<&'static str>> = LazyLock::new(Seldom::default);
    FAILED.note(&cause, Instant::now())
}

/// The error for a request that is shed. Retry delays go round robin, so that retries spread evenly over the seconds.
fn busy() -> ApiError {
    let others = SENT_AWAY.fetch_add(1, Relaxed);
    let spread = u64::from(BUSY_S.end - BUSY_S.start);
    ApiError::TooMany { retry_after_s: BUSY_S.start + u32::try_from(others % spread).unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_meets_a_busy_sts_is_told_when_to_come_back_and_not_all_at_once() {
        assert!(["Throttling", "ThrottlingException"].into_iter().all(|code| is_busy(Some(code))));
        assert!([None, Some("AccessDenied"), Some("MalformedPolicyDocument")].into_iter().all(|code| !is_busy(code)));
        let times: std::collections::HashSet<_> = (0..20).map(|_| busy().to_string()).collect();
        assert_eq!(times.len(), BUSY_S.len(), "{times:?}");
    }
}
