//! Names of streams as AWS writes them, in every partition.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>

/// The account, region and partition that this endpoint answers for.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) region: String,
    pub(crate) account: String,
}

impl Place {
    /// `aws`, `aws-cn` or `aws-us-gov`, by the region's name.
    pub(crate) fn partition(&self) -> &'static str {
        if self.region.starts_with("cn-") {
            "aws-cn"
        } else if self.region.starts_with("us-gov-") {
            "aws-us-gov"
        } else {
            "aws"
        }
    }

    /// The ARN of the stream `name` here.
    pub(crate) fn stream_arn(&self, name: &str) -> String {
        format!("arn:{}:kinesis:{}:{}:stream/{name}", self.partition(), self.region, self.account)
    }

    /// The name inside `arn`, if it is an ARN of a stream of this place.
    pub(crate) fn stream_of<'a>(&self, arn: &'a str) -> Option<&'a str> {
        let prefix = self.stream_arn("");
        arn.strip_prefix(&prefix).filter(|name| is_stream_name(name))
    }

    /// The ARN of a session: who the caller is in messages and in `GetCallerIdentity`.
    pub(crate) fn session_arn(&self, role: &str, session: &str) -> String {
        format!("arn:{}:sts::{}:assumed-role/{role}/{session}", self.partition(), self.account)
    }

    /// The ARN of the account itself: who the root key is.
    pub(crate) fn root_arn(&self) -> String {
        format!("arn:{}:iam::{}:root", self.partition(), self.account)
    }
}

/// `[a-zA-Z0-9_.-]{1,128}`, the rule of `CreateStream`.
pub(crate) fn is_stream_name(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

/// The role's name in `arn:…:iam::…:role/path/name`, of any partition and account.
pub(crate) fn role_name(arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(6, ':');
    let (scheme, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
    let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
    let name = resource.strip_prefix("role/")?.rsplit('/').next()?;
    let account_is_sane = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    (scheme == "arn"
        && partition.starts_with("aws")
        && service == "iam"
        && region.is_empty()
        && account_is_sane
        && (1..=64).contains(&name.len())
        && name.bytes().all(is_name_byte))
    .then_some(name)
}

/// `[\w+=,.@-]`, the letters of role and session names.
pub(crate) fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'+' | b'=' | b',' | b'.' | b'@' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(region: &str) -> Place {
        Place { region: region.to_owned(), account: "000000000000".to_owned() }
    }

    #[test]
    fn every_partition_has_its_own_arns() {
        assert_eq!(place("us-east-1").stream_arn("a"), "arn:aws:kinesis:us-east-1:000000000000:stream/a");
        assert_eq!(place("cn-north-1").stream_arn("a"), "arn:aws-cn:kinesis:cn-north-1:000000000000:stream/a");
        assert_eq!(place("us-gov-west-1").partition(), "aws-us-gov");
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
    fn a_role_is_known_by_its_last_name() {
        assert_eq!(role_name("arn:aws-cn:iam::123456789012:role/some/path/poster"), Some("poster"));
        assert_eq!(role_name("arn:aws:iam::123456789012:user/poster"), None);
        assert_eq!(role_name("arn:aws:iam::12:role/poster"), None);
        assert_eq!(role_name(""), None);
    }
}
