//! The endpoints that are compared: ours, and the emulators that others wrote, each behind the AWS SDK.

use std::{
    env,
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use aws_sdk_kinesis::{
    Client,
    config::{BehaviorVersion, Credentials, Region, StalledStreamProtectionConfig, retry::RetryConfig},
};
use axum::{Router, serve::ListenerExt};
use danmu_stream::{Endpoint, Options};
use ferrokinesis::store::StoreOptions;
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle, time::sleep};

use crate::Failure;

/// Twelve digits: kinesis-local takes an access key id of this form for the account.
const ACCOUNT: &str = "000000000000";
/// How long kinesis-local may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whose endpoint it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Name {
    Ours,
    Ferrokinesis,
    KinesisLocal,
}

/// A running endpoint. Gone with this value.
pub struct Subject {
    pub name: Name,
    pub client: Client,
    server: Option<JoinHandle<()>>,
    process: Option<Child>,
    _dir: Option<TempDir>,
}

impl Drop for Subject {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.abort();
        }
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// Ours first; kinesis-local only where `E2E_NODE_MODULES` names a folder that has it.
pub async fn all() -> Result<Vec<Subject>, Failure> {
    let mut all = vec![ours().await?, ferrokinesis().await?];
    match env::var_os("E2E_NODE_MODULES") {
        Some(modules) => all.push(kinesis_local(&Path::new(&modules).join("kinesis-local")).await?),
        None => eprintln!("not asked: kinesis-local, for E2E_NODE_MODULES names no folder that has it"),
    }
    Ok(all)
}

async fn ours() -> Result<Subject, Failure> {
    let dir = tempfile::tempdir()?;
    let endpoint = Endpoint::open(Options::new(dir.path().join("data"))).await?;
    let (addr, server) = serve(endpoint.router()).await?;
    let key = endpoint.root_key();
    let client = client(addr, &key.access_key_id, &key.secret_access_key);
    Ok(Subject { name: Name::Ours, client, server: Some(server), process: None, _dir: Some(dir) })
}

async fn ferrokinesis() -> Result<Subject, Failure> {
    let at_once =
        StoreOptions { create_stream_ms: 0, delete_stream_ms: 0, update_stream_ms: 0, ..StoreOptions::default() };
    let (router, _store) =
        ferrokinesis::create_app(StoreOptions { shard_limit: 1_000, aws_account_id: ACCOUNT.into(), ..at_once });
    let (addr, server) = serve(router).await?;
    Ok(Subject {
        name: Name::Ferrokinesis,
        client: client(addr, "any", "any"),
        server: Some(server),
        process: None,
        _dir: None,
    })
}

async fn kinesis_local(package: &Path) -> Result<Subject, Failure> {
    let [plain, tls] = [free_port().await?, free_port().await?];
    let mut command = Command::new("node");
    // Its certificate is looked for in the working directory.
    command.arg("main.js").current_dir(package).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.env("KINESIS_MOCK_PLAIN_PORT", plain.to_string()).env("KINESIS_MOCK_TLS_PORT", tls.to_string());
    for what in
        ["CREATE_STREAM", "DELETE_STREAM", "DEREGISTER_STREAM_CONSUMER", "MERGE_SHARDS", "REGISTER_STREAM_CONSUMER"]
            .into_iter()
            .chain(["SPLIT_SHARD", "UPDATE_SHARD_COUNT"])
    {
        command.env(format!("{what}_DURATION"), "1ms");
    }
    let process = command.env("SHARD_LIMIT", "1000").env("LOG_LEVEL", "ERROR").spawn()?;
    let addr = SocketAddr::from(([127, 0, 0, 1], plain));
    let subject = Subject {
        name: Name::KinesisLocal,
        client: client(addr, ACCOUNT, "any"),
        server: None,
        process: Some(process),
        _dir: None,
    };
    let ready = async {
        while subject.client.list_streams().send().await.is_err() {
            sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, ready).await.map_err(|_| "kinesis-local does not answer")?;
    Ok(subject)
}

fn client(addr: SocketAddr, key_id: &str, secret: &str) -> Client {
    let config = aws_sdk_kinesis::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(format!("http://{addr}"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .credentials_provider(Credentials::new(key_id, secret, None, None, "test"))
        // Each answer counts.
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build();
    Client::from_conf(config)
}

async fn serve(router: Router) -> Result<(SocketAddr, JoinHandle<()>), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let server = tokio::spawn(async move {
        let _ = axum::serve(listener, router).await;
    });
    Ok((addr, server))
}

async fn free_port() -> Result<u16, Failure> {
    Ok(TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port())
}
