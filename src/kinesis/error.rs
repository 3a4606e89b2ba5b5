//! Why a Kinesis call fails, sorted by what helps.
//!
//! Sources: the `Errors` sections of the Kinesis API reference and its [Common
//! Errors](https://docs.aws.amazon.com/kinesis/latest/APIReference/CommonErrors.html).

use std::time::Duration;

use serde::Deserialize;

/// Why a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Over a limit of the shard, the stream or the account.
    Throttled,
    /// The credentials have expired, or are no longer known.
    SessionExpired,
    /// The local clock is too far off for a signature.
    ClockSkew,
    /// The shard iterator (or the listing's token) is older than five minutes.
    IteratorExpired,
    /// The credentials may not do this, or the signature does not match.
    Denied,
    /// The KMS key that encrypts the stream cannot be used: not allowed, disabled, or deleted.
    Encryption,
    /// No such stream or shard.
    NotFound,
    /// The request itself is wrong.
    Invalid,
    /// The service failed.
    Server,
    /// No reply came.
    Network,
    /// No credentials could be obtained.
    NoSession,
}

/// Whether a retry helps, and what must come before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The same request would fail again.
    Never,
    /// After a back-off with jitter.
    Later,
    /// At once, with new credentials.
    WithNewSession,
    /// At once, with the clock corrected from the reply's `Date`.
    WithCorrectedClock,
    /// At once, with a new iterator after the last sequence number seen.
    WithNewIterator,
}

/// A failed call: its kind, and the service's code and message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Error {
    /// What it means for the caller.
    pub kind: ErrorKind,
    /// The service's error code, without namespace; otherwise `Network`, `NoSession` or `HTTP` and a status.
    pub code: String,
    /// For a person, in the service's words.
    pub message: String,
    /// The minimum wait before a retry, if the other side gave one.
    pub retry_after: Option<Duration>,
}

impl Error {
    /// Sorts a service's error by its code (namespace prefix and URI suffix allowed), its message, and the HTTP status.
    pub fn from_code(code: &str, message: &str, status: u16) -> Self {
        let code = bare_code(code);
        Self {
            kind: classify(code, message, status),
            code: code.to_owned(),
            message: message.to_owned(),
            retry_after: None,
        }
    }

    /// Reads the body of a reply whose status is not 200: JSON with `__type` and `message` or `Message`.
    pub fn from_reply(status: u16, body: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Body {
            #[serde(rename = "__type")]
            code: String,
            #[serde(alias = "Message", default)]
            message: Option<String>,
        }
        match serde_json::from_slice::<Body>(body) {
            Ok(body) => Self::from_code(&body.code, body.message.as_deref().unwrap_or_default(), status),
            Err(_) => {
                let text: String = String::from_utf8_lossy(body).chars().take(200).collect();
                Self::from_code(&["HTTP ", &status.to_string()].concat(), &text, status)
            }
        }
    }

    /// No reply came.
    pub fn network(message: String) -> Self {
        Self { kind: ErrorKind::Network, code: "Network".into(), message, retry_after: None }
    }

    /// How to retry.
    pub fn retry(&self) -> Retry {
        match self.kind {
            ErrorKind::Throttled | ErrorKind::Server | ErrorKind::Network => Retry::Later,
            ErrorKind::SessionExpired => Retry::WithNewSession,
            ErrorKind::ClockSkew => Retry::WithCorrectedClock,
            ErrorKind::IteratorExpired => Retry::WithNewIterator,
            ErrorKind::NoSession if self.retry_after.is_some() => Retry::Later,
            ErrorKind::NoSession
            | ErrorKind::Denied
            | ErrorKind::Encryption
            | ErrorKind::NotFound
            | ErrorKind::Invalid => Retry::Never,
        }
    }
}

/// `com.amazonaws.kinesis#Code:http://…` → `Code`.
fn bare_code(code: &str) -> &str {
    let code = code.rsplit_once('#').map_or(code, |(_, code)| code);
    code.split_once(':').map_or(code, |(code, _)| code)
}

fn classify(code: &str, message: &str, status: u16) -> ErrorKind {
    match code {
        "ProvisionedThroughputExceededException"
        | "LimitExceededException"
        | "ThrottlingException"
        | "Throttling"
        | "RequestLimitExceeded"
        | "KMSThrottlingException" => ErrorKind::Throttled,
        "ExpiredTokenException" | "ExpiredToken" | "UnrecognizedClientException" | "InvalidClientTokenId" => {
            ErrorKind::SessionExpired
        }
        "RequestTimeTooSkewed" | "RequestExpired" => ErrorKind::ClockSkew,
        "InvalidSignatureException" | "SignatureDoesNotMatch" => {
            let skewed = ["Signature expired", "Signature not yet current"].iter().any(|m| message.starts_with(m));
            if skewed { ErrorKind::ClockSkew } else { ErrorKind::Denied }
        }
        "ExpiredIteratorException" | "ExpiredNextTokenException" => ErrorKind::IteratorExpired,
        "AccessDeniedException" | "AccessDenied" | "NotAuthorized" | "OptInRequired" => ErrorKind::Denied,
        "ResourceNotFoundException" => ErrorKind::NotFound,
        "InternalFailure" | "InternalFailureException" | "ServiceUnavailable" => ErrorKind::Server,
        // KMSAccessDenied, KMSDisabled, KMSInvalidState, KMSNotFound, KMSOptInRequired: the operator has to fix them.
        _ if code.starts_with("KMS") => ErrorKind::Encryption,
        _ => match status {
            500.. => ErrorKind::Server,
            429 => ErrorKind::Throttled,
            401 | 403 => ErrorKind::Denied,
            404 => ErrorKind::NotFound,
            _ => ErrorKind::Invalid,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_whatever_its_wrapping() {
        for code in [
            "ExpiredIteratorException",
            "com.amazonaws.kinesis.v20131202#ExpiredIteratorException",
            "ExpiredIteratorException:http://internal.amazon.com/coral/com.amazonaws.kinesis.v20131202/",
        ] {
            for key in ["message", "Message"] {
                let body = ["{\"__type\":\"", code, "\",\"", key, "\":\"old\",\"more\":[1,{}]}"].concat();
                let error = Error::from_reply(400, body.as_bytes());
                assert_eq!(
                    (error.kind, error.code.as_str(), error.message.as_str()),
                    (ErrorKind::IteratorExpired, "ExpiredIteratorException", "old")
                );
                assert_eq!(error.retry(), Retry::WithNewIterator);
            }
        }
    }

    #[test]
    fn what_the_key_of_a_stream_refuses_is_no_fault_of_the_request_and_only_its_throttling_passes() {
        for code in [
            "KMSAccessDeniedException",
            "KMSDisabledException",
            "KMSInvalidStateException",
            "KMSNotFoundException",
            "KMSOptInRequired",
        ] {
            let error = Error::from_code(code, "of the key", 400);
            assert_eq!((error.kind, error.retry()), (ErrorKind::Encryption, Retry::Never), "{code}");
        }
        let throttled = Error::from_code("KMSThrottlingException", "", 400);
        assert_eq!((throttled.kind, throttled.retry()), (ErrorKind::Throttled, Retry::Later));
    }

    #[test]
    fn only_a_signature_out_of_time_means_a_wrong_clock() {
        let kind = |message| Error::from_code("InvalidSignatureException", message, 400).kind;
        assert_eq!(kind("Signature expired: 20130429T170000Z is now earlier than …"), ErrorKind::ClockSkew);
        assert_eq!(kind("Signature not yet current: 20130429T170000Z is still later than …"), ErrorKind::ClockSkew);
        assert_eq!(kind("The request signature we calculated does not match …"), ErrorKind::Denied);
    }

    #[test]
    fn a_body_that_is_not_the_service_s_is_sorted_by_status() {
        for (status, kind) in [
            (502, ErrorKind::Server),
            (429, ErrorKind::Throttled),
            (403, ErrorKind::Denied),
            (404, ErrorKind::NotFound),
            (413, ErrorKind::Invalid),
        ] {
            let error = Error::from_reply(status, b"<html>\xff no");
            assert_eq!(error.kind, kind);
            assert_eq!(error.code, format!("HTTP {status}"));
        }
        assert_eq!(Error::from_reply(400, b"{\"__type\":\"X\",\"message\":null}").message, "");
    }
}
