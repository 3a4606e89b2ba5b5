//! The SDKs that people use drive every operation: boto3 and the AWS SDK for JavaScript v3, each a script beside this
//! file that runs against an endpoint of its own.
//!
//! Where they are comes from the environment: `E2E_PYTHON` is a Python that has boto3, `E2E_NODE_MODULES` a folder that has
//! `@aws-sdk/client-kinesis`. `cargo xtask test` installs both and sets both; without them nothing is driven, and it is said.

use std::{env, error::Error, path::Path, process::Stdio, time::Duration};

use axum::serve::ListenerExt;
use danmu_stream::{Endpoint, Options};
use tokio::{net::TcpListener, process::Command, time::timeout};

type Test = Result<(), Box<dyn Error + Send + Sync>>;

/// How long a script may take.
const PATIENCE: Duration = Duration::from_secs(90);

async fn drive(program: &str, script: &str) -> Test {
    let dir = tempfile::tempdir()?;
    let endpoint = Endpoint::open(Options::new(dir.path().join("data"))).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let router = endpoint.router();
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(script);
    let mut command = Command::new(program);
    command
        .arg(&script)
        .env("STREAM_ADDRESS", address)
        .env("STREAM_KEY", &endpoint.root_key().access_key_id)
        .env("STREAM_SECRET", &endpoint.root_key().secret_access_key)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output =
        timeout(PATIENCE, command.output()).await.map_err(|_| format!("{} never ends", script.display()))??;
    endpoint.end_subscriptions();
    server.abort();
    let said = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.trim_end().ends_with("ok"), "{}\n{said}\n{complaint}", output.status);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_drives_every_operation() -> Test {
    match env::var("E2E_PYTHON") {
        Ok(python) => drive(&python, "drive.py").await,
        Err(_) => {
            eprintln!("not driven: E2E_PYTHON names no Python that has boto3");
            Ok(())
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_for_javascript_drives_every_operation() -> Test {
    match env::var("E2E_NODE_MODULES") {
        Ok(_) => drive("node", "drive.mjs").await,
        Err(_) => {
            eprintln!("not driven: E2E_NODE_MODULES names no folder that has the SDK");
            Ok(())
        }
    }
}
