//! Signature Version 4 verification.
//!
//! `scratchstack-aws-signature` verifies; this module supplies the keys and translates its errors. Promises: timestamps are
//! compared with the endpoint's clock (15 minutes of skew), the body is always part of what is verified, and `X-Amz-Target`
//! must be signed. A session's key is computed from its token; only its denials are looked up.

use std::{
    future::ready,
    sync::{Arc, OnceLock},
};

use axum::body::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use http::{header::HOST, request::Parts};
use scratchstack_aws_signature::{
    GetSigningKeyRequest, GetSigningKeyResponse, KSecretKey, SignatureError, SignatureOptions,
    VecSignedHeaderRequirements, auth::SigV4Authenticator, canonical::CanonicalRequest, service_for_signing_key_fn,
};
use sha2::{Digest, Sha256};

use super::{Caller, Door, denials::Denials};
use crate::{
    error::{ApiError, ErrorCode},
    root_key::RootKey,
    sts::token::{TokenError, Tokens},
};

const BAD_TOKEN: &str = "The security token included in the request is invalid.";
const EXPIRED: &str = "The security token included in the request is expired";

/// The allowed clock skew of a client, minutes.
const CLOCKS_APART: i64 = 15;
const AUTHORITY: &str = ":authority";

/// Verifies requests that are signed for one region.
#[derive(Clone)]
pub(crate) struct SignatureVerifier {
    keys: Arc<Keys>,
    region: String,
}

struct Keys {
    root: RootKey,
    tokens: Tokens,
    denials: Arc<Denials>,
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl SignatureVerifier {
    pub(crate) fn new(root: RootKey, tokens: Tokens, denials: Arc<Denials>, region: String) -> Self {
        Self { keys: Arc::new(Keys { root, tokens, denials }), region }
    }

    /// The caller, if the signature over these parts and this body is valid. `parts` must carry the host and the path that the
    /// client signed.
    pub(crate) async fn verify(
        &self,
        parts: Parts,
        body: Bytes,
        service: &str,
        door: Door,
        now_ms: i64,
    ) -> Result<Caller, ApiError> {
        let (found, verdict) = self.check(parts, body, service, door, now_ms).await?;
        verdict?;
        found.ok_or_else(no_key)
    }

    /// The caller that the headers name, checked as far as possible without the body: date and scope, a known key, a session
    /// that has not expired. Headers can be copied, so this authenticates nobody.
    pub(crate) async fn seems_known(
        &self,
        parts: &Parts,
        service: &str,
        door: Door,
        now_ms: i64,
    ) -> Result<Caller, ApiError> {
        // Without the body no signature can match, but the key is looked up last: if it was found, all earlier checks passed.
        let (found, verdict) = self.check(parts.clone(), Bytes::new(), service, door, now_ms).await?;
        match found {
            Some(caller) => Ok(caller),
            None => Err(verdict.err().unwrap_or_else(no_key)),
        }
    }

    /// The caller whose key the request names, if the check got that far, and the verdict on the signature.
    async fn check(
        &self,
        parts: Parts,
        body: Bytes,
        service: &str,
        door: Door,
        now_ms: i64,
    ) -> Result<(Option<Caller>, Result<(), ApiError>), ApiError> {
        let now = DateTime::<Utc>::from_timestamp_millis(now_ms)
            .ok_or_else(|| ApiError::new(ErrorCode::InternalFailure, "The clock is out of range."))?;
        let mut required = VecSignedHeaderRequirements::default();
        required.add_if_in_request("x-amz-date");
        required.add_if_in_request("x-amz-target");
        let found = Arc::new(OnceLock::new());
        let find = {
            let (keys, found) = (Arc::clone(&self.keys), Arc::clone(&found));
            move |request: GetSigningKeyRequest| ready(keys.signing_key(&request, door, now_ms, &found))
        };
        let mut signing_keys = service_for_signing_key_fn(find);
        let signed = match authenticator(parts, body, &required) {
            Ok(signed) => signed,
            Err(error) => return Ok((None, Err(refusal(error)))),
        };
        let verdict = signed
            .validate_signature(&self.region, service, now, TimeDelta::minutes(CLOCKS_APART), &mut signing_keys)
            .await
            .map(drop)
            .map_err(|error| refusal(error.into()));
        Ok((found.get().cloned(), verdict))
    }
}

/// The canonical request for the verifier. HTTP/2 clients may sign the pseudo-header `:authority` instead of `host` (the AWS
/// SDK for JavaScript does); `parts` has the host in `host` either way.
fn authenticator(
    parts: Parts,
    body: Bytes,
    required: &VecSignedHeaderRequirements,
) -> Result<SigV4Authenticator, BoxError> {
    let host = parts.headers.get(HOST).cloned();
    let (request, ..) = CanonicalRequest::from_request_parts(parts, body, SignatureOptions::default())?;
    let signed = request.get_auth_parameters(required)?;
    if !signed.signed_headers.iter().any(|name| name == AUTHORITY) {
        return Ok(request.get_authenticator_from_auth_parameters(signed)?);
    }
    // `:authority` sorts before all names that begin with a letter, so its line follows the method, the path and the query.
    let text = request.canonical_request(&signed.signed_headers);
    let line = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(2).map(|(at, _)| at + 1);
    let (Some(host), Some(line), Some(AUTHORITY)) = (host, line, signed.signed_headers.first().map(String::as_str))
    else {
        let reason = "':authority' must be the first 'SignedHeader', and the host must be known.".to_owned();
        return Err(SignatureError::SignatureDoesNotMatch(Some(reason)).into());
    };
    let (before, after) = text.split_at(line);
    let hash =
        Sha256::new().chain_update(before).chain_update(AUTHORITY).chain_update(":").chain_update(host.as_bytes());
    let hash = hash.chain_update("\n").chain_update(after).finalize();
    let mut builder = signed.builder.clone();
    let signed = request.get_authenticator_from_auth_parameters(signed)?;
    Ok(builder.request_timestamp(signed.request_timestamp()).canonical_request_sha256(hash.into()).build()?)
}

impl Keys {
    fn signing_key(
        &self,
        request: &GetSigningKeyRequest,
        door: Door,
        now_ms: i64,
        found: &OnceLock<Caller>,
    ) -> Result<GetSigningKeyResponse, BoxError> {
        let unknown = || SignatureError::InvalidClientTokenId(BAD_TOKEN.to_owned());
        let (caller, secret) = match request.session_token() {
            // The public door does not accept the root key.
            None if door == Door::Own && request.access_key() == self.root.access_key_id => {
                (Caller::Root, self.root.secret_access_key.clone())
            }
            None => return Err(unknown().into()),
            Some(token) => match self.tokens.open(token, request.access_key(), now_ms) {
                Ok(session) => {
                    let secret = self.tokens.secret_of(&session.access_key_id);
                    let denied = self.denials.cover(&session, now_ms);
                    (Caller::Session { session, denied }, secret)
                }
                Err(TokenError::Expired) => return Err(SignatureError::ExpiredToken(EXPIRED.to_owned()).into()),
                Err(TokenError::Invalid) => return Err(unknown().into()),
            },
        };
        let secret: KSecretKey = secret.parse()?;
        let _ = found.set(caller);
        let key = secret.to_ksigning(request.request_date(), request.region(), request.service());
        Ok(GetSigningKeyResponse::builder().signing_key(key).build()?)
    }
}

fn no_key() -> ApiError {
    ApiError::new(ErrorCode::InternalFailure, "The signature was verified without a key.")
}

/// Translates the verifier's error to AWS' error name.
fn refusal(error: BoxError) -> ApiError {
    let error = SignatureError::from(error);
    let kind = match &error {
        SignatureError::ExpiredToken(_) => ErrorCode::ExpiredToken,
        SignatureError::InvalidClientTokenId(_) => ErrorCode::UnrecognizedClient,
        SignatureError::MissingAuthenticationToken(_) => ErrorCode::MissingAuthenticationToken,
        SignatureError::IncompleteSignature(_) | SignatureError::MalformedQueryString(_) => {
            ErrorCode::IncompleteSignature
        }
        SignatureError::IO(_) | SignatureError::InternalServiceError(_) => {
            tracing::error!(%error, "a signature could not be verified");
            return ApiError::new(ErrorCode::InternalFailure, "The signature could not be verified.");
        }
        _ => ErrorCode::InvalidSignature,
    };
    let mut message = error.to_string();
    if message.is_empty() {
        "The request is signed twice: use the Authorization header or the query string.".clone_into(&mut message);
    }
    ApiError::new(kind, message)
}

#[cfg(test)]
mod tests {
    use http::Request;
    use proptest::prelude::*;

    use super::*;

    const NOW_MS: i64 = 1_732_000_000_000;

    fn verifier() -> SignatureVerifier {
        let root = RootKey { access_key_id: "AKIAAAAAAAAAAAAAAAAA".to_owned(), secret_access_key: "s".repeat(40) };
        let tokens = Tokens::new(&root);
        SignatureVerifier::new(root, tokens, Arc::default(), "us-east-1".to_owned())
    }

    /// Pieces of real headers and noise, in any order: closer to the parser's edges than noise alone.
    fn header() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("AWS4-HMAC-SHA256 "),
            Just("Credential="),
            Just("AKIAAAAAAAAAAAAAAAAA/20241119/us-east-1/kinesis/aws4_request"),
            Just("AKIAAAAAAAAAAAAAAAAA/"),
            Just("SignedHeaders=host;x-amz-date"),
            Just("SignedHeaders=;;"),
            Just("Signature="),
            Just("0123abcd"),
            Just(", "),
            Just("="),
            Just("20241119T070640Z"),
            Just("20241332T990000Z"),
        ];
        prop_oneof![
            proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat()),
            "[ -~]{0,60}",
            "\\PC{0,20}",
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn whatever_is_sent_is_refused_and_never_a_panic(
            authorization in proptest::option::of(header()),
            date in proptest::option::of(header()),
            token in proptest::option::of(header()),
            path in "/[a-z%./0-9?&=+-]{0,30}",
            body in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let mut request = Request::post(path).header("host", "localhost");
            for (name, value) in [("authorization", &authorization), ("x-amz-date", &date), ("x-amz-security-token", &token)] {
                if let Some(value) = value {
                    request = request.header(name, value.as_bytes());
                }
            }
            let Ok(request) = request.body(()) else { return Ok(()) };
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            let runtime = runtime.map_err(|error| TestCaseError::fail(error.to_string()))?;
            let parts = request.into_parts().0;
            let verdict = runtime.block_on(verifier().verify(parts, Bytes::from(body), "kinesis", Door::Own, NOW_MS));
            prop_assert!(verdict.is_err());
        }
    }
}
