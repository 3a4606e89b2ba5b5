//! Errors in two layers: [`OpenError`] and [`StreamError`] for the program that embeds the endpoint, [`ApiError`] for
//! clients, with the names of the real services.

use std::{io, path::PathBuf};

use http::StatusCode;

use crate::root_key::RootKeyError;

/// Why an endpoint could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another endpoint has the directory open.
    #[error("{path} is in use by another process; stop it, or choose another data directory")]
    Locked {
        /// The data directory.
        path: PathBuf,
    },
    /// The directory cannot be created or written.
    #[error("the data directory {path} cannot be used: {source}")]
    Directory {
        /// The data directory.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// There is no root key.
    #[error(transparent)]
    RootKey(#[from] RootKeyError),
    /// The log could not be opened.
    #[error("the log in {path} cannot be opened: {reason}")]
    Log {
        /// The data directory.
        path: PathBuf,
        /// What the storage engine says.
        reason: String,
    },
    /// A setting is invalid.
    #[error("{name} = {value:?} is not valid: {rule}")]
    Setting {
        /// The option.
        name: &'static str,
        /// Its value.
        value: String,
        /// The rule it breaks.
        rule: &'static str,
    },
}

/// Why [`Endpoint::ensure_stream`](crate::Endpoint::ensure_stream) failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// The name or the number of shards is out of its range.
    #[error("{0}")]
    Invalid(String),
    /// The log could not be written.
    #[error("the stream could not be written: {0}")]
    Log(String),
}

/// An error as a client sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) kind: ErrorCode,
    pub(crate) message: String,
}

/// The errors of the Kinesis API and of AWS' common layer.
/// <https://docs.aws.amazon.com/kinesis/latest/APIReference/CommonErrors.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ErrorCode {
    AccessDenied,
    DryRun,
    ExpiredIterator,
    ExpiredNextToken,
    ExpiredToken,
    IncompleteSignature,
    InternalFailure,
    InvalidArgument,
    InvalidSignature,
    LimitExceeded,
    MissingAuthenticationToken,
    ProvisionedThroughputExceeded,
    RequestTimeout,
    RequestTooLarge,
    ResourceInUse,
    ResourceNotFound,
    Serialization,
    ServiceUnavailable,
    UnknownOperation,
    UnrecognizedClient,
    Validation,
    // STS alone:
    InvalidAction,
    MalformedPolicyDocument,
    PackedPolicyTooLarge,
}

impl ErrorCode {
    /// The `__type` of a Kinesis error.
    pub(crate) const fn kinesis_name(self) -> &'static str {
        match self {
            Self::AccessDenied => "AccessDeniedException",
            Self::DryRun => "DryRunOperationException",
            Self::ExpiredIterator => "ExpiredIteratorException",
            Self::ExpiredNextToken => "ExpiredNextTokenException",
            Self::ExpiredToken => "ExpiredTokenException",
            Self::IncompleteSignature => "IncompleteSignatureException",
            Self::InternalFailure => "InternalFailure",
            Self::InvalidArgument => "InvalidArgumentException",
            Self::InvalidSignature => "InvalidSignatureException",
            Self::LimitExceeded => "LimitExceededException",
            Self::MissingAuthenticationToken => "MissingAuthenticationTokenException",
            Self::ProvisionedThroughputExceeded => "ProvisionedThroughputExceededException",
            Self::RequestTimeout => "RequestTimeoutException",
            Self::RequestTooLarge => "RequestEntityTooLargeException",
            Self::ResourceInUse => "ResourceInUseException",
            Self::ResourceNotFound => "ResourceNotFoundException",
            Self::Serialization => "SerializationException",
            Self::ServiceUnavailable => "ServiceUnavailable",
            Self::UnknownOperation | Self::InvalidAction => "UnknownOperationException",
            Self::UnrecognizedClient => "UnrecognizedClientException",
            Self::Validation => "ValidationException",
            Self::MalformedPolicyDocument => "MalformedPolicyDocumentException",
            Self::PackedPolicyTooLarge => "PackedPolicyTooLargeException",
        }
    }

    /// The `Code` of an STS error.
    /// <https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html>
    pub(crate) const fn sts_name(self) -> &'static str {
        match self {
            Self::AccessDenied => "AccessDenied",
            Self::ExpiredToken => "ExpiredToken",
            Self::IncompleteSignature => "IncompleteSignature",
            Self::InvalidSignature => "SignatureDoesNotMatch",
            Self::MissingAuthenticationToken => "MissingAuthenticationToken",
            Self::RequestTimeout => "RequestTimeout",
            Self::RequestTooLarge => "RequestEntityTooLarge",
            Self::UnknownOperation | Self::InvalidAction => "InvalidAction",
            Self::UnrecognizedClient => "InvalidClientTokenId",
            Self::Validation | Self::Serialization | Self::InvalidArgument => "ValidationError",
            Self::MalformedPolicyDocument => "MalformedPolicyDocument",
            Self::PackedPolicyTooLarge => "PackedPolicyTooLarge",
            other => other.kinesis_name(),
        }
    }

    /// The HTTP status of a Kinesis error: almost always 400.
    pub(crate) const fn kinesis_status(self) -> StatusCode {
        match self {
            Self::InternalFailure => StatusCode::INTERNAL_SERVER_ERROR,
            Self::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::RequestTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// The HTTP status of an STS error: 403 if the credentials or their rights are at fault.
    pub(crate) const fn sts_status(self) -> StatusCode {
        match self {
            Self::AccessDenied
            | Self::ExpiredToken
            | Self::InvalidSignature
            | Self::MissingAuthenticationToken
            | Self::UnrecognizedClient => StatusCode::FORBIDDEN,
            other => other.kinesis_status(),
        }
    }
}

impl ApiError {
    pub(crate) fn new(kind: ErrorCode, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// A value outside its constraint, in AWS' wording.
    pub(crate) fn constraint(value: impl std::fmt::Display, field: &str, rule: &str) -> Self {
        let mut violations = Violations::default();
        violations.constraint(value, field, rule);
        violations.error()
    }

    /// A required member that is not there.
    pub(crate) fn missing(field: &str) -> Self {
        let mut violations = Violations::default();
        violations.missing(field);
        violations.error()
    }
}

/// The members of a request that break their rules, reported together as AWS does.
#[derive(Debug, Default)]
pub(crate) struct Violations(Vec<String>);

impl Violations {
    /// The most that are reported.
    const MOST: usize = 10;

    pub(crate) fn constraint(&mut self, value: impl std::fmt::Display, field: &str, rule: &str) {
        self.add(|| format!("Value '{value}' at '{field}' failed to satisfy constraint: {rule}"));
    }

    /// A required member that is not there.
    pub(crate) fn missing(&mut self, field: &str) {
        self.add(|| format!("Value null at '{field}' failed to satisfy constraint: Member must not be null"));
    }

    fn add(&mut self, words: impl FnOnce() -> String) {
        if self.0.len() < Self::MOST {
            self.0.push(words());
        }
    }

    /// # Errors
    /// `ValidationException` if there are any.
    pub(crate) fn verdict(self) -> Result<(), ApiError> {
        if self.0.is_empty() { Ok(()) } else { Err(self.error()) }
    }

    fn error(self) -> ApiError {
        let count = self.0.len();
        let plural = if count == 1 { "" } else { "s" };
        let message = format!("{count} validation error{plural} detected: {}", self.0.join("; "));
        ApiError::new(ErrorCode::Validation, message)
    }
}
