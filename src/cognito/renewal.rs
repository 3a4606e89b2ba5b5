//! Renewing tokens by refresh token before they expire, and revoking them.
//!
//! `GetTokensFromRefreshToken` serves pools that issue a new refresh token each time (rotation) and pools that do not.
//! Endpoints without that operation are asked by `InitiateAuth` with `REFRESH_TOKEN_AUTH`, which pools with rotation refuse.
//! Tabs must renew one at a time: with rotation, a refresh token used twice ends all of them.

use super::{
    Call, Outcome, SignInError, Tokens, UserPool,
    wire::{self, AuthReply},
};

/// A renewal in progress.
pub struct Renewal {
    pool: UserPool,
    refresh_token: String,
    device_key: Option<String>,
    /// Why the first operation failed, once the second is tried.
    failed: Option<SignInError>,
}

/// The next step.
#[derive(Debug, PartialEq, Eq)]
pub enum RenewalStep {
    /// Send this; the outcome goes to [`Renewal::reply`].
    Send(Call),
    /// New tokens, with the old refresh token where there is no new one.
    Done(Tokens),
    /// No new tokens. [`SignInError::SignedOut`] is final; others may be temporary.
    Failed(SignInError),
}

impl Renewal {
    /// Begins; returns the first call.
    #[must_use]
    pub fn begin(pool: UserPool, refresh_token: String, device_key: Option<String>) -> (Self, Call) {
        let mut members = vec![("ClientId", pool.client_id.as_str()), ("RefreshToken", &refresh_token)];
        members.extend(device_key.as_deref().map(|key| ("DeviceKey", key)));
        let call = wire::flat(&pool, "AWSCognitoIdentityProviderService.GetTokensFromRefreshToken", &members);
        (Self { pool, refresh_token, device_key, failed: None }, call)
    }

    /// Takes the outcome of the last call, at that Unix millisecond.
    pub fn reply(&mut self, outcome: Outcome, now_ms: i64) -> RenewalStep {
        let reply = outcome.map_err(SignInError::from).and_then(|reply| wire::read::<AuthReply>(&reply));
        let error = match reply.and_then(|reply| reply.authentication_result.ok_or_else(SignInError::unreadable)) {
            Ok(result) => {
                let mut tokens = result.tokens(now_ms);
                tokens.refresh_token.get_or_insert_with(|| self.refresh_token.clone());
                tokens.device_key = tokens.device_key.or_else(|| self.device_key.clone());
                return RenewalStep::Done(tokens);
            }
            Err(error) => error,
        };
        if let Some(first) = self.failed.take() {
            // Its `SignedOut` is true: there is no rotation then. Its other errors mean that it was the wrong operation.
            return RenewalStep::Failed(if error == SignInError::SignedOut { error } else { first });
        }
        match &error {
            // Endpoints report an operation that they do not know by many different errors.
            SignInError::Service(_) | SignInError::Network(_) => {
                self.failed = Some(error);
                let mut parameters = vec![("REFRESH_TOKEN", self.refresh_token.as_str())];
                parameters.extend(self.device_key.as_deref().map(|key| ("DEVICE_KEY", key)));
                RenewalStep::Send(wire::initiate(&self.pool, "REFRESH_TOKEN_AUTH", &parameters))
            }
            _ => RenewalStep::Failed(error),
        }
    }
}

/// `RevokeToken`: revokes the refresh token of this sign-in and the tokens issued from it; other sign-ins stay.
#[must_use]
pub fn revoke(pool: &UserPool, refresh_token: &str) -> Call {
    let members = [("ClientId", pool.client_id.as_str()), ("Token", refresh_token)];
    wire::flat(pool, "AWSCognitoIdentityProviderService.RevokeToken", &members)
}

/// `GlobalSignOut`: revokes the user's refresh tokens everywhere.
#[must_use]
pub fn sign_out_everywhere(pool: &UserPool, access_token: &str) -> Call {
    wire::flat(pool, "AWSCognitoIdentityProviderService.GlobalSignOut", &[("AccessToken", access_token)])
}

/// Reads the outcome of [`revoke`] or [`sign_out_everywhere`].
///
/// # Errors
/// Why not; [`SignInError::SignedOut`] where there was nothing left to end.
pub fn signed_out(outcome: Outcome) -> Result<(), SignInError> {
    let reply = outcome?;
    if reply.status == 200 { Ok(()) } else { Err(SignInError::from_reply(reply.status, &reply.body)) }
}
