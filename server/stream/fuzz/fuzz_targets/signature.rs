//! Heads of requests before the verifier: it never panics, and never admits what was not signed with the key.
//!
//! An input that begins with `=` is a whole head, `path LF name: value LF … LF LF body`, by somebody who has no key. Any
//! other is a change to a request of ours that was signed properly: the letter says to what, the rest is put there.

#![no_main]

use std::sync::OnceLock;

use danmu_stream::fuzzing::Subject;
use danmu_stream_fuzz::{KEY_ID, SECRET, within};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderName, HeaderValue, Request};
use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};

const DATE: &str = "20241119T070640Z";
const TARGET: &str = "Kinesis_20131202.ListShards";
const BODY: &str = r#"{"StreamName":"s"}"#;
const SCOPE: &str = "20241119/us-east-1/kinesis/aws4_request";
const SIGNED: &str = "host;x-amz-date;x-amz-target";

/// The request that is changed; all its parts are signed.
#[derive(Clone)]
struct Genuine {
    path: String,
    host: Vec<u8>,
    date: Vec<u8>,
    target: Vec<u8>,
    key_id: Vec<u8>,
    scope: Vec<u8>,
    signed: Vec<u8>,
    signature: Vec<u8>,
    body: Vec<u8>,
}

fuzz_target!(|input: &[u8]| {
    static GENUINE: OnceLock<Genuine> = OnceLock::new();
    let genuine = GENUINE.get_or_init(|| {
        let genuine = Genuine::new();
        let request = genuine.request().expect("a request");
        within(async |subject| assert_eq!(subject.verify(request, false).await, Ok(()), "the genuine one is refused"));
        genuine
    });
    match input.split_first() {
        None => {}
        Some((b'=', head)) => {
            if let Some((request, public)) = foreign(head) {
                within(async |subject| refuse(subject, request, public).await);
            }
        }
        Some((which, bytes)) => {
            let mut changed = genuine.clone();
            let part = match which % 8 {
                0 => &mut changed.host,
                1 => &mut changed.date,
                2 => &mut changed.target,
                3 => &mut changed.key_id,
                4 => &mut changed.scope,
                5 => &mut changed.signed,
                6 => &mut changed.signature,
                _ => &mut changed.body,
            };
            // Space around a value and runs of it inside are not part of what is signed, save in the body.
            let same = if which % 8 == 7 { *part == bytes } else { words(part).eq(words(bytes)) };
            // With a comma begins another parameter, which may say once more what the genuine one says.
            if (3..=6).contains(&(which % 8)) && bytes.contains(&b',') {
                return;
            }
            *part = bytes.to_vec();
            if let (false, Some(request)) = (same, changed.request()) {
                within(async |subject| refuse(subject, request, false).await);
            }
        }
    }
});

async fn refuse(subject: &Subject, request: Request<Vec<u8>>, public: bool) {
    let shown = format!("{request:?}");
    let Err((name, message)) = subject.verify(request, public).await else { panic!("admitted: {shown}") };
    assert!(danmu_stream_fuzz::is_fair(name), "{name}: {message}: {shown}");
}

fn words(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty())
}

/// A request made of text alone.
fn foreign(head: &[u8]) -> Option<(Request<Vec<u8>>, bool)> {
    let (flags, head) = head.split_first()?;
    let mut lines = head.splitn(2, |byte| *byte == b'\n');
    let mut request = Request::post(lines.next()?);
    let mut rest = lines.next().unwrap_or_default();
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, after) = rest.split_at(end);
        rest = &after[1..];
        if line.is_empty() {
            break;
        }
        let colon = line.iter().position(|byte| *byte == b':')?;
        request = request.header(&line[..colon], line[colon + 1..].trim_ascii());
    }
    Some((request.body(rest.to_vec()).ok()?, flags & 1 != 0))
}

impl Genuine {
    fn new() -> Self {
        let headers = format!("host:localhost\nx-amz-date:{DATE}\nx-amz-target:{TARGET}\n");
        let canonical = format!("POST\n/\n\n{headers}\n{SIGNED}\n{}", hex(&Sha256::digest(BODY)));
        let text = format!("AWS4-HMAC-SHA256\n{DATE}\n{SCOPE}\n{}", hex(&Sha256::digest(canonical)));
        let key = SCOPE.split('/').fold(format!("AWS4{SECRET}").into_bytes(), |key, part| mac(&key, part));
        Self {
            path: "/".to_owned(),
            host: b"localhost".to_vec(),
            date: DATE.into(),
            target: TARGET.into(),
            key_id: KEY_ID.into(),
            scope: SCOPE.into(),
            signed: SIGNED.into(),
            signature: hex(&mac(&key, &text)).into_bytes(),
            body: BODY.into(),
        }
    }

    /// None where a part cannot be in a request at all.
    fn request(&self) -> Option<Request<Vec<u8>>> {
        let credential = [&self.key_id[..], b"/", &self.scope].concat();
        let authorization = [
            &b"AWS4-HMAC-SHA256 Credential="[..],
            &credential,
            b", SignedHeaders=",
            &self.signed,
            b", Signature=",
            &self.signature,
        ]
        .concat();
        let mut request = Request::post(&self.path);
        for (name, value) in [
            ("host", &self.host),
            ("x-amz-date", &self.date),
            ("x-amz-target", &self.target),
            ("authorization", &authorization),
        ] {
            request = request.header(HeaderName::from_static(name), HeaderValue::from_bytes(value).ok()?);
        }
        request.body(self.body.clone()).ok()
    }
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
