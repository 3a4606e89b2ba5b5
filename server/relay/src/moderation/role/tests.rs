use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use axum::{Router, extract::State, http::HeaderMap, routing::post};
use danmu_identity::policies::{Part, PolicyScope};
use http::StatusCode;

use super::*;

type Test = Result<(), Box<dyn std::error::Error>>;

const NOW: i64 = 1_800_000_000_000;

/// A double of IAM: the policies of roles, the calls that came in, and the authorization of the last one.
#[derive(Clone, Default)]
struct Iam {
    policies: Arc<Mutex<BTreeMap<(String, String), String>>>,
    calls: Arc<Mutex<Vec<(String, String)>>>,
    authorization: Arc<Mutex<String>>,
    /// What is refused.
    refused: Arc<Mutex<Vec<&'static str>>>,
}

fn of<T>(locked: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    locked.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Iam {
    async fn start() -> Result<(Self, IamRole), Box<dyn std::error::Error>> {
        let iam = Self::default();
        let router = Router::new().route("/", post(answer)).with_state(iam.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, router).await });
        let credentials = SharedCredentialsProvider::new(Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"));
        let arn = "arn:aws-cn:iam::123456789012:role/path/danmu-viewer";
        Ok((iam, IamRole::new(credentials, "cn-northwest-1", arn, Some(url))))
    }

    /// The calls that changed something since the last time.
    fn changes(&self) -> Vec<(String, String)> {
        std::mem::take(&mut *of(&self.calls)).into_iter().filter(|(action, _)| action != "GetRolePolicy").collect()
    }

    fn document(&self, name: &str) -> Option<String> {
        of(&self.policies).get(&("danmu-viewer".to_owned(), name.to_owned())).cloned()
    }

    fn denied(&self) -> Vec<String> {
        let document = self.document(BANNED).unwrap_or_default();
        denied_by(&document, SOURCE_IDENTITY).into_iter().collect()
    }
}

async fn answer(State(iam): State<Iam>, headers: HeaderMap, body: String) -> (StatusCode, String) {
    let form: HashMap<String, String> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let member = |name: &str| form.get(name).cloned().unwrap_or_default();
    let authorization = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    authorization.clone_into(&mut of(&iam.authorization));
    let (action, name) = (member("Action"), member("PolicyName"));
    of(&iam.calls).push((action.clone(), name.clone()));
    let error = |status, code: &str| (status, format!("<Error><Code>{code}</Code><Message>no</Message></Error>"));
    if of(&iam.refused).contains(&action.as_str()) {
        return error(StatusCode::FORBIDDEN, "AccessDenied");
    }
    let key = (member("RoleName"), name);
    let mut policies = of(&iam.policies);
    match action.as_str() {
        "PutRolePolicy" => {
            policies.insert(key, member("PolicyDocument"));
            (StatusCode::OK, "<PutRolePolicyResponse/>".to_owned())
        }
        "GetRolePolicy" => match policies.get(&key) {
            Some(document) => {
                let encoded: String = form_urlencoded::byte_serialize(document.as_bytes()).collect();
                let encoded = encoded.replace('+', "%20");
                (StatusCode::OK, format!("<PolicyName>x</PolicyName><PolicyDocument>{encoded}</PolicyDocument>"))
            }
            None => error(StatusCode::NOT_FOUND, "NoSuchEntity"),
        },
        _ if policies.remove(&key).is_some() => (StatusCode::OK, String::new()),
        _ => error(StatusCode::NOT_FOUND, "NoSuchEntity"),
    }
}

fn policies(role: IamRole) -> RolePolicies {
    RolePolicies::new(vec![role], KnownBy::SourceIdentity, 900)
}

fn id(viewer: &str) -> ViewerId {
    viewer.parse().expect("an id")
}

/// These are banned, since when and until when; of those it is known that they were.
fn denials(wanted: &[(&str, i64, Option<i64>)], over: &[&str], revoked_before_ms: i64) -> Denials {
    let banned = |(viewer, since, until): &(&str, i64, Option<i64>)| (id(viewer), (*since, until.unwrap_or(i64::MAX)));
    Denials {
        wanted: wanted.iter().map(banned).collect(),
        over: over.iter().map(|it| id(it)).collect(),
        revoked_before_ms,
    }
}

#[tokio::test]
async fn the_role_denies_whom_it_must_and_no_longer_than_it_must() -> Test {
    let (iam, role) = Iam::start().await?;
    let policies = policies(role);
    let bans = [("ann", NOW - 1_000, None), ("bob", NOW - 2_000, Some(NOW + 5_000)), ("old", NOW - 961_000, None)];
    let due = policies.bring(&denials(&bans, &[], NOW - 500), NOW).await?;
    assert_eq!(due, NOW + AGAIN_MS, "another server may have written at the same time");
    assert!(of(&iam.authorization).contains("/cn-north-1/iam/aws4_request"), "{}", of(&iam.authorization));
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(iam.document(BANNED), Some(Policy::denying(SOURCE_IDENTITY, &names(&["ann", "bob"])).compact()));
    assert_eq!(iam.document(REVOKED), Some(Policy::denying_older("2027-01-15T08:00:00Z").compact()));
    let put = |name: &str| ("PutRolePolicy".to_owned(), name.to_owned());
    assert_eq!(iam.changes(), [put(BANNED), put(REVOKED)]);

    let due = policies.bring(&denials(&bans, &[], NOW - 500), NOW + 1_000).await?;
    assert_eq!((iam.changes(), due), (vec![], NOW + 5_000), "nothing has changed");
    let bans = [bans[0], bans[2]];
    let due = policies.bring(&denials(&bans, &["bob"], NOW - 500), NOW + 5_000).await?;
    assert_eq!((due, iam.denied()), (NOW + 5_000 + AGAIN_MS, names(&["ann"])));
    let due = policies.bring(&denials(&bans, &["bob"], NOW - 500), NOW + 6_000).await?;
    assert_eq!(due, NOW - 1_000 + 960_000);
    policies.bring(&denials(&bans, &["bob"], NOW - 500), NOW + 960_000).await?;
    assert_eq!((iam.document(BANNED), iam.document(REVOKED)), (None, None));
    Ok(())
}

#[tokio::test]
async fn one_that_knows_less_than_what_is_there_adds_and_takes_out_only_what_it_knows_to_be_over() -> Test {
    let (iam, role) = Iam::start().await?;
    let [one, other] = [policies(role.clone()), policies(role)];
    one.bring(&denials(&[("ann", NOW, None), ("bob", NOW, None)], &[], NOW), NOW).await?;
    // It begins with a store of its own, in which there is nothing.
    other.bring(&denials(&[], &[], 0), NOW).await?;
    assert_eq!(iam.denied(), ["ann", "bob"]);
    assert!(iam.document(REVOKED).is_some());
    other.bring(&denials(&[("cleo", NOW, None)], &["bob"], NOW - 60_000), NOW).await?;
    assert_eq!(iam.denied(), ["ann", "cleo"]);
    assert_eq!(iam.document(REVOKED), Some(Policy::denying_older(&iso(NOW)).compact()), "an older one lifts nothing");
    // Whatever emptied it, whoever looks next puts it right.
    of(&iam.policies).clear();
    one.bring(&denials(&[("ann", NOW, None)], &["bob"], NOW), NOW).await?;
    assert_eq!(iam.denied(), ["ann"]);
    assert!(iam.document(REVOKED).is_some());
    Ok(())
}

#[tokio::test]
async fn every_role_of_a_pool_denies_a_banned_viewer_by_its_identities_and_nobody_who_has_none() -> Test {
    let (iam, role) = Iam::start().await?;
    let dir = tempfile::tempdir()?;
    let store = Store::open(dir.path()).await?;
    for identity in ["us-east-1:1", "us-east-1:2"] {
        store.keep_identity(&id("ann"), identity, 0).await?;
    }
    let known_by = KnownBy::PoolIdentity(store, "cognito-identity.amazonaws.com:sub".to_owned());
    let policies = RolePolicies::new(vec![role.clone(), role], known_by, 3_600);
    policies.bring(&denials(&[("ann", NOW, None), ("bob", NOW, None)], &[], 0), NOW).await?;
    let condition =
        r#""Condition":{"StringEquals":{"cognito-identity.amazonaws.com:sub":["us-east-1:1","us-east-1:2"]}}"#;
    assert!(iam.document(BANNED).is_some_and(|document| document.contains(condition)));
    Ok(())
}

#[tokio::test]
async fn moderating_needs_its_policy_and_nothing_less() -> Test {
    let (iam, role) = Iam::start().await?;
    let policies = policies(role);
    policies.bring(&denials(&[("ann", NOW, None)], &[], 0), NOW).await?;
    policies.bring(&denials(&[], &["ann"], 0), NOW).await?;
    let used: BTreeSet<_> = of(&iam.calls).iter().map(|(action, _)| format!("iam:{action}")).collect();
    let allowed = Part::Moderation.policy(&PolicyScope::to_fill_in("aws")).statement.remove(0).action;
    assert_eq!(used, allowed.into_iter().collect());
    Ok(())
}

#[tokio::test]
async fn who_is_refused_says_by_what_name() -> Test {
    let (iam, role) = Iam::start().await?;
    of(&iam.refused).extend(["GetRolePolicy", "PutRolePolicy"]);
    let error = role.put("a", "{}").await.err().ok_or("it was put")?.to_string();
    assert_eq!(error, "IAM answers AccessDenied: no");
    // Whoever may not do it, and need not, is left in peace; whoever must is told.
    let policies = policies(role);
    assert!(policies.bring(&denials(&[], &[], 0), NOW).await.is_ok());
    assert!(policies.bring(&denials(&[("ann", NOW, None)], &[], 0), NOW).await.is_err());
    Ok(())
}

#[test]
fn a_list_that_is_too_long_keeps_those_who_were_banned_last() {
    let all: Vec<_> = (0..1_000_i64).map(|n| (n, ViewerId::guest(n.unsigned_abs().into()).to_string())).collect();
    let unknown = "a-stranger".to_owned();
    let names = fitting(SOURCE_IDENTITY, &all, [&unknown].into_iter());
    let length = Policy::denying(SOURCE_IDENTITY, &names.iter().cloned().collect::<Vec<_>>()).compact().len();
    assert!((MOST_CHARS - 36..=MOST_CHARS).contains(&length), "{length}");
    assert!(names.contains(&all[999].1) && !names.contains(&all[0].1) && !names.contains(&unknown));
    assert!(fitting(SOURCE_IDENTITY, &all[..5], [&unknown].into_iter()).contains(&unknown));
    assert!(fitting(SOURCE_IDENTITY, &[], [].into_iter()).is_empty());
}

#[test]
fn a_time_is_written_as_policies_have_it_and_never_too_early() {
    assert_eq!(iso(1_800_000_000_000), "2027-01-15T08:00:00Z");
    assert_eq!(iso(1_800_000_000_001), "2027-01-15T08:00:01Z");
}
