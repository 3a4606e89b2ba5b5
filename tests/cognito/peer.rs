//! The same numbers as another client: PyPI's `pycognito`, which signs in to Amazon's own pools.
//!
//! `E2E_PYTHON` is a Python that has it; `cargo xtask test` installs and names one, and without it it is said that nothing was
//! compared.

use std::{
    env,
    io::Write,
    process::{Command, Stdio},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use danmu::cognito::srp::{CHANCE_BYTES, Challenge, Srp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256, digest::Output};

use super::arithmetic::Natural;

fn digest(text: String) -> Output<Sha256> {
    Sha256::digest(text)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Random-looking cases, among them numbers that begin with zeros and with a bit that is set.
fn cases() -> Vec<Value> {
    let case = |n: u64| {
        let a: Vec<u8> = (0..2).flat_map(|half| digest(format!("a {n} {half}"))).collect();
        let b: Vec<u8> = (0..12).flat_map(|part| digest(format!("b {n} {part}"))).collect();
        json!({
            "a": hex(&a), "pool": "us-east-1_AbC123", "user": format!("user-{n}-用户"), "password": format!("päss:word {n}"),
            // pycognito hashes the digits as they come, odd or not: whole bytes, without a zero in front, are the same to all.
            "salt": format!("{:x}", (0x80_u128 << (8 * (n % 15))) | (1 + u128::from(n))),
            "b": hex(&b[(n % 3) as usize..]).trim_start_matches('0'),
            "block": BASE64_STANDARD.encode(digest(format!("block {n}"))), "now": 1_700_000_000 + n * 7_654_321,
        })
    };
    (0..50).map(case).collect()
}

#[test]
fn pycognito_would_send_the_same() {
    let Ok(python) = env::var("E2E_PYTHON") else {
        eprintln!("not compared: E2E_PYTHON names no Python that has pycognito");
        return;
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cognito/peer.py");
    let mut peer =
        Command::new(python).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("Python starts");
    let cases = cases();
    let lines: String = cases.iter().map(|case| format!("{case}\n")).collect();
    peer.stdin.take().expect("a pipe").write_all(lines.as_bytes()).expect("it reads");
    let output = peer.wait_with_output().expect("it ends");
    assert!(output.status.success());
    let answers = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(answers.lines().count(), cases.len());
    for (case, answer) in cases.iter().zip(answers.lines()) {
        let text = |name: &str| case[name].as_str().expect("text");
        let bytes: Vec<u8> =
            (0..CHANCE_BYTES).map(|n| u8::from_str_radix(&text("a")[2 * n..2 * n + 2], 16).expect("digits")).collect();
        let client = Srp::<Natural>::new(&bytes.try_into().expect("its length")).expect("chance");
        let challenge = Challenge { user: text("user"), salt: text("salt"), b: text("b"), block: text("block") };
        let now_ms = case["now"].as_i64().expect("a number") * 1_000;
        let claim = client.claim("AbC123", text("password"), challenge, now_ms).expect("a claim");
        let ours = json!({"srp_a": client.public(), "timestamp": claim.timestamp, "signature": claim.signature});
        assert_eq!(serde_json::from_str::<Value>(answer).expect("JSON"), ours, "{case}");
    }
}
