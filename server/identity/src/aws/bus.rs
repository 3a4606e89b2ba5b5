//! The bus: the stream that carries the danmu, embedded or Amazon's, as the rest of the server sees it.

use std::{net::SocketAddr, time::Duration};

use aws_config::{
    BehaviorVersion, Region, SdkConfig, retry::RetryConfig, stalled_stream_protection::StalledStreamProtectionConfig,
    timeout::TimeoutConfig,
};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_sts::config::SharedHttpClient;
use aws_smithy_http_client::{Builder, tls};
use danmu_partitions::Partition;
use thiserror::Error;

use super::iam::IamRole;

/// How long a connection to AWS may take, and a call with all that it tries.
const CONNECT: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(10);

/// A stream, and the STS that vends sessions for it.
#[derive(Clone, Debug)]
pub struct KinesisBus {
    /// The STS client, with the server's own credentials.
    pub sts: aws_sdk_sts::Client,
    /// The Kinesis client, with the same.
    pub kinesis: aws_sdk_kinesis::Client,
    /// The role that sessions assume.
    pub role_arn: String,
    /// The stream's name.
    pub stream: String,
    /// The stream's region.
    pub region: String,
    /// On AWS, as IAM knows them, the roles of viewers' sessions: their policies deny who is banned.
    pub roles: Vec<IamRole>,
    /// Whether a key of AWS KMS may encrypt the stream.
    pub kms: bool,
    /// Where browsers send their requests: an absolute URL, or a path on the page's own origin.
    pub browser_endpoint: String,
    account: String,
}

/// The settings of a stream on AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsOptions {
    /// The stream's name.
    pub stream: String,
    /// Its region; without one, AWS' own settings apply.
    pub region: Option<String>,
    /// The ARNs of the roles of viewers' sessions, and the name of the setting that has them.
    pub roles: (&'static str, Vec<String>),
}

/// Why there is no bus.
#[derive(Debug, Error)]
pub enum BusError {
    /// No region anywhere.
    #[error("no AWS region is set; set stream.region, or AWS_REGION")]
    NoRegion,
    /// A role ARN that is none.
    #[error("{0} = {1:?} is not the ARN of a role (arn:aws:iam::123456789012:role/name)")]
    Role(&'static str, String),
}

impl KinesisBus {
    /// The embedded stream. Looks at no `AWS_*` variable and no profile.
    #[must_use]
    pub fn embedded(listens: SocketAddr, key: Credentials, account: &str, region: &str, stream: &str) -> Self {
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .credentials_provider(SharedCredentialsProvider::new(key))
            .endpoint_url(format!("http://{}", reachable(listens)))
            .http_client(Builder::new().build_http())
            .timeout_config(deadlines())
            .build();
        Self {
            sts: aws_sdk_sts::Client::new(&config),
            kinesis: kinesis_client(&config),
            role_arn: format!("arn:{}:iam::{account}:role/danmu-viewer", Partition::of(region).name),
            stream: stream.to_owned(),
            region: region.to_owned(),
            roles: Vec::new(),
            kms: false,
            browser_endpoint: "/aws/".into(),
            account: account.to_owned(),
        }
    }

    /// The embedded stream of another process: its pages are not ours, so browsers reach it by its own address.
    #[must_use]
    pub fn elsewhere(self, listens: SocketAddr) -> Self {
        Self { browser_endpoint: format!("http://{}/", reachable(listens)), ..self }
    }

    /// Amazon Kinesis, by AWS' own settings and by these.
    ///
    /// # Errors
    /// When there is no region, or the role's ARN is none.
    pub async fn aws(options: AwsOptions) -> Result<Self, BusError> {
        let mut loader =
            aws_config::defaults(BehaviorVersion::latest()).http_client(https_client()).timeout_config(deadlines());
        if let Some(region) = options.region {
            loader = loader.region(Region::new(region));
        }
        let aws = loader.load().await;
        let region = aws.region().ok_or(BusError::NoRegion)?.to_string();
        let (setting, role_arns) = options.roles;
        if let Some(wrong) = role_arns.iter().find(|arn| account_of(arn).is_none()) {
            return Err(BusError::Role(setting, wrong.clone()));
        }
        let role_arn = role_arns.first().cloned().unwrap_or_default();
        let account = account_of(&role_arn).unwrap_or_default().to_owned();
        // The standard variable for a stream that is reached elsewhere: an interface endpoint, a test double.
        let browser_endpoint = std::env::var("AWS_ENDPOINT_URL_KINESIS").unwrap_or_else(|_| kinesis_endpoint(&region));
        let iam = std::env::var("AWS_ENDPOINT_URL_IAM").ok();
        let role = |arn: &String| Some(IamRole::new(aws.credentials_provider()?, &region, arn, iam.clone()));
        let roles = role_arns.iter().filter_map(role).collect();
        Ok(Self {
            roles,
            kms: true,
            sts: aws_sdk_sts::Client::new(&aws),
            kinesis: kinesis_client(&aws),
            role_arn,
            stream: options.stream,
            region,
            browser_endpoint,
            account,
        })
    }

    /// The stream's ARN ([Kinesis resource types](https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonkinesisdatastreams.html)).
    #[must_use]
    pub fn stream_arn(&self) -> String {
        let Self { region, account, stream, .. } = self;
        format!("arn:{}:kinesis:{region}:{account}:stream/{stream}", Partition::of(region).name)
    }

    /// The origin that pages must be allowed to talk to, where the stream is not on their own.
    #[must_use]
    pub fn foreign_origin(&self) -> Option<String> {
        let (scheme, rest) = self.browser_endpoint.split_once("://")?;
        let host = rest.split('/').next()?;
        Some(format!("{scheme}://{host}"))
    }
}

/// When every call to AWS is given up, with all that it tries: no task waits for longer. A subscription is a call until it
/// begins.
#[must_use]
pub fn deadlines() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT).operation_timeout(PATIENCE).build()
}

/// The reader tries again by itself, at its own pace; and a subscription to a quiet shard is no stalled stream.
fn kinesis_client(config: &SdkConfig) -> aws_sdk_kinesis::Client {
    let config = aws_sdk_kinesis::config::Builder::from(config)
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build();
    aws_sdk_kinesis::Client::from_conf(config)
}

fn https_client() -> SharedHttpClient {
    Builder::new().tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring)).build_https()
}

/// An address that is listened on everywhere is reached at home.
fn reachable(listens: SocketAddr) -> SocketAddr {
    let mut addr = listens;
    if addr.ip().is_unspecified() {
        addr.set_ip(if addr.is_ipv4() { [127, 0, 0, 1].into() } else { std::net::Ipv6Addr::LOCALHOST.into() });
    }
    addr
}

/// Kinesis' public endpoint ([Service endpoints](https://docs.aws.amazon.com/general/latest/gr/ak.html)).
fn kinesis_endpoint(region: &str) -> String {
    format!("https://{}/", Partition::of(region).host("kinesis", region))
}

/// The account in a role's ARN.
fn account_of(role_arn: &str) -> Option<&str> {
    let mut parts = role_arn.splitn(6, ':');
    let (arn, _partition, service, _region) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let (account, role) = (parts.next()?, parts.next()?);
    let digits = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    (arn == "arn" && service == "iam" && role.starts_with("role/") && digits).then_some(account)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bus(region: &str) -> KinesisBus {
        let key = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
        KinesisBus::embedded(([127, 0, 0, 1], 4567).into(), key, "000000000000", region, "danmu")
    }

    #[test]
    fn arns_and_endpoints_are_of_the_regions_partition() {
        assert_eq!(bus("us-east-1").stream_arn(), "arn:aws:kinesis:us-east-1:000000000000:stream/danmu");
        assert_eq!(bus("cn-north-1").stream_arn(), "arn:aws-cn:kinesis:cn-north-1:000000000000:stream/danmu");
        assert_eq!(bus("us-gov-west-1").stream_arn(), "arn:aws-us-gov:kinesis:us-gov-west-1:000000000000:stream/danmu");
        assert_eq!(kinesis_endpoint("cn-northwest-1"), "https://kinesis.cn-northwest-1.amazonaws.com.cn/");
        assert_eq!(kinesis_endpoint("eu-central-1"), "https://kinesis.eu-central-1.amazonaws.com/");
        assert_eq!(bus("eusc-de-east-1").stream_arn(), "arn:aws-eusc:kinesis:eusc-de-east-1:000000000000:stream/danmu");
        assert_eq!(kinesis_endpoint("eusc-de-east-1"), "https://kinesis.eusc-de-east-1.amazonaws.eu/");
        assert_eq!(bus("us-iso-east-1").role_arn, "arn:aws-iso:iam::000000000000:role/danmu-viewer");
        assert_eq!(kinesis_endpoint("us-isof-south-1"), "https://kinesis.us-isof-south-1.csp.hci.ic.gov/");
    }

    #[test]
    fn only_the_arn_of_a_role_names_an_account() {
        assert_eq!(account_of("arn:aws-cn:iam::123456789012:role/path/viewer"), Some("123456789012"));
        for wrong in ["", "viewer", "arn:aws:iam::1234:role/x", "arn:aws:iam::123456789012:user/x", "arn:aws:sts::1"] {
            assert_eq!(account_of(wrong), None, "{wrong}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_call_waits_for_longer_than_its_deadline() -> Result<(), std::io::Error> {
        // Connections are made, and nobody answers.
        let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let key = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
        let bus = KinesisBus::embedded(mute.local_addr()?, key, "000000000000", "us-east-1", "danmu");
        let begun = tokio::time::Instant::now();
        assert!(bus.kinesis.list_shards().stream_name("danmu").send().await.is_err());
        assert!(begun.elapsed() < PATIENCE * 2, "{:?}", begun.elapsed());
        assert!(bus.sts.get_caller_identity().send().await.is_err());
        assert!(begun.elapsed() < PATIENCE * 3, "{:?}", begun.elapsed());
        Ok(())
    }

    #[test]
    fn pages_need_leave_only_for_a_stream_elsewhere() {
        let mut bus = bus("us-east-1");
        assert_eq!(bus.foreign_origin(), None);
        bus.browser_endpoint = kinesis_endpoint("us-east-1");
        assert_eq!(bus.foreign_origin().as_deref(), Some("https://kinesis.us-east-1.amazonaws.com"));
    }
}
