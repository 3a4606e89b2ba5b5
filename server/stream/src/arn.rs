//! ARNs and names of streams, consumers, roles and sessions, in every AWS partition.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>

use danmu_partitions::Partition;

/// Whether a stream may be called `name`: `[a-zA-Z0-9_.-]{1,128}`, the rule of
/// [`CreateStream`](https://docs.aws.amazon.com/kinesis/latest/APIReference/API_CreateStream.html).
///
/// # Errors
/// [`InvalidStreamName`], which has the name and the rule.
pub fn check_stream_name(name: &str) -> Result<(), InvalidStreamName> {
    if is_stream_name(name) { Ok(()) } else { Err(InvalidStreamName { name: name.to_owned() }) }
}

/// A name that no stream can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} cannot name a stream; use {rule}", rule = Self::RULE)]
#[non_exhaustive]
pub struct InvalidStreamName {
    /// The name as it was given.
    pub name: String,
}

impl InvalidStreamName {
    /// The rule for names, for use in other messages.
    pub const RULE: &'static str = "1 to 128 of a-z, A-Z, 0-9, _, . and -";
}

/// The region (and so partition) and account of this endpoint's ARNs.
#[derive(Clone, Debug)]
pub(crate) struct ArnScope {
    pub(crate) region: String,
    pub(crate) account: String,
}

impl ArnScope {
    fn partition(&self) -> &'static str {
        Partition::of(&self.region).name
    }

    /// The ARN of the stream `name` in this scope.
    pub(crate) fn stream_arn(&self, name: &str) -> String {
        format!("arn:{}:kinesis:{}:{}:stream/{name}", self.partition(), self.region, self.account)
    }

    /// The name in `arn`, if it is the ARN of a stream in this scope.
    pub(crate) fn stream_of<'a>(&self, arn: &'a str) -> Option<&'a str> {
        let prefix = self.stream_arn("");
        arn.strip_prefix(&prefix).filter(|name| is_stream_name(name))
    }

    /// The ARN of the consumer `name` of `stream`, registered in the Unix second `created_s`.
    pub(crate) fn consumer_arn(&self, stream: &str, name: &str, created_s: u64) -> String {
        format!("{}/consumer/{name}:{created_s}", self.stream_arn(stream))
    }

    /// The stream, name and second of registration in `arn`, if it is the ARN of a consumer in this scope.
    pub(crate) fn consumer_of<'a>(&self, arn: &'a str) -> Option<(&'a str, &'a str, u64)> {
        let (stream, consumer) = arn.strip_prefix(&self.stream_arn(""))?.split_once("/consumer/")?;
        let (name, created) = consumer.split_once(':')?;
        // Only the canonical number, since policies compare ARNs as text.
        let plain = created == "0" || !created.starts_with('0');
        let digits = created.bytes().all(|byte| byte.is_ascii_digit());
        let sane = plain && digits && is_stream_name(stream) && is_stream_name(name);
        sane.then(|| created.parse().ok().map(|created_s| (stream, name, created_s))).flatten()
    }

    /// The ARN of a session, as in messages and in `GetCallerIdentity`.
    pub(crate) fn session_arn(&self, role: &str, session: &str) -> String {
        format!("arn:{}:sts::{}:assumed-role/{role}/{session}", self.partition(), self.account)
    }

    /// The ARN of the account's root user: the root key.
    pub(crate) fn root_arn(&self) -> String {
        format!("arn:{}:iam::{}:root", self.partition(), self.account)
    }
}

/// `[a-zA-Z0-9_.-]{1,128}`, the rule of `CreateStream`.
pub(crate) fn is_stream_name(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

/// The account in `arn`, if it has the form of a stream's ARN in any partition, region and account.
pub(crate) fn stream_account(arn: &str) -> Option<&str> {
    let (partition, rest) = arn.strip_prefix("arn:")?.split_once(":kinesis:")?;
    let (before, name) = rest.split_once(":stream/")?;
    let (_region, account) = before.rsplit_once(':')?;
    let sane =
        partition.starts_with("aws") && is_account(account) && !name.is_empty() && !name.contains(char::is_whitespace);
    sane.then_some(account)
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The role's name in `arn:…:iam::…:role/path/name`, in any partition and account.
pub(crate) fn role_name(arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(6, ':');
    let (scheme, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
    let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
    let name = resource.strip_prefix("role/")?.rsplit('/').next()?;
    (scheme == "arn"
        && partition.starts_with("aws")
        && service == "iam"
        && region.is_empty()
        && is_account(account)
        && (1..=64).contains(&name.len())
        && name.bytes().all(is_name_byte))
    .then_some(name)
}

/// `[\w+=,.@-]{2,256}`, the rule of `SourceIdentity`.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
pub(crate) fn is_source_identity(name: &str) -> bool {
    (2..=256).contains(&name.len()) && name.bytes().all(is_name_byte)
}

/// `[\w+=,.@-]`, the characters of role and session names.
pub(crate) fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'+' | b'=' | b',' | b'.' | b'@' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(region: &str) -> ArnScope {
        ArnScope { region: region.to_owned(), account: "000000000000".to_owned() }
    }

    #[test]
    fn every_partition_has_its_own_arns() {
        assert_eq!(place("us-east-1").stream_arn("a"), "arn:aws:kinesis:us-east-1:000000000000:stream/a");
        assert_eq!(place("cn-north-1").stream_arn("a"), "arn:aws-cn:kinesis:cn-north-1:000000000000:stream/a");
        assert_eq!(place("us-gov-west-1").partition(), "aws-us-gov");
        assert_eq!(
            place("eusc-de-east-1").stream_arn("a"),
            "arn:aws-eusc:kinesis:eusc-de-east-1:000000000000:stream/a"
        );
        assert_eq!(place("us-isob-east-1").root_arn(), "arn:aws-iso-b:iam::000000000000:root");
    }

    #[test]
    fn a_name_outside_the_rule_is_said_with_the_rule() {
        let longest = "x".repeat(128);
        for name in ["a", "danmu", "A.b_c-9", longest.as_str()] {
            assert_eq!(check_stream_name(name), Ok(()));
        }
        let longer = "x".repeat(129);
        for name in ["", "a b", "a/b", "stück", longer.as_str()] {
            let message = check_stream_name(name).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(message.contains(name) && message.contains(InvalidStreamName::RULE), "{message}");
        }
    }

    #[test]
    fn a_foreign_arn_names_no_stream_of_ours() {
        let here = place("us-east-1");
        assert_eq!(here.stream_of("arn:aws:kinesis:us-east-1:000000000000:stream/a"), Some("a"));
        for foreign in [
            "arn:aws:kinesis:us-east-2:000000000000:stream/a",
            "arn:aws-cn:kinesis:us-east-1:000000000000:stream/a",
            "arn:aws:kinesis:us-east-1:111111111111:stream/a",
            "arn:aws:kinesis:us-east-1:000000000000:stream/a/b",
            "a",
        ] {
            assert_eq!(here.stream_of(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn a_consumer_is_known_by_its_one_arn() {
        for region in ["us-east-1", "cn-north-1", "us-gov-west-1"] {
            let here = place(region);
            let arn = here.consumer_arn("danmu", "wall", 1_732_000_000);
            assert_eq!(arn, here.stream_arn("danmu/consumer/wall:1732000000"));
            assert_eq!(here.consumer_of(&arn), Some(("danmu", "wall", 1_732_000_000)));
            assert_eq!(here.stream_of(&arn), None);
        }
        let here = place("us-east-1");
        for foreign in [
            "arn:aws:kinesis:us-east-2:000000000000:stream/a/consumer/b:1",
            "arn:aws:kinesis:us-east-1:111111111111:stream/a/consumer/b:1",
            "arn:aws:kinesis:us-east-1:000000000000:stream/a/consumer/b:01",
            "arn:aws:kinesis:us-east-1:000000000000:stream/a/consumer/b:+1",
            "arn:aws:kinesis:us-east-1:000000000000:stream/a/consumer/b:",
            "arn:aws:kinesis:us-east-1:000000000000:stream/a/consumer/:1",
            "arn:aws:kinesis:us-east-1:000000000000:stream//consumer/b:1",
            "arn:aws:kinesis:us-east-1:000000000000:stream/a",
            "",
        ] {
            assert_eq!(here.consumer_of(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn an_arn_of_a_stream_tells_its_account_wherever_it_is() {
        assert_eq!(stream_account("arn:aws-cn:kinesis:cn-north-1:123456789012:stream/a"), Some("123456789012"));
        for other in [
            "arn:aws:kinesis:us-east-1:12345:stream/a",
            "arn:aws:sqs:us-east-1:123456789012:a",
            "arn:aws:kinesis:us-east-1:123456789012:stream/",
            "arn:aws:kinesis:us-east-1:123456789012:stream/a b",
            "a",
            "",
        ] {
            assert_eq!(stream_account(other), None, "{other}");
        }
    }

    #[test]
    fn a_role_is_known_by_its_last_name() {
        assert_eq!(role_name("arn:aws-cn:iam::123456789012:role/some/path/poster"), Some("poster"));
        assert_eq!(role_name("arn:aws:iam::123456789012:user/poster"), None);
        assert_eq!(role_name("arn:aws:iam::12:role/poster"), None);
        assert_eq!(role_name(""), None);
    }
}
