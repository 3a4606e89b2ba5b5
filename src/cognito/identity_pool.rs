//! Temporary AWS credentials from an identity pool, by the enhanced flow: `GetId`, then `GetCredentialsForIdentity`
//! ([flow](https://docs.aws.amazon.com/cognito/latest/developerguide/authentication-flow.html)).
//!
//! With the ID token of a provider that the pool knows, the role is that of signed-in users; without one it is the guests', if
//! the pool has one. The operator decides what each role may do (`deploy/`).

use danmu_partitions::Partition;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    Call, Outcome, SignInError,
    wire::{self, object},
};
use crate::kinesis::api::Body;

/// An identity pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityPool {
    /// Its id: a region, `:`, and a UUID.
    pub id: String,
    /// The endpoint of its API, where that is not AWS' own of the region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

/// Who signed in, and where.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The provider as the pool knows it: [`UserPool::provider`](super::UserPool::provider), or an OpenID issuer without `https://`.
    pub provider: String,
    /// Its ID token.
    pub id_token: String,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("provider", &self.provider).finish_non_exhaustive()
    }
}

/// Temporary credentials. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The identity's id, `region:uuid`; a signed-in person always gets the same one.
    pub identity_id: String,
    /// Access key id.
    pub access_key_id: String,
    /// The secret that signs requests.
    pub secret_access_key: String,
    /// Sent with every request.
    pub session_token: String,
    /// When they expire, in Unix milliseconds.
    pub expiration: i64,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("identity_id", &self.identity_id)
            .field("expiration", &self.expiration)
            .finish_non_exhaustive()
    }
}

/// An exchange in progress.
pub struct Exchange {
    pool: IdentityPool,
    login: Option<Login>,
    identity: Option<String>,
}

/// The next step.
#[derive(Debug, PartialEq, Eq)]
pub enum PoolStep {
    /// Send this; the outcome goes to [`Exchange::reply`].
    Send(Call),
    /// The credentials.
    Done(Credentials),
    /// No credentials, and why.
    Failed(SignInError),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct IdReply {
    identity_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CredentialsReply {
    identity_id: String,
    credentials: WireCredentials,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireCredentials {
    access_key_id: String,
    secret_key: String,
    session_token: String,
    /// Unix seconds, with a fraction.
    expiration: f64,
}

/// Why a text is not an identity pool's id.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{0:?} is no id of an identity pool; one is a region, a colon and a UUID: us-east-1:0a1b2c3d-4e5f-6a7b-8c9d-0e1f2a3b4c5d"
)]
pub struct PoolError(pub String);

impl IdentityPool {
    /// Checks the form of the id.
    ///
    /// # Errors
    /// [`PoolError`]; the pattern is that of [IdentityPool](https://docs.aws.amazon.com/cognitoidentity/latest/APIReference/API_IdentityPool.html).
    pub fn check(&self) -> Result<(), PoolError> {
        let of_region = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let fits = self.id.split_once(':').is_some_and(|(region, uuid)| {
            !region.is_empty()
                && region.bytes().all(of_region)
                && !uuid.is_empty()
                && uuid.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
        });
        (fits && self.id.len() <= 55).then_some(()).ok_or_else(|| PoolError(self.id.clone()))
    }

    /// Its region.
    #[must_use]
    pub fn region(&self) -> &str {
        self.id.split_once(':').map_or("", |(region, _)| region)
    }

    fn call(&self, target: &'static str, body: Body) -> Call {
        let region = self.region();
        let own = || ["https://", &Partition::of(region).host("cognito-identity", region), "/"].concat();
        Call::json(&self.endpoint.clone().unwrap_or_else(own), target, body.done())
    }
}

impl Exchange {
    /// Begins, for a guest or for a signed-in user; returns the first call.
    #[must_use]
    pub fn begin(pool: IdentityPool, login: Option<Login>) -> (Self, Call) {
        let mut body = Body::new();
        body.text("IdentityPoolId", &pool.id);
        logins(&mut body, login.as_ref());
        let call = pool.call("AWSCognitoIdentityService.GetId", body);
        (Self { pool, login, identity: None }, call)
    }

    /// Begins with a guest's earlier identity, so that the pool has one identity per guest and not one per session. If the pool
    /// no longer knows it, the outcome is an error; then use [`Exchange::begin`].
    #[must_use]
    pub fn resume(pool: IdentityPool, identity: String) -> (Self, Call) {
        let mut exchange = Self { pool, login: None, identity: None };
        let call = exchange.credentials_of(identity);
        (exchange, call)
    }

    /// Takes the outcome of the last call.
    pub fn reply(&mut self, outcome: Outcome) -> PoolStep {
        let step = outcome.map_err(SignInError::from).and_then(|reply| match self.identity.take() {
            None => wire::read::<IdReply>(&reply).map(|reply| PoolStep::Send(self.credentials_of(reply.identity_id))),
            Some(asked) => wire::read::<CredentialsReply>(&reply).and_then(|reply| given(&asked, reply)),
        });
        step.unwrap_or_else(PoolStep::Failed)
    }

    fn credentials_of(&mut self, identity: String) -> Call {
        let mut body = Body::new();
        body.text("IdentityId", &identity);
        logins(&mut body, self.login.as_ref());
        self.identity = Some(identity);
        self.pool.call("AWSCognitoIdentityService.GetCredentialsForIdentity", body)
    }
}

fn given(asked: &str, reply: CredentialsReply) -> Result<PoolStep, SignInError> {
    if reply.identity_id != asked {
        return Err(SignInError::Untrusted("the credentials are another identity's".into()));
    }
    let WireCredentials { access_key_id, secret_key, session_token, expiration } = reply.credentials;
    Ok(PoolStep::Done(Credentials {
        identity_id: reply.identity_id,
        access_key_id,
        secret_access_key: secret_key,
        session_token,
        // A cast saturates.
        expiration: (expiration * 1_000.0) as i64,
    }))
}

fn logins(body: &mut Body, login: Option<&Login>) {
    if let Some(Login { provider, id_token }) = login {
        body.object("Logins", &object(&[(provider, id_token)]));
    }
}
