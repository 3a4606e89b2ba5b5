//! Signing in, from the first call to the name on a danmu: the domain's client against moto's server, which stands in for
//! Amazon Cognito, and its tokens against the program.
//!
//! Moto accepts any password, so passwords are not tested here (`tests/cognito` has a verifier). Moto also accepts forged
//! tokens, and the program must not. `E2E_PYTHON` is a Python with moto; `cargo xtask test` installs one and sets it.

use std::{
    env,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use danmu::{
    cognito::{
        Call, Outcome, SignInError, Tokens, UserPool,
        identity_pool::{self, Credentials, Exchange, IdentityPool, Login},
        renewal::{self, Renewal},
        sign_in::{Question, SignIn, SignInAnswer, SignInStep},
    },
    kinesis::Host,
    session::Session,
    ticket::PublicKey,
};
use danmu_server::crowd::Native;
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};

use crate::{
    arithmetic::Natural,
    program::Program,
    world::{Failure, Test},
};

const REGION: &str = "us-east-1";
const PATIENCE: Duration = Duration::from_secs(60);

/// Moto's server, with a user pool of one user, and an identity pool.
struct Moto {
    child: Child,
    url: String,
    host: Native,
    pool: UserPool,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Moto {
    /// `None`, and it is said, where there is no Python that has it.
    async fn start() -> Result<Option<Self>, Failure> {
        let Ok(python) = env::var("E2E_PYTHON") else {
            eprintln!("not tested: E2E_PYTHON names no Python that has moto");
            return Ok(None);
        };
        // The system chooses the port, and it says which: "Running on http://127.0.0.1:40000".
        let mut child = Command::new(python)
            .args(["-u", "-c", "import sys; from moto.server import main; main(sys.argv[1:])", "-p", "0"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut lines = BufReader::new(child.stderr.take().ok_or("no output")?).lines().map_while(Result::ok);
        let running = lines.find_map(|line| Some(line.split_once("Running on ")?.1.to_owned()));
        let url = format!("{}/", running.ok_or("moto ended before it told its address")?.trim());
        // Somebody must go on listening, or what it says next breaks the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let pool = UserPool { id: String::new(), client_id: String::new(), endpoint: Some(url.clone()) };
        let mut moto = Self { child, url, host: Native::new(), pool };
        let deadline = Instant::now() + PATIENCE;
        while moto.host.post(&moto.url, &[], Vec::new()).await.is_err() {
            assert!(Instant::now() < deadline, "moto does not answer");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let made = moto.idp("CreateUserPool", json!({"PoolName": "viewers"})).await?;
        moto.pool.id = text(&made["UserPool"]["Id"])?;
        let made = moto.idp("CreateUserPoolClient", json!({"UserPoolId": moto.pool.id, "ClientName": "page"})).await?;
        moto.pool.client_id = text(&made["UserPoolClient"]["ClientId"])?;
        let user = json!({"UserPoolId": moto.pool.id, "Username": "amy", "TemporaryPassword": "Temporary-1"});
        moto.idp("AdminCreateUser", user).await?;
        for (operation, request) in [
            ("CreateGroup", json!({"UserPoolId": moto.pool.id, "GroupName": "streamer"})),
            ("AdminAddUserToGroup", json!({"UserPoolId": moto.pool.id, "GroupName": "streamer", "Username": "amy"})),
        ] {
            moto.idp(operation, request).await?;
        }
        Ok(Some(moto))
    }

    async fn idp(&self, operation: &str, request: Value) -> Result<Value, Failure> {
        self.call("AWSCognitoIdentityProviderService", operation, request).await
    }

    /// A stream by the name that the settings have unless they say otherwise.
    async fn create_stream(&self) -> Result<(), Failure> {
        self.call("Kinesis_20131202", "CreateStream", json!({"StreamName": "danmu", "ShardCount": 1})).await?;
        Ok(())
    }

    async fn call(&self, service: &str, operation: &str, request: Value) -> Result<Value, Failure> {
        // Moto tells Kinesis by the scope of a signature, which it does not check.
        let scope = format!("Credential=test/20260101/{REGION}/kinesis/aws4_request");
        let mut headers = vec![
            ("content-type", "application/x-amz-json-1.1".to_owned()),
            ("x-amz-target", [service, operation].join(".")),
        ];
        if service.starts_with("Kinesis") {
            headers.push(("authorization", format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0")));
        }
        let reply = self.host.post(&self.url, &headers, request.to_string().into_bytes()).await?;
        let body = String::from_utf8_lossy(&reply.body).into_owned();
        if reply.status != 200 {
            return Err(format!("{operation}: {} {body}", reply.status).into());
        }
        Ok(serde_json::from_str(&body).unwrap_or(Value::Null))
    }

    async fn send(&self, call: &Call) -> Outcome {
        self.host.post(&call.url, &call.headers, call.body.clone()).await
    }

    /// A whole sign-in, with these answers to what is asked.
    async fn sign_in(&self, password: &str, answers: &[SignInAnswer]) -> Result<(Tokens, Vec<Question>), Failure> {
        let (mut answers, mut asked) = (answers.iter(), Vec::new());
        let (mut sign_in, mut call) = SignIn::<Natural>::begin(self.pool.clone(), "amy", password.into(), &[9; 64])?;
        loop {
            let outcome = self.send(&call).await;
            call = match sign_in.reply(outcome, self.host.now_ms()) {
                SignInStep::Send(call) => call,
                SignInStep::Ask(question, None) => {
                    asked.push(question);
                    sign_in.answer(answers.next().ok_or("one question too many")?).ok_or("another question")?
                }
                SignInStep::Ask(_, Some(error)) | SignInStep::Failed(error) => return Err(error.into()),
                SignInStep::Done(tokens) => return Ok((tokens, asked)),
            };
        }
    }

    async fn credentials(&self, pool: &str, login: Option<Login>) -> Result<Credentials, Failure> {
        let pool = IdentityPool { id: pool.into(), endpoint: Some(self.url.clone()) };
        let (mut exchange, mut call) = Exchange::begin(pool, login);
        loop {
            call = match exchange.reply(self.send(&call).await) {
                identity_pool::PoolStep::Send(call) => call,
                identity_pool::PoolStep::Done(credentials) => return Ok(credentials),
                identity_pool::PoolStep::Failed(error) => return Err(error.into()),
            };
        }
    }

    /// An identity pool that has guests; its id.
    async fn identity_pool(&self) -> Result<String, Failure> {
        let request = json!({"IdentityPoolName": "viewers", "AllowUnauthenticatedIdentities": true});
        let made = self.call("AWSCognitoIdentityService", "CreateIdentityPool", request).await?;
        text(&made["IdentityPoolId"])
    }

    /// The settings of a program that believes this user pool.
    fn settings(&self) -> String {
        let (issuer, client, url, id) = (self.pool.issuer(), &self.pool.client_id, &self.url, &self.pool.id);
        format!(
            "[[identity.issuers]]\nissuer = '{issuer}'\naudience = '{client}'\nendpoint = '{url}'\n\
             jwks_uri = '{url}{id}/.well-known/jwks.json'\n[[rooms]]\nid = 'demo'\nvideo = ''\n"
        )
    }

    /// A program with these.
    fn program(&self) -> Result<Program, Failure> {
        Program::start_with(&self.settings(), &[])
    }
}

fn text(value: &Value) -> Result<String, Failure> {
    Ok(value.as_str().ok_or_else(|| format!("{value} is no text"))?.to_owned())
}

/// The code that an authenticator shows now; moto takes any.
const CODE: &str = "123456";

const FORM: &str = "Content-Type: application/x-www-form-urlencoded";

fn new_password() -> SignInAnswer {
    SignInAnswer::NewPassword { password: "Lasting-1".into(), attributes: Vec::new() }
}

#[tokio::test]
async fn a_whole_sign_in_ends_with_a_ticket_of_that_name_and_role() -> Test {
    let Some(moto) = Moto::start().await? else { return Ok(()) };
    let (tokens, asked) = moto.sign_in("Temporary-1", &[new_password()]).await?;
    assert_eq!(asked, [Question::NewPassword { required: Vec::new() }]);

    // With an authenticator app from now on.
    moto.idp("AssociateSoftwareToken", json!({"AccessToken": tokens.access_token})).await?;
    moto.idp("VerifySoftwareToken", json!({"AccessToken": tokens.access_token, "UserCode": CODE})).await?;
    let settings = json!({"Enabled": true, "PreferredMfa": true});
    moto.idp("SetUserMFAPreference", json!({"AccessToken": tokens.access_token, "SoftwareTokenMfaSettings": settings}))
        .await?;
    let (tokens, asked) = moto.sign_in("Lasting-1", &[SignInAnswer::Code(CODE.into())]).await?;
    assert!(matches!(asked[..], [Question::Code { .. }]), "{asked:?}");

    let program = moto.program()?;
    let answer = program.ask("POST /api/sign_in", &[FORM], &format!("id_token={}", tokens.id_token))?;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let shown: Value = serde_json::from_str(&answer.body)?;
    assert_eq!(shown["name"], "amy");
    for promise in ["httponly", "samesite=lax", "path=/", "max-age="] {
        assert!(answer.head.contains(promise), "{}", answer.head);
    }
    let cookie = format!("danmu_member={}", answer.cookie("danmu_member").ok_or("no cookie")?);

    // The ticket says so; a guest's, in the same minute, says nothing.
    let key = PublicKey::new(SigningKey::from_bytes(&[1; 32]).verifying_key().to_bytes());
    let claims = |head: &[&str]| -> Result<Value, Failure> {
        let form = format!("room=demo&purpose=produce&key={key}");
        let answer = program.ask("POST /api/session", &[&[FORM], head].concat(), &form)?;
        let session: Session = serde_json::from_str(&answer.body)?;
        let ticket = session.ticket.ok_or("no ticket")?;
        Ok(serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(ticket.split('.').nth(1).ok_or("no claims")?)?)?)
    };
    let member = claims(&[&format!("Cookie: {cookie}")])?;
    assert_eq!((&member["name"], &member["role"]), (&json!("amy"), &json!("streamer")));
    let again = claims(&[&format!("Cookie: danmu_guest=x; {cookie}")])?;
    assert_eq!(member["sub"], again["sub"]);
    let guest = claims(&[])?;
    assert_eq!((guest.get("name"), guest["sub"] == member["sub"]), (None, false));
    let forged = cookie.replace("danmu_member=", "danmu_member=x");
    assert_eq!(claims(&[&format!("Cookie: {forged}")])?.get("name"), None);

    // A streamer bans by the server function; nobody else does, and nobody from another site in a streamer's name.
    let viewer = guest["sub"].as_str().ok_or("no id")?;
    let decide = |function: &str, head: &[&str]| {
        let form = format!("room=demo&viewer={viewer}&seconds=600");
        program.ask(&format!("POST /api/{function}"), &[&[FORM], head].concat(), &form)
    };
    let (by_streamer, foreign) = (format!("Cookie: {cookie}"), "Sec-Fetch-Site: cross-site");
    for head in [&[][..], &[&by_streamer, foreign]] {
        assert_eq!(decide("ban", head)?.status, 403);
    }
    let bans = || program.order(&["bans"]);
    assert!(!bans()?.contains(viewer));
    assert_eq!(decide("ban", &[&by_streamer])?.status, 200);
    assert!(bans()?.lines().any(|line| line.contains(viewer) && line.contains("demo")), "{}", bans()?);
    let wrong = program.ask("POST /api/ban", &[FORM, &by_streamer], "room=demo&viewer=a%20b")?;
    assert_eq!(wrong.status, 400, "{}", wrong.body);
    assert_eq!(decide("unban", &[&by_streamer])?.status, 200);
    assert!(!bans()?.contains(viewer));

    // The page shows who it is, and offers the way in to others.
    let page = |head: &[&str]| program.ask("GET /room/demo", head, "");
    assert!(page(&[&format!("Cookie: {cookie}")])?.body.contains(">amy</bdi>"));
    assert!(!page(&[])?.body.contains("</bdi>"));

    let answer = program.ask("POST /api/sign_out", &[], "")?;
    assert!(answer.head.contains("danmu_member=; path=/; samesite=lax; max-age=0"), "{}", answer.head);
    Ok(())
}

#[tokio::test]
async fn the_program_takes_no_token_that_moto_would_take() -> Test {
    let Some(moto) = Moto::start().await? else { return Ok(()) };
    let (tokens, _) = moto.sign_in("Temporary-1", &[new_password()]).await?;
    let program = moto.program()?;
    let sign_in = |token: &str, more: &str, head: &[&str]| {
        program.ask("POST /api/sign_in", &[&[FORM], head].concat(), &format!("id_token={token}{more}"))
    };
    let parts: Vec<&str> = tokens.id_token.split('.').collect();
    let mut claims: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(parts[1])?)?;
    claims["cognito:username"] = json!("somebody");
    let changed = BASE64_URL_SAFE_NO_PAD.encode(claims.to_string());
    let none = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
    for (token, more) in [
        ([parts[0], &changed, parts[2]].join("."), ""),
        ([&none, parts[1], ""].join("."), ""),
        (tokens.access_token.clone(), ""),
        (tokens.id_token.clone(), "&nonce=another"),
        (String::new(), ""),
        ("x".repeat(60_000), ""),
    ] {
        let answer = sign_in(&token, more, &[])?;
        assert_eq!(answer.status, 401, "{}", answer.body);
        assert!(answer.cookie("danmu_member").is_none());
    }
    let foreign = ["Origin: http://evil.example", "Sec-Fetch-Site: cross-site"];
    for head in foreign {
        assert_eq!(sign_in(&tokens.id_token, "", &[head])?.status, 403, "{head}");
        assert_eq!(program.ask("POST /api/sign_out", &[head], "")?.status, 403, "{head}");
    }
    assert_eq!(program.ask("POST /api/sign_in", &[FORM], "token=x")?.status / 100, 4);
    assert_eq!(sign_in(&tokens.id_token, "", &[])?.status, 200, "the right one");
    Ok(())
}

#[tokio::test]
async fn tokens_are_renewed_and_given_up() -> Test {
    let Some(moto) = Moto::start().await? else { return Ok(()) };
    let (tokens, _) = moto.sign_in("Temporary-1", &[new_password()]).await?;
    let refresh = tokens.refresh_token.clone().ok_or("no refresh token")?;
    let renew = async || {
        let (mut renewal, mut call) = Renewal::begin(moto.pool.clone(), refresh.clone(), None);
        loop {
            call = match renewal.reply(moto.send(&call).await, moto.host.now_ms()) {
                renewal::RenewalStep::Send(call) => call,
                renewal::RenewalStep::Done(tokens) => return Ok(tokens),
                renewal::RenewalStep::Failed(error) => return Err(error),
            };
        }
    };
    // Moto does not have `GetTokensFromRefreshToken`: this is the older way.
    let renewed = renew().await?;
    assert_eq!(renewed.refresh_token, Some(refresh.clone()));
    let everywhere = renewal::sign_out_everywhere(&moto.pool, &renewed.access_token);
    renewal::signed_out(moto.send(&everywhere).await)?;
    assert!(renew().await.is_err(), "the refresh token has ended");
    // Nor `RevokeToken`.
    let revoked = renewal::signed_out(moto.send(&renewal::revoke(&moto.pool, &refresh)).await);
    assert!(matches!(revoked, Err(SignInError::Service(_))), "{revoked:?}");
    Ok(())
}

#[tokio::test]
async fn who_signs_in_speaks_by_credentials_of_the_identity_pool_and_guests_where_they_may() -> Test {
    let Some(moto) = Moto::start().await? else { return Ok(()) };
    let (tokens, _) = moto.sign_in("Temporary-1", &[new_password()]).await?;
    let pool = moto.identity_pool().await?;
    moto.create_stream().await?;
    let url = moto.url.trim_end_matches('/');
    let elsewhere = [
        ("DANMU_BUS", "aws"),
        ("DANMU_ROLE", "relay"),
        ("AWS_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_ENDPOINT_URL", url),
        ("AWS_ENDPOINT_URL_KINESIS", url),
        ("AWS_ENDPOINT_URL_IAM", url),
    ];
    let settings = |guests: bool| {
        format!(
            "{}[vending.identity_pool]\nid = '{pool}'\nguests = {guests}\nendpoint = '{url}/'\n\
             roles = ['arn:aws:iam::123456789012:role/members', 'arn:aws:iam::123456789012:role/guests']\n",
            moto.settings()
        )
    };
    for guests in [true, false] {
        let program = Program::start_with(&settings(guests), &elsewhere)?;
        program.get_ready()?;
        let ask =
            |head: &[&str]| program.ask("POST /api/session", &[&[FORM], head].concat(), "room=demo&purpose=produce");
        let answer = program.ask("POST /api/sign_in", &[FORM], &format!("id_token={}", tokens.id_token))?;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(answer.head.contains("path=/api; samesite=strict"), "{}", answer.head);
        let cookie = |name: &str| Ok::<_, Failure>(format!("{name}={}", answer.cookie(name).ok_or("no cookie")?));
        let (member, token) = (cookie("danmu_member")?, cookie("danmu_id_token")?);
        assert!(token.ends_with(&tokens.id_token));

        let session: Session = serde_json::from_str(&ask(&[&format!("Cookie: {member}; {token}")])?.body)?;
        assert!(session.expiration > moto.host.now_ms() && !session.session_token.is_empty());
        assert_eq!(session.stream, "danmu");
        // Without the token a member is a guest to the pool.
        for head in [&format!("Cookie: {member}"), "X-Nothing: "] {
            let answer = ask(&[head])?;
            assert_eq!(answer.status, if guests { 200 } else { 401 }, "{}", answer.body);
        }
        let out = program.ask("POST /api/sign_out", &[], "")?;
        assert!(out.head.contains("danmu_id_token=; path=/api; samesite=strict; max-age=0"), "{}", out.head);
    }
    Ok(())
}

#[tokio::test]
async fn an_identity_pool_gives_credentials_to_members_and_guests() -> Test {
    let Some(moto) = Moto::start().await? else { return Ok(()) };
    let (tokens, _) = moto.sign_in("Temporary-1", &[new_password()]).await?;
    let pool = moto.identity_pool().await?;
    assert!(pool.starts_with(REGION));
    for login in [Some(Login { provider: moto.pool.provider(), id_token: tokens.id_token.clone() }), None] {
        let given = moto.credentials(&pool, login).await?;
        assert!(!given.access_key_id.is_empty() && !given.session_token.is_empty());
        assert!(given.expiration > moto.host.now_ms(), "{given:?}");
    }
    Ok(())
}
