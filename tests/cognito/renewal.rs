//! New tokens, with and without rotation, and the end of a sign-in.

use danmu::{
    cognito::{
        Call, Outcome, SignInError, UserPool,
        renewal::{Renewal, RenewalStep, revoke, sign_out_everywhere, signed_out},
    },
    kinesis::NetError,
};
use serde_json::{Value, json};

use super::pool::{refused, reply};

const NOW: i64 = 1_790_000_000_000;

fn pool() -> UserPool {
    UserPool { id: "us-east-1_AbC123".into(), client_id: "client".into(), endpoint: None }
}

/// The operation and the request of a call.
fn read(call: &Call) -> (String, Value) {
    let target = &call.headers.iter().find(|(name, _)| *name == "x-amz-target").expect("a target").1;
    (target.rsplit('.').next().expect("an operation").to_owned(), serde_json::from_slice(&call.body).expect("JSON"))
}

fn new_tokens(refresh: Option<&str>) -> Outcome {
    reply(
        200,
        &json!({"AuthenticationResult": {"IdToken": "i2", "AccessToken": "a2", "ExpiresIn": 300, "RefreshToken": refresh}}),
    )
}

#[test]
fn a_pool_with_rotation_gives_a_new_refresh_token() {
    let (mut renewal, call) = Renewal::begin(pool(), "r1".into(), Some("d1".into()));
    let request = json!({"ClientId": "client", "RefreshToken": "r1", "DeviceKey": "d1"});
    assert_eq!(read(&call), ("GetTokensFromRefreshToken".into(), request));
    let RenewalStep::Done(tokens) = renewal.reply(new_tokens(Some("r2")), NOW) else { panic!("tokens") };
    assert_eq!((tokens.id_token.as_str(), tokens.refresh_token.as_deref()), ("i2", Some("r2")));
    assert_eq!((tokens.device_key.as_deref(), tokens.expires_ms), (Some("d1"), NOW + 300_000));
}

#[test]
fn a_pool_without_rotation_leaves_the_old_one() {
    let (mut renewal, _) = Renewal::begin(pool(), "r1".into(), None);
    let RenewalStep::Done(tokens) = renewal.reply(new_tokens(None), NOW) else { panic!("tokens") };
    assert_eq!(tokens.refresh_token.as_deref(), Some("r1"));
}

#[test]
fn an_endpoint_that_does_not_know_the_operation_is_asked_the_older_way() {
    for unknown in [refused("UnknownOperationException", ""), reply(500, &json!("?")), Err(NetError("cors".into()))] {
        let (mut renewal, _) = Renewal::begin(pool(), "r1".into(), None);
        let RenewalStep::Send(call) = renewal.reply(unknown, NOW) else { panic!("another call") };
        let request =
            json!({"AuthFlow": "REFRESH_TOKEN_AUTH", "ClientId": "client", "AuthParameters": {"REFRESH_TOKEN": "r1"}});
        assert_eq!(read(&call), ("InitiateAuth".into(), request));
        assert!(matches!(renewal.reply(new_tokens(None), NOW), RenewalStep::Done(_)));
    }
}

#[test]
fn a_token_that_has_ended_signs_out_and_an_outage_does_not() {
    let ended = || refused("NotAuthorizedException", "Refresh Token has been revoked");
    let (mut renewal, _) = Renewal::begin(pool(), "r1".into(), None);
    assert_eq!(renewal.reply(ended(), NOW), RenewalStep::Failed(SignInError::SignedOut));
    let (mut renewal, _) = Renewal::begin(pool(), "r1".into(), None);
    let reused = refused("RefreshTokenReuseException", "Refresh token reuse detected.");
    assert_eq!(renewal.reply(reused, NOW), RenewalStep::Failed(SignInError::SignedOut));
    // With rotation, the older way is closed: what it says of itself is not what was wrong.
    let (mut renewal, _) = Renewal::begin(pool(), "r1".into(), None);
    renewal.reply(Err(NetError("offline".into())), NOW);
    let closed = refused("InvalidParameterException", "Auth flow not enabled for this client");
    assert_eq!(renewal.reply(closed, NOW), RenewalStep::Failed(SignInError::Network("offline".into())));
    let (mut renewal, _) = Renewal::begin(pool(), "r1".into(), None);
    renewal.reply(refused("UnknownOperationException", ""), NOW);
    assert_eq!(renewal.reply(ended(), NOW), RenewalStep::Failed(SignInError::SignedOut));
}

#[test]
fn signing_out_names_the_token_and_nothing_else() {
    let request = json!({"ClientId": "client", "Token": "r1"});
    assert_eq!(read(&revoke(&pool(), "r1")), ("RevokeToken".into(), request));
    assert_eq!(read(&sign_out_everywhere(&pool(), "a1")), ("GlobalSignOut".into(), json!({"AccessToken": "a1"})));
    assert_eq!(signed_out(reply(200, &json!({}))), Ok(()));
    let gone = refused("NotAuthorizedException", "Access Token has been revoked");
    assert_eq!(signed_out(gone), Err(SignInError::SignedOut));
}

#[test]
fn nothing_that_is_secret_is_printed() {
    let (mut renewal, call) = Renewal::begin(pool(), "s3cret".into(), None);
    let step = renewal.reply(new_tokens(Some("s3cret")), NOW);
    assert!(!format!("{call:?} {step:?}").contains("s3cret"));
}
