//! What a session may do, as an inline session policy
//! ([Session policies](https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session)).

use crate::policies::{CONSUME, PRODUCE, Policy};

/// What a session may do. `DescribeStream` is in none of them: AWS limits it to 10 calls a second an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Put records, and nothing else.
    Produce,
    /// Read records, and nothing else.
    Consume,
    /// Both, for pages that have one set of credentials.
    Both,
}

impl Grant {
    /// Its name, as sessions are named by it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Produce => "viewer-put",
            Self::Consume => "viewer-read",
            Self::Both => "viewer-both",
        }
    }

    /// The policy that allows it on one stream, well under the 2,048 characters that STS takes.
    #[must_use]
    pub fn policy(self, stream_arn: &str) -> String {
        match self {
            Self::Produce => Policy::allowing(PRODUCE, stream_arn),
            Self::Consume => Policy::allowing(CONSUME, stream_arn),
            Self::Both => Policy::allowing(&[PRODUCE, CONSUME].concat(), stream_arn),
        }
        .compact()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_producer_may_put_on_one_stream_and_nothing_else() {
        let arn = "arn:aws-cn:kinesis:cn-north-1:123456789012:stream/danmu";
        assert_eq!(
            Grant::Produce.policy(arn),
            format!(
                r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":["kinesis:PutRecord","kinesis:PutRecords"],"Resource":["{arn}"]}}]}}"#
            )
        );
        let consume = Grant::Consume.policy(arn);
        assert!(!consume.contains("Put") && consume.contains("GetRecords"));
    }
}
