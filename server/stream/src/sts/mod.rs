//! The Security Token Service, as far as sessions need it: `AssumeRole` and `GetCallerIdentity` of the Query protocol.
//!
//! No roles are stored: the root key may assume any role name, and the session may do what its inline policy allows on the
//! data plane, or everything on the data plane without one. Only the root key may assume roles, and, if the endpoint lets
//! sessions control, sessions whose policy allows it. Sessions that a session requests inherit its source identity; a denied
//! source identity is issued no session.
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>

pub(crate) mod token;
pub(crate) mod xml;

use std::collections::HashMap;

use chrono::{DateTime, SecondsFormat, Utc};

use self::token::{Grant, MAX_TOKEN, Tokens};
use crate::{
    arn::{ArnScope, is_name_byte, is_source_identity, role_name},
    auth::{
        Caller, Session,
        denials::Denials,
        policy::{MAX_CHARS, Policy},
        user_id,
    },
    error::{ApiError, ErrorCode},
    quotas::MAX_SECONDS,
};

const VERSION: &str = "2011-06-15";
const MIN_SECONDS: i64 = 900;
const DEFAULT_SECONDS: i64 = 3600;

/// The parts of the endpoint that STS needs.
pub(crate) struct Sts<'a> {
    pub(crate) place: &'a ArnScope,
    pub(crate) tokens: &'a Tokens,
    pub(crate) denials: &'a Denials,
    /// Whether sessions may assume roles within their policy.
    pub(crate) sessions_may: bool,
    pub(crate) now_ms: i64,
}

type Form = HashMap<String, String>;

impl Sts<'_> {
    /// Answers a verified request with XML.
    pub(crate) fn call(&self, caller: &Caller, body: &[u8], request_id: &str) -> Result<String, ApiError> {
        let form: Form = form_urlencoded::parse(body).into_owned().collect();
        let action = form.get("Action").map(String::as_str).unwrap_or_default();
        let version = form.get("Version").map(String::as_str).unwrap_or_default();
        let result = match (action, version) {
            ("AssumeRole", VERSION) => self.assume_role(caller, &form)?,
            ("GetCallerIdentity", VERSION) => self.caller_identity(caller),
            _ => {
                let message = format!("Could not find operation {action} for version {version}");
                return Err(ApiError::new(ErrorCode::InvalidAction, message));
            }
        };
        Ok(xml::answer(action, &result, request_id))
    }

    fn caller_identity(&self, caller: &Caller) -> String {
        let user = match caller {
            Caller::Root => self.place.account.clone(),
            Caller::Session { session, .. } => session.user_id(),
        };
        xml::element("Arn", &caller.arn(self.place))
            + &xml::element("UserId", &user)
            + &xml::element("Account", &self.place.account)
    }

    fn assume_role(&self, caller: &Caller, form: &Form) -> Result<String, ApiError> {
        let role_arn = form.get("RoleArn").map(String::as_str).unwrap_or_default();
        caller.may_control(self.place, "sts:AssumeRole", role_arn, self.sessions_may)?;
        if role_arn.is_empty() {
            return Err(ApiError::missing("roleArn"));
        }
        let role = role_name(role_arn)
            .ok_or_else(|| ApiError::new(ErrorCode::Validation, format!("{role_arn} is invalid")))?;
        let name = form.get("RoleSessionName").ok_or_else(|| ApiError::missing("roleSessionName"))?;
        if !(2..=64).contains(&name.len()) || !name.bytes().all(is_name_byte) {
            let rule = "Member must satisfy regular expression pattern: [\\w+=,.@-]{2,64}";
            return Err(ApiError::constraint(name, "roleSessionName", rule));
        }
        let source_identity = self.source_identity(caller, role_arn, form.get("SourceIdentity"))?;
        // Managed policies cannot be looked up here, so their limits would not be enforced.
        if let Some(other) =
            form.keys().find(|key| key.starts_with("PolicyArns.") || key.starts_with("ProvidedContexts."))
        {
            let message = format!("{other} is not supported by this endpoint; give an inline Policy");
            return Err(ApiError::new(ErrorCode::Validation, message));
        }
        let seconds = duration(form)?;
        let policy = inline_policy(form.get("Policy"))?;

        let expires_s = self.now_ms.div_euclid(1000) + seconds;
        let expiration = DateTime::<Utc>::from_timestamp(expires_s, 0)
            .ok_or_else(|| ApiError::new(ErrorCode::InternalFailure, "The clock is out of range."))?
            .to_rfc3339_opts(SecondsFormat::Secs, true);
        let (issued_ms, expires_ms) = (self.now_ms, expires_s * 1000);
        let grant = Grant { issued_ms, expires_ms, role, name, source_identity, policy: &policy };
        let issued = self.tokens.issue(&grant).map_err(|error| {
            tracing::error!(%error, "no random bytes for a session");
            ApiError::new(ErrorCode::InternalFailure, "No random bytes for a session.")
        })?;
        if issued.token.len() > MAX_TOKEN {
            let percent = issued.token.len() * 100 / MAX_TOKEN;
            let message = format!("Packed policy consumes {percent}% of allotted space, please use smaller policy.");
            return Err(ApiError::new(ErrorCode::PackedPolicyTooLarge, message));
        }

        tracing::debug!(role, name, source_identity, key = issued.access_key_id, seconds, "a session");
        let user = xml::element("AssumedRoleId", &user_id(role, name))
            + &xml::element("Arn", &self.place.session_arn(role, name));
        let credentials = xml::element("AccessKeyId", &issued.access_key_id)
            + &xml::element("SecretAccessKey", &issued.secret_access_key)
            + &xml::element("SessionToken", &issued.token)
            + &xml::element("Expiration", &expiration);
        let mut result = format!("<AssumedRoleUser>{user}</AssumedRoleUser><Credentials>{credentials}</Credentials>");
        let percent = (issued.token.len() * 100).div_ceil(MAX_TOKEN).to_string();
        result += &xml::element("SessionTokenUtilization", &percent);
        result += &xml::element("SessionTokenSize", &issued.token.len().to_string());
        if !policy.is_empty() {
            // The former name of `SessionTokenUtilization`.
            result += &xml::element("PackedPolicySize", &percent);
        }
        if !source_identity.is_empty() {
            result += &xml::element("SourceIdentity", source_identity);
        }
        Ok(result)
    }

    /// The source identity of a new session; empty: none. It is inherited from a session and cannot be changed
    /// ([Monitor and control actions taken with assumed roles][1]).
    ///
    /// [1]: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_monitor.html
    fn source_identity<'s>(
        &self,
        caller: &'s Caller,
        role_arn: &str,
        wanted: Option<&'s String>,
    ) -> Result<&'s str, ApiError> {
        let inherited = match caller {
            Caller::Session { session: Session { source_identity, .. }, .. } => source_identity.as_str(),
            Caller::Root => "",
        };
        if let Some(wanted) = wanted {
            if !is_source_identity(wanted) {
                let rule = "Member must satisfy regular expression pattern: [\\w+=,.@-]{2,256}";
                return Err(ApiError::constraint(wanted, "sourceIdentity", rule));
            }
            caller.may_control(self.place, "sts:SetSourceIdentity", role_arn, self.sessions_may)?;
        }
        let source_identity = wanted.map_or(inherited, String::as_str);
        let not_authorized = |reason: &str| {
            let arn = caller.arn(self.place);
            let message =
                format!("User: {arn} is not authorized to perform: sts:AssumeRole on resource: {role_arn} {reason}");
            Err(ApiError::new(ErrorCode::AccessDenied, message))
        };
        if !inherited.is_empty() && source_identity != inherited {
            return not_authorized("because the source identity of a session cannot be changed");
        }
        if self.denials.cover_source(source_identity, self.now_ms) {
            return not_authorized("with an explicit deny in an identity-based policy");
        }
        Ok(source_identity)
    }
}

/// The lifetime of a session, seconds: 900 to 43,200.
fn duration(form: &Form) -> Result<i64, ApiError> {
    let Some(text) = form.get("DurationSeconds") else { return Ok(DEFAULT_SECONDS) };
    let seconds: i64 =
        text.parse().map_err(|_| ApiError::constraint(text, "durationSeconds", "Member must be an integer"))?;
    let rule = if seconds < MIN_SECONDS {
        format!("Member must have value greater than or equal to {MIN_SECONDS}")
    } else if seconds > MAX_SECONDS {
        format!("Member must have value less than or equal to {MAX_SECONDS}")
    } else {
        return Ok(seconds);
    };
    Err(ApiError::constraint(text, "durationSeconds", &rule))
}

/// The policy as it goes into the token: checked and minified.
fn inline_policy(text: Option<&String>) -> Result<String, ApiError> {
    let Some(text) = text else { return Ok(String::new()) };
    let length = text.chars().count();
    if length > MAX_CHARS {
        let rule = format!("Member must have length less than or equal to {MAX_CHARS}");
        return Err(ApiError::constraint(format!("{length} characters"), "policy", &rule));
    }
    let malformed =
        |error: &dyn std::fmt::Display| ApiError::new(ErrorCode::MalformedPolicyDocument, error.to_string());
    Policy::parse(text).map_err(|error| malformed(&error))?;
    let value: serde_json::Value = serde_json::from_str(text).map_err(|error| malformed(&error))?;
    Ok(value.to_string())
}
