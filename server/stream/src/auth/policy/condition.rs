//! Conditions of a policy statement: the few that are supported.
//!
//! `StringEquals` of `aws:SourceIdentity` and `aws:userid`, `DateLessThan` of `aws:TokenIssueTime`, and `StringEquals` of
//! `kms:ViaService` and the KMS encryption context, which never match, since no call here is one to KMS. All tests must hold,
//! each by one of its values; a value that the session lacks matches nothing. Any other condition is refused.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition.html>

use chrono::DateTime;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

use super::{About, PolicyError, one_or_many, syntax};

/// A condition of which every test is supported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Condition(Vec<Test>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    SourceIdentity(Vec<String>),
    UserId(Vec<String>),
    /// Milliseconds since the Unix epoch.
    IssuedBefore(Vec<i64>),
    /// A key that only calls to KMS have: never matches.
    OfKms,
}

/// Parses only if no key is duplicated; see `Once` in [`policy`](super).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Once {
    #[serde(rename = "StringEquals")]
    _string_equals: Option<Strings>,
    #[serde(rename = "DateLessThan")]
    _date_less_than: Option<Dates>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Strings {
    #[serde(rename = "aws:SourceIdentity")]
    _source_identity: Option<IgnoredAny>,
    #[serde(rename = "aws:userid")]
    _user_id: Option<IgnoredAny>,
    #[serde(rename = "kms:ViaService")]
    _via_service: Option<IgnoredAny>,
    #[serde(rename = "kms:EncryptionContext:aws:kinesis:arn")]
    _encryption_context: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Dates {
    #[serde(rename = "aws:TokenIssueTime")]
    _issued: Option<IgnoredAny>,
}

impl Condition {
    pub(super) fn parse(value: Value) -> Result<Self, PolicyError> {
        let object = |value| match value {
            Value::Object(parts) => Ok(parts),
            _ => Err(syntax("Condition and what is in it must be objects")),
        };
        let mut tests = Vec::new();
        for (operator, keys) in object(value)? {
            for (key, values) in object(keys)? {
                let values = strings(&key, values)?;
                tests.push(match (operator.as_str(), key.as_str()) {
                    ("StringEquals", "aws:SourceIdentity") => Test::SourceIdentity(values),
                    ("StringEquals", "aws:userid") => Test::UserId(values),
                    ("StringEquals", "kms:ViaService" | "kms:EncryptionContext:aws:kinesis:arn") => Test::OfKms,
                    ("DateLessThan", "aws:TokenIssueTime") => {
                        Test::IssuedBefore(values.iter().map(|text| date(text)).collect::<Result<_, _>>()?)
                    }
                    _ => return Err(PolicyError::Unsupported(format!("Condition {operator} of {key}"))),
                });
            }
        }
        if tests.is_empty() {
            return Err(syntax("Condition is empty"));
        }
        Ok(Self(tests))
    }

    /// Whether all tests hold for a session.
    pub(super) fn holds(&self, about: &About<'_>) -> bool {
        self.0.iter().all(|test| match test {
            Test::SourceIdentity(names) => {
                !about.source_identity.is_empty() && names.iter().any(|name| name == about.source_identity)
            }
            Test::UserId(ids) => ids.iter().any(|id| id == about.user_id),
            Test::OfKms => false,
            Test::IssuedBefore(times) => times.iter().any(|time| about.issued_ms < *time),
        })
    }
}

fn strings(key: &str, values: Value) -> Result<Vec<String>, PolicyError> {
    let wrong = || syntax(&format!("{key} must be compared with a string or a list of strings"));
    let values = one_or_many(values);
    if values.is_empty() {
        return Err(wrong());
    }
    let text = |value| match value {
        Value::String(text) if text.contains("${") => {
            Err(PolicyError::Unsupported(format!("variable in Condition {text:?}")))
        }
        Value::String(text) => Ok(text),
        _ => Err(wrong()),
    };
    values.into_iter().map(text).collect()
}

fn date(text: &str) -> Result<i64, PolicyError> {
    let parsed = DateTime::parse_from_rfc3339(text);
    parsed.map(|time| time.timestamp_millis()).map_err(|_| syntax(&format!("{text} is no date (2026-01-31T12:00:00Z)")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ANN: About<'_> = About { source_identity: "ann", user_id: "AROAviewer:one", issued_ms: 1_000 };

    fn holds(condition: Value, about: &About<'_>) -> Result<bool, PolicyError> {
        Condition::parse(condition).map(|condition| condition.holds(about))
    }

    #[test]
    fn all_keys_must_hold_each_by_one_of_its_values() -> Result<(), PolicyError> {
        for (condition, expected) in [
            (json!({ "StringEquals": { "aws:SourceIdentity": "ann" } }), true),
            (json!({ "StringEquals": { "aws:SourceIdentity": ["bob", "ann"] } }), true),
            (json!({ "StringEquals": { "aws:SourceIdentity": ["bob", "an"] } }), false),
            (json!({ "StringEquals": { "aws:userid": "AROAviewer:one" } }), true),
            (json!({ "StringEquals": { "aws:userid": "AROAviewer:one", "aws:SourceIdentity": "bob" } }), false),
            (json!({ "DateLessThan": { "aws:TokenIssueTime": "1970-01-01T00:00:01.001Z" } }), true),
            (json!({ "DateLessThan": { "aws:TokenIssueTime": "1970-01-01T00:00:01Z" } }), false),
            (json!({ "StringEquals": { "kms:ViaService": ["kinesis.us-east-1.amazonaws.com"] } }), false),
            (json!({ "StringEquals": { "kms:EncryptionContext:aws:kinesis:arn": "arn:aws:kinesis:" } }), false),
        ] {
            assert_eq!(holds(condition.clone(), &ANN)?, expected, "{condition}");
        }
        let nameless = About { source_identity: "", ..ANN };
        assert!(!holds(json!({ "StringEquals": { "aws:SourceIdentity": "" } }), &nameless)?);
        Ok(())
    }

    #[test]
    fn what_is_not_understood_is_refused_by_name() {
        for (condition, name) in [
            (json!({}), "empty"),
            (json!({ "StringEquals": {} }), "empty"),
            (json!({ "StringEquals": "aws:SourceIdentity" }), "object"),
            (json!({ "StringLike": { "aws:SourceIdentity": "a*" } }), "StringLike of aws:SourceIdentity"),
            (json!({ "StringEquals": { "aws:SourceIp": "192.0.2.1" } }), "aws:SourceIp"),
            (json!({ "DateLessThan": { "aws:CurrentTime": "2026-01-01T00:00:00Z" } }), "aws:CurrentTime"),
            (json!({ "DateLessThan": { "aws:TokenIssueTime": "soon" } }), "soon"),
            (json!({ "StringEquals": { "aws:SourceIdentity": [] } }), "aws:SourceIdentity"),
            (json!({ "StringEquals": { "aws:SourceIdentity": 7 } }), "aws:SourceIdentity"),
            (json!({ "StringEquals": { "aws:userid": "${aws:username}" } }), "variable"),
        ] {
            let error = holds(condition.clone(), &ANN).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(name), "{condition}: {error}");
        }
    }
}
