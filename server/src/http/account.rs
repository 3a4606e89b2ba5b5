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
    identity::{MEMBER_COOKIE, Member},
    oidc::{Person, TokenError},
};

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
    let Person { viewer, name, role, expires_s } = person;
    let shown = SignedIn { name: name.as_ref().map(|name| name.as_str().to_owned()), until_ms: expires_s * 1_000 };
    let member = Member { viewer, name, role, expires_s };
    let left_s = expires_s - crate::clock::now_ms().div_euclid(1_000);
    with_cookie(Json(shown), &state.identity.member_cookie(&member), left_s.max(0), &headers)
}

/// Makes a guest of a member. Whoever kept a copy of the cookie has it until it ends by itself.
pub async fn sign_out(headers: HeaderMap) -> Response {
    with_cookie(StatusCode::NO_CONTENT, "", 0, &headers)
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

fn with_cookie(answer: impl IntoResponse, value: &str, seconds: i64, headers: &HeaderMap) -> Response {
    let mut response = answer.into_response();
    let secure = if guest::is_secure(headers) { "; Secure" } else { "" };
    // `Lax`, since the page itself shows who is signed in, also to who comes by a link from another site. What is posted from
    // there is refused.
    let cookie = format!("{MEMBER_COOKIE}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}
