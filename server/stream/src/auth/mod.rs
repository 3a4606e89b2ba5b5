//! Callers and their rights.
//!
//! There are two kinds of callers: the root key, which may do everything, and sessions, which may use the data plane and
//! `DescribeStreamConsumer` within their session policy, and the control plane if the endpoint is configured so. A session that
//! is [denied](denials) may only call `GetCallerIdentity`. No request is admitted without a verified signature.

pub(crate) mod denials;
pub(crate) mod policy;
pub(crate) mod verify;

use self::policy::{About, Policy, Verdict};
use crate::{
    arn::ArnScope,
    error::{ApiError, ErrorCode},
};

/// The router that a request came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// The endpoint's own port: everything.
    Own,
    /// The public origin: the data plane, for sessions.
    Public,
}

/// A caller whose signature was verified.
#[derive(Clone, Debug)]
pub(crate) enum Caller {
    Root,
    Session {
        session: Session,
        /// Whether the session was denied when the request arrived.
        denied: bool,
    },
}

/// The claims of a session token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) access_key_id: String,
    pub(crate) issued_ms: i64,
    pub(crate) expires_ms: i64,
    pub(crate) role: String,
    pub(crate) name: String,
    /// Empty: none.
    pub(crate) source_identity: String,
    /// None: the session may use the whole data plane.
    pub(crate) policy: Option<Policy>,
}

impl Session {
    /// AWS' `aws:userid`. AWS gives each role an id of its own; here the role's name stands for it.
    pub(crate) fn user_id(&self) -> String {
        user_id(&self.role, &self.name)
    }

    /// The key of its token bucket: all sessions of a source identity share one.
    pub(crate) fn metered_as(&self) -> &str {
        if self.source_identity.is_empty() { &self.access_key_id } else { &self.source_identity }
    }
}

/// The user id of a role's session.
pub(crate) fn user_id(role: &str, session: &str) -> String {
    format!("AROA{role}:{session}")
}

impl Caller {
    /// The caller's ARN, as AWS would write it.
    pub(crate) fn arn(&self, place: &ArnScope) -> String {
        match self {
            Self::Root => place.root_arn(),
            Self::Session { session, .. } => place.session_arn(&session.role, &session.name),
        }
    }

    /// Checks that the caller may do `action` (`kinesis:PutRecord`) on the ARN `resource`.
    pub(crate) fn may_use(&self, place: &ArnScope, action: &str, resource: &str) -> Result<(), ApiError> {
        let Self::Session { session, denied } = self else { return Ok(()) };
        if *denied {
            return Err(self.denied(place, action, Some(resource)));
        }
        let Some(policy) = &session.policy else { return Ok(()) };
        let user_id = session.user_id();
        let about =
            About { source_identity: &session.source_identity, user_id: &user_id, issued_ms: session.issued_ms };
        let reason = match policy.evaluate(action, resource, &about) {
            Verdict::Allow => return Ok(()),
            Verdict::ImplicitDeny => format!("because no session policy allows the {action} action"),
            Verdict::ExplicitDeny => "with an explicit deny in a session policy".to_owned(),
        };
        Err(self.unauthorized(place, action, Some(resource), &reason))
    }

    /// Checks that the caller is not denied, before the resource of `action` is known.
    pub(crate) fn must_not_be_denied(&self, place: &ArnScope, action: &str) -> Result<(), ApiError> {
        match self {
            Self::Session { denied: true, .. } => Err(self.denied(place, action, None)),
            _ => Ok(()),
        }
    }

    /// Checks that the caller is the root key.
    pub(crate) fn must_be_root(&self, place: &ArnScope, action: &str) -> Result<(), ApiError> {
        match self {
            Self::Root => Ok(()),
            Self::Session { .. } => {
                Err(self.unauthorized(place, action, None, "because only the root key of this endpoint may"))
            }
        }
    }

    /// Checks that the caller is the root key or, where `sessions_may`, a session whose policy allows `action`.
    pub(crate) fn may_control(
        &self,
        place: &ArnScope,
        action: &str,
        resource: &str,
        sessions_may: bool,
    ) -> Result<(), ApiError> {
        match self {
            Self::Session { session, .. } if sessions_may && session.policy.is_some() => {
                self.may_use(place, action, resource)
            }
            _ => self.must_be_root(place, action),
        }
    }

    /// Uses AWS' message for a session that its role's own policy denies, which is how sessions are revoked on AWS.
    fn denied(&self, place: &ArnScope, action: &str, resource: Option<&str>) -> ApiError {
        self.unauthorized(place, action, resource, "with an explicit deny in an identity-based policy")
    }

    fn unauthorized(&self, place: &ArnScope, action: &str, resource: Option<&str>, reason: &str) -> ApiError {
        let on = resource.map(|resource| format!(" on resource: {resource}")).unwrap_or_default();
        let message = format!("User: {} is not authorized to perform: {action}{on} {reason}", self.arn(place));
        ApiError::new(ErrorCode::AccessDenied, message)
    }
}
