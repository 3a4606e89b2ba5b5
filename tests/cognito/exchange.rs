//! Credentials of an identity pool.

use danmu::cognito::{
    Call, SignInError,
    identity_pool::{Exchange, IdentityPool, Login, PoolError, PoolStep},
};
use serde_json::{Value, json};

use super::pool::{refused, reply};

const ID: &str = "us-east-1:d0f5";

fn pool() -> IdentityPool {
    IdentityPool { id: "us-east-1:p001".into(), endpoint: None }
}

fn login() -> Login {
    Login { provider: "cognito-idp.us-east-1.amazonaws.com/us-east-1_AbC123".into(), id_token: "i1".into() }
}

fn read(call: &Call) -> (String, Value) {
    assert_eq!(call.url, "https://cognito-identity.us-east-1.amazonaws.com/");
    let target = &call.headers.iter().find(|(name, _)| *name == "x-amz-target").expect("a target").1;
    (target.clone(), serde_json::from_slice(&call.body).expect("JSON"))
}

fn credentials(identity: &str) -> Value {
    json!({"IdentityId": identity, "Credentials":
        {"AccessKeyId": "ASIA", "SecretKey": "s3cret", "SessionToken": "t0ken", "Expiration": 1_790_003_600.25}})
}

#[test]
fn who_signed_in_gets_credentials_by_the_id_token() {
    let (mut exchange, call) = Exchange::begin(pool(), Some(login()));
    let logins = json!({"cognito-idp.us-east-1.amazonaws.com/us-east-1_AbC123": "i1"});
    let request = json!({"IdentityPoolId": "us-east-1:p001", "Logins": logins});
    assert_eq!(read(&call), ("AWSCognitoIdentityService.GetId".into(), request));
    let PoolStep::Send(call) = exchange.reply(reply(200, &json!({"IdentityId": ID}))) else { panic!("a second call") };
    let request = json!({"IdentityId": ID, "Logins": logins});
    assert_eq!(read(&call), ("AWSCognitoIdentityService.GetCredentialsForIdentity".into(), request));
    let step = exchange.reply(reply(200, &credentials(ID)));
    assert!(!format!("{step:?}").contains("s3cret"));
    let PoolStep::Done(given) = step else { panic!("credentials") };
    assert_eq!((given.access_key_id.as_str(), given.secret_access_key.as_str()), ("ASIA", "s3cret"));
    assert_eq!((given.session_token.as_str(), given.expiration), ("t0ken", 1_790_003_600_250));
}

#[test]
fn a_guest_asks_without_logins_and_is_told_when_the_pool_has_no_guests() {
    let (mut exchange, call) = Exchange::begin(pool(), None);
    assert_eq!(read(&call).1, json!({"IdentityPoolId": "us-east-1:p001"}));
    let no_guests = "Unauthenticated access is not supported for this identity pool.";
    let step = exchange.reply(refused("NotAuthorizedException", no_guests));
    assert_eq!(step, PoolStep::Failed(SignInError::Misconfigured(no_guests.into())));
}

#[test]
fn credentials_of_somebody_else_are_not_taken() {
    let (mut exchange, _) = Exchange::begin(pool(), None);
    exchange.reply(reply(200, &json!({"IdentityId": ID})));
    let step = exchange.reply(reply(200, &credentials("us-east-1:other")));
    assert!(matches!(step, PoolStep::Failed(SignInError::Untrusted(_))), "{step:?}");
}

#[test]
fn an_id_token_that_has_ended_wants_a_new_sign_in() {
    let (mut exchange, _) = Exchange::begin(pool(), Some(login()));
    let ended = refused("NotAuthorizedException", "Invalid login token. Token expired: 1 >= 2");
    assert_eq!(exchange.reply(ended), PoolStep::Failed(SignInError::SignedOut));
}

#[test]
fn a_guest_who_comes_back_is_the_same_identity_by_one_call() {
    let (mut exchange, call) = Exchange::resume(pool(), ID.into());
    assert_eq!(
        read(&call),
        ("AWSCognitoIdentityService.GetCredentialsForIdentity".into(), json!({ "IdentityId": ID }))
    );
    assert!(matches!(exchange.reply(reply(200, &credentials(ID))), PoolStep::Done(given) if given.identity_id == ID));
    let (mut exchange, _) = Exchange::resume(pool(), ID.into());
    let forgotten = exchange.reply(refused("ResourceNotFoundException", "Identity 'us-east-1:d0f5' not found."));
    assert!(matches!(forgotten, PoolStep::Failed(SignInError::Misconfigured(_))), "{forgotten:?}");
}

#[test]
fn an_id_is_a_region_and_a_uuid_and_an_id_token_is_never_printed() {
    let of = |id: &str| IdentityPool { id: id.into(), endpoint: None };
    let pool = of("eu-west-1:0a1b2c3d-4e5f-6a7b-8c9d-0e1f2a3b4c5d");
    assert_eq!((pool.check(), pool.region()), (Ok(()), "eu-west-1"));
    for id in [
        "",
        "eu-west-1",
        ":0a",
        "eu-west-1:",
        "eu-west-1_0a",
        "EU:0a",
        "eu-west-1:xyz",
        &format!("eu:{}", "a".repeat(53)),
    ] {
        assert_eq!(of(id).check(), Err(PoolError(id.into())), "{id}");
    }
    assert!(!format!("{:?}", login()).contains("i1"));
}
