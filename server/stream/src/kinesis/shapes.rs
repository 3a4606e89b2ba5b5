//! Validation of text members by the service's model: a pattern and a length.
//! <https://docs.aws.amazon.com/kinesis/latest/APIReference/API_Types.html>

use crate::error::Violations;

/// The format of a text member.
pub(super) struct Shape {
    /// The service's pattern for [`Shape::fits`], for error messages.
    pattern: &'static str,
    fits: fn(&str) -> bool,
    /// The longest length, characters; then at least one is required. None: only the pattern counts.
    longest: Option<usize>,
}

/// A shard id, whether or not the shard exists.
pub(super) const SHARD_ID: Shape = Shape {
    pattern: "[a-zA-Z0-9_.-]+",
    fits: |text| !text.is_empty() && text.bytes().all(is_of_a_name),
    longest: Some(128),
};

/// A hash key: up to 39 digits.
pub(super) const HASH_KEY: Shape =
    Shape { pattern: r"0|([1-9]\d{0,38})", fits: |text| is_number(text, 39), longest: None };

/// A sequence number: up to 129 digits.
pub(super) const SEQUENCE_NUMBER: Shape =
    Shape { pattern: r"0|([1-9]\d{0,128})", fits: |text| is_number(text, 129), longest: None };

impl Shape {
    /// Adds the violations of a required member.
    pub(super) fn require(&self, text: Option<&str>, field: &str, violations: &mut Violations) {
        match text {
            None => violations.missing(field),
            Some(_) => self.check(text, field, violations),
        }
    }

    /// Adds the violations of an optional member.
    pub(super) fn check(&self, text: Option<&str>, field: &str, violations: &mut Violations) {
        let Some(text) = text else { return };
        if !(self.fits)(text) {
            let rule = format!("Member must satisfy regular expression pattern: {}", self.pattern);
            violations.constraint(text, field, &rule);
        }
        let Some(longest) = self.longest else { return };
        if text.is_empty() {
            violations.constraint(text, field, "Member must have length greater than or equal to 1");
        } else if text.chars().count() > longest {
            violations.constraint(text, field, &format!("Member must have length less than or equal to {longest}"));
        }
    }
}

fn is_of_a_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')
}

/// A decimal number without sign or leading zeros.
fn is_number(text: &str, digits: usize) -> bool {
    let canonical = text == "0" || !text.starts_with('0');
    canonical && (1..=digits).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_told_all_that_is_wrong_with_it() {
        let (digits, long) = ("9".repeat(40), "a".repeat(129));
        for (shape, text, wrong) in [
            (&SHARD_ID, "shardId-000000000000", 0),
            (&SHARD_ID, "7", 0),
            (&SHARD_ID, "?", 1),
            (&SHARD_ID, "", 2),
            (&SHARD_ID, long.as_str(), 1),
            (&HASH_KEY, "0", 0),
            (&HASH_KEY, &digits[1..], 0),
            (&HASH_KEY, digits.as_str(), 1),
            (&HASH_KEY, "01", 1),
            (&HASH_KEY, "-1", 1),
            (&HASH_KEY, "", 1),
            (&SEQUENCE_NUMBER, digits.as_str(), 0),
            (&SEQUENCE_NUMBER, "sth", 1),
        ] {
            let mut violations = Violations::default();
            shape.check(Some(text), "field", &mut violations);
            let told = violations.verdict().err().map_or(0, |error| error.message.matches("Value '").count());
            assert_eq!(told, wrong, "{text:?} as {}", shape.pattern);
        }
    }
}
