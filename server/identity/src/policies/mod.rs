//! IAM policies: the permissions of each part of Danmu on AWS, from a single source.
//!
//! `vending` limits sessions by the same lists, `danmu-server policies` writes the files in `deploy/policies`, and tests run
//! the server's code with exactly these permissions, and with one less at a time. `kinesis:DescribeStream` is in none of them:
//! AWS limits it to 10 calls a second for an account. Never calls AWS.

use danmu_partitions::Partition;
use serde::Serialize;

/// Actions with which a viewer's session puts.
pub const PRODUCE: &[&str] = &["kinesis:PutRecord", "kinesis:PutRecords"];
/// Actions with which a viewer's session reads, where direct reading is allowed.
pub const CONSUME: &[&str] = &["kinesis:ListShards", "kinesis:GetShardIterator", "kinesis:GetRecords"];
/// Actions with which a relay reads. `DescribeStreamSummary` tells when the stream was created.
const READ: &[&str] =
    &["kinesis:DescribeStreamSummary", "kinesis:ListShards", "kinesis:GetShardIterator", "kinesis:GetRecords"];
/// Actions with which a relay registers as a consumer, on the stream and on its consumers: the [service authorization
/// reference][1] asks for both.
///
/// [1]: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonkinesisdatastreams.html
const CONSUMER: &[&str] = &[
    "kinesis:RegisterStreamConsumer",
    "kinesis:DescribeStreamConsumer",
    "kinesis:ListStreamConsumers",
    "kinesis:DeregisterStreamConsumer",
];
/// The action by which records are pushed to it, on its consumers.
const SUBSCRIBE: &[&str] = &["kinesis:SubscribeToShard"];
/// Actions on a customer managed KMS key: for puts here, for reads in [`DECRYPT`]; for this stream only
/// ([permissions](https://docs.aws.amazon.com/streams/latest/dev/permissions-user-key-KMS.html)).
pub const ENCRYPT: &[&str] = &["kms:GenerateDataKey"];
/// See [`ENCRYPT`].
pub const DECRYPT: &[&str] = &["kms:Decrypt"];
/// Actions with which viewers' sessions are made, on their role, whose trust policy must allow both too.
const VEND: &[&str] = &["sts:AssumeRole", "sts:SetSourceIdentity"];

/// Actions with which banned viewers are denied, on the role of their sessions.
const MODERATE: &[&str] = &["iam:GetRolePolicy", "iam:PutRolePolicy", "iam:DeleteRolePolicy"];

/// Condition key: for whom a session was vended
/// ([aws:SourceIdentity](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-sourceidentity)).
pub const SOURCE_IDENTITY: &str = "aws:SourceIdentity";

/// Condition key: when a session was issued
/// ([aws:TokenIssueTime](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-tokenissuetime)).
pub const ISSUE_TIME: &str = "aws:TokenIssueTime";

/// A policy, or a template of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// Of the role of viewers' sessions: they speak.
    Producer,
    /// Of the same role where `feed.direct` lets browsers read the stream themselves.
    Consumer,
    /// Of writers, where a customer's key encrypts the stream: viewers' role, and a server that bans.
    ProducerKey,
    /// Of readers, where a customer's key encrypts the stream: a server that relays, and viewers' role for direct reading.
    ConsumerKey,
    /// Of a server that relays.
    Relay,
    /// Of the same where it reads by enhanced fan-out, besides.
    RelayFanOut,
    /// Of a server that vends sessions.
    Vending,
    /// Who may assume the role of viewers' sessions: its trust policy.
    ViewerTrust,
    /// Who may assume the role of an identity pool's members: their trust policy, where sessions come from such a pool.
    PoolMemberTrust,
    /// The same of its guests.
    PoolGuestTrust,
    /// Of a server that bans. It may change what viewers' sessions may do: limit their role by a permissions boundary.
    Moderation,
    /// Template: what denies the sessions of banned viewers, put on the role of viewers' sessions by a server that bans.
    Ban,
    /// Template: what denies every session that was issued before a time, likewise.
    Revoke,
}

/// The resources that policies name: stream and roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyScope {
    /// The partition of its ARNs and host names.
    pub partition: &'static Partition,
    /// The stream's region.
    pub region: String,
    /// Twelve digits.
    pub account: String,
    /// The stream's name.
    pub stream: String,
    /// The name of the role of viewers' sessions.
    pub viewer_role: String,
    /// The name of the role of the server.
    pub server_role: String,
}

/// An IAM policy document
/// ([grammar](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Policy {
    version: &'static str,
    /// Its statements.
    pub statement: Vec<Statement>,
}

/// One statement of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<&'static str>,
    effect: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<serde_json::Value>,
    /// The actions.
    pub action: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    resource: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<serde_json::Value>,
}

impl Policy {
    fn of(statement: impl IntoIterator<Item = Statement>) -> Self {
        Self { version: "2012-10-17", statement: statement.into_iter().collect() }
    }

    /// Allows these actions on one resource.
    #[must_use]
    pub fn allowing(actions: &[&str], resource: &str) -> Self {
        Self::of([allow(None, actions, [resource.to_owned()])])
    }

    /// Allows these actions on any KMS key that encrypts the stream: only through Kinesis, and only with this stream as the
    /// encryption context ([condition keys](https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html)).
    #[must_use]
    pub fn of_key(actions: &[&str], stream_arn: &str) -> Self {
        let mut parts = stream_arn.split(':').skip(1);
        let partition = parts.next().and_then(Partition::named).unwrap_or(Partition::of(""));
        let region = parts.nth(1).unwrap_or_default();
        // `kms:ViaService` is documented for `amazonaws.com`; in other partitions it may have the partition's domain.
        let mut via = vec![Partition::of("").host("kinesis", region), partition.host("kinesis", region)];
        via.dedup();
        let only = serde_json::json!({ "kms:ViaService": via, "kms:EncryptionContext:aws:kinesis:arn": stream_arn });
        let key = format!("arn:{}:kms:{region}:*:key/*", partition.name);
        let condition = Some(serde_json::json!({ "StringEquals": only }));
        Self::of([Statement { condition, ..allow(Some("Key"), actions, [key]) }])
    }

    /// Denies all actions on streams to sessions for which a condition key, such as [`SOURCE_IDENTITY`], has one of these
    /// values.
    #[must_use]
    pub fn denying(key: &str, values: &[String]) -> Self {
        let condition = serde_json::json!({ "StringEquals": { key: values } });
        Self::of([deny("Banned", condition)])
    }

    /// Denies all actions on streams to sessions issued before a time (`2026-01-31T12:00:00Z`)
    /// ([Revoking sessions](https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_revoke-sessions.html)).
    #[must_use]
    pub fn denying_older(than: &str) -> Self {
        let condition = serde_json::json!({ "DateLessThan": { ISSUE_TIME: than } });
        Self::of([deny("Revoked", condition)])
    }

    /// Compact JSON: STS and IAM limit the number of characters.
    #[must_use]
    pub fn compact(&self) -> String {
        // Strings and lists of strings always serialize.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Indented JSON, for people.
    #[must_use]
    pub fn pretty(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

fn allow(sid: Option<&'static str>, actions: &[&str], resource: impl IntoIterator<Item = String>) -> Statement {
    let action = actions.iter().map(|action| (*action).to_owned()).collect();
    let resource = resource.into_iter().collect();
    Statement { sid, effect: "Allow", principal: None, action, resource, condition: None }
}

fn deny(sid: &'static str, condition: serde_json::Value) -> Statement {
    let (action, resource) = (vec!["kinesis:*".to_owned()], vec!["*".to_owned()]);
    Statement { sid: Some(sid), effect: "Deny", principal: None, action, resource, condition: Some(condition) }
}

/// Lets identities of one pool, of that kind (authenticated or not), assume a role
/// ([role trust](https://docs.aws.amazon.com/cognito/latest/developerguide/role-trust-and-permissions.html)).
fn pool_trust(partition: &Partition, kind: &str) -> Statement {
    let service = partition.identity_provider;
    let condition = serde_json::json!({
        "StringEquals": { format!("{service}:aud"): "IDENTITY_POOL" },
        "ForAnyValue:StringLike": { format!("{service}:amr"): kind },
    });
    Statement {
        principal: Some(serde_json::json!({ "Federated": service })),
        condition: Some(condition),
        ..allow(None, &["sts:AssumeRoleWithWebIdentity"], [])
    }
}

/// Condition key: the pool identity of a session
/// ([keys](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif)).
#[must_use]
pub fn pool_identity(partition: &Partition) -> String {
    [partition.identity_provider, ":sub"].concat()
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Producer,
        Self::Consumer,
        Self::ProducerKey,
        Self::ConsumerKey,
        Self::Relay,
        Self::RelayFanOut,
        Self::Vending,
        Self::ViewerTrust,
        Self::PoolMemberTrust,
        Self::PoolGuestTrust,
        Self::Moderation,
        Self::Ban,
        Self::Revoke,
    ];

    /// Its name, and its file's without extension.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Producer => "producer",
            Self::Consumer => "consumer",
            Self::ProducerKey => "producer-key",
            Self::ConsumerKey => "consumer-key",
            Self::Relay => "relay",
            Self::RelayFanOut => "relay-fan-out",
            Self::Vending => "vending",
            Self::ViewerTrust => "viewer-trust",
            Self::PoolMemberTrust => "pool-member-trust",
            Self::PoolGuestTrust => "pool-guest-trust",
            Self::Moderation => "moderation",
            Self::Ban => "ban",
            Self::Revoke => "revoke",
        }
    }

    /// Its policy in this scope.
    #[must_use]
    pub fn policy(self, place: &PolicyScope) -> Policy {
        let (stream, consumers) = (place.stream_arn(), place.stream_arn() + "/consumer/*");
        match self {
            Self::Producer => Policy::allowing(PRODUCE, &stream),
            Self::Consumer => Policy::allowing(CONSUME, &stream),
            Self::ProducerKey => Policy::of_key(ENCRYPT, &stream),
            Self::ConsumerKey => Policy::of_key(DECRYPT, &stream),
            Self::Relay => Policy::allowing(READ, &stream),
            Self::RelayFanOut => Policy::of([
                allow(Some("Consumer"), CONSUMER, [stream, consumers.clone()]),
                allow(Some("Subscribe"), SUBSCRIBE, [consumers]),
            ]),
            Self::Vending => Policy::allowing(VEND, &place.role_arn(&place.viewer_role)),
            Self::ViewerTrust => {
                let principal = serde_json::json!({ "AWS": place.role_arn(&place.server_role) });
                Policy::of([Statement { principal: Some(principal), ..allow(None, VEND, []) }])
            }
            Self::PoolMemberTrust => Policy::of([pool_trust(place.partition, "authenticated")]),
            Self::PoolGuestTrust => Policy::of([pool_trust(place.partition, "unauthenticated")]),
            Self::Moderation => Policy::of([
                allow(Some("Deny"), MODERATE, [place.role_arn(&place.viewer_role)]),
                // To publish decisions: every replica learns of a ban from the stream.
                allow(Some("Tell"), PRODUCE, [stream]),
            ]),
            Self::Ban => Policy::denying(SOURCE_IDENTITY, &["VIEWER".to_owned()]),
            Self::Revoke => Policy::denying_older("2026-01-31T12:00:00Z"),
        }
    }
}

impl PolicyScope {
    /// A scope with placeholders for region and account, in the partition of that name, or `aws` if there is none.
    #[must_use]
    pub fn to_fill_in(partition: &str) -> Self {
        Self {
            partition: Partition::named(partition).unwrap_or(Partition::of("")),
            region: "REGION".to_owned(),
            account: "ACCOUNT".to_owned(),
            stream: "danmu".to_owned(),
            viewer_role: "danmu-viewer".to_owned(),
            server_role: "danmu-server".to_owned(),
        }
    }

    /// The same scope in that region, and its partition.
    #[must_use]
    pub fn in_region(self, region: &str) -> Self {
        Self { partition: Partition::of(region), region: region.to_owned(), ..self }
    }

    fn stream_arn(&self) -> String {
        let Self { partition, region, account, stream, .. } = self;
        format!("arn:{}:kinesis:{region}:{account}:stream/{stream}", partition.name)
    }

    fn role_arn(&self, role: &str) -> String {
        format!("arn:{}:iam::{}:role/{role}", self.partition.name, self.account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_may_describe_the_stream_and_no_wildcard_allows_anything() {
        for part in Part::ALL {
            for statement in part.policy(&PolicyScope::to_fill_in("aws")).statement {
                if statement.effect == "Allow" {
                    assert!(statement.action.iter().all(|action| !action.contains('*')), "{part:?}");
                    assert!(statement.resource.iter().all(|resource| resource != "*"), "{part:?}");
                }
                assert!(!statement.action.iter().any(|action| action == "kinesis:DescribeStream"), "{part:?}");
            }
        }
    }

    #[test]
    fn a_key_may_be_used_by_kinesis_for_one_stream_and_by_nobody_else() {
        for part in [Part::ProducerKey, Part::ConsumerKey] {
            for partition in ["aws", "aws-cn"] {
                let text = part.policy(&PolicyScope::to_fill_in(partition)).compact();
                let context = format!("arn:{partition}:kinesis:REGION:ACCOUNT:stream/danmu");
                for needed in [
                    format!(r#""kms:EncryptionContext:aws:kinesis:arn":"{context}""#),
                    r#""kms:ViaService":["kinesis.REGION.amazonaws.com""#.to_owned(),
                    format!(r#""Resource":["arn:{partition}:kms:REGION:*:key/*"]"#),
                ] {
                    assert!(text.contains(&needed), "{text}");
                }
            }
        }
    }

    #[test]
    fn a_policy_is_of_the_partition_of_its_region() {
        let place = PolicyScope::to_fill_in("aws").in_region("cn-north-1");
        let text = Part::Relay.policy(&place).compact();
        assert!(text.contains(r#""arn:aws-cn:kinesis:cn-north-1:ACCOUNT:stream/danmu""#), "{text}");
        assert!(text.starts_with(r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["#), "{text}");
        assert!(Part::ViewerTrust.policy(&place).compact().contains("arn:aws-cn:iam::ACCOUNT:role/danmu-server"));
        let sovereign = Part::Vending.policy(&PolicyScope::to_fill_in("aws").in_region("eusc-de-east-1")).compact();
        assert!(sovereign.contains("arn:aws-eusc:iam::ACCOUNT:role/danmu-viewer"), "{sovereign}");
        let gov = Part::PoolMemberTrust.policy(&PolicyScope::to_fill_in("aws").in_region("us-gov-west-1")).compact();
        assert!(gov.contains(r#""Federated":"cognito-identity-us-gov.amazonaws.com""#), "{gov}");
    }
}
