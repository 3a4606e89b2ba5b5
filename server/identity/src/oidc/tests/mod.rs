//! ID tokens that are right, and every way in which one can be wrong, against keys that an issuer of our own serves.

mod issuer;
mod keys;

use std::time::Duration;

use danmu::{room::RoomId, viewer::Role};
use serde_json::{Value, json};

use self::{
    issuer::{Answer, TestIssuer},
    keys::{EcKey, RsaKey, hs256, token},
};
use super::{TokenError, jwks::REST, settings::Groups, verify::Issuers};

const CLIENT: &str = "client";

fn now_s() -> i64 {
    crate::clock::now_ms() / 1_000
}

fn claims(issuer: &TestIssuer) -> Value {
    json!({"iss": issuer.origin, "aud": CLIENT, "sub": "5d0f1f5c", "exp": now_s() + 3_600, "iat": now_s(), "token_use": "id",
        "cognito:username": "amy", "cognito:groups": ["fans"]})
}

/// The same claims with these instead; those that are null are left out.
fn with(claims: Value, changes: Value) -> Value {
    let (Value::Object(mut claims), Value::Object(changes)) = (claims, changes) else { panic!("two objects") };
    claims.extend(changes);
    claims.retain(|_, value| !value.is_null());
    Value::Object(claims)
}

async fn refused(issuers: &Issuers, token: &str) -> TokenError {
    issuers.verify(token, None).await.expect_err("it is refused")
}

#[tokio::test]
async fn a_token_of_either_algorithm_says_who_somebody_is() {
    let issuer = TestIssuer::start().await;
    let issuers = issuer.trusted();
    let by_rsa = issuers.verify(&issuer.rsa.token("rsa", &claims(&issuer)), None).await.expect("a person");
    let by_ec = issuers.verify(&issuer.ec.token("ec", &claims(&issuer)), None).await.expect("the same person");
    assert_eq!(by_rsa.viewer, by_ec.viewer);
    assert_eq!(by_rsa.name.as_ref().map(|name| name.as_str()), Some("amy"));
    assert_eq!((by_rsa.viewer.as_str().len(), by_rsa.rights.role_in(&RoomId::demo())), (33, Role::Member));
    let other = with(claims(&issuer), json!({"sub": "another"}));
    let other = issuers.verify(&issuer.ec.token("ec", &other), None).await.expect("another person");
    assert_ne!(other.viewer, by_ec.viewer);
    assert_eq!(issuer.asked(), 1, "its keys are kept");
}

#[tokio::test]
async fn groups_mean_what_the_operator_says() {
    let issuer = TestIssuer::start().await;
    let mut settings = issuer.settings();
    settings.groups_claim = "roles".into();
    settings.streamers = Some(vec!["hosts".into()]);
    let issuers = Issuers::new(vec![settings]);
    for (groups, role) in [
        (json!(["fans", "hosts", "moderator"]), Role::Streamer),
        (json!(["moderator"]), Role::Moderator),
        (json!("x moderator"), Role::Moderator),
        (json!(["streamer", "Hosts"]), Role::Member),
        (json!({"hosts": true}), Role::Member),
        (Value::Null, Role::Member),
    ] {
        let token = issuer.ec.token("ec", &with(claims(&issuer), json!({"roles": groups})));
        let rights = issuers.verify(&token, None).await.expect("a person").rights;
        assert_eq!(rights.role_in(&RoomId::demo()), role, "{groups}");
    }
}

#[tokio::test]
async fn a_rooms_groups_mean_nothing_in_another_room_and_then_the_default_ones_mean_nothing_at_all() {
    let issuer = TestIssuer::start().await;
    let rooms = ["anna", "bob"].map(|id| id.parse::<RoomId>().expect("an id"));
    let mut settings = issuer.settings();
    let groups = |streamer: &str| Groups { streamers: vec![streamer.into()], moderators: vec!["crew".into()] };
    settings.rooms = [(rooms[0].clone(), groups("a")), (rooms[1].clone(), groups("b"))].into();
    let scoped = Issuers::new(vec![settings.clone()]);
    settings.moderators = Some(vec!["operators".into()]);
    let operated = Issuers::new(vec![settings]);
    let (member, moderator, streamer) = (Role::Member, Role::Moderator, Role::Streamer);
    for (groups, in_rooms, with_operators) in [
        (json!(["a"]), [streamer, member], [streamer, member]),
        (json!(["b", "crew"]), [moderator, streamer], [moderator, streamer]),
        (json!(["streamer", "moderator"]), [member; 2], [member; 2]),
        (json!(["operators"]), [member; 2], [moderator; 2]),
        (json!(["operators", "a"]), [streamer, member], [streamer, moderator]),
    ] {
        let token = issuer.ec.token("ec", &with(claims(&issuer), json!({"cognito:groups": groups})));
        for (issuers, expected) in [(&scoped, in_rooms), (&operated, with_operators)] {
            let rights = issuers.verify(&token, None).await.expect("a person").rights;
            assert_eq!([0, 1].map(|room| rights.role_in(&rooms[room])), expected, "{groups}");
        }
    }
}

#[tokio::test]
async fn a_name_is_one_that_can_be_shown_and_never_a_mailbox() {
    let issuer = TestIssuer::start().await;
    let issuers = issuer.trusted();
    for (names, shown) in [
        (json!({"name": "Amy A.", "nickname": "小艾"}), Some("小艾")),
        (json!({"name": "  Amy A. "}), Some("Amy A.")),
        (json!({"name": "amy@example.org", "cognito:username": "amy"}), Some("amy")),
        (json!({"name": "evil\u{202e}name", "cognito:username": "5d0f1f5c"}), None),
        (json!({"name": "x".repeat(65), "cognito:username": null}), None),
        (json!({"name": 7, "cognito:username": ""}), None),
    ] {
        let token = issuer.ec.token("ec", &with(claims(&issuer), names.clone()));
        let person = issuers.verify(&token, None).await.expect("a person");
        assert_eq!(person.name.as_ref().map(|name| name.as_str()), shown, "{names}");
    }
}

#[tokio::test]
async fn a_forged_token_is_refused_however_it_was_forged() {
    let issuer = TestIssuer::start().await;
    let evil = TestIssuer::start().await;
    let issuers = issuer.trusted();
    let claims = claims(&issuer);
    let right = issuer.ec.token("ec", &claims);
    issuers.verify(&right, None).await.expect("the right one");

    // A key of somebody else's, under the right name.
    assert_eq!(refused(&issuers, &evil.ec.token("ec", &claims)).await, TokenError::Signature);
    // Other claims under an old signature, and a signature with one bit changed.
    let parts: Vec<&str> = right.split('.').collect();
    let streamer = with(claims.clone(), json!({"cognito:groups": ["streamer"]}));
    let other = issuer.ec.token("ec", &streamer);
    let changed = [parts[0], other.split('.').nth(1).expect("claims"), parts[2]].join(".");
    assert_eq!(refused(&issuers, &changed).await, TokenError::Signature);
    let flipped = if parts[2].starts_with('A') { "B" } else { "A" };
    let changed = [parts[0], parts[1], &[flipped, &parts[2][1..]].concat()].join(".");
    assert_eq!(refused(&issuers, &changed).await, TokenError::Signature);

    // No signature at all, in the spellings that have worked somewhere.
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        for signature in ["", parts[2]] {
            let unsigned = token(&json!({"alg": alg, "kid": "ec"}), &claims, |_| Vec::new());
            let error = refused(&issuers, &[unsigned.trim_end_matches('.'), signature].join(".")).await;
            assert_eq!(error, TokenError::Malformed, "{alg:?}");
        }
    }
    let unsigned = token(&json!({"alg": "ES256", "kid": "ec"}), &claims, |_| Vec::new());
    assert_eq!(refused(&issuers, &unsigned).await, TokenError::Signature);
    assert_eq!(refused(&issuers, unsigned.trim_end_matches('.')).await, TokenError::Malformed);

    // The public key taken for a secret.
    for secret in [issuer.rsa.modulus(), issuer.rsa.jwk("rsa").to_string().into_bytes(), Vec::new()] {
        for kid in ["rsa", "ec"] {
            assert_eq!(refused(&issuers, &hs256(kid, &claims, &secret)).await, TokenError::Algorithm, "{kid}");
        }
    }
    // A key taken for one of another kind.
    let crossed = token(&json!({"alg": "RS256", "kid": "ec"}), &claims, |message| issuer.rsa.sign(message));
    assert_eq!(refused(&issuers, &crossed).await, TokenError::Algorithm);
    let crossed = token(&json!({"alg": "ES256", "kid": "rsa"}), &claims, |message| issuer.ec.sign(message));
    assert_eq!(refused(&issuers, &crossed).await, TokenError::Algorithm);
    // A header that brings its own key, or says where it is.
    let own = json!({"alg": "ES256", "kid": "ec", "jwk": evil.ec.jwk("ec"), "jku": format!("{}/keys", evil.origin),
        "x5u": format!("{}/keys", evil.origin)});
    let own = token(&own, &claims, |message| evil.ec.sign(message));
    assert_eq!(refused(&issuers, &own).await, TokenError::Signature);
    assert_eq!(evil.asked(), 0, "nobody asks where a token says");
    // An extension that must be understood.
    let critical = json!({"alg": "ES256", "kid": "ec", "crit": ["b64"], "b64": false});
    let critical = token(&critical, &claims, |message| issuer.ec.sign(message));
    assert_eq!(refused(&issuers, &critical).await, TokenError::Critical);
}

#[tokio::test]
async fn a_token_for_somebody_else_or_of_another_time_is_refused() {
    let issuer = TestIssuer::start().await;
    let issuers = issuer.trusted();
    for (changes, error) in [
        (json!({"aud": "other"}), TokenError::Audience),
        (json!({"aud": ["other", "another"]}), TokenError::Audience),
        (json!({"aud": [CLIENT, "other"]}), TokenError::Audience),
        (json!({"aud": [CLIENT, "other"], "azp": "other"}), TokenError::Audience),
        (json!({"azp": "other"}), TokenError::Audience),
        (json!({"aud": null}), TokenError::Malformed),
        (json!({"exp": now_s() - 120}), TokenError::Expired),
        (json!({"exp": null}), TokenError::Malformed),
        (json!({"exp": "tomorrow"}), TokenError::Malformed),
        (json!({"nbf": now_s() + 600}), TokenError::NotYet),
        (json!({"sub": null}), TokenError::Malformed),
        (json!({"sub": ""}), TokenError::Malformed),
        (json!({"token_use": "access"}), TokenError::NotAnIdToken),
        (json!({"nonce": "n"}), TokenError::Nonce),
        (json!({"iss": "https://evil.example"}), TokenError::Issuer("https://evil.example".into())),
        (json!({"iss": [issuer.origin, "https://evil.example"]}), TokenError::Malformed),
    ] {
        let token = issuer.ec.token("ec", &with(claims(&issuer), changes.clone()));
        assert_eq!(refused(&issuers, &token).await, error, "{changes}");
    }
    let exact = with(claims(&issuer), json!({"exp": now_s() as f64 + 3_600.75, "iat": now_s() as f64 - 0.5}));
    let person = issuers.verify(&issuer.ec.token("ec", &exact), None).await.expect("a time may have a fraction");
    assert!((3_590..=3_600).contains(&(person.expires_s - now_s())), "{}", person.expires_s);
    let shared = with(claims(&issuer), json!({"aud": [CLIENT, "other"], "azp": CLIENT, "exp": now_s() - 30}));
    issuers.verify(&issuer.ec.token("ec", &shared), None).await.expect("issued to us, and clocks differ");
}

#[tokio::test]
async fn a_nonce_holds_for_the_attempt_that_made_it() {
    let issuer = TestIssuer::start().await;
    let issuers = issuer.trusted();
    let token = issuer.ec.token("ec", &with(claims(&issuer), json!({"nonce": "n"})));
    issuers.verify(&token, Some("n")).await.expect("its own");
    assert_eq!(issuers.verify(&token, Some("m")).await, Err(TokenError::Nonce));
    let without = issuer.ec.token("ec", &claims(&issuer));
    assert_eq!(issuers.verify(&without, Some("n")).await, Err(TokenError::Nonce));
}

#[tokio::test]
async fn one_issuer_s_key_signs_for_no_other() {
    let (one, two) = (TestIssuer::start().await, TestIssuer::start().await);
    let issuers = Issuers::new(vec![one.settings(), two.settings()]);
    issuers.verify(&two.ec.token("ec", &claims(&two)), None).await.expect("its own");
    assert_eq!(refused(&issuers, &two.ec.token("ec", &claims(&one))).await, TokenError::Signature);
    // The same subject of two issuers is two people.
    let [a, b] = [&one, &two].map(|issuer| issuer.ec.token("ec", &claims(issuer)));
    let (a, b) = (issuers.verify(&a, None).await.expect("one"), issuers.verify(&b, None).await.expect("the other"));
    assert_ne!(a.viewer, b.viewer);
}

#[tokio::test]
async fn what_is_no_token_is_refused_before_anybody_is_asked() {
    let issuer = TestIssuer::start().await;
    let issuers = issuer.trusted();
    let long = "x".repeat(10 << 20);
    assert_eq!(refused(&issuers, &long).await, TokenError::TooLong { bytes: 10 << 20, max: 16 * 1024 });
    for text in ["", ".", "..", "...", "a.b.c", "a.b.c.d", "eyJhbGciOiJSUzI1NiJ9..", "\u{0}", "弹.幕.弹"] {
        assert_eq!(refused(&issuers, text).await, TokenError::Malformed, "{text:?}");
    }
    assert_eq!(issuer.asked(), 0);
}

#[tokio::test]
async fn a_flood_of_made_up_keys_costs_the_issuer_one_request() {
    let issuer = TestIssuer::start().await;
    let issuers = issuer.trusted();
    issuers.verify(&issuer.ec.token("ec", &claims(&issuer)), None).await.expect("the right one");
    let tokens: Vec<String> = (0..1_000).map(|n| issuer.ec.token(&format!("made up {n}"), &claims(&issuer))).collect();
    let all = futures::future::join_all(tokens.iter().map(|token| issuers.verify(token, None))).await;
    assert!(all.iter().all(|verified| matches!(verified, Err(TokenError::Key(_)))));
    assert_eq!(issuer.asked(), 1, "it was asked a moment ago");
    later(REST + Duration::from_secs(1)).await;
    let all = futures::future::join_all(tokens.iter().map(|token| issuers.verify(token, None))).await;
    assert!(all.iter().all(|verified| matches!(verified, Err(TokenError::Key(_)))));
    assert_eq!(issuer.asked(), 2, "once more, for all of them");
}

#[tokio::test]
async fn a_new_key_is_found_and_one_that_was_taken_back_is_forgotten() {
    let issuer = TestIssuer::start().await;
    let issuers = issuer.trusted();
    let old = issuer.ec.token("ec", &with(claims(&issuer), json!({"exp": now_s() + 86_400})));
    issuers.verify(&old, None).await.expect("the old key");
    let new = EcKey::generate();
    issuer.serve(Answer::Keys(vec![new.jwk("new")]));
    later(REST + Duration::from_secs(1)).await;
    issuers.verify(&new.token("new", &claims(&issuer)), None).await.expect("the new key");
    assert_eq!(refused(&issuers, &old).await, TokenError::Key("ec".into()));

    let issuer = TestIssuer::start().await;
    let issuers = issuer.trusted();
    let old = issuer.ec.token("ec", &with(claims(&issuer), json!({"exp": now_s() + 86_400})));
    issuers.verify(&old, None).await.expect("the old key");
    issuer.serve(Answer::Keys(vec![new.jwk("new")]));
    later(Duration::from_secs(61 * 60)).await;
    assert_eq!(refused(&issuers, &old).await, TokenError::Key("ec".into()), "though nobody named a new key");
}

#[tokio::test]
async fn an_issuer_that_is_away_is_believed_for_a_day_by_the_keys_in_hand() {
    let issuer = TestIssuer::start().await;
    let issuers = issuer.trusted();
    let token = issuer.ec.token("ec", &with(claims(&issuer), json!({"exp": now_s() + 999_999})));
    issuers.verify(&token, None).await.expect("the first");
    issuer.serve(Answer::Status(503));
    later(Duration::from_secs(2 * 60 * 60)).await;
    issuers.verify(&token, None).await.expect("by the keys in hand");
    assert_eq!(issuer.asked(), 2);
    later(Duration::from_secs(23 * 60 * 60)).await;
    assert_eq!(refused(&issuers, &token).await, TokenError::Unreachable);
    issuer.serve(Answer::Keys(vec![issuer.ec.jwk("ec")]));
    later(REST + Duration::from_secs(1)).await;
    issuers.verify(&token, None).await.expect("it is back");
}

#[tokio::test]
async fn keys_that_cannot_be_used_are_none() {
    let weak = json!({"kty": "RSA", "kid": "ec", "n": "w7Zdfmece8iaB0kiTY8pCtiBtzbptJmP28nSWwtdjRu0f2GFpajvWE4VhfJAjEsOcwYzay7XGN0b-X84BfC8hmCTOj2b2eHT7NsZegFPKRUQzJ9wW8ipn_aDJWMGDuB1XyqT1E7DYqjUCEOD1b4FLpy_xPn6oV_TYOfQ9fZdbE5HGxJUzekuGcOKqOQ8M7wfYHhHHLxGpQVgL0apWuP2gDDOdTtpuld4D2LK1MZK99s9gaSjRHE8JDb1Z4IGhEcEyzkxswVdPndUWzfvWBBWXWxtSUvQGBRkuy1BHOa4sP6FKjWEeeF7gm7UMs2Nm2QUgNZw6xvEDGaLk4KASdIxRQ", "e": "AQAB", "use": "enc"});
    for answer in [
        Answer::Keys(Vec::new()),
        Answer::Keys(vec![
            weak,
            json!({"kty": "oct", "kid": "ec", "k": "AAAA"}),
            json!("no key"),
            json!({"kid": "ec"}),
        ]),
        Answer::Raw(b"<html>".to_vec()),
        Answer::Raw(vec![b' '; 1 << 20]),
        Answer::Elsewhere,
        Answer::Status(404),
    ] {
        let issuer = TestIssuer::start().await;
        issuer.serve(answer);
        let token = issuer.ec.token("ec", &claims(&issuer));
        assert_eq!(refused(&issuer.trusted(), &token).await, TokenError::Unreachable);
        assert_eq!(issuer.asked(), 1, "no redirection is followed");
    }
}

#[tokio::test]
async fn an_issuer_that_never_answers_is_given_up() {
    let issuer = TestIssuer::start().await;
    issuer.serve(Answer::Never);
    let (issuers, token) = (issuer.trusted(), issuer.ec.token("ec", &claims(&issuer)));
    let given_up = tokio::spawn(async move { refused(&issuers, &token).await });
    while issuer.asked() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // It was asked: from here on nothing happens but the passing of time.
    tokio::time::pause();
    let since = tokio::time::Instant::now();
    assert_eq!(given_up.await.expect("no panic"), TokenError::Unreachable);
    assert!(since.elapsed() < Duration::from_secs(8), "{:?}", since.elapsed());
}

#[tokio::test]
async fn an_issuer_says_where_its_keys_are_and_describes_nobody_else() {
    let issuer = TestIssuer::start().await;
    let mut settings = issuer.settings();
    settings.jwks_uri = None;
    let token = issuer.rsa.token("rsa", &claims(&issuer));
    Issuers::new(vec![settings.clone()]).verify(&token, None).await.expect("found");
    for (named, keys) in [("https://other.example", None), ("", Some("http://192.0.2.1/keys"))] {
        issuer.describe(named, keys);
        assert_eq!(refused(&Issuers::new(vec![settings.clone()]), &token).await, TokenError::Unreachable, "{named}");
    }
}

#[test]
fn an_issuer_s_settings_say_what_is_wrong_with_them() {
    use super::IssuerSettings;
    let read = |toml: &str| -> IssuerSettings {
        let issuer = "issuer = 'https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC'\naudience = 'client'\n";
        let document = config::Config::builder()
            .add_source(config::File::from_str(&[issuer, toml].concat(), config::FileFormat::Toml))
            .build();
        document.expect("TOML").try_deserialize().expect("settings")
    };
    let usual = read("");
    assert_eq!(usual.check(), Ok(()));
    let pool = usual.user_pool().expect("a user pool");
    assert_eq!((pool.id.as_str(), pool.client_id.as_str()), ("eu-west-1_AbC", "client"));
    assert_eq!((usual.title(), usual.provider()), ("cognito-idp.eu-west-1.amazonaws.com", None));
    assert_eq!(usual.origins(), ["https://cognito-idp.eu-west-1.amazonaws.com"]);
    assert_eq!(read("password = false").user_pool(), None);
    for (toml, name) in [
        ("jwks_uri = 'http://keys.example/'", "jwks_uri"),
        ("endpoint = 'ftp://x'", "endpoint"),
        ("groups_claim = ''", "groups_claim"),
        ("authorize = 'https://a.example/authorize'", "authorize"),
        ("token = 'https://a.example/token'", "token"),
    ] {
        assert_eq!(read(toml).check().expect_err(toml).0.trim_start_matches("identity.issuers."), name);
    }
    assert_eq!(read("jwks_uri = 'http://127.0.0.1:5000/keys'\nendpoint = 'http://[::1]:5000'").check(), Ok(()));
}

/// Lets so much time pass, for whoever counts it.
async fn later(duration: Duration) {
    tokio::time::pause();
    tokio::time::advance(duration).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_whole_key_set_of_a_user_pool_is_read() {
    // As Cognito serves it: two keys, with members that nobody here needs.
    let issuer = TestIssuer::start().await;
    let other = with(RsaKey::new().jwk("first"), json!({"alg": "RS256", "use": "sig", "x5t": "unused"}));
    let ours = with(issuer.rsa.jwk("second"), json!({"alg": "RS256", "use": "sig"}));
    issuer.serve(Answer::Keys(vec![other, ours]));
    issuer.trusted().verify(&issuer.rsa.token("second", &claims(&issuer)), None).await.expect("a person");
}
