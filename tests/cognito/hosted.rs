//! The way over the provider's own page.

use danmu::{
    cognito::{
        SignInError,
        hosted::{Attempt, CHANCE_BYTES, Provider, tokens},
    },
    kinesis::NetError,
};
use proptest::prelude::*;
use serde_json::json;

use super::pool::reply;

const NOW: i64 = 1_790_000_000_000;
const BACK: &str = "https://danmu.example/signed-in";

fn provider() -> Provider {
    Provider {
        client_id: "client".into(),
        authorize: "https://sign-in.example/oauth2/authorize".into(),
        token: "https://sign-in.example/oauth2/token".into(),
        logout: Some("https://sign-in.example/logout?lang=en".into()),
    }
}

fn attempt(chance: u8) -> Attempt {
    Attempt::new(BACK.into(), &[chance; CHANCE_BYTES])
}

fn fields(query: &str) -> Vec<(String, String)> {
    let decode = |text: &str| text.replace("%3A", ":").replace("%2F", "/").replace("%20", " ");
    query.split('&').map(|pair| pair.split_once('=').map(|(n, v)| (n.to_owned(), decode(v))).expect("a pair")).collect()
}

fn field(query: &str, name: &str) -> String {
    fields(query).into_iter().find(|(found, _)| found == name).unwrap_or_else(|| panic!("{name} in {query}")).1
}

#[test]
fn the_address_asks_for_a_code_under_a_challenge() {
    // RFC 7636, appendix B: this verifier, base64url of 32 bytes, has this challenge.
    let octets = [
        116, 24, 223, 180, 151, 153, 224, 37, 79, 250, 96, 125, 216, 173, 187, 186, 22, 212, 37, 77, 105, 214, 191,
        240, 91, 88, 5, 88, 83, 132, 141, 121,
    ];
    let mut chance = [1; CHANCE_BYTES];
    chance[64..].copy_from_slice(&octets);
    let attempt = Attempt::new(BACK.into(), &chance);
    let address = attempt.address(&provider());
    let (page, query) = address.split_once('?').expect("a query");
    assert_eq!(page, "https://sign-in.example/oauth2/authorize");
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "client"),
        ("redirect_uri", BACK),
        ("scope", "openid profile email"),
        ("nonce", attempt.nonce()),
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(field(query, name), value);
    }
    let call = attempt.redeem(&provider(), &format!("code=abc&state={}", field(query, "state"))).expect("a call");
    assert_eq!(call.url, "https://sign-in.example/oauth2/token");
    let form = String::from_utf8(call.body).expect("a form");
    for (name, value) in [
        ("grant_type", "authorization_code"),
        ("client_id", "client"),
        ("code", "abc"),
        ("redirect_uri", BACK),
        ("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
    ] {
        assert_eq!(field(&form, name), value);
    }
}

#[test]
fn every_attempt_has_a_state_a_nonce_and_a_challenge_of_its_own() {
    let queries = [1, 2].map(|chance| attempt(chance).address(&provider()));
    for name in ["state", "nonce", "code_challenge"] {
        let [one, two] = queries.each_ref().map(|address| field(address.split_once('?').expect("a query").1, name));
        assert_ne!(one, two, "{name}");
    }
}

#[test]
fn a_code_that_belongs_to_another_attempt_is_not_redeemed() {
    let state = field(attempt(2).address(&provider()).split_once('?').unwrap().1, "state");
    for query in [format!("code=abc&state={state}"), "code=abc".into(), "code=abc&state=".into(), String::new()] {
        let error = attempt(1).redeem(&provider(), &query).unwrap_err();
        assert!(matches!(error, SignInError::Untrusted(_)), "{query}");
    }
}

#[test]
fn a_person_who_turned_back_is_told_so() {
    let state = field(attempt(1).address(&provider()).split_once('?').unwrap().1, "state");
    let query = format!("error=access_denied&error_description=User+said%20no&state={state}");
    let error = attempt(1).redeem(&provider(), &query).unwrap_err();
    assert_eq!(error, SignInError::NotCompleted("User said no".into()));
}

#[test]
fn an_attempt_survives_the_page() {
    let kept = serde_json::to_string(&attempt(3)).expect("text");
    let back: Attempt = serde_json::from_str(&kept).expect("an attempt");
    assert_eq!(back.address(&provider()), attempt(3).address(&provider()));
}

#[test]
fn tokens_are_read_and_their_absence_is_told() {
    let given =
        json!({"id_token": "i", "access_token": "a", "refresh_token": "r", "expires_in": 60, "token_type": "Bearer"});
    let held = tokens(reply(200, &given), None, NOW).expect("tokens");
    assert_eq!((held.id_token.as_str(), held.refresh_token.as_deref()), ("i", Some("r")));
    assert_eq!(held.expires_ms, NOW + 60_000);
    let renewed = tokens(reply(200, &json!({"id_token": "i", "access_token": "a"})), Some("old".into()), NOW);
    assert_eq!(renewed.expect("tokens").refresh_token.as_deref(), Some("old"));

    let error = |outcome| tokens(outcome, None, NOW).expect_err("no tokens");
    assert_eq!(error(reply(400, &json!({"error": "invalid_grant"}))), SignInError::SignedOut);
    assert!(matches!(error(reply(401, &json!({"error": "invalid_client"}))), SignInError::Misconfigured(_)));
    assert!(matches!(error(reply(200, &json!({"access_token": "a"}))), SignInError::Misconfigured(_)));
    assert!(matches!(error(reply(502, &json!("bad gateway"))), SignInError::Service(_)));
    assert_eq!(error(Err(NetError("offline".into()))), SignInError::Network("offline".into()));
}

#[test]
fn signing_out_goes_over_the_provider_s_page_and_back() {
    let address = provider().sign_out(BACK).expect("an address");
    assert_eq!(
        address,
        "https://sign-in.example/logout?lang=en&client_id=client&logout_uri=https%3A%2F%2Fdanmu.example%2Fsigned-in"
    );
    assert_eq!(Provider { logout: None, ..provider() }.sign_out(BACK), None);
}

proptest! {
    #[test]
    fn no_query_makes_it_panic(query in "\\PC{0,40}", code in "\\PC{0,20}") {
        let _ = attempt(1).redeem(&provider(), &query);
        let _ = attempt(1).redeem(&provider(), &format!("state=%{code}&code={code}%"));
    }
}
