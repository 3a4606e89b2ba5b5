//! Who calls, and what they may do.
//!
//! Two kinds of callers exist: the root key, which may do everything, and sessions, which may use the data plane within
//! their session policy and nothing else. Nothing is admitted without a signature that was verified.

pub(crate) mod policy;
pub(crate) mod verify;

use self::policy::{Policy, Verdict};
use crate::{
    arn::Place,
    error::{ApiError, Kind},
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
    Session(Session),
}

/// What a session token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) access_key_id: String,
    pub(crate) expires_ms: i64,
    pub(crate) role: String,
    pub(crate) name: String,
    pub(crate) source_identity: String,
    /// None: the session may use the whole data plane.
    pub(crate) policy: Option<Policy>,
}

impl Caller {
    /// The ARN by which AWS would call them.
    pub(crate) fn arn(&self, place: &Place) -> String {
        match self {
            Self::Root => place.root_arn(),
            Self::Session(session) => place.session_arn(&session.role, &session.name),
        }
    }

    /// May the caller do this to the stream with the ARN `resource`?
    pub(crate) fn may_use(&self, place: &Place, operation: &str, resource: &str) -> Result<(), ApiError> {
        let Self::Session(Session { policy: Some(policy), .. }) = self else { return Ok(()) };
        let action = format!("kinesis:{operation}");
        let reason = match policy.evaluate(&action, resource) {
            Verdict::Allow => return Ok(()),
            Verdict::ImplicitDeny => format!("because no session policy allows the {action} action"),
            Verdict::ExplicitDeny => "with an explicit deny in a session policy".to_owned(),
        };
        Err(ApiError::new(
            Kind::AccessDenied,
            format!(
                "User: {} is not authorized to perform: {action} on resource: {resource} {reason}",
                self.arn(place)
            ),
        ))
    }

    /// May the caller use what is for the root key alone?
    pub(crate) fn must_be_root(&self, place: &Place, action: &str) -> Result<(), ApiError> {
        match self {
            Self::Root => Ok(()),
            Self::Session(_) => Err(ApiError::new(
                Kind::AccessDenied,
                format!(
                    "User: {} is not authorized to perform: {action} because only the root key of this endpoint may",
                    self.arn(place)
                ),
            )),
        }
    }
}
