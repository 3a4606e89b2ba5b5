//! CBOR as a request of every operation: where it has the shape of one, it means the same when it is written again, and
//! the same as the JSON of its values. The first byte chooses the operation, from `A` on.

#![no_main]

use base64::{Engine, engine::general_purpose::STANDARD};
use ciborium::Value;
use danmu_stream::fuzzing::{Refused, Subject, Way};
use danmu_stream_fuzz::{OPERATIONS, is_fair, within};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Number, Value as Json};

/// Whole numbers up to here are the same in a double: 2^53.
const EXACT: i128 = 1 << 53;

fuzz_target!(|input: &[u8]| {
    let Some((what, body)) = input.split_first() else { return };
    let operation = OPERATIONS[usize::from(what.wrapping_sub(b'A')) % OPERATIONS.len()];
    within(async |subject| {
        let outcome = ask(subject, operation, true, body).await;
        let mut rest = body;
        let Ok(value) = ciborium::from_reader::<Value, _>(&mut rest) else {
            assert!(outcome.is_err(), "what is no CBOR was answered");
            return;
        };
        if !rest.is_empty() {
            assert!(outcome.is_err(), "what follows the value was passed over");
            return;
        }
        // So many a day: the second call may be the one too many.
        if !is_plain(&value) || operation == "UpdateShardCount" && name(&outcome) == "LimitExceededException" {
            return;
        }
        let mut again = Vec::new();
        ciborium::into_writer(&value, &mut again).expect("a value that was read");
        let repeated = ask(subject, operation, true, &again).await;
        if operation == "UpdateShardCount" && name(&repeated) == "LimitExceededException" {
            return;
        }
        assert_eq!(name(&repeated), name(&outcome), "{operation}: {value:?}");
        if let (true, Some(json)) = (is_read(&outcome), json(&value)) {
            let other = ask(subject, operation, false, json.to_string().as_bytes()).await;
            if operation == "UpdateShardCount" && name(&other) == "LimitExceededException" {
                return;
            }
            assert_eq!(name(&other), name(&outcome), "{operation}: {json}");
        }
    });
});

async fn ask(subject: &Subject, operation: &str, cbor: bool, body: &[u8]) -> Result<Vec<u8>, Refused> {
    // Each call as if it were the only one in a while.
    tokio::time::advance(std::time::Duration::from_secs(2)).await;
    let outcome = subject.kinesis(operation, Way { cbor, public: false }, body).await;
    if let Err((name, message)) = &outcome {
        assert!(is_fair(name), "{name}: {message}");
    }
    outcome
}

/// What became of a request, in a word; answers hold what is random (iterators), and messages what is of the form.
fn name(outcome: &Result<Vec<u8>, Refused>) -> &'static str {
    match outcome {
        Ok(_) => "answered",
        Err((name, _)) => name,
    }
}

fn is_read(outcome: &Result<Vec<u8>, Refused>) -> bool {
    name(outcome) != "SerializationException"
}

/// Whether all keys are texts, and tags stand on times alone. A large number, for one, is bytes under a tag before it is
/// read and may be a number afterwards: as a key it is not the same written again; and a number that is no time may carry
/// the tag of one, which JSON cannot say.
fn is_plain(value: &Value) -> bool {
    match value {
        Value::Tag(..) => false,
        Value::Array(values) => values.iter().all(is_plain),
        Value::Map(members) => members.iter().all(|(key, value)| match (key, value) {
            (Value::Text(key), Value::Tag(1, time)) => key.ends_with("Timestamp") && is_plain(time),
            (Value::Text(_), value) => is_plain(value),
            _ => false,
        }),
        _ => true,
    }
}

/// The JSON of a request, where it has one: bytes in base64, times in seconds.
fn json(value: &Value) -> Option<Json> {
    Some(match value {
        Value::Null => Json::Null,
        Value::Bool(truth) => Json::Bool(*truth),
        Value::Text(text) => Json::String(text.clone()),
        Value::Bytes(bytes) => Json::String(STANDARD.encode(bytes)),
        Value::Integer(number) => Json::Number(Number::from_i128(i128::from(*number))?),
        Value::Float(number) => Json::Number(Number::from_f64(*number)?),
        Value::Tag(1, inner) => match &**inner {
            Value::Integer(ms) if (0..EXACT).contains(&i128::from(*ms)) => {
                Json::Number(Number::from_f64(i128::from(*ms) as f64 / 1000.0)?)
            }
            _ => return None,
        },
        Value::Array(values) => Json::Array(values.iter().map(json).collect::<Option<_>>()?),
        Value::Map(members) => {
            let mut map = Map::new();
            for (key, value) in members {
                let Value::Text(key) = key else { return None };
                // A time without its tag is a number like others, and would be taken for seconds.
                let untagged = key == "Timestamp" || key == "StreamCreationTimestampFilter";
                if (untagged && !matches!(value, Value::Tag(..))) || map.insert(key.clone(), json(value)?).is_some() {
                    return None;
                }
            }
            Json::Object(map)
        }
        _ => return None,
    })
}
