//! `POST /api/sign_in` and `POST /api/sign_out`: with an ID token of a trusted issuer a guest becomes a member, by an
//! `HttpOnly` cookie; and back.

use axum::{
    Extension, Form, Json,
    extract::State,
    response::{IntoResponse, Response},
};
use danmu_app::account::{AccountError, SignedIn};
use danmu_identity::{
    clock::now_ms,
    identity::{MAX_AGE_S, MAX_COOKIE_BYTES, Member},
    oidc::{Person, TokenError},
};
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;

use super::{
    AppState,
    guest::{Cookie, MEMBER, TOKEN},
};

/// The form that a page sends.
#[derive(Deserialize)]
pub struct SignIn {
    /// The ID token.
    id_token: String,
    /// The nonce that was sent with the sign-in attempt, if any.
    nonce: Option<String>,
}

/// Answers with [`SignedIn`] and the cookie, or with an [`AccountError`] and its status. If the same person is signed in
/// already, the id of the sign-in is kept.
pub async fn sign_in(
    State(state): State<AppState>,
    before: Option<Extension<Member>>,
    headers: HeaderMap,
    Form(sent): Form<SignIn>,
) -> Response {
    let person = match state.issuers.verify(&sent.id_token, sent.nonce.as_deref()).await {
        Ok(person) => person,
        Err(error) => return refuse(&error),
    };
    let Person { viewer, name, rights, expires_s } = person;
    let before = before.map(|before| before.0).filter(|before| before.viewer == viewer);
    let sign_in = match before.map_or_else(|| state.identity.new_sign_in(), |before| Ok(before.sign_in)) {
        Ok(sign_in) => sign_in,
        Err(error) => {
            tracing::error!(%error, "nobody can sign in");
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
    };
    let now_s = now_ms().div_euclid(1_000);
    let expires_s = expires_s.min(now_s.saturating_add(MAX_AGE_S));
    let shown = SignedIn { name: name.as_ref().map(|name| name.as_str().to_owned()), until_ms: until_ms(expires_s) };
    let member = Member { viewer, name, rights, sign_in, expires_s };
    let cookie = state.identity.member_cookie(&member);
    if cookie.len() > MAX_COOKIE_BYTES {
        return refuse(&TokenError::Rights(member.rights.rooms()));
    }
    let left_s = expires_s.saturating_sub(now_s).max(0);
    let mut response = Json(shown).into_response();
    set_cookie(&mut response, MEMBER, &cookie, left_s, &headers);
    if state.config.vending.identity_pool.is_some() {
        if sent.id_token.len() > MAX_COOKIE_BYTES {
            return refuse(&TokenError::TooLong { bytes: sent.id_token.len(), max: MAX_COOKIE_BYTES });
        }
        set_cookie(&mut response, TOKEN, &sent.id_token, left_s, &headers);
    }
    response
}

/// Signs a member out, here and wherever a cookie of the same sign-in is kept. If the store fails, the cookie is removed all
/// the same, and the answer reports the failure.
pub async fn sign_out(
    State(state): State<AppState>,
    member: Option<Extension<Member>>,
    headers: HeaderMap,
) -> Response {
    let now_ms = now_ms();
    let ended = match &member {
        Some(Extension(member)) => {
            state.store.sign_out(&member.sign_in, now_ms.saturating_add(MAX_AGE_S * 1_000), now_ms).await
        }
        None => Ok(()),
    };
    let mut response = match ended {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => {
            tracing::error!(%error, "a sign-out could not be written down");
            let error = AccountError::Network("the sign-out could not be written down".to_owned());
            (StatusCode::SERVICE_UNAVAILABLE, Json(error)).into_response()
        }
    };
    for cookie in [MEMBER, TOKEN] {
        set_cookie(&mut response, cookie, "", 0, &headers);
    }
    response
}

/// When a cookie expires, in Unix milliseconds.
pub const fn until_ms(expires_s: i64) -> i64 {
    expires_s.saturating_mul(1_000)
}

fn refuse(error: &TokenError) -> Response {
    let (status, error) = match error {
        TokenError::Unreachable => (
            StatusCode::SERVICE_UNAVAILABLE,
            AccountError::IssuerDown { retry_after_s: danmu_identity::oidc::REST.as_secs() },
        ),
        error => (StatusCode::UNAUTHORIZED, AccountError::Refused(error.to_string())),
    };
    (status, Json(error)).into_response()
}

fn set_cookie(response: &mut Response, cookie: Cookie, value: &str, seconds: i64, headers: &HeaderMap) {
    if let Some(cookie) = cookie.set(value, seconds, headers) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}
