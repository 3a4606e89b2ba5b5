//! Verification of ID tokens.

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

/// The longest token, in bytes. Cognito's have 1 to 2 kB, more with many groups.
const MAX_TOKEN_BYTES: usize = 16 * 1024;
/// Clock skew allowed between the issuer and this server, in seconds.
const LEEWAY_S: u64 = 60;

/// Why an ID token is rejected.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TokenError {
    /// Too long for us, or for the cookie that keeps it for an identity pool.
    #[error("an ID token of {bytes} bytes is too long; {max} are allowed. Is somebody in very many groups?")]
    TooLong {
        /// Its length in bytes.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// Not three parts of base64url and JSON, or a claim has the wrong type.
    #[error("this is no ID token")]
    Malformed,
    /// The issuer is not trusted.
    #[error("tokens of {0:?} are not accepted here")]
    Issuer(String),
    /// Neither RS256 nor ES256, or not the algorithm of its key.
    #[error("an ID token is signed by RS256 or ES256, as its key is for")]
    Algorithm,
    /// The header names critical extensions.
    #[error("an ID token with critical extensions is not accepted")]
    Critical,
    /// The issuer's keys, as last fetched, do not include this one.
    #[error("the issuer has no key {0:?}")]
    Key(String),
    /// The signature does not match.
    #[error("the token's signature is wrong")]
    Signature,
    /// The token has expired.
    #[error("the token has expired; sign in again")]
    Expired,
    /// The token is not valid yet (`nbf`).
    #[error("the token is not valid yet; is a clock wrong?")]
    NotYet,
    /// Issued for another client.
    #[error("the token was issued for another application")]
    Audience,
    /// The nonce is that of another sign-in attempt.
    #[error("the token belongs to another sign-in")]
    Nonce,
    /// An access token: it lets its bearer act, and does not say who that is.
    #[error("this is an access token; the ID token is wanted")]
    NotAnIdToken,
    /// Rights in too many rooms for a cookie.
    #[error(
        "rights in {0} rooms, one by one, are more than a cookie holds; have the operator give them by a group that means \
         something in every room"
    )]
    Rights(usize),
    /// The issuer's keys cannot be fetched. The reason is in the log.
    #[error("the issuer of the token cannot be reached; try again in {} s", REST.as_secs())]
    Unreachable,
}

/// The trusted issuers. Cheap to clone.
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
    /// Trusts these issuers. Fetches nothing yet.
    #[must_use]
    pub fn new(settings: Vec<IssuerSettings>) -> Self {
        signature::install();
        let issuer = |settings: IssuerSettings| Issuer {
            keys: Jwks::new(settings.issuer.clone(), settings.jwks_uri.clone()),
            settings,
        };
        Self(settings.into_iter().map(issuer).collect())
    }

    /// The settings, in the operator's order.
    pub fn settings(&self) -> impl Iterator<Item = &IssuerSettings> {
        self.0.iter().map(|issuer| &issuer.settings)
    }

    /// The login for an identity pool, if the token names a trusted issuer. The token is not verified here: the pool does that.
    #[must_use]
    pub fn login(&self, token: &str) -> Option<Login> {
        let Claimed { iss } = dangerous::insecure_decode_claims(token).ok()?;
        let settings = self.settings().find(|settings| settings.issuer == iss)?;
        Some(Login { provider: settings.pool_provider().to_owned(), id_token: token.to_owned() })
    }

    /// The person whom the token identifies. `nonce` is the one that was sent with the sign-in attempt, if any.
    ///
    /// # Errors
    /// [`TokenError`]. A retry may help with [`TokenError::Unreachable`], and after [`REST`] with [`TokenError::Key`].
    pub async fn verify(&self, token: &str, nonce: Option<&str>) -> Result<Person, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::TooLong { bytes: token.len(), max: MAX_TOKEN_BYTES });
        }
        let header = decode_header(token).map_err(|error| told(error.kind()))?;
        if header.crit.is_some() {
            return Err(TokenError::Critical);
        }
        // Not verified yet, and used only to choose among the trusted issuers.
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
        // With several audiences, `azp` must say that it was issued to us.
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
