//! Inline policies of the role of viewers' sessions, by the three calls of IAM that read one, put one there and take it away.
//!
//! Made by hand: `aws-sdk-iam` is 220,000 lines, ten times the SDK of STS, for three calls. The signature is
//! [`danmu::kinesis::sigv4`]'s, the protocol is
//! [AWS Query](https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html). Needs `iam:GetRolePolicy`,
//! `iam:PutRolePolicy` and `iam:DeleteRolePolicy` on the role and nothing else (`deploy/policies`).

use std::time::Duration;

use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use danmu::kinesis::sigv4;
use danmu_partitions::Partition;
use http::{Request, header};
use http_body_util::Full;
use hyper::body::Bytes;
use thiserror::Error;

use crate::{
    clock::now_ms,
    https::{Https, chain},
    store::StoreError,
};

const VERSION: &str = "2010-05-08";
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";
/// No answer is longer, bytes.
const MAX_ANSWER: usize = 64 * 1024;
/// Longer than a healthy IAM takes.
const PATIENCE: Duration = Duration::from_secs(8);

/// The role of viewers' sessions on AWS, and who may change its policies.
#[derive(Clone, Debug)]
pub struct IamRole {
    credentials: SharedCredentialsProvider,
    /// Where IAM is, without a slash at the end.
    url: String,
    /// For what region requests to it are signed.
    region: &'static str,
    name: String,
}

/// Why IAM did not do it.
#[derive(Debug, Error)]
pub enum IamError {
    /// No credentials.
    #[error("no credentials for IAM: {0}")]
    Credentials(String),
    /// It cannot be reached.
    #[error("IAM cannot be reached: {0}")]
    Network(String),
    /// It could not even be asked.
    #[error("whom to deny is not known: {0}")]
    Unknown(#[from] StoreError),
    /// It refused.
    #[error("IAM answers {code}: {message}")]
    Refused {
        /// By its name of the error.
        code: String,
        /// In its words.
        message: String,
    },
}

impl IamRole {
    /// The role with this ARN; requests go to where IAM of the region's partition is
    /// ([endpoints](https://docs.aws.amazon.com/general/latest/gr/iam-service.html)), or to `elsewhere`.
    #[must_use]
    pub fn new(
        credentials: SharedCredentialsProvider,
        region: &str,
        role_arn: &str,
        elsewhere: Option<String>,
    ) -> Self {
        let partition = Partition::of(region);
        let url = elsewhere.unwrap_or_else(|| format!("https://{}", partition.iam_host));
        let url = url.trim_end_matches('/').to_owned();
        let name = role_arn.rsplit('/').next().unwrap_or_default().to_owned();
        Self { credentials, url, region: partition.iam_region, name }
    }

    /// The document of an inline policy of the role, if it has one of that name
    /// ([GetRolePolicy](https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRolePolicy.html) answers it percent-encoded).
    ///
    /// # Errors
    /// [`IamError`].
    pub async fn get(&self, policy: &str) -> Result<Option<String>, IamError> {
        match self.call("GetRolePolicy", &[("PolicyName", policy)]).await {
            Ok(answer) => {
                let encoded = element(&answer, "PolicyDocument").unwrap_or_default().replace('+', "%2B");
                let form = ["document=", &encoded].concat();
                let document = form_urlencoded::parse(form.as_bytes()).next();
                Ok(document.map(|(_, document)| document.into_owned()))
            }
            Err(IamError::Refused { code, .. }) if code == "NoSuchEntity" => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Puts an inline policy on the role, in the place of the one of that name.
    ///
    /// # Errors
    /// [`IamError`].
    pub async fn put(&self, policy: &str, document: &str) -> Result<(), IamError> {
        self.call("PutRolePolicy", &[("PolicyName", policy), ("PolicyDocument", document)]).await.map(drop)
    }

    /// Takes an inline policy away, if it is there.
    ///
    /// # Errors
    /// [`IamError`].
    pub async fn remove(&self, policy: &str) -> Result<(), IamError> {
        match self.call("DeleteRolePolicy", &[("PolicyName", policy)]).await {
            Err(IamError::Refused { code, .. }) if code == "NoSuchEntity" => Ok(()),
            other => other.map(drop),
        }
    }

    async fn call(&self, action: &str, members: &[(&str, &str)]) -> Result<String, IamError> {
        let standing = [("Action", action), ("Version", VERSION), ("RoleName", &self.name)];
        let form =
            form_urlencoded::Serializer::new(String::new()).extend_pairs(standing).extend_pairs(members).finish();
        match tokio::time::timeout(PATIENCE, self.send(form)).await {
            Ok(answer) => answer,
            Err(_) => Err(IamError::Network(format!("no answer within {} s", PATIENCE.as_secs()))),
        }
    }

    async fn send(&self, body: String) -> Result<String, IamError> {
        let network = |error: &dyn std::error::Error| IamError::Network(chain(error));
        let given = self.credentials.provide_credentials().await;
        let given = given.map_err(|error| IamError::Credentials(chain(&error)))?;
        let host = self.url.split("://").nth(1).unwrap_or_default();
        let headers = [("host", host), ("content-type", FORM)];
        let request = sigv4::Request { method: "POST", path: "/", query: "", headers: &headers, body: body.as_bytes() };
        let credentials = sigv4::Credentials {
            access_key_id: given.access_key_id(),
            secret_access_key: given.secret_access_key(),
            session_token: given.session_token(),
        };
        let scope = sigv4::Scope { region: self.region, service: "iam", time_ms: now_ms() };
        let signed = sigv4::sign(&request, &credentials, &scope, sigv4::Settings::default());
        let mut request = Request::post(format!("{}/", self.url)).header(header::CONTENT_TYPE, FORM);
        for (name, value) in signed {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(Bytes::from(body))).map_err(|error| network(&error))?;
        // A call now and then: no connection is worth keeping.
        let answer = Https::new().map_err(IamError::Network)?.send(request, MAX_ANSWER, PATIENCE).await;
        let answer = answer.map_err(IamError::Network)?;
        let (status, text) = (answer.status(), String::from_utf8_lossy(answer.body()).into_owned());
        if status.is_success() {
            return Ok(text);
        }
        let code = element(&text, "Code").unwrap_or_else(|| status.to_string());
        Err(IamError::Refused { code, message: element(&text, "Message").unwrap_or_default() })
    }
}

/// The text of the first element of that name.
fn element(xml: &str, name: &str) -> Option<String> {
    let rest = xml.split_once(&format!("<{name}>"))?.1;
    rest.split_once("</").map(|(text, _)| text.to_owned())
}
