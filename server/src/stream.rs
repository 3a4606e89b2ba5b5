//! Opens the stream that the settings name.

use std::net::SocketAddr;

use aws_credential_types::Credentials;
use danmu_identity::aws::bus::{AwsOptions, KinesisBus};
use danmu_stream::{Endpoint, Options, RootKey};

use crate::{config::Config, error::RunError};

/// The settings of a stream on AWS.
pub fn aws_options(config: &Config) -> AwsOptions {
    let roles = match &config.vending.identity_pool {
        Some(pool) => ("vending.identity_pool.roles", pool.roles.clone()),
        None => ("vending.role_arn", config.vending.role_arn.iter().cloned().collect()),
    };
    AwsOptions { stream: config.stream.name.clone(), region: config.stream.region.clone(), roles }
}

/// Connects to an embedded stream that another process opened.
///
/// # Errors
/// [`RunError::Elsewhere`].
pub fn stream_elsewhere(config: &Config) -> Result<KinesisBus, RunError> {
    let data = &config.stream.data;
    let root = RootKey::load(data).map_err(|error| RunError::Elsewhere(error.to_string()))?;
    let region = config.stream.region.as_deref().unwrap_or("us-east-1");
    let account = Options::new(data).account_id;
    let bus = KinesisBus::embedded(config.stream.addr, key(&root), &account, region, &config.stream.name);
    Ok(bus.elsewhere(config.stream.addr))
}

fn key(root: &RootKey) -> Credentials {
    Credentials::new(&root.access_key_id, &root.secret_access_key, None, None, "root key of the stream")
}

/// Opens the embedded stream, which listens on `addr`, and makes it if there is none.
///
/// # Errors
/// [`RunError::Stream`].
pub async fn open_stream(config: &Config, addr: SocketAddr) -> Result<(KinesisBus, Endpoint), RunError> {
    let region = config.stream.region.as_deref().unwrap_or("us-east-1");
    let failed = |error: String| RunError::Stream(config.stream.data.display().to_string(), error);
    let mut options = Options::new(&config.stream.data);
    options.region = region.to_owned();
    // The browser signs the host name that it used. `http::client` forwards it as `X-Forwarded-Host`, from listed proxies only.
    options.trust_forwarded_host = !config.http.trusted_proxies.is_empty();
    options.max_bytes = config.stream.max_bytes;
    options.session_bytes_per_s = config.stream.session_bytes_per_s;
    options.session_records_per_s = config.stream.session_records_per_s;
    options.session_burst_s = config.stream.session_burst_s;
    let account = options.account_id.clone();
    let endpoint = Endpoint::open(options).await.map_err(|error| failed(error.to_string()))?;
    endpoint
        .ensure_stream(&config.stream.name, config.stream.shards)
        .await
        .map_err(|error| failed(error.to_string()))?;
    let retention = endpoint.set_retention(&config.stream.name, config.stream.retention_hours).await;
    retention.map_err(|error| failed(error.to_string()))?;
    let key = key(endpoint.root_key());
    Ok((KinesisBus::embedded(addr, key, &account, region, &config.stream.name), endpoint))
}
