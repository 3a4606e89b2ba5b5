//! Credentials from an Amazon Cognito identity pool, instead of STS: the members' role with an ID token, the guests' role
//! without one, if the pool allows guests
//! ([enhanced flow](https://docs.aws.amazon.com/cognito/latest/developerguide/authentication-flow.html)).
//!
//! The pool's roles alone say what sessions may do (`deploy/policies`): the flow takes no session policy. AWS knows a session
//! by its identity in the pool, which is stored, so that a ban can deny it. The server needs no credentials of its own for
//! this.

use std::time::Duration;

use danmu::{
    cognito::{
        Call, Outcome, SignInError,
        identity_pool::{Credentials, Exchange, IdentityPool, PoolStep},
    },
    kinesis::{NetError, Reply},
    viewer::ViewerId,
};
use danmu_app::{error::ApiError, services::Caller};
use danmu_stream::quoted;
use http::Request;
use http_body_util::Full;

use super::{busy, failed};
use crate::{clock::now_ms, https::Https, store::Store};

/// The longest response of the pool, in bytes.
const MAX_ANSWER: usize = 64 * 1024;
/// Timeout of one call, the same as for STS.
const PATIENCE: Duration = super::TIMEOUT;

/// The identity pool as a source of credentials.
#[derive(Clone, Debug)]
pub struct PoolCredentials {
    pool: IdentityPool,
    guests: bool,
    https: Https,
    store: Store,
}

impl PoolCredentials {
    /// Uses this pool, for guests too if `guests`. `store` keeps the identities of viewers.
    ///
    /// # Errors
    /// The system's certificates cannot be read.
    pub fn new(pool: IdentityPool, guests: bool, store: Store) -> Result<Self, String> {
        Ok(Self { pool, guests, https: Https::new()?, store })
    }

    /// Credentials for one viewer.
    ///
    /// # Errors
    /// [`ApiError::SignIn`] for a guest where the pool allows none, and for a member whose ID token has expired;
    /// [`ApiError::TooMany`], [`ApiError::VendingDown`].
    pub(super) async fn give(&self, caller: &Caller) -> Result<Credentials, ApiError> {
        if caller.login.is_none() && !self.guests {
            return Err(ApiError::SignIn);
        }
        let given = match self.known(caller).await {
            Some(given) => given,
            None => self.run(Exchange::begin(self.pool.clone(), caller.login.clone())).await.map_err(|e| refuse(&e))?,
        };
        self.keep(&caller.viewer, &given.identity_id).await;
        Ok(given)
    }

    /// Reuses the identity that a guest had before. For members, the pool finds it by the ID token.
    async fn known(&self, caller: &Caller) -> Option<Credentials> {
        if caller.login.is_some() {
            return None;
        }
        let identity = self.store.identity(&caller.viewer).await.unwrap_or_else(|error| {
            tracing::error!(%error, "a guest is another identity of the pool than before");
            None
        });
        let exchange = Exchange::resume(self.pool.clone(), identity?);
        // On any error a new identity is tried; if the pool is down, that fails too.
        self.run(exchange).await.ok()
    }

    async fn run(&self, (mut exchange, mut call): (Exchange, Call)) -> Result<Credentials, SignInError> {
        loop {
            call = match exchange.reply(self.send(&call).await) {
                PoolStep::Send(call) => call,
                PoolStep::Done(given) => return Ok(given),
                PoolStep::Failed(error) => return Err(error),
            };
        }
    }

    async fn send(&self, call: &Call) -> Outcome {
        let mut request = Request::post(&call.url);
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        let request = request.body(Full::from(call.body.clone())).map_err(|error| NetError(error.to_string()))?;
        let answer = self.https.send(request, MAX_ANSWER, PATIENCE).await.map_err(NetError)?;
        Ok(Reply { status: answer.status().as_u16(), body: answer.into_body().to_vec(), date: None })
    }

    async fn keep(&self, viewer: &ViewerId, identity: &str) {
        if let Err(error) = self.store.keep_identity(viewer, identity, now_ms()).await {
            tracing::error!(%error, %viewer, identity, "a ban of this viewer would not deny its credentials");
        }
    }
}

fn refuse(error: &SignInError) -> ApiError {
    match error {
        SignInError::TooMany => busy(),
        SignInError::SignedOut => ApiError::SignIn,
        error => {
            if let Some(requests) = failed("pool") {
                tracing::error!(requests, error = quoted(&error.to_string()), "the identity pool gave no credentials");
            }
            ApiError::VendingDown
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, PoisonError};

    use axum::{Json, Router, extract::State, http::HeaderMap, response::IntoResponse, routing::post};
    use danmu::{cognito::identity_pool::Login, rights::Rights, viewer::Role};
    use http::StatusCode;
    use serde_json::{Value, json};
    use tempfile::TempDir;

    use super::*;

    type Test = Result<(), Box<dyn std::error::Error>>;

    /// A double of the service: gives each who asks a new identity, and refuses as it is told to.
    #[derive(Clone, Default)]
    struct Double(Arc<Mutex<Heard>>);

    #[derive(Default)]
    struct Heard {
        calls: Vec<(String, Value)>,
        identities: usize,
        refuses: Option<(&'static str, &'static str)>,
    }

    impl Double {
        async fn start() -> Result<(Self, String), Box<dyn std::error::Error>> {
            let double = Self::default();
            let router = Router::new().route("/", post(answer)).with_state(double.clone());
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
            let url = format!("http://{}/", listener.local_addr()?);
            tokio::spawn(async move { axum::serve(listener, router).await });
            Ok((double, url))
        }

        fn heard(&self) -> std::sync::MutexGuard<'_, Heard> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }

        /// The operations that were called since the last time.
        fn operations(&self) -> Vec<String> {
            self.heard().calls.drain(..).map(|(operation, _)| operation).collect()
        }
    }

    async fn answer(State(double): State<Double>, headers: HeaderMap, body: String) -> axum::response::Response {
        let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
        let operation = target.split('.').nth(1).unwrap_or_default().to_owned();
        let request: Value = serde_json::from_str(&body).unwrap_or_default();
        let mut heard = double.heard();
        heard.calls.push((operation.clone(), request.clone()));
        if let Some((code, message)) = heard.refuses {
            return (StatusCode::BAD_REQUEST, Json(json!({"__type": code, "message": message}))).into_response();
        }
        let reply = match operation.as_str() {
            "GetId" => {
                heard.identities += 1;
                json!({"IdentityId": format!("us-east-1:{}", heard.identities)})
            }
            _ if request["IdentityId"] == "us-east-1:gone" => {
                let gone = json!({"__type": "ResourceNotFoundException", "message": "Identity not found."});
                return (StatusCode::BAD_REQUEST, Json(gone)).into_response();
            }
            _ => json!({"IdentityId": request["IdentityId"], "Credentials": {"AccessKeyId": "ASIA", "SecretKey": "s",
                "SessionToken": "t", "Expiration": 1_790_003_600.0}}),
        };
        Json(reply).into_response()
    }

    async fn scene(guests: bool) -> Result<(Double, PoolCredentials, Store, TempDir), Box<dyn std::error::Error>> {
        let (double, url) = Double::start().await?;
        let dir = tempfile::tempdir()?;
        let store = Store::open(dir.path()).await?;
        let pool = IdentityPool { id: "us-east-1:0a1b".into(), endpoint: Some(url) };
        Ok((double, PoolCredentials::new(pool, guests, store.clone())?, store, dir))
    }

    fn guest() -> Caller {
        let (addr, viewer) = ([127, 0, 0, 1].into(), ViewerId::guest(7));
        Caller { addr, viewer, name: None, rights: Rights::default(), login: None }
    }

    fn member() -> Caller {
        let login = Login { provider: "cognito-idp.us-east-1.amazonaws.com/p".into(), id_token: "i.d.t".into() };
        Caller {
            viewer: "m1".parse().expect("an id"),
            rights: Rights::everywhere(Role::Member),
            login: Some(login),
            ..guest()
        }
    }

    #[tokio::test]
    async fn a_guest_stays_the_identity_that_it_was_and_a_member_is_whom_the_token_says() -> Test {
        let (double, pool, store, _dir) = scene(true).await?;
        let first = pool.give(&guest()).await?;
        assert_eq!((first.identity_id.as_str(), first.access_key_id.as_str()), ("us-east-1:1", "ASIA"));
        assert_eq!(double.operations(), ["GetId", "GetCredentialsForIdentity"]);
        assert_eq!(pool.give(&guest()).await?.identity_id, "us-east-1:1");
        assert_eq!(double.operations(), ["GetCredentialsForIdentity"]);
        assert_eq!(pool.give(&member()).await?.identity_id, "us-east-1:2");
        let logins = json!({"cognito-idp.us-east-1.amazonaws.com/p": "i.d.t"});
        let calls = std::mem::take(&mut double.heard().calls);
        assert!(calls.len() == 2 && calls.iter().all(|(_, request)| request["Logins"] == logins), "{calls:?}");
        assert_eq!(store.identities(&member().viewer).await?, ["us-east-1:2"], "a ban would deny it");
        assert_eq!(store.identities(&guest().viewer).await?, ["us-east-1:1"]);
        Ok(())
    }

    #[tokio::test]
    async fn a_guest_whom_the_pool_has_forgotten_is_a_new_one() -> Test {
        let (double, pool, store, _dir) = scene(true).await?;
        store.keep_identity(&guest().viewer, "us-east-1:gone", 0).await?;
        assert_eq!(pool.give(&guest()).await?.identity_id, "us-east-1:1");
        assert_eq!(double.operations(), ["GetCredentialsForIdentity", "GetId", "GetCredentialsForIdentity"]);
        assert_eq!(pool.give(&guest()).await?.identity_id, "us-east-1:1");
        Ok(())
    }

    #[tokio::test]
    async fn where_there_are_no_guests_one_has_to_sign_in_and_the_pool_is_not_even_asked() -> Test {
        let (double, pool, _store, _dir) = scene(false).await?;
        assert_eq!(pool.give(&guest()).await, Err(ApiError::SignIn));
        assert!(double.operations().is_empty());
        assert!(pool.give(&member()).await.is_ok());
        Ok(())
    }

    #[tokio::test]
    async fn what_the_pool_refuses_is_told_so_that_something_can_be_done() -> Test {
        let (double, pool, _store, _dir) = scene(true).await?;
        let given = async |code, message| {
            double.heard().refuses = Some((code, message));
            pool.give(&member()).await.err()
        };
        let ended = "Invalid login token. Token expired: 1 >= 2";
        assert_eq!(given("NotAuthorizedException", ended).await, Some(ApiError::SignIn));
        let wait = given("TooManyRequestsException", "Rate exceeded").await;
        assert!(matches!(wait, Some(ApiError::TooMany { retry_after_s: 3..10 })), "{wait:?}");
        for code in ["ResourceNotFoundException", "InvalidIdentityPoolConfigurationException", "InternalErrorException"]
        {
            assert_eq!(given(code, "").await, Some(ApiError::VendingDown), "{code}");
        }
        Ok(())
    }
}
