//! Internals for the fuzz targets in `fuzz/`; compiled with `--cfg fuzzing`, which cargo-fuzz sets.
//!
//! A [`Subject`] is an endpoint whose callers need no signature. Once it is [sealed](Subject::seal), it accepts no more
//! writes, so that every input runs against the same log and costs no sync.

use axum::body::Bytes;
use http::Request;

use crate::{
    Endpoint,
    auth::{
        Caller, Door,
        policy::{About, Policy, Verdict},
    },
    kinesis::{Call, Format, Output},
    sequence::SequenceNumber,
    sts::Sts,
};

/// How a call is made.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    /// In CBOR instead of JSON.
    pub cbor: bool,
    /// Through the public door instead of the endpoint's own.
    pub public: bool,
}

/// The name and the message of a refusal.
pub type Refused = (&'static str, String);

/// An endpoint without HTTP and signatures.
#[derive(Debug)]
pub struct Subject(Endpoint);

impl Subject {
    /// Wraps an endpoint that was opened as usual.
    pub fn new(endpoint: Endpoint) -> Self {
        Self(endpoint)
    }

    /// Refuses all later writes with `ServiceUnavailable`.
    pub async fn seal(&self) {
        self.0.close().await;
    }

    /// Runs a Kinesis operation as the root key; an event stream is returned as empty.
    ///
    /// # Errors
    /// As a client would see it.
    pub async fn kinesis(&self, operation: &str, way: Way, body: &[u8]) -> Result<Vec<u8>, Refused> {
        let door = if way.public { Door::Public } else { Door::Own };
        let format = if way.cbor { Format::Cbor } else { Format::Json };
        let call = Call { endpoint: &self.0.inner, caller: &Caller::Root, door, operation, format };
        match call.run(body).await {
            Ok(Output::Whole(bytes)) => Ok(bytes),
            Ok(Output::Events(_)) => Ok(Vec::new()),
            Err(error) => Err((error.kind.kinesis_name(), error.message)),
        }
    }

    /// Runs an STS action, given as a form, as the root key.
    ///
    /// # Errors
    /// As a client would see it.
    pub fn sts(&self, form: &[u8]) -> Result<String, Refused> {
        let inner = &self.0.inner;
        let sts = Sts {
            place: &inner.place,
            tokens: &inner.tokens,
            denials: &inner.denials,
            sessions_may: inner.sessions_may_control,
            now_ms: inner.clock.now_ms(),
        };
        sts.call(&Caller::Root, form, "fuzz").map_err(|error| (error.kind.sts_name(), error.message))
    }

    /// Verifies the signature of a request.
    ///
    /// # Errors
    /// As a client would see it.
    pub async fn verify(&self, request: Request<Vec<u8>>, public: bool) -> Result<(), Refused> {
        let (parts, body) = request.into_parts();
        let door = if public { Door::Public } else { Door::Own };
        let inner = &self.0.inner;
        let now_ms = inner.clock.now_ms();
        // A large real request is checked without its body first, too; the result authenticates nobody.
        let _ = inner.verifier.seems_known(&parts, "kinesis", door, now_ms).await;
        let caller = inner.verifier.verify(parts, Bytes::from(body), "kinesis", door, now_ms).await;
        caller.map(drop).map_err(|error| (error.kind.kinesis_name(), error.message))
    }

    /// Whether a session token is valid for this access key.
    pub fn opens(&self, token: &str, access_key_id: &str) -> bool {
        self.0.inner.tokens.open(token, access_key_id, self.0.inner.clock.now_ms()).is_ok()
    }
}

/// Parses a sequence number and formats it again.
pub fn sequence_number(text: &str) -> Option<String> {
    text.parse::<SequenceNumber>().ok().map(|number| number.to_string())
}

/// Whether a session policy allows this; `None` if it cannot be parsed.
pub fn allows(policy: &str, action: &str, resource: &str) -> Option<bool> {
    let about = About { source_identity: "someone", user_id: "AROAfuzz:fuzz", issued_ms: 0 };
    Policy::parse(policy).ok().map(|policy| matches!(policy.evaluate(action, resource, &about), Verdict::Allow))
}
