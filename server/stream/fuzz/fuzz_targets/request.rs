//! The body of every operation, in both forms and through both doors, and the texts that clients hand back: an answer is
//! well-formed, a refusal is a refusal by name and never a failure of ours, and nothing panics.
//!
//! The first byte says what the rest is: `A` to `X` an operation, `a` a form for STS, `b` a session policy, `c` a sequence
//! number, `d` a session token. For an operation the second byte says how: bit 0 CBOR, bit 1 the public door.

#![no_main]

use danmu_stream::fuzzing::{Subject, Way, allows, sequence_number};
use danmu_stream_fuzz::{DATA_PLANE, KEY_ID, OPERATIONS, is_fair, within};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((what, rest)) = input.split_first() else { return };
    match what {
        b'a' => within(async |subject| sts(subject, rest)),
        b'b' => policy(&String::from_utf8_lossy(rest)),
        b'c' => {
            let text = String::from_utf8_lossy(rest);
            if let Some(again) = sequence_number(&text) {
                assert_eq!(sequence_number(&again).as_deref(), Some(again.as_str()));
            }
        }
        b'd' => within(async |subject| assert!(!subject.opens(&String::from_utf8_lossy(rest), KEY_ID))),
        _ => {
            let number = usize::from(what.wrapping_sub(b'A')) % OPERATIONS.len();
            within(async |subject| operation(subject, number, rest).await);
        }
    }
});

async fn operation(subject: &Subject, number: usize, input: &[u8]) {
    let Some((how, body)) = input.split_first() else { return };
    let way = Way { cbor: how & 1 != 0, public: how & 2 != 0 };
    match subject.kinesis(OPERATIONS[number], way, body).await {
        Ok(answer) => {
            assert!(!way.public || number < DATA_PLANE, "the public door let {} in", OPERATIONS[number]);
            if !answer.is_empty() && way.cbor {
                let _: ciborium::Value = ciborium::from_reader(&answer[..]).expect("an answer in CBOR");
            } else if !answer.is_empty() {
                let _: serde_json::Value = serde_json::from_slice(&answer).expect("an answer in JSON");
            }
        }
        Err((name, message)) => assert!(is_fair(name), "{name}: {message}"),
    }
}

fn sts(subject: &Subject, form: &[u8]) {
    if let Err((name, message)) = subject.sts(form) {
        assert!(is_fair(name), "{name}: {message}");
    }
}

fn policy(text: &str) {
    let stream = "arn:aws:kinesis:us-east-1:000000000000:stream/s";
    let allowed = allows(text, "kinesis:PutRecord", stream);
    // Names of actions know no case.
    assert_eq!(allowed, allows(text, "KINESIS:putrecord", stream));
}
