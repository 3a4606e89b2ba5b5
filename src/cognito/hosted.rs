//! Signing in on the provider's own page: the authorisation code flow with PKCE
//! ([RFC 6749, 4.1](https://www.rfc-editor.org/rfc/rfc6749#section-4.1), [RFC 7636](https://www.rfc-editor.org/rfc/rfc7636),
//! [OpenID Connect Core, 3.1](https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth)).
//!
//! Cognito calls its page managed login, or the Hosted UI; any OpenID provider has one. The page goes to [`Attempt::address`],
//! the provider redirects it back with a code, and [`Attempt::redeem`] exchanges that for tokens. A stolen code is useless
//! without the `code_verifier`; a code of another attempt is refused by its `state`; and the ID token must carry the attempt's
//! `nonce`, which the party that verifies the token has to check.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Call, Outcome, SignInError, Tokens, call::query, wire};
use crate::base64;

/// The scopes: who the user is.
const SCOPE: &str = "openid profile email";

/// A provider's pages, and our page's client there (a public one, without a secret).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provider {
    /// The client's id.
    pub client_id: String,
    /// The authorisation endpoint (Cognito: `https://DOMAIN/oauth2/authorize`).
    pub authorize: String,
    /// The token endpoint (`https://DOMAIN/oauth2/token`).
    pub token: String,
    /// The page that also signs out of the provider (`https://DOMAIN/logout`), if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logout: Option<String>,
}

/// One attempt. It can be kept as text while the page is away, in storage of our own origin only; never printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// What the provider returns with the code.
    state: String,
    /// What the ID token has to carry.
    nonce: String,
    /// The PKCE `code_verifier`: proves that the page that redeems the code is the one that began.
    verifier: String,
    /// Where the provider sends the page back to.
    redirect: String,
}

/// Random bytes of an attempt: 32 each for the state, the nonce and the verifier.
pub const CHANCE_BYTES: usize = 96;

#[derive(Deserialize)]
struct TokenReply {
    id_token: Option<String>,
    access_token: String,
    refresh_token: Option<String>,
    #[serde(default)]
    expires_in: i64,
}

#[derive(Deserialize)]
struct TokenError {
    error: String,
    #[serde(default)]
    error_description: String,
}

impl Attempt {
    /// Begins, with fresh random bytes from a secure source. `redirect` is an address of ours that the provider knows.
    #[must_use]
    pub fn new(redirect: String, chance: &[u8; CHANCE_BYTES]) -> Self {
        let [state, nonce, verifier] = [0, 32, 64].map(|from| base64url(&chance[from..from + 32]));
        Self { state, nonce, verifier, redirect }
    }

    /// The nonce that the ID token has to carry.
    #[must_use]
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// The address of the provider's page, where the page goes.
    #[must_use]
    pub fn address(&self, provider: &Provider) -> String {
        let challenge = base64url(&Sha256::digest(self.verifier.as_bytes()));
        let fields = [
            ("response_type", "code"),
            ("client_id", &provider.client_id),
            ("redirect_uri", &self.redirect),
            ("scope", SCOPE),
            ("state", &self.state),
            ("nonce", &self.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        with_query(&provider.authorize, &fields)
    }

    /// Takes the query that the page came back with, without `?`; returns the call that exchanges its code.
    ///
    /// # Errors
    /// [`SignInError::Untrusted`] for a state that is not this attempt's, [`SignInError::NotCompleted`] where the provider
    /// gave no code.
    pub fn redeem(&self, provider: &Provider, came_with: &str) -> Result<Call, SignInError> {
        let field = |name| {
            let mut pairs = came_with.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(found, _)| *found == name).map(|(_, value)| decode(value))
        };
        if field("state").as_deref() != Some(&self.state) {
            return Err(SignInError::Untrusted("this answer belongs to another attempt".into()));
        }
        let Some(code) = field("code").filter(|code| !code.is_empty()) else {
            let said = field("error_description").or_else(|| field("error")).unwrap_or_else(|| "no code".into());
            return Err(SignInError::NotCompleted(said));
        };
        let fields = [
            ("grant_type", "authorization_code"),
            ("client_id", &provider.client_id),
            ("code", &code),
            ("redirect_uri", &self.redirect),
            ("code_verifier", &self.verifier),
        ];
        Ok(Call::form(&provider.token, &fields))
    }
}

impl Provider {
    /// The call that gets new tokens for a refresh token.
    #[must_use]
    pub fn renew(&self, refresh_token: &str) -> Call {
        let fields =
            [("grant_type", "refresh_token"), ("client_id", &self.client_id), ("refresh_token", refresh_token)];
        Call::form(&self.token, &fields)
    }

    /// The address that signs out of the provider too and returns to `back`; `None` where there is no such page.
    #[must_use]
    pub fn sign_out(&self, back: &str) -> Option<String> {
        let fields = [("client_id", self.client_id.as_str()), ("logout_uri", back)];
        self.logout.as_ref().map(|page| with_query(page, &fields))
    }
}

/// Reads the outcome of [`Attempt::redeem`] or [`Provider::renew`] at that Unix millisecond; `refresh_token` is the one that
/// was used, and is kept where there is no new one.
///
/// # Errors
/// [`SignInError::SignedOut`] for a code or a token that is no longer valid; others.
pub fn tokens(outcome: Outcome, refresh_token: Option<String>, now_ms: i64) -> Result<Tokens, SignInError> {
    let reply = outcome?;
    if reply.status != 200 {
        // RFC 6749, 5.2.
        return Err(match serde_json::from_slice::<TokenError>(&reply.body) {
            Ok(TokenError { error, .. }) if error == "invalid_grant" => SignInError::SignedOut,
            Ok(TokenError { error, error_description }) => {
                SignInError::Misconfigured([error, error_description].join(": "))
            }
            Err(_) => SignInError::from_reply(reply.status, &reply.body),
        });
    }
    let TokenReply { id_token, access_token, refresh_token: new, expires_in } = wire::read(&reply)?;
    let id_token = id_token.ok_or_else(|| {
        SignInError::Misconfigured("the provider gave no ID token; its client needs the scope openid".into())
    })?;
    Ok(Tokens {
        id_token,
        access_token,
        refresh_token: new.or(refresh_token),
        device_key: None,
        expires_ms: now_ms.saturating_add(expires_in.saturating_mul(1_000)),
    })
}

fn with_query(address: &str, fields: &[(&str, &str)]) -> String {
    let before = if address.contains('?') { "&" } else { "?" };
    [address, before, &query(fields)].concat()
}

/// base64url ([RFC 4648, 5](https://www.rfc-editor.org/rfc/rfc4648#section-5)), without padding.
fn base64url(bytes: &[u8]) -> String {
    let mut text = String::new();
    base64::encode_url(&mut text, bytes);
    text
}

/// A query's value, percent-decoded; invalid UTF-8 is replaced.
fn decode(value: &str) -> String {
    String::from_utf8_lossy(&crate::kinesis::sigv4::unescape(value)).into_owned()
}
