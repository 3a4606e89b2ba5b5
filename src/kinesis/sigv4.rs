//! AWS Signature Version 4 (SigV4), with the signature in a header.
//!
//! Source: IAM User Guide, [Create a signed AWS API
//! request](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html). The result equals
//! `aws-sigv4`'s for the same request, byte for byte. It signs whole bodies only: no presigned URLs, no streamed chunks, no S3
//! dialect.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::time::amz_date;

/// The signer's credentials.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// Access key id.
    pub access_key_id: &'a str,
    /// The secret; it never leaves this module.
    pub secret_access_key: &'a str,
    /// The token of temporary credentials.
    pub session_token: Option<&'a str>,
}

/// The request to sign. Path and query are as they are sent, percent-encoded or not.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// `POST`.
    pub method: &'a str,
    /// Absolute path; empty means `/`.
    pub path: &'a str,
    /// The query, without `?`.
    pub query: &'a str,
    /// Every header to sign, `host` among them; names in any case, repeated names in the order they are sent.
    pub headers: &'a [(&'a str, &'a str)],
    /// The whole body.
    pub body: &'a [u8],
}

/// The credential scope: where and when the signature is valid.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// For example `us-east-1`.
    pub region: &'a str,
    /// The service's signing name, for example `kinesis`.
    pub service: &'a str,
    /// Unix milliseconds; the services accept about five minutes of error.
    pub time_ms: i64,
}

/// What differs between services.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Remove `.`, `..` and empty segments from the path; all services but S3 do.
    pub normalize_path: bool,
    /// Sign the session token's header too; nearly all services require it.
    pub sign_token: bool,
    /// Add and sign `x-amz-content-sha256`, for services that require it.
    pub body_header: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { normalize_path: true, sign_token: true, body_header: false }
    }
}

/// The headers to add to the request, `authorization` last.
pub fn sign(
    request: &Request<'_>,
    credentials: &Credentials<'_>,
    scope: &Scope<'_>,
    settings: Settings,
) -> Vec<(&'static str, String)> {
    let date = amz_date(scope.time_ms);
    let day = &date[..8];
    let body_hash = sha256_hex(request.body);

    let mut added = vec![("x-amz-date", date.clone())];
    if settings.body_header {
        added.push(("x-amz-content-sha256", body_hash.clone()));
    }
    let token = credentials.session_token.map(|token| ("x-amz-security-token", token.to_owned()));
    if settings.sign_token {
        added.extend(token.clone());
    }
    let (canonical, signed) = canonical_request(request, &added, &body_hash, settings);
    if !settings.sign_token {
        added.extend(token);
    }

    let scope_line = [day, scope.region, scope.service, "aws4_request"].join("/");
    let to_sign = ["AWS4-HMAC-SHA256", &date, &scope_line, &sha256_hex(canonical.as_bytes())].join("\n");
    let mut key = hmac(["AWS4", credentials.secret_access_key].concat().as_bytes(), day.as_bytes());
    for part in [scope.region, scope.service, "aws4_request"] {
        key = hmac(&key, part.as_bytes());
    }
    let authorization = [
        "AWS4-HMAC-SHA256 Credential=",
        credentials.access_key_id,
        "/",
        &scope_line,
        ", SignedHeaders=",
        &signed,
        ", Signature=",
        &hex(&hmac(&key, to_sign.as_bytes())),
    ];
    added.push(("authorization", authorization.concat()));
    added
}

/// The canonical request of `request` with the `added` headers, and the list of signed header names.
fn canonical_request(
    request: &Request<'_>,
    added: &[(&'static str, String)],
    body_hash: &str,
    settings: Settings,
) -> (String, String) {
    let mut headers: Vec<(String, String)> = Vec::with_capacity(request.headers.len() + added.len());
    let all = request.headers.iter().copied().chain(added.iter().map(|(name, value)| (*name, value.as_str())));
    for (name, value) in all {
        let name = name.to_ascii_lowercase();
        // The signer's own headers replace what the caller sent under the same name.
        let own = request.headers.len() <= headers.len();
        if own || !added.iter().any(|(added, _)| *added == name) {
            headers.push((name, squeeze(value)));
        } else {
            headers.push((String::new(), String::new()));
        }
    }
    headers.retain(|(name, _)| !name.is_empty() && !UNSIGNED.contains(&name.as_str()));
    // Stable: values of a repeated name stay in the order they are sent.
    let headers = sorted(headers, |a, b| a.0 <= b.0);

    let mut lines = String::new();
    let mut signed = String::new();
    for (index, (name, value)) in headers.iter().enumerate() {
        if index > 0 && headers[index - 1].0 == *name {
            lines.push(',');
        } else {
            if index > 0 {
                lines.push('\n');
                signed.push(';');
            }
            lines.push_str(name);
            lines.push(':');
            signed.push_str(name);
        }
        lines.push_str(value);
    }
    let path = if settings.normalize_path { normalize(request.path) } else { request.path.to_owned() };
    let mut canonical_path = String::new();
    encode(&mut canonical_path, path.as_bytes(), b"/");
    let canonical =
        [request.method, &canonical_path, &canonical_query(request.query), &lines, "", &signed, body_hash].join("\n");
    (canonical, signed)
}

/// Headers not to sign: proxies and browsers change them, or they are the signature itself.
const UNSIGNED: [&str; 4] = ["authorization", "user-agent", "x-amzn-trace-id", "transfer-encoding"];

/// Trims spaces, and collapses inner runs of them.
fn squeeze(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for word in value.split([' ', '\t', '\r', '\n']).filter(|word| !word.is_empty()) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// Removes dot segments and empty ones; a trailing slash stays
/// ([RFC 3986, 5.2.4](https://www.rfc-editor.org/rfc/rfc3986#section-5.2.4)).
fn normalize(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            other => kept.push(other),
        }
    }
    let mut out = ["/", &kept.join("/")].concat();
    let last = path.rsplit('/').next().unwrap_or_default();
    if matches!(last, "" | "." | "..") && !out.ends_with('/') {
        out.push('/');
    }
    out
}

/// A stable insertion sort for few items: the standard library's sorts would add 8 kB to the browser's module, uncompressed.
fn sorted<T>(items: Vec<T>, in_order: impl Fn(&T, &T) -> bool) -> Vec<T> {
    let mut out = Vec::with_capacity(items.len());
    for item in items {
        let at = out.partition_point(|earlier| in_order(earlier, &item));
        out.insert(at, item);
    }
    out
}

/// The query with every pair decoded, encoded again by SigV4's rule, and sorted.
fn canonical_query(query: &str) -> String {
    let pairs = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (recode(name), recode(value))
        })
        .collect();
    let pairs: Vec<(String, String)> = sorted(pairs, |a, b| a <= b);
    let mut out = String::new();
    for (name, value) in &pairs {
        if !out.is_empty() {
            out.push('&');
        }
        out.push_str(name);
        out.push('=');
        out.push_str(value);
    }
    out
}

fn recode(text: &str) -> String {
    let plain = unescape(text);
    let mut out = String::with_capacity(plain.len());
    encode(&mut out, &plain, b"");
    out
}

/// Decodes a percent-encoded query, where `+` is a space.
pub(crate) fn unescape(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = bytes.get(at + 1..at + 3).filter(|_| byte == b'%').and_then(|digits| {
            let digit = |d: u8| char::from(d).to_digit(16);
            Some((digit(digits[0])? * 16 + digit(digits[1])?) as u8)
        });
        plain.push(escaped.unwrap_or(if byte == b'+' { b' ' } else { byte }));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    plain
}

/// Percent-encodes all but the unreserved characters (RFC 3986, 2.3) and those in `keep`.
pub(crate) fn encode(out: &mut String, bytes: &[u8], keep: &[u8]) {
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || keep.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            push_hex(out, byte, b"0123456789ABCDEF");
        }
    }
}

fn push_hex(out: &mut String, byte: u8, digits: &[u8; 16]) {
    out.push(char::from(digits[usize::from(byte >> 4)]));
    out.push(char::from(digits[usize::from(byte & 15)]));
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for &byte in bytes {
        push_hex(&mut out, byte, b"0123456789abcdef");
    }
    out
}

fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// HMAC-SHA-256 ([RFC 2104](https://www.rfc-editor.org/rfc/rfc2104)), for keys of any length.
pub(crate) fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    // A key of exactly one block cannot be refused, so there is no error to handle: longer ones are hashed, shorter
    // ones padded with zeros, as RFC 2104 says.
    let mut block = [0; 64];
    if key.len() > block.len() {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let mut mac = Hmac::<Sha256>::new(&block.into());
    mac.update(message);
    mac.finalize().into_bytes().into()
}
