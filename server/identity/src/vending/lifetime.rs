//! Lifetime of sessions: as configured, or an hour where STS allows no more.
//!
//! If the server's own credentials are a role's, assuming the role of viewers' sessions is role chaining, and such a session
//! lasts an hour at most
//! ([role chaining](https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining)). The same holds for
//! a role whose maximum was not raised.

use std::{
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::Duration,
};

use aws_sdk_sts::Client;

/// Longest session, in seconds, of role chaining and of an identity pool; every role allows it.
pub const HOUR_S: u32 = 3_600;
/// Timeout of the question to STS who the server is.
const PATIENCE: Duration = Duration::from_secs(5);

/// Lifetime of sessions, seconds.
#[derive(Debug)]
pub(super) struct Lifetime(AtomicU32);

impl Lifetime {
    pub(super) fn new(seconds: u32) -> Self {
        Self(AtomicU32::new(seconds))
    }

    pub(super) fn seconds(&self) -> u32 {
        self.0.load(Relaxed)
    }

    /// Reacts to an error of STS: if the duration was too long, shortens it to an hour, and returns whether to try again.
    pub(super) fn refused(&self, asked_s: u32, code: Option<&str>, message: Option<&str>) -> bool {
        let too_long = message.is_some_and(|message| message.contains("DurationSeconds exceeds"));
        if code != Some("ValidationError") || !too_long || asked_s <= HOUR_S {
            return false;
        }
        if self.0.swap(HOUR_S, Relaxed) > HOUR_S {
            warn(asked_s, message.unwrap_or_default());
        }
        true
    }
}

/// The lifetime that sessions will get where `asked_s` is configured: an hour at most, with a warning in the log, if the server
/// itself runs with a role.
pub async fn attainable(sts: &Client, asked_s: u32) -> u32 {
    if asked_s <= HOUR_S {
        return asked_s;
    }
    // This call needs no permission. If it fails, the first session finds out.
    let asked = tokio::time::timeout(PATIENCE, sts.get_caller_identity().send()).await;
    let arn = asked.ok().and_then(Result::ok).and_then(|identity| identity.arn).unwrap_or_default();
    if !arn.contains(":assumed-role/") {
        return asked_s;
    }
    warn(asked_s, &format!("the server is {arn}, and a role that is assumed by a role gives an hour at most"));
    HOUR_S
}

fn warn(asked_s: u32, reason: &str) {
    tracing::warn!(asked_s, given_s = HOUR_S, reason, "sessions last an hour, not as long as vending.duration_s says");
}

#[cfg(test)]
mod tests {
    use std::{
        collections::HashMap,
        num::NonZeroU32,
        sync::{Arc, Mutex, PoisonError},
    };

    use aws_credential_types::Credentials;
    use axum::{Router, extract::State, routing::post};
    use danmu::{rights::Rights, room::RoomId, viewer::ViewerId};
    use danmu_app::{error::ApiError, services::Caller};
    use http::StatusCode;

    use super::*;
    use crate::{
        aws::bus::KinesisBus,
        identity::Identity,
        vending::{Decisions, Limits, Rate, TokenVending},
    };

    type Test = Result<(), Box<dyn std::error::Error>>;
    type Asked = Arc<Mutex<Vec<String>>>;

    const CHAINED: &str = "<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>The requested \
        DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining</Message></Error></ErrorResponse>";
    const VENDED: &str = "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAEXAMPLEEXAMPLE12</AccessKeyId>\
        <SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>\
        </Credentials></AssumeRoleResult></AssumeRoleResponse>";

    /// Nobody is banned.
    struct NoDecisions;

    impl Decisions for NoDecisions {
        fn admits(&self, _: &Caller, _: &RoomId) -> Result<(), ApiError> {
            Ok(())
        }

        fn vended(&self, _: &Caller, _: &RoomId, _: i64) {}

        fn allows_direct(&self) -> bool {
            true
        }

        fn handed(&self, _: &RoomId, _: &Identity) -> Result<Vec<String>, ApiError> {
            Ok(Vec::new())
        }
    }

    /// An STS that knows its caller by this ARN, and gives an hour at most; the lengths that it was asked for.
    async fn double(arn: &'static str) -> Result<(KinesisBus, Asked), Box<dyn std::error::Error>> {
        let asked = Asked::default();
        let answer = move |State(asked): State<Asked>, body: String| async move {
            let form: HashMap<_, _> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
            let Some(length) = form.get("DurationSeconds") else {
                let known = format!("<Arn>{arn}</Arn><UserId>u</UserId><Account>123456789012</Account>");
                let result = format!("<GetCallerIdentityResult>{known}</GetCallerIdentityResult>");
                return (StatusCode::OK, format!("<GetCallerIdentityResponse>{result}</GetCallerIdentityResponse>"));
            };
            asked.lock().unwrap_or_else(PoisonError::into_inner).push(length.clone());
            match length.parse::<u32>() {
                Ok(..=HOUR_S) => (StatusCode::OK, VENDED.to_owned()),
                _ => (StatusCode::BAD_REQUEST, CHAINED.to_owned()),
            }
        };
        let router = Router::new().route("/", post(answer)).with_state(Arc::clone(&asked));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        tokio::spawn(async move { axum::serve(listener, router).await });
        let key = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
        Ok((KinesisBus::embedded(addr, key, "123456789012", "us-east-1", "danmu"), asked))
    }

    #[tokio::test]
    async fn sessions_that_may_not_last_so_long_last_an_hour_from_the_first_on() -> Test {
        let (bus, asked) = double("").await?;
        let dir = tempfile::tempdir()?;
        let identity = Identity::open(&dir.path().join("keys.json"))?;
        let often = Rate { per_minute: NonZeroU32::MAX, burst: NonZeroU32::MAX };
        let vending = TokenVending::new(bus, Limits::new(often, often), identity, NoDecisions, 43_200, true);
        let (addr, viewer) = ([127, 0, 0, 1].into(), ViewerId::guest(7));
        let caller = Caller { addr, viewer, name: None, rights: Rights::default(), login: None };
        for _ in 0..2 {
            vending.article_session(RoomId::demo(), caller.clone()).await?;
        }
        assert_eq!(*asked.lock().unwrap_or_else(PoisonError::into_inner), ["43200", "3600", "3600"]);
        Ok(())
    }

    #[tokio::test]
    async fn a_server_that_has_a_role_itself_knows_at_its_start_that_it_gets_an_hour() -> Test {
        let role = double("arn:aws-cn:sts::123456789012:assumed-role/danmu-server/i-0123456789abcdef0").await?.0;
        assert_eq!(attainable(&role.sts, 43_200).await, HOUR_S);
        assert_eq!(attainable(&role.sts, 900).await, 900);
        let user = double("arn:aws:iam::123456789012:user/danmu").await?.0;
        assert_eq!(attainable(&user.sts, 43_200).await, 43_200);
        Ok(())
    }

    #[test]
    fn only_a_session_that_is_too_long_is_asked_for_again() {
        let lifetime = Lifetime::new(7_200);
        let chained = Some("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.");
        assert!(!lifetime.refused(7_200, Some("ValidationError"), Some("RoleSessionName is wrong")));
        assert!(!lifetime.refused(7_200, Some("AccessDenied"), chained));
        assert_eq!(lifetime.seconds(), 7_200);
        assert!(lifetime.refused(7_200, Some("ValidationError"), chained) && lifetime.seconds() == HOUR_S);
        assert!(!lifetime.refused(HOUR_S, Some("ValidationError"), chained), "it would be refused for ever");
    }
}
