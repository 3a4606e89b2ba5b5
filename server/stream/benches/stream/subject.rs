//! What is measured: our endpoint and its peers, each served over HTTP by a process of its own, so that its memory is
//! its own and it can be killed.

use std::{
    io::Read,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use aws_sdk_kinesis::{
    Client,
    config::{
        BehaviorVersion, Credentials, Region, StalledStreamProtectionConfig, retry::RetryConfig, timeout::TimeoutConfig,
    },
    types::StreamStatus,
};
use axum::serve::ListenerExt;
use danmu_stream::{Endpoint, Options};
use ferrokinesis::store::{DEFAULT_DURABLE_SNAPSHOT_INTERVAL_SECS, DurableStateOptions, StoreOptions};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpListener,
    process::{Child, Command},
    time::sleep,
};

use crate::kit::Failure;

/// The argument that makes this program a server.
pub const SERVE: &str = "--serve";

/// An implementation, and how it keeps what it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Ours: in the log, synced, before it is acknowledged.
    Ours,
    /// ferrokinesis as it is by default.
    Memory,
    /// ferrokinesis with a state directory.
    Durable,
}

impl Subject {
    fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Memory => "memory",
            Self::Durable => "durable",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Ours, Self::Memory, Self::Durable].into_iter().find(|subject| subject.name() == name)
    }
}

/// What a server says on its first line.
#[derive(Debug, Serialize, Deserialize)]
struct Greeting {
    address: String,
    key_id: String,
    secret: String,
    /// What it took to read back what was kept.
    open_ms: f64,
}

/// A server in a process of its own; dies with this value.
pub struct Server {
    process: Child,
    greeting: Greeting,
}

impl Server {
    /// Starts a process and waits until it serves.
    pub async fn start(subject: Subject, dir: &Path) -> Result<Self, Failure> {
        let mut process = Command::new(std::env::current_exe()?)
            .args([SERVE, subject.name()])
            .arg(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let output = process.stdout.take().ok_or("a server has no output")?;
        let line = BufReader::new(output).lines().next_line().await?;
        let line = line.ok_or_else(|| format!("the server of {} ended without a word", subject.name()))?;
        Ok(Self { process, greeting: serde_json::from_str(&line)? })
    }

    pub fn process(&self) -> u32 {
        self.process.id().unwrap_or_default()
    }

    pub fn open_ms(&self) -> f64 {
        self.greeting.open_ms
    }

    /// The AWS SDK, as programs use it; never tries twice, so that what is timed is one call.
    pub fn client(&self) -> Client {
        let Greeting { address, key_id, secret, .. } = &self.greeting;
        let config = aws_sdk_kinesis::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(format!("http://{address}"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .credentials_provider(Credentials::new(key_id, secret, None, None, "bench"))
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().operation_timeout(Duration::from_secs(30)).build())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build();
        Client::from_conf(config)
    }

    /// `kill -9`.
    pub async fn kill(mut self) -> Result<(), Failure> {
        self.process.kill().await?;
        Ok(())
    }

    /// Asks it to close, and waits until it has.
    pub async fn stop(mut self) -> Result<(), Failure> {
        drop(self.process.stdin.take());
        self.process.wait().await?;
        Ok(())
    }
}

/// Makes a stream and waits until it takes records.
pub async fn create_stream(client: &Client, name: &str, shards: i32) -> Result<(), Failure> {
    client.create_stream().stream_name(name).shard_count(shards).send().await?;
    loop {
        let answer = client.describe_stream_summary().stream_name(name).send().await?;
        let status = answer.stream_description_summary.map(|summary| summary.stream_status);
        if status == Some(StreamStatus::Active) {
            return Ok(());
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// The other side of [`Server::start`]: serves until standard input ends.
pub async fn serve(subject: &str, dir: &Path) -> Result<(), Failure> {
    let subject = Subject::named(subject).ok_or_else(|| format!("there is no server {subject:?}"))?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let start = Instant::now();
    let greet = |key_id: &str, secret: &str| {
        let open_ms = start.elapsed().as_secs_f64() * 1000.0;
        let greeting =
            Greeting { address: address.clone(), key_id: key_id.to_owned(), secret: secret.to_owned(), open_ms };
        serde_json::to_string(&greeting).map(|line| println!("{line}"))
    };
    let listener = listener.tap_io(|connection| {
        // As the server does: a small answer must not wait for a second packet.
        let _ = connection.set_nodelay(true);
    });
    match subject {
        Subject::Ours => {
            let endpoint = Endpoint::open(Options::new(dir)).await?;
            greet(&endpoint.root_key().access_key_id, &endpoint.root_key().secret_access_key)?;
            let router = endpoint.router();
            tokio::select! {
                ended = axum::serve(listener, router) => ended?,
                () = end_of_input() => {}
            }
            endpoint.close().await;
        }
        Subject::Memory | Subject::Durable => {
            let durable = (subject == Subject::Durable).then(|| DurableStateOptions {
                state_dir: dir.to_owned(),
                snapshot_interval_secs: DEFAULT_DURABLE_SNAPSHOT_INTERVAL_SECS,
                max_retained_bytes: None,
            });
            // The service's limits are on, as they always are with ours.
            let options =
                StoreOptions { create_stream_ms: 0, enforce_limits: true, durable, ..StoreOptions::default() };
            let (router, _store) = ferrokinesis::create_app(options);
            greet("any", "any")?;
            tokio::select! {
                ended = axum::serve(listener, router) => ended?,
                () = end_of_input() => {}
            }
        }
    }
    Ok(())
}

async fn end_of_input() {
    let input = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    let _ = input.await;
}
