//! The requests and replies of the user pool API that a sign-in needs
//! ([API reference](https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/Welcome.html)).
//!
//! Requests are written by hand, replies read by serde; unknown members are ignored.

use serde::Deserialize;

use super::{Call, SignInError, Tokens, UserPool};
use crate::kinesis::{Reply, api::Body};

/// The challenge parameters that are used here; each challenge has some of them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", default)]
pub(super) struct Parameters {
    pub user_id_for_srp: Option<String>,
    /// The name to answer under, where it differs from `user_id_for_srp`.
    pub username: Option<String>,
    pub salt: String,
    pub srp_b: String,
    pub secret_block: String,
    /// A list of names, as JSON within JSON.
    #[serde(rename = "requiredAttributes")]
    pub required_attributes: String,
    /// Likewise: the second factors that can be chosen.
    pub mfas_can_choose: String,
    /// The user's name for the device whose codes are asked for.
    pub friendly_device_name: Option<String>,
}

/// The reply of `InitiateAuth`, `RespondToAuthChallenge` and `GetTokensFromRefreshToken`: a challenge or tokens.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AuthReply {
    pub challenge_name: Option<String>,
    pub session: Option<String>,
    #[serde(default)]
    pub challenge_parameters: Option<Parameters>,
    pub authentication_result: Option<AuthResult>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AuthResult {
    id_token: String,
    access_token: String,
    refresh_token: Option<String>,
    /// Seconds.
    #[serde(default)]
    expires_in: i64,
    new_device_metadata: Option<DeviceMetadata>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DeviceMetadata {
    device_key: Option<String>,
}

impl AuthResult {
    /// The tokens, received at `now_ms`.
    pub(super) fn tokens(self, now_ms: i64) -> Tokens {
        Tokens {
            id_token: self.id_token,
            access_token: self.access_token,
            refresh_token: self.refresh_token,
            device_key: self.new_device_metadata.and_then(|device| device.device_key),
            expires_ms: now_ms.saturating_add(self.expires_in.saturating_mul(1_000)),
        }
    }
}

/// Reads a reply of the service.
pub(super) fn read<T: for<'de> Deserialize<'de>>(reply: &Reply) -> Result<T, SignInError> {
    if reply.status != 200 {
        return Err(SignInError::from_reply(reply.status, &reply.body));
    }
    serde_json::from_slice(&reply.body).map_err(|_| SignInError::unreadable())
}

/// `InitiateAuth`.
pub(super) fn initiate(pool: &UserPool, flow: &str, parameters: &[(&str, &str)]) -> Call {
    let mut body = Body::new();
    body.text("AuthFlow", flow).text("ClientId", &pool.client_id).object("AuthParameters", &object(parameters));
    Call::json(&pool.endpoint(), "AWSCognitoIdentityProviderService.InitiateAuth", body.done())
}

/// `RespondToAuthChallenge`.
pub(super) fn respond(pool: &UserPool, challenge: &str, session: Option<&str>, answers: &[(&str, &str)]) -> Call {
    let mut body = Body::new();
    body.text("ChallengeName", challenge).text("ClientId", &pool.client_id);
    if let Some(session) = session {
        body.text("Session", session);
    }
    body.object("ChallengeResponses", &object(answers));
    Call::json(&pool.endpoint(), "AWSCognitoIdentityProviderService.RespondToAuthChallenge", body.done())
}

/// Any other operation, whose request is flat.
pub(super) fn flat(pool: &UserPool, target: &'static str, members: &[(&str, &str)]) -> Call {
    Call::json(&pool.endpoint(), target, object(members).done())
}

pub(super) fn object(members: &[(&str, &str)]) -> Body {
    let mut body = Body::new();
    for (name, value) in members {
        body.text(name, value);
    }
    body
}
