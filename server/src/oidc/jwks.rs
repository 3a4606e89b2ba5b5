//! The keys of one issuer: fetched when a token first needs one, and again when it is time, or a token names a new one.
//!
//! Promises: however many tokens come, one request is under way, and there are [`REST`] between two; so tokens under made-up
//! keys cost the issuer nothing. While the issuer cannot be reached, the keys in hand hold for [`MOST_AGE`]; a key that the
//! issuer took back is believed for [`AGE`] at the longest as long as it can be reached.

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

/// After this long, keys are fetched again.
const AGE: Duration = Duration::from_secs(60 * 60);
/// After this long, they are believed no more, even where there are no others to be had.
const MOST_AGE: Duration = Duration::from_secs(24 * 60 * 60);
/// How long an issuer is left alone after it was asked, whatever came of it.
pub const REST: Duration = Duration::from_secs(30);
/// No issuer has more keys at once.
const MAX_KEYS: usize = 64;

/// A key, and the one algorithm that it is for.
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
    /// Held by whoever asks the issuer.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Clone, Default)]
struct Held {
    keys: Arc<Keys>,
    fetched: Option<Instant>,
    asked: Option<Instant>,
    /// Why there is nothing newer.
    failed: Option<String>,
}

/// What an issuer says of itself; see [OpenID Connect Discovery](https://openid.net/specs/openid-connect-discovery-1_0.html).
#[derive(Deserialize)]
struct Description {
    issuer: String,
    jwks_uri: String,
}

/// Keys that are of no use here, or that cannot be read, are passed over: an issuer may have others beside ours.
#[derive(Deserialize)]
struct Set {
    keys: Vec<serde_json::Value>,
}

impl Jwks {
    /// The keys of `issuer`, at `address` or where it says. Fetches nothing yet.
    pub(super) fn new(issuer: String, address: Option<String>) -> Self {
        Self { issuer, address, held: Mutex::default(), asking: tokio::sync::Mutex::default() }
    }

    /// The key of that id. `Ok(None)`: the issuer has none.
    ///
    /// # Errors
    /// Why its keys cannot be had; asking again may help after [`REST`].
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

    /// What is held, after the issuer was asked if it is time.
    async fn refreshed(&self, kid: &str) -> Held {
        let _asking = self.asking.lock().await;
        let held = self.held();
        let found = held.keys.contains_key(kid) && held.is_younger_than(AGE);
        // Somebody else has asked meanwhile, or it was a moment ago.
        if found || held.asked.is_some_and(|asked| asked.elapsed() < REST) {
            return held;
        }
        // Before the answer: who asks may be gone when it comes.
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

/// The key, under its id, if it verifies signatures by one of the two algorithms.
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
