//! An ID token, looked at from all sides.

use std::sync::Arc;

use danmu::cognito::identity_pool::Login;
use jsonwebtoken::{Validation, dangerous, decode, decode_header, errors::ErrorKind};
use serde::Deserialize;
use thiserror::Error;

use super::{
    jwks::{Jwks, REST},
    settings::IssuerSettings,
    signature,
    token::{Claims, Person},
};

/// The longest token, in bytes. Cognito's are 1 to 2 kB, with many groups some more.
const MAX_TOKEN_BYTES: usize = 16 * 1024;
/// How far the issuer's clock and ours may be apart, in seconds.
const LEEWAY_S: u64 = 60;

/// Why an ID token is not believed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TokenError {
    /// For us, or for an identity pool.
    #[error("an ID token of {bytes} bytes is too long; {max} are allowed. Is somebody in very many groups?")]
    TooLong {
        /// Bytes of it.
        bytes: usize,
        /// The most.
        max: usize,
    },
    /// Not three parts of base64url and JSON, or a claim of another kind than it should be.
    #[error("this is no ID token")]
    Malformed,
    /// Nobody whom the operator trusts.
    #[error("tokens of {0:?} are not accepted here")]
    Issuer(String),
    /// Neither RS256 nor ES256, or not what its key is for.
    #[error("an ID token is signed by RS256 or ES256, as its key is for")]
    Algorithm,
    /// The header says that something has to be understood which is not.
    #[error("an ID token with critical extensions is not accepted")]
    Critical,
    /// The issuer has no such key.
    #[error("the issuer has no key {0:?}")]
    Key(String),
    /// Forged, or changed.
    #[error("the token's signature is wrong")]
    Signature,
    /// Over.
    #[error("the token has expired; sign in again")]
    Expired,
    /// Not yet.
    #[error("the token is not valid yet; is a clock wrong?")]
    NotYet,
    /// For somebody else's client.
    #[error("the token was issued for another application")]
    Audience,
    /// Of another attempt.
    #[error("the token belongs to another sign-in")]
    Nonce,
    /// Lets its bearer act, and says nothing of who it is.
    #[error("this is an access token; the ID token is wanted")]
    NotAnIdToken,
    /// Rights in so many rooms that no cookie holds them.
    #[error(
        "rights in {0} rooms, one by one, are more than a cookie holds; have the operator give them by a group that means \
         something in every room"
    )]
    Rights(usize),
    /// The issuer's keys cannot be had. The reason is in the log.
    #[error("the issuer of the token cannot be reached; try again in {} s", REST.as_secs())]
    Unreachable,
}

/// Everybody whose ID tokens are believed. Cheap to clone.
#[derive(Clone)]
pub struct Issuers(Arc<[Issuer]>);

struct Issuer {
    settings: IssuerSettings,
    keys: Jwks,
}

#[derive(Deserialize)]
struct Claimed {
    iss: String,
}

impl Issuers {
    /// Believes these. Fetches nothing yet.
    #[must_use]
    pub fn new(settings: Vec<IssuerSettings>) -> Self {
        signature::install();
        let issuer = |settings: IssuerSettings| Issuer {
            keys: Jwks::new(settings.issuer.clone(), settings.jwks_uri.clone()),
            settings,
        };
        Self(settings.into_iter().map(issuer).collect())
    }

    /// Their settings, in the operator's order.
    pub fn settings(&self) -> impl Iterator<Item = &IssuerSettings> {
        self.0.iter().map(|issuer| &issuer.settings)
    }

    /// What an identity pool takes the token as, if it is of somebody whom the operator trusts. The token itself is not looked at:
    /// the pool does that.
    #[must_use]
    pub fn login(&self, token: &str) -> Option<Login> {
        let Claimed { iss } = dangerous::insecure_decode_claims(token).ok()?;
        let settings = self.settings().find(|settings| settings.issuer == iss)?;
        Some(Login { provider: settings.pool_provider().to_owned(), id_token: token.to_owned() })
    }

    /// Whom the token is of. `nonce` is what the attempt to sign in was told to come back with, where it was told any.
    ///
    /// # Errors
    /// [`TokenError`]; only [`TokenError::Unreachable`] may pass by itself.
    pub async fn verify(&self, token: &str, nonce: Option<&str>) -> Result<Person, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::TooLong { bytes: token.len(), max: MAX_TOKEN_BYTES });
        }
        let header = decode_header(token).map_err(|error| told(error.kind()))?;
        if header.crit.is_some() {
            return Err(TokenError::Critical);
        }
        // Unverified, and used for nothing but to choose among those whom the operator trusts.
        let Claimed { iss } = dangerous::insecure_decode_claims(token).map_err(|_| TokenError::Malformed)?;
        let Some(Issuer { settings, keys }) = self.0.iter().find(|issuer| issuer.settings.issuer == iss) else {
            return Err(TokenError::Issuer(iss.chars().take(200).collect()));
        };
        let kid = header.kid.unwrap_or_default();
        let Some(key) = keys.key(&kid).await.map_err(|_| TokenError::Unreachable)? else {
            return Err(TokenError::Key(kid.chars().take(200).collect()));
        };
        let mut validation = Validation::new(key.algorithm);
        validation.leeway = LEEWAY_S;
        validation.validate_nbf = true;
        validation.set_issuer(&[&settings.issuer]);
        validation.set_audience(&[&settings.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let claims = decode::<Claims>(token, &key.key, &validation).map_err(|error| told(error.kind()))?.claims;
        if claims.sub.is_empty() {
            return Err(TokenError::Malformed);
        }
        // Several audiences: then it must say that it was issued to us.
        let shared = claims.aud.as_array().is_some_and(|audiences| audiences.len() > 1);
        let ours = claims.azp.as_ref().is_some_and(|party| *party == settings.audience);
        if (shared || claims.azp.is_some()) && !ours {
            return Err(TokenError::Audience);
        }
        if claims.token_use.as_deref().is_some_and(|usage| usage != "id") {
            return Err(TokenError::NotAnIdToken);
        }
        if claims.nonce.as_deref() != nonce {
            return Err(TokenError::Nonce);
        }
        Ok(claims.person(settings))
    }
}

fn told(error: &ErrorKind) -> TokenError {
    match error {
        ErrorKind::InvalidSignature => TokenError::Signature,
        ErrorKind::ExpiredSignature => TokenError::Expired,
        ErrorKind::ImmatureSignature => TokenError::NotYet,
        ErrorKind::InvalidAudience => TokenError::Audience,
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName | ErrorKind::UnsupportedAlgorithm => {
            TokenError::Algorithm
        }
        _ => TokenError::Malformed,
    }
}
