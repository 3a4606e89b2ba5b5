//! Key cache (JWKS) of one issuer: fetched on first use, when it is too old, or when a token names an unknown key.
//!
//! Promises: one fetch at a time, and at least [`REST`] between two, however many tokens name made-up keys. While the issuer
//! cannot be reached, cached keys stay valid for [`MOST_AGE`]; while it can, a key that it revoked is trusted for [`AGE`] at
//! most.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse},
};
use serde::Deserialize;
use tokio::time::Instant;

use super::{fetch, settings::is_safe};

/// Keys older than this are fetched again.
const AGE: Duration = Duration::from_secs(60 * 60);
/// Keys older than this are no longer trusted, even if no newer ones can be fetched.
const MOST_AGE: Duration = Duration::from_secs(24 * 60 * 60);
/// Shortest time between two fetches, whatever their outcome.
pub const REST: Duration = Duration::from_secs(30);
/// Most keys that are kept of a set.
const MAX_KEYS: usize = 64;

/// A key, and the one algorithm it is used with.
#[derive(Clone)]
pub(super) struct Key {
    pub algorithm: Algorithm,
    pub key: DecodingKey,
}

type Keys = HashMap<String, Key>;

/// The keys of one issuer.
pub(super) struct Jwks {
    issuer: String,
    address: Option<String>,
    held: Mutex<Held>,
    /// Held during a fetch, so that there is one at a time.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Clone, Default)]
struct Held {
    keys: Arc<Keys>,
    fetched: Option<Instant>,
    asked: Option<Instant>,
    /// Why the last fetch failed.
    failed: Option<String>,
}

/// An issuer's metadata; see [OpenID Connect Discovery](https://openid.net/specs/openid-connect-discovery-1_0.html).
#[derive(Deserialize)]
struct Description {
    issuer: String,
    jwks_uri: String,
}

/// A key set (JWKS). Keys that cannot be parsed or used here are skipped: an issuer may have others.
#[derive(Deserialize)]
struct Set {
    keys: Vec<serde_json::Value>,
}

impl Jwks {
    /// The keys of `issuer`, at `address`, or where its metadata says. Fetches nothing yet.
    pub(super) fn new(issuer: String, address: Option<String>) -> Self {
        Self { issuer, address, held: Mutex::default(), asking: tokio::sync::Mutex::default() }
    }

    /// The key with that id; `Ok(None)` if it is not among the keys of the last fetch.
    ///
    /// # Errors
    /// Why the keys cannot be fetched; a retry after [`REST`] may succeed.
    pub(super) async fn key(&self, kid: &str) -> Result<Option<Key>, String> {
        let held = self.held();
        if let (Some(key), true) = (held.keys.get(kid), held.is_younger_than(AGE)) {
            return Ok(Some(key.clone()));
        }
        let held = self.refreshed(kid).await;
        match (held.is_younger_than(MOST_AGE), held.failed) {
            (true, _) => Ok(held.keys.get(kid).cloned()),
            (false, Some(reason)) => Err(reason),
            (false, None) => Err("its keys were never fetched".into()),
        }
    }

    /// The cache, after a fetch if one is due.
    async fn refreshed(&self, kid: &str) -> Held {
        let _asking = self.asking.lock().await;
        let held = self.held();
        let found = held.keys.contains_key(kid) && held.is_younger_than(AGE);
        // Another task has just fetched, or the last fetch was less than `REST` ago.
        if found || held.asked.is_some_and(|asked| asked.elapsed() < REST) {
            return held;
        }
        // Before the response: this task may be cancelled while it waits for it.
        self.change(|held| held.asked = Some(Instant::now()));
        match self.fetch().await {
            Ok(keys) => self.change(|held| {
                (held.keys, held.fetched, held.failed) = (Arc::new(keys), Some(Instant::now()), None);
            }),
            Err(reason) => {
                tracing::warn!(issuer = self.issuer, reason, "the keys of an issuer cannot be had");
                self.change(|held| held.failed = Some(reason));
            }
        }
        self.held()
    }

    async fn fetch(&self) -> Result<Keys, String> {
        let address = match &self.address {
            Some(address) => address.clone(),
            None => self.discover().await?,
        };
        let set: Set = serde_json::from_slice(&fetch::get(&address).await?)
            .map_err(|error| format!("{address} is no set of keys: {error}"))?;
        let keys: Keys = set.keys.into_iter().take(MAX_KEYS).filter_map(usable).collect();
        if keys.is_empty() { Err(format!("{address} has no key for RS256 or ES256")) } else { Ok(keys) }
    }

    async fn discover(&self) -> Result<String, String> {
        let address = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let described: Description = serde_json::from_slice(&fetch::get(&address).await?)
            .map_err(|error| format!("{address} does not describe an issuer: {error}"))?;
        if described.issuer != self.issuer {
            return Err(format!("{address} describes another issuer, {:?}", described.issuer));
        }
        if !is_safe(&described.jwks_uri) {
            return Err(format!("{address} names keys at {:?}, which is no https address", described.jwks_uri));
        }
        Ok(described.jwks_uri)
    }

    fn held(&self) -> Held {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut Held)) {
        change(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Held {
    fn is_younger_than(&self, age: Duration) -> bool {
        self.fetched.is_some_and(|fetched| fetched.elapsed() < age)
    }
}

/// The key and its id, if it verifies signatures with RS256 or ES256.
fn usable(value: serde_json::Value) -> Option<(String, Key)> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    let (algorithm, name) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(point) if point.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        _ => return None,
    };
    let for_this = jwk.common.key_algorithm.is_none_or(|named| named == name);
    let signs = jwk.common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature);
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    let kid = jwk.common.key_id.filter(|_| for_this && signs)?;
    Some((kid, Key { algorithm, key }))
}
