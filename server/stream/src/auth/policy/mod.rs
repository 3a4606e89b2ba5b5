//! Session policies: what a session may do.
//!
//! A small part of the IAM grammar, enforced exactly: `Version`, `Id`, and statements of `Sid`, `Effect`, `Action` and
//! `Resource` with the wildcards `*` and `?`, and a few [conditions](condition). Any other element (other conditions,
//! negations, principals, policy variables) is refused when the session is requested, never ignored. An explicit deny
//! overrides every allow; what no statement allows is denied.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>

mod condition;

use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value};

use self::condition::Condition;

/// The longest policy, characters. <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
pub(crate) const MAX_CHARS: usize = 2048;

/// A policy of which every element is supported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    statements: Vec<Statement>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Statement {
    allow: bool,
    /// In lower case: actions are compared case-insensitively.
    actions: Vec<String>,
    resources: Vec<String>,
    /// None: always.
    condition: Option<Condition>,
}

/// The session's values for conditions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About<'a> {
    /// `aws:SourceIdentity`; empty: none.
    pub(crate) source_identity: &'a str,
    /// `aws:userid`.
    pub(crate) user_id: &'a str,
    /// `aws:TokenIssueTime`, milliseconds since the Unix epoch.
    pub(crate) issued_ms: i64,
}

/// Parses only if no element is duplicated. A JSON value would silently keep the last of two and drop the other, which may
/// be the deny.
#[derive(Deserialize)]
struct Once {
    #[serde(rename = "Version")]
    _version: Option<IgnoredAny>,
    #[serde(rename = "Id")]
    _id: Option<IgnoredAny>,
    #[serde(rename = "Statement")]
    _statement: Option<OneOrMany>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(#[expect(dead_code, reason = "read to see whether it can be")] StatementOnce),
    Many(#[expect(dead_code, reason = "read to see whether it can be")] Vec<StatementOnce>),
}

#[derive(Deserialize)]
struct StatementOnce {
    #[serde(rename = "Sid")]
    _sid: Option<IgnoredAny>,
    #[serde(rename = "Effect")]
    _effect: Option<IgnoredAny>,
    #[serde(rename = "Action")]
    _action: Option<IgnoredAny>,
    #[serde(rename = "Resource")]
    _resource: Option<IgnoredAny>,
    #[serde(rename = "Condition")]
    _condition: Option<condition::Once>,
}

/// The result of evaluating a policy for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Allow,
    /// No statement allows it.
    ImplicitDeny,
    /// A statement denies it.
    ExplicitDeny,
}

/// Why a policy is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PolicyError {
    #[error("The policy is not valid JSON: {0}")]
    Json(String),
    #[error("Syntax errors in policy: {0}.")]
    Syntax(String),
    #[error(
        "The policy element {0} is not supported by this endpoint; use Effect, Action, Resource, and the Conditions StringEquals of aws:SourceIdentity, aws:userid, kms:ViaService and kms:EncryptionContext:aws:kinesis:arn and DateLessThan of aws:TokenIssueTime alone."
    )]
    Unsupported(String),
}

impl Policy {
    /// Parses a policy; an unsupported element is an error.
    pub(crate) fn parse(text: &str) -> Result<Self, PolicyError> {
        let value: Value = serde_json::from_str(text).map_err(|error| PolicyError::Json(error.to_string()))?;
        let Value::Object(policy) = value else {
            return Err(syntax("the policy must be an object"));
        };
        let mut statements = Vec::new();
        let mut version = None;
        for (name, value) in policy {
            match name.as_str() {
                "Version" => version = Some(value),
                "Id" => {}
                "Statement" => {
                    statements = one_or_many(value).into_iter().map(Statement::parse).collect::<Result<_, _>>()?;
                }
                _ => return Err(PolicyError::Unsupported(name)),
            }
        }
        match version.as_ref().map(Value::as_str) {
            Some(Some("2012-10-17" | "2008-10-17")) => {}
            None => return Err(syntax("Version is missing, it must be \"2012-10-17\"")),
            Some(_) => return Err(syntax("Version must be \"2012-10-17\"")),
        }
        if statements.is_empty() {
            return Err(syntax("Statement is missing or empty"));
        }
        // Everything else was checked above, so the only possible error is a duplicate.
        serde_json::from_str::<Once>(text).map_err(|_| syntax("an element is given twice"))?;
        Ok(Self { statements })
    }

    /// The policy's verdict on `action` (`kinesis:PutRecord`) on `resource` (an ARN).
    pub(crate) fn evaluate(&self, action: &str, resource: &str, about: &About<'_>) -> Verdict {
        let action = action.to_ascii_lowercase();
        let mut verdict = Verdict::ImplicitDeny;
        for statement in &self.statements {
            if statement.covers(&action, resource, about) {
                if !statement.allow {
                    return Verdict::ExplicitDeny;
                }
                verdict = Verdict::Allow;
            }
        }
        verdict
    }
}

impl Statement {
    fn parse(value: Value) -> Result<Self, PolicyError> {
        let Value::Object(mut parts) = value else {
            return Err(syntax("a statement must be an object"));
        };
        let known = |name: &str| matches!(name, "Sid" | "Effect" | "Action" | "Resource" | "Condition");
        if let Some(name) = parts.keys().find(|name| !known(name)) {
            return Err(PolicyError::Unsupported(name.clone()));
        }
        let allow = match parts.get("Effect").and_then(Value::as_str) {
            Some("Allow") => true,
            Some("Deny") => false,
            _ => return Err(syntax("Effect must be \"Allow\" or \"Deny\"")),
        };
        let actions = strings(&mut parts, "Action")?;
        for action in &actions {
            let has_vendor =
                action.split_once(':').is_some_and(|(vendor, name)| !vendor.is_empty() && !name.is_empty());
            if action != "*" && !has_vendor {
                return Err(syntax("Actions must be prefaced by a vendor, e.g., kinesis:PutRecord"));
            }
        }
        let resources = strings(&mut parts, "Resource")?;
        for resource in &resources {
            if resource.contains("${") {
                return Err(PolicyError::Unsupported(format!("variable in Resource {resource:?}")));
            }
            if resource != "*" && !resource.starts_with("arn:") {
                return Err(syntax(&format!("Resource {resource} must be in ARN format or \"*\"")));
            }
        }
        let actions = actions.iter().map(|action| action.to_ascii_lowercase()).collect();
        let condition = parts.remove("Condition").map(Condition::parse).transpose()?;
        Ok(Self { allow, actions, resources, condition })
    }

    fn covers(&self, action: &str, resource: &str, about: &About<'_>) -> bool {
        self.actions.iter().any(|pattern| matches(pattern, action))
            && self.resources.iter().any(|pattern| matches(pattern, resource))
            && self.condition.as_ref().is_none_or(|condition| condition.holds(about))
    }
}

pub(super) fn syntax(reason: &str) -> PolicyError {
    PolicyError::Syntax(reason.to_owned())
}

pub(super) fn one_or_many(value: Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values,
        value => vec![value],
    }
}

fn strings(parts: &mut Map<String, Value>, name: &str) -> Result<Vec<String>, PolicyError> {
    let wrong = || syntax(&format!("{name} must be a string or a list of strings"));
    let values = one_or_many(parts.remove(name).ok_or_else(|| syntax(&format!("{name} is missing")))?);
    if values.is_empty() {
        return Err(syntax(&format!("{name} is empty")));
    }
    values.into_iter().map(|value| if let Value::String(text) = value { Ok(text) } else { Err(wrong()) }).collect()
}

/// Whether `text` (ASCII: an action or an ARN) matches `pattern`, where `*` stands for any run of characters and `?` for one.
/// Takes at most the product of both lengths in steps.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // The last star, and where in the text its match ends so far.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&letter) if letter == b'?' || letter == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, swallowed)) = star else { return false };
                star = Some((at, swallowed + 1));
                p = at + 1;
                t = swallowed + 1;
            }
        }
    }
    pattern[p..].iter().all(|letter| *letter == b'*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ARN: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/danmu";

    const ABOUT: About<'_> = About { source_identity: "ann", user_id: "AROAviewer:one", issued_ms: 0 };

    fn policy(statement: &str) -> Result<Policy, PolicyError> {
        Policy::parse(&format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#))
    }

    /// The definition of a match, slow and plain.
    fn obviously(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), None) => obviously(rest, text),
            (Some((b'*', rest)), Some((_, more))) => obviously(rest, text) || obviously(pattern, more),
            (Some((b'?', rest)), Some((_, more))) => obviously(rest, more),
            (Some((a, rest)), Some((b, more))) => a == b && obviously(rest, more),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn wildcards_match_as_they_are_defined(pattern in "[ab*?]{0,9}", text in "[ab]{0,9}") {
            prop_assert_eq!(matches(&pattern, &text), obviously(pattern.as_bytes(), text.as_bytes()));
        }

        #[test]
        fn a_text_matches_itself_with_any_part_replaced_by_a_star(text in "[a-z:/]{1,30}", from in 0_usize..30, to in 0_usize..30) {
            let (from, to) = (from.min(text.len()), to.min(text.len()));
            let (from, to) = (from.min(to), from.max(to));
            let pattern = format!("{}*{}", &text[..from], &text[to..]);
            prop_assert!(matches(&pattern, &text));
        }

        #[test]
        fn any_policy_is_read_without_a_panic(text in ".{0,200}") {
            let _ = Policy::parse(&text);
        }
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        assert!(!matches(&"*a".repeat(1000), &"a".repeat(999)));
    }

    #[test]
    fn a_session_may_do_what_is_allowed_and_nothing_else() -> Result<(), PolicyError> {
        let policy = policy(&format!(
            r#"{{"Effect":"Allow","Action":["kinesis:PutRecord","kinesis:PutRecords"],"Resource":"{ARN}"}}"#
        ))?;
        let evaluate = |action, resource| policy.evaluate(action, resource, &ABOUT);
        assert_eq!(evaluate("kinesis:PutRecord", ARN), Verdict::Allow);
        assert_eq!(evaluate("kinesis:GetRecords", ARN), Verdict::ImplicitDeny);
        assert_eq!(evaluate("kinesis:PutRecord", &format!("{ARN}2")), Verdict::ImplicitDeny);
        Ok(())
    }

    #[test]
    fn a_deny_beats_every_allow() -> Result<(), PolicyError> {
        let policy = policy(
            r#"[{"Effect":"Allow","Action":"*","Resource":"*"},
                {"Sid":"no","Effect":"Deny","Action":"KINESIS:put*","Resource":["arn:aws:kinesis:*:*:stream/dan?u"]}]"#,
        )?;
        assert_eq!(policy.evaluate("kinesis:PutRecords", ARN, &ABOUT), Verdict::ExplicitDeny);
        assert_eq!(policy.evaluate("kinesis:GetRecords", ARN, &ABOUT), Verdict::Allow);
        Ok(())
    }

    #[test]
    fn a_deny_concerns_the_sessions_of_its_condition_and_no_others() -> Result<(), PolicyError> {
        let policy = policy(
            r#"[{"Effect":"Allow","Action":"kinesis:*","Resource":"*"},
                {"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:SourceIdentity":["ann"]}}},
                {"Effect":"Deny","Action":"*","Resource":"*","Condition":{"DateLessThan":{"aws:TokenIssueTime":"1970-01-01T00:00:09Z"}}}]"#,
        )?;
        let verdict = |source_identity, issued_ms| {
            policy.evaluate("kinesis:PutRecord", ARN, &About { source_identity, issued_ms, ..ABOUT })
        };
        assert_eq!(verdict("ann", 9_000), Verdict::ExplicitDeny);
        assert_eq!(verdict("bob", 9_000), Verdict::Allow);
        assert_eq!(verdict("", 9_000), Verdict::Allow);
        assert_eq!(verdict("bob", 8_999), Verdict::ExplicitDeny);
        Ok(())
    }

    #[test]
    fn what_is_not_understood_is_refused_by_name() {
        for (statement, name) in [
            (r#"{"Effect":"Allow","Action":"*","Resource":"*","Condition":{}}"#, "Condition"),
            (
                r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}"#,
                "Bool",
            ),
            (r#"{"Effect":"Allow","NotAction":"*","Resource":"*"}"#, "NotAction"),
            (r#"{"Effect":"Allow","Action":"*","NotResource":"*"}"#, "NotResource"),
            (r#"{"Effect":"Allow","Action":"*","Resource":"*","Principal":"*"}"#, "Principal"),
            (r#"{"Effect":"Allow","Action":"*","Resource":"arn:aws:kinesis:::stream/${aws:userid}"}"#, "variable"),
            (r#"{"Effect":"allow","Action":"*","Resource":"*"}"#, "Effect"),
            (r#"{"Effect":"Allow","Action":"PutRecord","Resource":"*"}"#, "vendor"),
            (r#"{"Effect":"Allow","Action":"*","Resource":"danmu"}"#, "ARN"),
            (r#"{"Effect":"Allow","Action":"*"}"#, "Resource"),
            (r#"{"Effect":"Allow","Action":[],"Resource":"*"}"#, "Action"),
            (r#"{"Effect":"Allow","Action":[1],"Resource":"*"}"#, "Action"),
            ("[]", "Statement"),
            ("7", "statement"),
        ] {
            let error = policy(statement).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(name), "{statement}: {error}");
        }
        for twice in [
            r#"{"Effect":"Deny","Effect":"Allow","Action":"*","Resource":"*"}"#,
            r#"[{"Effect":"Allow","Action":"a:b","Resource":"*","Action":"*"}]"#,
            r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:userid":"a","aws:userid":"b"}}}"#,
            r#"{"Effect":"Deny","Action":"*","Resource":"*"},"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}"#,
        ] {
            assert_eq!(policy(twice), Err(syntax("an element is given twice")), "{twice}");
        }
        assert!(Policy::parse(r#"{"Statement":[]}"#).is_err());
        assert!(Policy::parse("[").is_err());
    }
}
