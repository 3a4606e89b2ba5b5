//! Who calls, and what they may do.
//!
//! Two kinds of callers exist: the root key, which may do everything, and sessions, which may use the data plane within
//! their session policy and nothing else, unless the endpoint was told to let them control, too. A session that is
//! [denied](denials) may do nothing. Nothing is admitted without a signature that was verified.

pub(crate) mod denials;
pub(crate) mod policy;
pub(crate) mod verify;

use self::policy::{About, Policy, Verdict};
use crate::{
    arn::ArnScope,
    error::{ApiError, ErrorCode},
};

/// Which door a request came through.
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
        /// Whether it was denied when its request came.
        denied: bool,
    },
}

/// What a session token says.
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
    /// What AWS calls `aws:userid`; it gives each role an id of its own, here its name is all there is.
    pub(crate) fn user_id(&self) -> String {
        user_id(&self.role, &self.name)
    }

    /// Whose allowance its records are taken from: all sessions of a source identity share one.
    pub(crate) fn metered_as(&self) -> &str {
        if self.source_identity.is_empty() { &self.access_key_id } else { &self.source_identity }
    }
}

/// The user id of a role's session.
pub(crate) fn user_id(role: &str, session: &str) -> String {
    format!("AROA{role}:{session}")
}

impl Caller {
    /// The ARN by which AWS would call them.
    pub(crate) fn arn(&self, place: &ArnScope) -> String {
        match self {
            Self::Root => place.root_arn(),
            Self::Session { session, .. } => place.session_arn(&session.role, &session.name),
        }
    }

    /// May the caller do `action` (`kinesis:PutRecord`) to what has the ARN `resource`?
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

    /// Whether the caller is not denied altogether, as far as that can be told before `action` names what it is for.
    pub(crate) fn must_not_be_denied(&self, place: &ArnScope, action: &str) -> Result<(), ApiError> {
        match self {
            Self::Session { denied: true, .. } => Err(self.denied(place, action, None)),
            _ => Ok(()),
        }
    }

    /// May the caller use what is for the root key alone?
    pub(crate) fn must_be_root(&self, place: &ArnScope, action: &str) -> Result<(), ApiError> {
        match self {
            Self::Root => Ok(()),
            Self::Session { .. } => {
                Err(self.unauthorized(place, action, None, "because only the root key of this endpoint may"))
            }
        }
    }

    /// May the caller do what is for the root key, and, where `sessions_may` and their policy says so, for sessions?
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

    /// In the words of AWS for a role whose own policy denies a session of it, which is how a session is revoked there.
    fn denied(&self, place: &ArnScope, action: &str, resource: Option<&str>) -> ApiError {
        self.unauthorized(place, action, resource, "with an explicit deny in an identity-based policy")
    }

    fn unauthorized(&self, place: &ArnScope, action: &str, resource: Option<&str>, reason: &str) -> ApiError {
        let on = resource.map(|resource| format!(" on resource: {resource}")).unwrap_or_default();
        let message = format!("User: {} is not authorized to perform: {action}{on} {reason}", self.arn(place));
        ApiError::new(ErrorCode::AccessDenied, message)
    }
}
