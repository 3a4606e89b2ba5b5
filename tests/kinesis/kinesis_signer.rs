//! The signer against AWS' own cases (read from the source of the `aws-sigv4` crate) and against `aws-sigv4` itself.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, UNIX_EPOCH},
};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, SessionTokenMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
    },
    sign::v4,
};
use danmu::kinesis::sigv4;
use proptest::prelude::*;
use serde_json::Value;

/// `aws-signing-test-suite/v4` of the very `aws-sigv4` that this crate is tested with.
fn suite() -> PathBuf {
    let cargo = |arguments: &[&str]| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo).args(arguments).output().expect("cargo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("cargo writes UTF-8")
    };
    // For this platform only: the sources of the others may never have been fetched.
    let version = cargo(&["-vV"]);
    let platform = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("a host");
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let arguments = ["metadata", "--format-version", "1", "--filter-platform", platform, "--manifest-path", manifest];
    let metadata: Value = serde_json::from_str(&cargo(&arguments)).expect("cargo metadata is JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let signer = packages.iter().find(|package| package["name"] == "aws-sigv4").expect("aws-sigv4 is a dev-dependency");
    let manifest = signer["manifest_path"].as_str().expect("a path");
    Path::new(manifest).with_file_name("aws-signing-test-suite").join("v4")
}

struct Case {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Case {
    fn read(text: &str) -> Self {
        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
        let mut lines = head.lines();
        let request = lines.next().expect("a request line");
        let (method, target) = request.split_once(' ').expect("a method");
        let target = target.rsplit_once(" HTTP/").expect("a version").0;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in lines {
            match (line.strip_prefix(' '), headers.last_mut()) {
                (Some(more), Some((_, value))) => value.extend([" ", more]),
                _ => {
                    let (name, value) = line.split_once(':').expect("a header");
                    headers.push((name.to_owned(), value.to_owned()));
                }
            }
        }
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers,
            body: body.as_bytes().to_vec(),
        }
    }

    fn sign(
        &self,
        credentials: &sigv4::Credentials<'_>,
        scope: &sigv4::Scope<'_>,
        settings: sigv4::Settings,
    ) -> Vec<(&'static str, String)> {
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let request = sigv4::Request {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &headers,
            body: &self.body,
        };
        sigv4::sign(&request, credentials, scope, settings)
    }
}

/// `2015-08-30T12:36:00Z`, the moment of every case.
const MOMENT: &str = "2015-08-30T12:36:00Z";
const MOMENT_MS: i64 = 1_440_938_160_000;

#[test]
fn signs_every_case_of_the_aws_suite_as_aws_does() {
    let mut judged = 0;
    for entry in fs::read_dir(suite()).expect("the published aws-sigv4 ships its suite") {
        let directory = entry.expect("an entry").path();
        let name = directory.file_name().expect("a name").to_string_lossy().into_owned();
        let read = |file: &str| fs::read_to_string(directory.join(file));
        // Two cases come without credentials: they are not for a signer but for a part of one.
        let Ok(context) = read("context.json") else { continue };
        let context: Value = serde_json::from_str(&context).expect("JSON");
        assert_eq!(context["timestamp"], MOMENT, "{name}");

        let text = |value: &Value| value.as_str().map(str::to_owned);
        let (id, secret) =
            (text(&context["credentials"]["access_key_id"]), text(&context["credentials"]["secret_access_key"]));
        let token = text(&context["credentials"]["token"]);
        let credentials = sigv4::Credentials {
            access_key_id: id.as_deref().expect("an id"),
            secret_access_key: secret.as_deref().expect("a secret"),
            session_token: token.as_deref(),
        };
        let scope = sigv4::Scope {
            region: context["region"].as_str().expect("a region"),
            service: context["service"].as_str().expect("a service"),
            time_ms: MOMENT_MS,
        };
        let settings = sigv4::Settings {
            normalize_path: context["normalize"] == true,
            sign_token: context["omit_session_token"] != true,
            body_header: context["sign_body"] == true,
        };
        let mut case = Case::read(&read("request.txt").expect("a request"));
        if name == "get-space-normalized" {
            // The one case that takes its path for encoded already. Services other than S3 encode it once more, and so
            // do we (and `aws-sigv4`, which leaves this case out); its space is what is meant.
            case.path = case.path.replace("%20", " ");
        }
        let mut signed = case.headers.clone();
        signed.extend(case.sign(&credentials, &scope, settings).into_iter().map(|(n, v)| (n.to_owned(), v)));

        let expected = Case::read(&read("header-signed-request.txt").expect("a signed request"));
        let ordered = |headers: &[(String, String)]| {
            let mut headers: Vec<_> =
                headers.iter().map(|(n, v)| (n.to_ascii_lowercase(), v.trim().to_owned())).collect();
            headers.sort();
            headers
        };
        assert_eq!(ordered(&signed), ordered(&expected.headers), "{name}");
        judged += 1;
    }
    assert!(judged >= 38, "only {judged} cases");
}

fn with_aws(
    case: &Case,
    credentials: &sigv4::Credentials<'_>,
    scope: &sigv4::Scope<'_>,
    settings: sigv4::Settings,
) -> Vec<(String, String)> {
    let identity = Credentials::new(
        credentials.access_key_id,
        credentials.secret_access_key,
        credentials.session_token.map(str::to_owned),
        None,
        "test",
    )
    .into();
    let mut theirs = SigningSettings::default();
    theirs.uri_path_normalization_mode = UriPathNormalizationMode::from(settings.normalize_path);
    theirs.session_token_mode = if settings.sign_token { SessionTokenMode::Include } else { SessionTokenMode::Exclude };
    theirs.payload_checksum_kind =
        if settings.body_header { PayloadChecksumKind::XAmzSha256 } else { PayloadChecksumKind::NoHeader };
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(scope.region)
        .name(scope.service)
        .time(UNIX_EPOCH + Duration::from_millis(scope.time_ms as u64))
        .settings(theirs)
        .build()
        .expect("parameters")
        .into();
    let host = &case.headers.iter().find(|(name, _)| name == "host").expect("a host").1;
    let question = if case.query.is_empty() { "" } else { "?" };
    let url = format!("https://{host}{}{question}{}", case.path, case.query);
    let headers = case.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let request =
        SignableRequest::new(&case.method, &url, headers, SignableBody::Bytes(&case.body)).expect("a request");
    let (instructions, _) = aws_sigv4::http_request::sign(request, &parameters).expect("signs").into_parts();
    let (headers, query) = instructions.into_parts();
    assert!(query.is_empty());
    headers.iter().map(|header| (header.name().to_owned(), header.value().to_owned())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn signs_any_request_as_aws_sigv4_does(
        method in "GET|POST|PUT|DELETE",
        path in "(/([a-zA-Z0-9._~!$&'()*+,;=:@-]|%[0-9A-F]{2}|\\.){0,6}){1,5}",
        query in "(([a-zA-Z0-9._~-]|%[2-7][0-9A-F]|[+*!:@/]){0,6}=?([a-zA-Z0-9._~=-]|%E4%BD%A0){0,6}&?){0,4}",
        names in proptest::collection::vec("x-[a-z]{1,3}|content-type|user-agent|range", 0..6),
        values in proptest::collection::vec("[ -~]{0,20}", 6),
        body in proptest::collection::vec(any::<u8>(), 0..200),
        secret in "[A-Za-z0-9/+=]{1,100}",
        token in proptest::option::of("[A-Za-z0-9/+=]{1,80}"),
        region in "[a-z]{2}-[a-z]{4,9}-[1-9]",
        time_ms in 0_i64..4_000_000_000_000,
        (normalize_path, sign_token, body_header) in any::<(bool, bool, bool)>(),
    ) {
        let mut headers: Vec<_> = names.into_iter().zip(values).collect();
        headers.push(("host".to_owned(), "kinesis.us-east-1.amazonaws.com".to_owned()));
        let case = Case { method, path, query, headers, body };
        let credentials =
            sigv4::Credentials { access_key_id: "AKIDEXAMPLE", secret_access_key: &secret, session_token: token.as_deref() };
        let scope = sigv4::Scope { region: &region, service: "kinesis", time_ms };
        let settings = sigv4::Settings { normalize_path, sign_token, body_header };
        let mut theirs = with_aws(&case, &credentials, &scope, settings);
        let mut ours: Vec<_> =
            case.sign(&credentials, &scope, settings).into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
        theirs.sort();
        ours.sort();
        prop_assert_eq!(ours, theirs);
    }
}
