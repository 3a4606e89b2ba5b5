//! An issuer on this machine, that counts how often it is asked.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use http::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{
    super::{IssuerSettings, verify::Issuers},
    CLIENT,
    keys::{EcKey, RsaKey},
};

/// What it answers to whoever wants its keys.
#[derive(Clone)]
pub enum Answer {
    Keys(Vec<Value>),
    Raw(Vec<u8>),
    Status(u16),
    /// The keys are at another address.
    Elsewhere,
    Never,
}

pub struct TestIssuer {
    pub origin: String,
    pub rsa: RsaKey,
    pub ec: EcKey,
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    answer: Answer,
    described: Value,
    asked: u32,
}

impl TestIssuer {
    /// Starts one, with a key for each algorithm: `rsa` and `ec`.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let origin = format!("http://{}", listener.local_addr().expect("its address"));
        let (rsa, ec) = (RsaKey::new(), EcKey::generate());
        let answer = Answer::Keys(vec![rsa.jwk("rsa"), ec.jwk("ec")]);
        let shared = Arc::new(Mutex::new(Shared { answer, described: Value::Null, asked: 0 }));
        let router = Router::new()
            .route("/keys", get(keys))
            .route("/.well-known/openid-configuration", get(describe))
            .with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let issuer = Self { origin, rsa, ec, shared };
        issuer.describe("", None);
        issuer
    }

    /// As an operator trusts it.
    pub fn settings(&self) -> IssuerSettings {
        let settings = json!({"issuer": self.origin, "audience": CLIENT, "jwks_uri": format!("{}/keys", self.origin)});
        serde_json::from_value(settings).expect("settings")
    }

    /// A server that trusts it alone.
    pub fn trusted(&self) -> Issuers {
        Issuers::new(vec![self.settings()])
    }

    /// Answers so from now on.
    pub fn serve(&self, answer: Answer) {
        self.shared.lock().expect("no panic").answer = answer;
    }

    /// Says that it is another one, or that its keys are elsewhere.
    pub fn describe(&self, issuer: &str, keys: Option<&str>) {
        let issuer = if issuer.is_empty() { &self.origin } else { issuer };
        let own = format!("{}/keys", self.origin);
        self.shared.lock().expect("no panic").described = json!({"issuer": issuer, "jwks_uri": keys.unwrap_or(&own)});
    }

    /// How often somebody wanted its keys.
    pub fn asked(&self) -> u32 {
        self.shared.lock().expect("no panic").asked
    }
}

async fn keys(State(shared): State<Arc<Mutex<Shared>>>) -> Response {
    let answer = {
        let mut shared = shared.lock().expect("no panic");
        shared.asked += 1;
        shared.answer.clone()
    };
    match answer {
        Answer::Keys(keys) => axum::Json(json!({"keys": keys})).into_response(),
        Answer::Raw(bytes) => bytes.into_response(),
        Answer::Status(status) => StatusCode::from_u16(status).expect("a status").into_response(),
        Answer::Elsewhere => Redirect::temporary("/keys").into_response(),
        Answer::Never => std::future::pending().await,
    }
}

async fn describe(State(shared): State<Arc<Mutex<Shared>>>) -> Response {
    axum::Json(shared.lock().expect("no panic").described.clone()).into_response()
}
