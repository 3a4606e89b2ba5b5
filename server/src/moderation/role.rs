//! Who is denied on AWS: what stands in the inline policies of the role of viewers' sessions, and for how long.
//!
//! A session cannot be taken back there; a deny in the policy of its role acts on its next request. All inline policies of a
//! role share 10,240 characters, so a viewer stands there only until the sessions that it may have had when it was banned have
//! expired (it gets no new ones), and where that is too many, the ones who were banned last. Who finds no room is said aloud.

use danmu::viewer::ViewerId;

use crate::{
    policies::{Policy, SOURCE_IDENTITY},
    store::{Ban, Store, Whom},
    vending::session_name,
};

use super::iam::{IamError, Role};

/// The names of our policies.
const BANNED: &str = "danmu-banned";
const REVOKED: &str = "danmu-revoked";
/// The most characters of the list, of 10,240 that a role's inline policies may have together
/// ([quotas](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html)): the rest is for what sessions may do.
const MOST_CHARS: usize = 8_192;
/// How much longer than its session a viewer stands there, milliseconds: clocks differ.
const SLACK_MS: i64 = 60_000;

/// By what AWS knows the sessions of a viewer.
#[derive(Clone, Debug)]
pub enum KnownBy {
    /// The source identity that they were vended with.
    SourceIdentity,
    /// The identities of an identity pool, as a store has them; policies name them by this key of a condition.
    PoolIdentity(Store, String),
}

/// The policies as they were put last.
pub struct RolePolicies {
    roles: Vec<Role>,
    known_by: KnownBy,
    /// How long sessions last, milliseconds.
    session_ms: i64,
    banned: Option<Vec<String>>,
    revoked_before_ms: Option<i64>,
}

impl RolePolicies {
    /// Of these roles, the same of each. Nothing is known of what is there; sessions last so many seconds.
    #[must_use]
    pub fn new(roles: Vec<Role>, known_by: KnownBy, session_s: u32) -> Self {
        Self { roles, known_by, session_ms: i64::from(session_s) * 1_000, banned: None, revoked_before_ms: None }
    }

    /// Brings the role to what is decided; when that changes by itself, Unix milliseconds.
    ///
    /// # Errors
    /// [`IamError`]; to be tried again.
    pub async fn bring(&mut self, bans: &[Ban], revoked_before_ms: i64, now_ms: i64) -> Result<i64, IamError> {
        let over_ms = |since_ms: i64| since_ms.saturating_add(self.session_ms + SLACK_MS);
        let mut due_ms = i64::MAX;
        let mut wanted: Vec<(i64, String)> = Vec::new();
        for ban in bans.iter().filter(|ban| ban.room.is_none() && ban.holds(now_ms)) {
            let Whom::Viewer(viewer) = &ban.whom else { continue };
            let end_ms = over_ms(ban.from_ms).min(ban.until_ms.unwrap_or(i64::MAX));
            if end_ms > now_ms {
                due_ms = due_ms.min(end_ms);
                wanted.extend(self.names(viewer).await?.into_iter().map(|name| (ban.from_ms, name)));
            }
        }
        let key = self.known_by.key();
        let banned = fitting(key, wanted);
        if self.banned.as_ref() != Some(&banned) {
            if banned.is_empty() {
                self.clear(BANNED, self.banned.is_none()).await?;
            } else {
                self.put(BANNED, &Policy::denying(key, &banned)).await?;
            }
            tracing::info!(viewers = banned.len(), "the role of viewers' sessions denies the banned ones");
            self.banned = Some(banned);
        }
        let revoked_ms = if over_ms(revoked_before_ms) > now_ms { revoked_before_ms } else { 0 };
        if self.revoked_before_ms != Some(revoked_ms) {
            if revoked_ms == 0 {
                self.clear(REVOKED, self.revoked_before_ms.is_none()).await?;
            } else {
                self.put(REVOKED, &Policy::denying_older(&iso(revoked_ms))).await?;
            }
            self.revoked_before_ms = Some(revoked_ms);
        }
        Ok(if revoked_ms == 0 { due_ms } else { due_ms.min(over_ms(revoked_ms)) })
    }
}

impl RolePolicies {
    /// The names of a viewer's sessions.
    async fn names(&self, viewer: &ViewerId) -> Result<Vec<String>, IamError> {
        match &self.known_by {
            KnownBy::SourceIdentity => Ok(vec![session_name(viewer)]),
            KnownBy::PoolIdentity(store, _) => Ok(store.identities(viewer).await?),
        }
    }

    async fn put(&self, name: &str, policy: &Policy) -> Result<(), IamError> {
        for role in &self.roles {
            role.put(name, &policy.compact()).await?;
        }
        Ok(())
    }

    /// Takes a policy away. What a server that may not do so finds at its start is nothing of its own: whoever never bans needs
    /// no right to.
    async fn clear(&self, policy: &str, at_the_start: bool) -> Result<(), IamError> {
        for role in &self.roles {
            match role.remove(policy).await {
                Err(IamError::Refused { code, .. }) if at_the_start && code == "AccessDenied" => {
                    tracing::info!(
                        "this server may not change the role of viewers' sessions (deploy/policies, moderation)"
                    );
                }
                other => other?,
            }
        }
        Ok(())
    }
}

impl KnownBy {
    /// The key of a condition by which policies name them.
    fn key(&self) -> &str {
        match self {
            Self::SourceIdentity => SOURCE_IDENTITY,
            Self::PoolIdentity(_, key) => key,
        }
    }
}

/// Those who fit, the ones who were banned last; by name.
fn fitting(key: &str, mut wanted: Vec<(i64, String)>) -> Vec<String> {
    wanted.sort_unstable_by(|one, other| other.cmp(one));
    let mut left = MOST_CHARS - Policy::denying(key, &[]).compact().len();
    let count = wanted.len();
    let mut names = Vec::new();
    for (_, name) in wanted {
        // Its quotes, and a comma.
        let Some(rest) = left.checked_sub(name.len() + 3) else { break };
        left = rest;
        names.push(name);
    }
    if names.len() < count {
        let out = count - names.len();
        tracing::warn!(
            out,
            "the role's policy has no room for all who are banned: these sessions are good until they expire"
        );
    }
    names.sort_unstable();
    names
}

/// A time as policies have it, rounded up to the second: `2026-01-31T12:00:00Z`.
fn iso(unix_ms: i64) -> String {
    let basic = danmu::kinesis::time::amz_date(unix_ms.saturating_add(999));
    let (day, time) = basic.split_once('T').unwrap_or_default();
    let part = |text: &str, from: usize, to: usize| text.get(from..to).unwrap_or_default().to_owned();
    let (year, month, date) = (part(day, 0, 4), part(day, 4, 6), part(day, 6, 8));
    format!("{year}-{month}-{date}T{}:{}:{}Z", part(time, 0, 2), part(time, 2, 4), part(time, 4, 6))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, PoisonError};

    use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
    use axum::{Router, extract::State, http::HeaderMap, routing::post};
    use danmu::viewer::ViewerId;

    use super::*;
    use crate::{
        clock::now_ms,
        policies::{Part, Place},
    };

    type Test = Result<(), Box<dyn std::error::Error>>;
    /// What came in: the authorization, and the form.
    type Calls = Arc<Mutex<Vec<(String, std::collections::HashMap<String, String>)>>>;

    /// A double of IAM that takes everything, but does not know the policies that are to be deleted.
    async fn double() -> Result<(RolePolicies, Calls), Box<dyn std::error::Error>> {
        let calls = Calls::default();
        let answer = |State(calls): State<Calls>, headers: HeaderMap, body: String| async move {
            let form: std::collections::HashMap<_, _> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
            let authorization = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
            let missing = form.get("Action").is_some_and(|action| action == "DeleteRolePolicy");
            calls.lock().unwrap_or_else(PoisonError::into_inner).push((authorization.to_owned(), form));
            if missing {
                (http::StatusCode::NOT_FOUND, "<Error><Code>NoSuchEntity</Code><Message>none</Message></Error>")
            } else {
                (http::StatusCode::OK, "<PutRolePolicyResponse/>")
            }
        };
        let router = Router::new().route("/", post(answer)).with_state(Arc::clone(&calls));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, router).await });
        let credentials = SharedCredentialsProvider::new(Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"));
        let arn = "arn:aws-cn:iam::123456789012:role/path/danmu-viewer";
        let role = Role::new(credentials, "cn-northwest-1", arn, Some(url));
        Ok((RolePolicies::new(vec![role], KnownBy::SourceIdentity, 900), calls))
    }

    #[tokio::test]
    async fn every_role_of_a_pool_denies_a_banned_viewer_by_its_identities_and_nobody_who_has_none() -> Test {
        let (policies, calls) = double().await?;
        let dir = tempfile::tempdir()?;
        let store = Store::open(dir.path()).await?;
        let ann: ViewerId = "ann".parse()?;
        for identity in ["us-east-1:1", "us-east-1:2"] {
            store.keep_identity(&ann, identity, 0).await?;
        }
        let roles = vec![policies.roles[0].clone(); 2];
        let known_by = KnownBy::PoolIdentity(store, "cognito-identity.amazonaws.com:sub".to_owned());
        let mut policies = RolePolicies::new(roles, known_by, 3_600);
        let now = 1_800_000_000_000;
        policies.bring(&[ban("ann", now, None), ban("bob", now, None)], 0, now).await?;
        let condition =
            r#""Condition":{"StringEquals":{"cognito-identity.amazonaws.com:sub":["us-east-1:1","us-east-1:2"]}}"#;
        let put = taken(&calls)
            .into_iter()
            .filter(|(action, _, document)| action == "PutRolePolicy" && document.contains(condition));
        assert_eq!(put.count(), 2);
        Ok(())
    }

    fn ban(viewer: &str, from_ms: i64, until_ms: Option<i64>) -> Ban {
        let whom = Whom::Viewer(viewer.parse().expect("an id"));
        Ban { whom, room: None, from_ms, until_ms, change: 1, told: true }
    }

    fn taken(calls: &Calls) -> Vec<(String, String, String)> {
        let calls = std::mem::take(&mut *calls.lock().unwrap_or_else(PoisonError::into_inner));
        let member =
            |form: &std::collections::HashMap<String, String>, name: &str| form.get(name).cloned().unwrap_or_default();
        let of = |(_, form): &(String, std::collections::HashMap<String, String>)| {
            assert_eq!(member(form, "RoleName"), "danmu-viewer");
            (member(form, "Action"), member(form, "PolicyName"), member(form, "PolicyDocument"))
        };
        calls.iter().map(of).collect()
    }

    #[tokio::test]
    async fn the_role_denies_whom_it_must_and_no_longer_than_it_must() -> Test {
        let (mut policies, calls) = double().await?;
        let now = 1_800_000_000_000;
        let bans = [
            ban("ann", now - 1_000, None),
            ban("bob", now - 2_000, Some(now + 5_000)),
            ban("old", now - 961_000, None),
        ];
        let due = policies.bring(&bans, now - 500, now).await?;
        assert_eq!(due, now + 5_000);
        {
            let calls = calls.lock().unwrap_or_else(PoisonError::into_inner);
            assert!(calls[0].0.contains("/cn-north-1/iam/aws4_request"), "{}", calls[0].0);
        }
        let put = |name: &str, document: &Policy| ("PutRolePolicy".to_owned(), name.to_owned(), document.compact());
        let (ann, bob) = ("ann".to_owned(), "bob".to_owned());
        let both = Policy::denying(SOURCE_IDENTITY, &[ann.clone(), bob]);
        let older = Policy::denying_older("2027-01-15T08:00:00Z");
        assert_eq!(taken(&calls), [put("danmu-banned", &both), put("danmu-revoked", &older)]);

        policies.bring(&bans, now - 500, now + 1_000).await?;
        assert_eq!(taken(&calls), [], "nothing has changed");
        let due = policies.bring(&bans, now - 500, now + 5_000).await?;
        assert_eq!(due, now - 1_000 + 960_000);
        assert_eq!(taken(&calls), [put("danmu-banned", &Policy::denying(SOURCE_IDENTITY, &[ann]))]);
        let due = policies.bring(&bans, now - 500, now + 960_000).await?;
        let removed = |name: &str| ("DeleteRolePolicy".to_owned(), name.to_owned(), String::new());
        assert_eq!((taken(&calls), due), (vec![removed("danmu-banned"), removed("danmu-revoked")], i64::MAX));
        Ok(())
    }

    #[tokio::test]
    async fn moderating_needs_its_policy_and_nothing_less() -> Test {
        let (mut policies, calls) = double().await?;
        policies.bring(&[ban("ann", now_ms(), None)], 0, now_ms()).await?;
        let mut used: Vec<_> = taken(&calls).into_iter().map(|(action, ..)| format!("iam:{action}")).collect();
        used.sort_unstable();
        let mut allowed = Part::Moderation.policy(&Place::to_fill_in("aws")).statement.remove(0).action;
        allowed.sort_unstable();
        assert_eq!(used, allowed);
        Ok(())
    }

    #[test]
    fn a_list_that_is_too_long_keeps_those_who_were_banned_last() {
        let all: Vec<_> = (0..1_000_i64).map(|n| (n, ViewerId::guest(n.unsigned_abs().into()).to_string())).collect();
        let names = fitting(SOURCE_IDENTITY, all.clone());
        let length = Policy::denying(SOURCE_IDENTITY, &names).compact().len();
        assert!((MOST_CHARS - 36..=MOST_CHARS).contains(&length), "{length}");
        assert!(names.contains(&all[999].1) && !names.contains(&all[0].1));
        assert_eq!(fitting(SOURCE_IDENTITY, Vec::new()), Vec::<String>::new());
    }

    #[test]
    fn a_time_is_written_as_policies_have_it_and_never_too_early() {
        assert_eq!(iso(1_800_000_000_000), "2027-01-15T08:00:00Z");
        assert_eq!(iso(1_800_000_000_001), "2027-01-15T08:00:01Z");
    }

    #[tokio::test]
    async fn who_is_refused_says_by_what_name() -> Test {
        let router = Router::new().fallback(|| async {
            (http::StatusCode::FORBIDDEN, "<Error><Code>AccessDenied</Code><Message>no</Message></Error>")
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, router).await });
        let credentials = SharedCredentialsProvider::new(Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"));
        let role = Role::new(credentials, "us-east-1", "arn:aws:iam::123456789012:role/viewer", Some(url));
        let error = role.put("a", "{}").await.err().ok_or("it was put")?.to_string();
        assert_eq!(error, "IAM answers AccessDenied: no");
        // Whoever may not do it, and need not, is left in peace; whoever must is told.
        let mut policies = RolePolicies::new(vec![role], KnownBy::SourceIdentity, 900);
        assert!(policies.bring(&[], 0, now_ms()).await.is_ok());
        assert!(policies.bring(&[ban("ann", now_ms(), None)], 0, now_ms()).await.is_err());
        Ok(())
    }
}
