//! A test double of IAM: inline policies of roles by `PutRolePolicy`, `GetRolePolicy` and `DeleteRolePolicy`
//! ([API reference](https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRolePolicy.html)), with failures on demand.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use axum::{Router, extract::State, routing::post};
use http::StatusCode;
use serde_json::Value;
use tokio::sync::watch;

use crate::{chance::Chance, world::Failure};

#[derive(Clone)]
pub struct Iam {
    pub url: String,
    inner: Arc<Mutex<Inner>>,
    held: watch::Sender<bool>,
    given_up: Arc<AtomicUsize>,
}

/// A call that waits for its answer.
struct Waiting(Option<Arc<AtomicUsize>>);

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(given_up) = &self.0 {
            given_up.fetch_add(1, SeqCst);
        }
    }
}

struct Inner {
    policies: HashMap<String, String>,
    chance: Chance,
    /// One call in so many fails; 0: none does.
    fails: usize,
}

impl Iam {
    pub async fn start(chance: Chance) -> Result<Self, Failure> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/", listener.local_addr()?);
        let inner = Inner { policies: HashMap::new(), chance, fails: 0 };
        let (inner, held) = (Arc::new(Mutex::new(inner)), watch::Sender::new(false));
        let iam = Self { url, inner, held, given_up: Arc::default() };
        let router = Router::new().route("/", post(answer)).with_state(iam.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(iam)
    }

    /// One call in so many fails from now on; 0: none does.
    pub fn fail(&self, one_in: usize) {
        self.inner().fails = one_in;
    }

    /// No call is answered, as long as that is so.
    pub fn hold(&self, held: bool) {
        self.held.send_replace(held);
    }

    /// How many calls nobody waited for any more.
    pub fn given_up(&self) -> usize {
        self.given_up.load(SeqCst)
    }

    /// Somebody empties the role's policies.
    pub fn clear(&self) {
        self.inner().policies.clear();
    }

    /// Whom the role denies.
    pub fn denied(&self) -> Vec<String> {
        let condition = self.condition("danmu-banned");
        let names = condition["StringEquals"]["aws:SourceIdentity"].as_array().cloned().unwrap_or_default();
        let mut names: Vec<_> = names.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        names.sort_unstable();
        names
    }

    /// Sessions issued before when it denies.
    pub fn revoked(&self) -> Option<String> {
        self.condition("danmu-revoked")["DateLessThan"]["aws:TokenIssueTime"].as_str().map(str::to_owned)
    }

    fn condition(&self, name: &str) -> Value {
        let document = self.inner().policies.get(name).cloned().unwrap_or_default();
        let document: Value = serde_json::from_str(&document).unwrap_or_default();
        document["Statement"][0]["Condition"].clone()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn answer(State(iam): State<Iam>, body: String) -> (StatusCode, String) {
    let form: HashMap<String, String> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let member = |name: &str| form.get(name).cloned().unwrap_or_default();
    let mut waiting = Waiting(Some(Arc::clone(&iam.given_up)));
    let _ = iam.held.subscribe().wait_for(|held| !held).await;
    waiting.0 = None;
    let mut inner = iam.inner();
    let fails = inner.fails;
    let error = |status, code: &str| (status, format!("<Error><Code>{code}</Code><Message>as drawn</Message></Error>"));
    if fails > 0 && inner.chance.one_in(fails) {
        return error(StatusCode::SERVICE_UNAVAILABLE, "ServiceFailure");
    }
    let (name, none) = (member("PolicyName"), error(StatusCode::NOT_FOUND, "NoSuchEntity"));
    match member("Action").as_str() {
        "PutRolePolicy" => {
            inner.policies.insert(name, member("PolicyDocument"));
            (StatusCode::OK, String::new())
        }
        "GetRolePolicy" => inner.policies.get(&name).map_or(none, |document| {
            let encoded: String = form_urlencoded::byte_serialize(document.as_bytes()).collect();
            (StatusCode::OK, format!("<PolicyDocument>{}</PolicyDocument>", encoded.replace('+', "%20")))
        }),
        _ => inner.policies.remove(&name).map_or(none, |_| (StatusCode::OK, String::new())),
    }
}
