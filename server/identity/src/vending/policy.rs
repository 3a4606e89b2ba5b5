//! Inline session policies: what a session may do
//! ([Session policies](https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session)).

use crate::policies::{CONSUME, DECRYPT, ENCRYPT, PRODUCE, Policy};

/// The permissions of a session. None includes `DescribeStream`: AWS limits it to 10 calls a second for an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Put records only.
    Produce,
    /// Read records only.
    Consume,
    /// Both, for pages with a single set of credentials.
    Both,
}

impl Grant {
    /// The name of the grant.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Produce => "viewer-put",
            Self::Consume => "viewer-read",
            Self::Both => "viewer-both",
        }
    }

    /// The policy that grants it on one stream, well under STS' limit of 2,048 characters. With `kms` it includes the use of
    /// the key that encrypts the stream, whichever that is.
    #[must_use]
    pub fn policy(self, stream_arn: &str, kms: bool) -> String {
        let (actions, of_key) = match self {
            Self::Produce => (PRODUCE.to_vec(), ENCRYPT.to_vec()),
            Self::Consume => (CONSUME.to_vec(), DECRYPT.to_vec()),
            Self::Both => ([PRODUCE, CONSUME].concat(), [ENCRYPT, DECRYPT].concat()),
        };
        let mut policy = Policy::allowing(&actions, stream_arn);
        if kms {
            policy.statement.extend(Policy::of_key(&of_key, stream_arn).statement);
        }
        policy.compact()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_producer_may_put_on_one_stream_and_nothing_else() {
        let arn = "arn:aws-cn:kinesis:cn-north-1:123456789012:stream/danmu";
        assert_eq!(
            Grant::Produce.policy(arn, false),
            format!(
                r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":["kinesis:PutRecord","kinesis:PutRecords"],"Resource":["{arn}"]}}]}}"#
            )
        );
        let consume = Grant::Consume.policy(arn, false);
        assert!(!consume.contains("Put") && consume.contains("GetRecords"));
    }

    #[test]
    fn a_session_may_use_the_key_of_its_stream_as_far_as_it_must_and_for_that_stream_alone() {
        let arn = "arn:aws:kinesis:eu-west-1:123456789012:stream/danmu";
        let plain = Grant::Produce.policy(arn, false);
        let of_key = r#"{"Sid":"Key","Effect":"Allow","Action":["kms:GenerateDataKey"],"Resource":["arn:aws:kms:eu-west-1:*:key/*"],"Condition":{"StringEquals":{"kms:EncryptionContext:aws:kinesis:arn":"arn:aws:kinesis:eu-west-1:123456789012:stream/danmu","kms:ViaService":["kinesis.eu-west-1.amazonaws.com"]}}}"#;
        let keyed = Grant::Produce.policy(arn, true);
        assert_eq!(keyed, format!("{},{of_key}]}}", plain.strip_suffix("]}").unwrap_or_default()));
        let consume = Grant::Consume.policy(arn, true);
        assert!(consume.contains("kms:Decrypt") && !consume.contains("kms:GenerateDataKey"), "{consume}");
        let longest = format!("arn:aws-iso-b:kinesis:us-isob-east-1:123456789012:stream/{}", "a".repeat(128));
        assert!(Grant::Both.policy(&longest, true).len() < 2_048);
    }
}
