//! Tokens from an issuer: by name and password, by its own page, or for a refresh token.

use danmu::{
    cognito::{
        Call, Outcome, SignInError, Tokens, UserPool,
        hosted::{self, Provider},
        renewal::{self, Renewal},
        sign_in::{Question, SignIn, SignInAnswer, SignInStep},
        srp::CHANCE_BYTES,
    },
    kinesis::{Host, time},
};
use leptos::prelude::window;

use super::{Offer, arithmetic::Big, kept::Kept};
use crate::client::Browser;

/// Random bytes of the browser's secure generator.
pub fn chance<const N: usize>() -> Result<[u8; N], SignInError> {
    let mut bytes = [0; N];
    let crypto = window().crypto().and_then(|crypto| crypto.get_random_values_with_u8_array(&mut bytes));
    crypto.map(|_| bytes).map_err(|_| SignInError::Untrusted("this browser has no secure chance".into()))
}

/// Sends a call; returns its outcome, and the time by the service's clock where given, since the local clock may be wrong.
pub async fn send(call: &Call) -> (Outcome, i64) {
    let outcome = Browser.post(&call.url, &call.headers, call.body.clone()).await;
    let said = outcome.as_ref().ok().and_then(|reply| time::http_date(reply.date.as_deref()?));
    (outcome, said.unwrap_or_else(|| Browser.now_ms()))
}

/// Signs in by name and password. `ask` asks the viewer the user pool's questions.
pub async fn by_password(
    pool: &UserPool,
    username: &str,
    password: String,
    ask: impl AsyncFn(Question, Option<SignInError>) -> SignInAnswer,
) -> Result<Tokens, SignInError> {
    let chance = chance::<CHANCE_BYTES>()?;
    let (mut sign_in, mut call) = SignIn::<Big>::begin(pool.clone(), username, password, &chance)?;
    loop {
        let (outcome, now_ms) = send(&call).await;
        call = match sign_in.reply(outcome, now_ms) {
            SignInStep::Send(call) => call,
            SignInStep::Ask(question, error) => {
                let answer = ask(question, error).await;
                sign_in.answer(&answer).ok_or(SignInError::TimedOut)?
            }
            SignInStep::Done(tokens) => return Ok(tokens),
            SignInStep::Failed(error) => return Err(error),
        };
    }
}

/// Exchanges a code, or a refresh token, at the issuer's token endpoint.
pub async fn by_call(call: &Call, refresh_token: Option<String>) -> Result<Tokens, SignInError> {
    let (outcome, now_ms) = send(call).await;
    hosted::tokens(outcome, refresh_token, now_ms)
}

/// New tokens for a stored sign-in.
pub async fn renewed(offer: &Offer, kept: &Kept) -> Result<Tokens, SignInError> {
    match (&offer.pool, &offer.provider) {
        (_, Some(provider)) if kept.hosted => {
            by_call(&provider.renew(&kept.refresh_token), Some(kept.refresh_token.clone())).await
        }
        (Some(pool), _) => by_pool(pool, kept).await,
        // The operator has removed the pool or provider.
        _ => Err(SignInError::SignedOut),
    }
}

async fn by_pool(pool: &UserPool, kept: &Kept) -> Result<Tokens, SignInError> {
    let (mut renewal, mut call) = Renewal::begin(pool.clone(), kept.refresh_token.clone(), kept.device_key.clone());
    loop {
        let (outcome, now_ms) = send(&call).await;
        call = match renewal.reply(outcome, now_ms) {
            renewal::RenewalStep::Send(call) => call,
            renewal::RenewalStep::Done(tokens) => return Ok(tokens),
            renewal::RenewalStep::Failed(error) => return Err(error),
        };
    }
}

/// Revokes the stored refresh token at the user pool. An issuer's own page has no such call.
pub async fn revoke(offer: &Offer, kept: &Kept) -> Result<(), SignInError> {
    match &offer.pool {
        Some(pool) if !kept.hosted => renewal::signed_out(send(&renewal::revoke(pool, &kept.refresh_token)).await.0),
        _ => Ok(()),
    }
}

/// Signs out on other machines, too.
pub async fn revoke_everywhere(offer: &Offer, kept: &Kept) -> Result<(), SignInError> {
    let Some(pool) = &offer.pool else { return Ok(()) };
    // Access tokens are not stored, so it gets a new one first.
    let tokens = by_pool(pool, kept).await?;
    renewal::signed_out(send(&renewal::sign_out_everywhere(pool, &tokens.access_token)).await.0)
}

/// The address that also signs out at the issuer's own page, if the sign-in came from there.
pub fn sign_out_page(provider: Option<&Provider>, kept: &Kept, back: &str) -> Option<String> {
    provider.filter(|_| kept.hosted)?.sign_out(back)
}
