//! Why a sign-in failed, sorted by what the person in front of the page can do about it.
//!
//! Sources: the `Errors` sections of the [user pool
//! API](https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_RespondToAuthChallenge.html) and the
//! [identity pool API](https://docs.aws.amazon.com/cognitoidentity/latest/APIReference/API_GetCredentialsForIdentity.html). One
//! code, `NotAuthorizedException`, has many causes, which only its message tells apart.

use thiserror::Error;

use super::srp::SrpError;
use crate::kinesis;

/// Why a sign-in failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SignInError {
    /// The pool does not say which of the two is wrong, so that user names cannot be probed.
    #[error("the user name or the password is wrong")]
    WrongPassword,
    /// Too many wrong passwords for this user; temporary.
    #[error("too many wrong passwords; try again later")]
    LockedOut,
    /// An administrator disabled the account.
    #[error("this account is disabled; ask whoever runs it")]
    Disabled,
    /// The address of a new account has not been confirmed.
    #[error("this account is not confirmed yet; follow the message that was sent when it was made")]
    NotConfirmed,
    /// An administrator requires another password, or the temporary one has expired.
    #[error("the password must be reset; ask whoever runs the account")]
    ResetRequired,
    /// The authenticator's code is wrong or out of date.
    #[error("the code is wrong")]
    WrongCode,
    /// The new password does not meet the pool's policy, which the message states.
    #[error("the new password does not do: {0}")]
    WeakPassword(String),
    /// The answer to a challenge came after the pool's session had expired.
    #[error("that took too long; sign in again")]
    TimedOut,
    /// The refresh token has expired, was revoked, or was used twice.
    #[error("you are signed out; sign in again")]
    SignedOut,
    /// Over a rate limit; temporary.
    #[error("too many attempts; try again in a moment")]
    TooMany,
    /// The pool asks for a challenge that is not offered here.
    #[error("the account asks for {0}, which this page does not offer")]
    Unsupported(String),
    /// The operator's own rule (a Lambda trigger or a firewall) refused, with this message.
    #[error("{0}")]
    Refused(String),
    /// The person left the provider's page, or the provider refused.
    #[error("the sign-in was not completed: {0}")]
    NotCompleted(String),
    /// The pool, its client and the settings do not fit together: for the operator.
    #[error("sign-in is not set up right: {0}")]
    Misconfigured(String),
    /// The reply does not match the request: somebody else may have answered.
    #[error("the answer cannot be trusted: {0}")]
    Untrusted(String),
    /// The service failed; temporary.
    #[error("the sign-in service failed: {0}")]
    Service(String),
    /// No reply came.
    #[error("the sign-in service cannot be reached: {0}")]
    Network(String),
}

impl From<kinesis::NetError> for SignInError {
    fn from(error: kinesis::NetError) -> Self {
        Self::Network(error.0)
    }
}

impl From<SrpError> for SignInError {
    fn from(error: SrpError) -> Self {
        Self::Untrusted(error.to_string())
    }
}

impl SignInError {
    /// Reads the body of a reply whose status is not 200.
    pub(super) fn from_reply(status: u16, body: &[u8]) -> Self {
        let error = kinesis::Error::from_reply(status, body);
        let said = |error: kinesis::Error| [error.code, error.message].join(": ");
        match error.code.as_str() {
            "NotAuthorizedException" => Self::not_authorized(error.message),
            "UserNotFoundException" => Self::WrongPassword,
            "UserNotConfirmedException" => Self::NotConfirmed,
            "PasswordResetRequiredException" => Self::ResetRequired,
            "CodeMismatchException" | "EnableSoftwareTokenMFAException" | "ExpiredCodeException" => Self::WrongCode,
            "InvalidPasswordException" | "PasswordHistoryPolicyViolationException" => Self::WeakPassword(error.message),
            "RefreshTokenReuseException" => Self::SignedOut,
            "TooManyRequestsException" | "LimitExceededException" | "TooManyFailedAttemptsException" => Self::TooMany,
            "UserLambdaValidationException" | "ForbiddenException" => Self::Refused(error.message),
            "InvalidParameterException"
            | "ResourceNotFoundException"
            | "InvalidUserPoolConfigurationException"
            | "InvalidIdentityPoolConfigurationException"
            | "UnsupportedOperationException"
            | "UnauthorizedException"
            | "UnsupportedTokenTypeException" => Self::Misconfigured(said(error)),
            _ => match error.kind {
                kinesis::ErrorKind::Throttled => Self::TooMany,
                _ => Self::Service(said(error)),
            },
        }
    }

    fn not_authorized(message: String) -> Self {
        let says = |words: &str| message.contains(words);
        if says("attempts exceeded") {
            Self::LockedOut
        } else if says("disabled") {
            Self::Disabled
        } else if says("Temporary password has expired") {
            Self::ResetRequired
        } else if says("Invalid session") || says("session is expired") || says("session can only be used once") {
            Self::TimedOut
        } else if says("Refresh Token") || says("Access Token") || says("Invalid login token") || says("Token is not") {
            Self::SignedOut
        } else if says("secret hash") || says("secret") || says("Unauthenticated access") {
            Self::Misconfigured(message)
        } else {
            Self::WrongPassword
        }
    }

    /// A reply of status 200 that does not have the operation's form.
    pub(super) fn unreadable() -> Self {
        Self::Service("the reply is not what the operation answers with".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_code_stands_for_many_things_and_each_is_told() {
        for (message, error) in [
            ("Incorrect username or password.", SignInError::WrongPassword),
            ("Password attempts exceeded", SignInError::LockedOut),
            ("User is disabled.", SignInError::Disabled),
            ("Temporary password has expired and must be reset by an administrator.", SignInError::ResetRequired),
            ("Invalid session for the user, session is expired.", SignInError::TimedOut),
            ("Refresh Token has expired", SignInError::SignedOut),
            ("Refresh Token has been revoked", SignInError::SignedOut),
            ("Invalid Refresh Token", SignInError::SignedOut),
            ("Invalid login token. Token expired: 1 >= 2", SignInError::SignedOut),
        ] {
            let body = serde_json::json!({"__type": "NotAuthorizedException", "message": message});
            assert_eq!(SignInError::from_reply(400, body.to_string().as_bytes()), error, "{message}");
        }
        let wrong = "Unauthenticated access is not supported for this identity pool.";
        let body = serde_json::json!({"__type": "NotAuthorizedException", "message": wrong});
        assert_eq!(SignInError::from_reply(400, body.to_string().as_bytes()), SignInError::Misconfigured(wrong.into()));
    }

    #[test]
    fn a_name_that_does_not_exist_reads_like_a_wrong_password() {
        let body = br#"{"__type":"UserNotFoundException","message":"User does not exist."}"#;
        assert_eq!(SignInError::from_reply(400, body), SignInError::WrongPassword);
    }

    #[test]
    fn what_no_service_of_amazon_s_says_is_its_failure() {
        assert_eq!(
            SignInError::from_reply(502, b"<html>bad gateway"),
            SignInError::Service("HTTP 502: <html>bad gateway".into())
        );
        assert_eq!(SignInError::from_reply(429, b"slow down"), SignInError::TooMany);
    }
}
