//! `POST /api/sign_in` and `POST /api/sign_out`: an ID token of an issuer that the operator trusts makes a member of a guest, by a
//! cookie that no script reads; and back.

use axum::{
    Form, Json,
    extract::State,
    response::{IntoResponse, Response},
};
use danmu_app::account::{AccountError, SignedIn};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;

use super::{AppState, guest};
use crate::{
    identity::{MAX_COOKIE_BYTES, MEMBER_COOKIE, Member},
    oidc::{Person, TokenError},
};

/// A cookie's name, and where it goes.
type Cookie = (&'static str, &'static str);

/// `Lax`, since the page itself shows who is signed in, also to who comes by a link from another site. What is posted from there is
/// refused.
const MEMBER: Cookie = (MEMBER_COOKIE, "Path=/; SameSite=Lax");
const TOKEN: Cookie = (guest::TOKEN_COOKIE, "Path=/api; SameSite=Strict");

/// What a page of ours sends.
#[derive(Deserialize)]
pub struct SignIn {
    /// The token.
    id_token: String,
    /// What the attempt was told to come back with, where it was told any.
    nonce: Option<String>,
}

/// Answers [`SignedIn`] with the cookie, or an [`AccountError`] with its status.
pub async fn sign_in(State(state): State<AppState>, headers: HeaderMap, Form(sent): Form<SignIn>) -> Response {
    let person = match state.issuers.verify(&sent.id_token, sent.nonce.as_deref()).await {
        Ok(person) => person,
        Err(error) => return refuse(&error),
    };
    let Person { viewer, name, rights, expires_s } = person;
    let shown = SignedIn { name: name.as_ref().map(|name| name.as_str().to_owned()), until_ms: expires_s * 1_000 };
    let member = Member { viewer, name, rights, expires_s };
    let cookie = state.identity.member_cookie(&member);
    if cookie.len() > MAX_COOKIE_BYTES {
        return refuse(&TokenError::Rights(member.rights.rooms()));
    }
    let left_s = (expires_s - crate::clock::now_ms().div_euclid(1_000)).max(0);
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

/// Makes a guest of a member. Whoever kept a copy of the cookie has it until it ends by itself.
pub async fn sign_out(headers: HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    for cookie in [MEMBER, TOKEN] {
        set_cookie(&mut response, cookie, "", 0, &headers);
    }
    response
}

fn refuse(error: &TokenError) -> Response {
    let (status, error) = match error {
        TokenError::Unreachable => {
            (StatusCode::SERVICE_UNAVAILABLE, AccountError::IssuerDown { retry_after_s: crate::oidc::REST.as_secs() })
        }
        error => (StatusCode::UNAUTHORIZED, AccountError::Refused(error.to_string())),
    };
    (status, Json(error)).into_response()
}

fn set_cookie(response: &mut Response, (name, scope): Cookie, value: &str, seconds: i64, headers: &HeaderMap) {
    let secure = if guest::is_secure(headers) { "; Secure" } else { "" };
    let cookie = format!("{name}={value}; {scope}; Max-Age={seconds}; HttpOnly{secure}");
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}
