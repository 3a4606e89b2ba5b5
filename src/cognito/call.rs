//! A request to send, as `kinesis::Host::post` takes it, and its outcome.

use crate::kinesis::{NetError, Reply};

/// A `POST` to send. Its body may hold a password's proof or a token: it is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    /// Where to.
    pub url: String,
    /// The headers that it needs besides `Host` and `Content-Length`.
    pub headers: Vec<(&'static str, String)>,
    /// What is sent.
    pub body: Vec<u8>,
}

/// The reply to a [`Call`], or that none came.
pub type Outcome = Result<Reply, NetError>;

impl Call {
    /// An operation in AWS' JSON 1.1, unsigned: Cognito authenticates a caller by the body.
    pub(super) fn json(endpoint: &str, target: &'static str, body: Vec<u8>) -> Self {
        let headers =
            vec![("content-type", "application/x-amz-json-1.1".to_owned()), ("x-amz-target", target.to_owned())];
        Self { url: endpoint.to_owned(), headers, body }
    }

    /// A form ([HTML](https://url.spec.whatwg.org/#application/x-www-form-urlencoded)).
    pub(super) fn form(url: &str, fields: &[(&str, &str)]) -> Self {
        let headers = vec![
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
            ("accept", "application/json".to_owned()),
        ];
        Self { url: url.to_owned(), headers, body: query(fields).into_bytes() }
    }
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("url", &self.url).field("headers", &self.headers).finish_non_exhaustive()
    }
}

/// Names and values as in a URL's query or a form: all but letters, digits and `-._~` is percent-encoded.
pub(super) fn query(fields: &[(&str, &str)]) -> String {
    let mut out = String::new();
    for (name, value) in fields {
        if !out.is_empty() {
            out.push('&');
        }
        out.push_str(name);
        out.push('=');
        crate::kinesis::sigv4::encode(&mut out, value.as_bytes(), b"");
    }
    out
}
