//! The public API of an endpoint for the program that embeds it.

use std::{
    fs::{File, TryLockError},
    path::Path,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use axum::Router;
use tokio::time::timeout;

use crate::{
    arn::ArnScope,
    auth::{Door, denials::Denials, verify::SignatureVerifier},
    clock::Clock,
    error::{OpenError, StreamError},
    http,
    inner::Inner,
    intake::Intake,
    kinesis::{RETENTION_HOURS, calls::CallLimits, check_new_stream, iterator::Seals},
    limits::ReadGates,
    meter::{Meters, SessionRate},
    metrics::{Counters, Metrics, add},
    options::Options,
    private::{create_private_dir, keep_directory_private, keep_private},
    root_key::RootKey,
    seldom::Seldom,
    store::{Bounds, Refusal, Store, StoreError, Stream, Tags},
    sts::token::Tokens,
};

/// The smallest allowed limit of the log, bytes: the largest record.
const MIN_MAX_BYTES: u64 = 1024 * 1024;
/// How often the log is trimmed.
const TRIM_EVERY: Duration = Duration::from_secs(60);

/// A Kinesis- and STS-compatible endpoint over a data directory. Cheap to clone; the directory is unlocked when the last
/// clone is dropped, routers included.
#[derive(Clone)]
pub struct Endpoint {
    pub(crate) inner: Arc<Inner>,
}

/// A description of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamInfo {
    /// Its name.
    pub name: String,
    /// `arn:…:stream/{name}`, in the partition of the region.
    pub arn: String,
    /// The number of open shards.
    pub open_shards: usize,
    /// When it was created, milliseconds since the Unix epoch.
    pub created_ms: i64,
}

impl Endpoint {
    /// Opens the data directory, creating it if it is missing, and recovers the log.
    ///
    /// # Errors
    /// [`OpenError`], which names the directory or the setting at fault.
    pub async fn open(options: Options) -> Result<Self, OpenError> {
        check(&options)?;
        let dir = options.data_dir.clone();
        let bounds = Bounds { reserve: options.disk_reserve, retained: options.max_bytes };
        let clock = Arc::clone(&options.clock);
        let opened = tokio::task::spawn_blocking(move || prepare(&dir, bounds, clock)).await;
        let (lock, root, store, denials) =
            opened.map_err(|error| OpenError::Log { path: options.data_dir.clone(), reason: error.to_string() })??;
        let tokens = Tokens::new(&root);
        let denials = Arc::new(denials);
        let rate = SessionRate {
            bytes: options.session_bytes_per_s,
            records: options.session_records_per_s,
            burst_s: options.session_burst_s,
        };
        let inner = Arc::new(Inner {
            store,
            gates: ReadGates::new(options.strict_reads),
            calls: CallLimits::new(options.strict_reads),
            counters: Counters::default(),
            subscriptions: Arc::default(),
            verifier: SignatureVerifier::new(
                root.clone(),
                tokens.clone(),
                Arc::clone(&denials),
                options.region.clone(),
            ),
            denials,
            denied_asks: Seldom::default(),
            meters: Arc::new(Meters::new(rate)),
            sessions_may_control: options.sessions_may_control,
            tokens,
            seals: Seals::new(&root),
            place: ArnScope { region: options.region, account: options.account_id },
            clock: options.clock,
            trust_forwarded_host: options.trust_forwarded_host,
            own_intake: Intake::new(),
            public_intake: Intake::new(),
            root,
            _lock: lock,
        });
        tokio::spawn(keep_trimming(Arc::downgrade(&inner)));
        Ok(Self { inner })
    }

    /// Whether puts can still be written: the writer thread runs.
    #[must_use]
    pub fn writes(&self) -> bool {
        self.inner.store.writes()
    }

    /// The key that may do everything. Only for this process and the operator.
    #[must_use]
    pub fn root_key(&self) -> &RootKey {
        &self.inner.root
    }

    /// The stream `name`, created with `shards` shards (1 to 500) if it does not exist. An existing one keeps its shards.
    ///
    /// # Errors
    /// [`StreamError::Invalid`] for a name outside `[a-zA-Z0-9_.-]{1,128}` or a number out of its range,
    /// [`StreamError::Log`] if the log cannot be written.
    pub async fn ensure_stream(&self, name: &str, shards: u32) -> Result<StreamInfo, StreamError> {
        let shards =
            check_new_stream(name, Some(i64::from(shards))).map_err(|error| StreamError::Invalid(error.message))?;
        if let Some(stream) = self.inner.store.stream(name) {
            return Ok(self.info(&stream));
        }
        match self.inner.store.create(name, shards, Tags::new()).await {
            Ok(stream) => Ok(self.info(&stream)),
            // Created concurrently since the lookup above.
            Err(StoreError::Refused(Refusal::StreamExists)) => self
                .inner
                .store
                .stream(name)
                .map(|stream| self.info(&stream))
                .ok_or_else(|| StreamError::Log("the stream came and went".to_owned())),
            Err(error) => Err(StreamError::Log(error.to_string())),
        }
    }

    /// Sets the retention of a stream, in hours: 24 to 8,760. Records that are already past retention stay inaccessible.
    ///
    /// # Errors
    /// [`StreamError::Invalid`] if there is no such stream or the hours are out of their range, [`StreamError::Log`] if the log
    /// cannot be written.
    pub async fn set_retention(&self, stream: &str, hours: u32) -> Result<(), StreamError> {
        if !RETENTION_HOURS.contains(&hours) {
            let (least, most) = (RETENTION_HOURS.start(), RETENTION_HOURS.end());
            return Err(StreamError::Invalid(format!("a retention of {hours} hours cannot be; {least} to {most} can")));
        }
        match self.inner.store.stream(stream) {
            None => Err(StreamError::Invalid(format!("there is no stream {stream}"))),
            Some(known) if known.meta.retention_hours == hours => Ok(()),
            Some(_) => {
                let set = self.inner.store.set_retention(stream, hours).await;
                set.map_err(|error| StreamError::Log(error.to_string()))
            }
        }
    }

    /// A router with everything: STS, the control plane, the data plane. For a port that only this machine can reach.
    pub fn router(&self) -> Router {
        http::router(Arc::clone(&self.inner), Door::Own)
    }

    /// A router with the data plane for sessions: `PutRecord`, `PutRecords`, `ListShards`, `GetShardIterator`, `GetRecords`,
    /// `SubscribeToShard`. Never STS, the control plane or the root key.
    ///
    /// Mount it with `nest_service("/aws", …)`, under any path: signatures are verified over the path that the client signed.
    /// (`nest` would not match the path with a trailing slash.)
    pub fn public_router(&self) -> Router {
        http::router(Arc::clone(&self.inner), Door::Public)
    }

    /// Trims the log now: removes records past retention or of deleted streams, and the oldest beyond [`Options::max_bytes`].
    /// Also runs by itself every minute, and when the log exceeds its limit. Returns how many records were removed.
    ///
    /// # Errors
    /// [`StreamError::Log`] if the log cannot be written.
    pub async fn trim(&self) -> Result<u64, StreamError> {
        trim(&self.inner).await
    }

    /// Ends every subscription after a complete event, and refuses later ones with `ServiceUnavailable`. For a graceful
    /// shutdown that waits for open responses: a subscription otherwise lasts up to five minutes.
    pub fn end_subscriptions(&self) {
        self.inner.subscriptions.close();
    }

    /// Ends the subscriptions, writes pending puts, then refuses later writes with `ServiceUnavailable`. Reads still work.
    pub async fn close(&self) {
        self.end_subscriptions();
        self.inner.store.close().await;
    }

    /// A snapshot of the counters.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let store = &self.inner.store;
        let denials = self.inner.denials.entries().len() as u64;
        self.inner.counters.snapshot(store.commits(), self.inner.subscriptions.active(), store.retained(), denials)
    }

    fn info(&self, stream: &Stream) -> StreamInfo {
        StreamInfo {
            name: stream.meta.name.to_string(),
            arn: self.inner.place.stream_arn(&stream.meta.name),
            open_shards: stream.open_shards(),
            created_ms: i64::try_from(stream.meta.created_ms).unwrap_or(i64::MAX),
        }
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("place", &self.inner.place).finish_non_exhaustive()
    }
}

fn check(options: &Options) -> Result<(), OpenError> {
    let wrong = |name, value: &str, rule| Err(OpenError::Setting { name, value: value.to_owned(), rule });
    let region = &options.region;
    let is_region_byte = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !(1..=32).contains(&region.len()) || !region.bytes().all(is_region_byte) {
        return wrong("region", region, "1 to 32 small letters, digits and hyphens, such as us-east-1");
    }
    let account = &options.account_id;
    if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
        return wrong("account_id", account, "twelve digits");
    }
    if options.max_bytes < MIN_MAX_BYTES {
        return wrong("max_bytes", &options.max_bytes.to_string(), "1048576 bytes and up");
    }
    for (name, value) in [
        ("session_bytes_per_s", options.session_bytes_per_s),
        ("session_records_per_s", options.session_records_per_s.into()),
        ("session_burst_s", options.session_burst_s.into()),
    ] {
        if value == 0 {
            return wrong(name, "0", "1 and up; no session could ever put anything");
        }
    }
    Ok(())
}

fn prepare(dir: &Path, bounds: Bounds, clock: Arc<dyn Clock>) -> Result<(File, RootKey, Store, Denials), OpenError> {
    let unusable = |source| OpenError::Directory { path: dir.to_owned(), source };
    create_private_dir(dir).and_then(|()| keep_directory_private(dir)).map_err(unusable)?;
    let lock = File::options().create(true).truncate(false).write(true).open(dir.join("lock")).map_err(unusable)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(OpenError::Locked { path: dir.to_owned() }),
        Err(TryLockError::Error(source)) => return Err(unusable(source)),
    }
    let root = RootKey::load_or_create(dir)?;
    let log = dir.join("log");
    // Created before the engine does, which would use the umask's mode.
    create_private_dir(&log).and_then(|()| keep_private(&log)).map_err(unusable)?;
    keep_private(&dir.join("lock")).map_err(unusable)?;
    let failed = |error: StoreError| OpenError::Log { path: log.clone(), reason: error.to_string() };
    let store = Store::open(&log, bounds, clock).map_err(failed)?;
    let denials = Denials::new(store.denials().map_err(failed)?);
    Ok((lock, root, store, denials))
}

async fn keep_trimming(endpoint: Weak<Inner>) {
    loop {
        let over = {
            let Some(endpoint) = endpoint.upgrade() else { return };
            endpoint.store.over()
        };
        // Wait without a strong reference to the endpoint, which would keep it alive.
        let _ = timeout(TRIM_EVERY, over.notified()).await;
        let Some(endpoint) = endpoint.upgrade() else { return };
        for ((), requests) in endpoint.denied_asks.due(Instant::now()) {
            tracing::info!(requests, "denied sessions asked");
        }
        match trim(&endpoint).await {
            Ok(0) => {}
            Ok(removed) => tracing::debug!(removed, "removed records past retention"),
            Err(error) => tracing::warn!(%error, "records past retention stay for now"),
        }
    }
}

async fn trim(endpoint: &Arc<Inner>) -> Result<u64, StreamError> {
    let failed = |error: &dyn std::fmt::Display| StreamError::Log(error.to_string());
    let worker = Arc::clone(endpoint);
    let forget_and_trim = move || {
        {
            let _turn = worker.denials.persisting();
            let gone = worker.denials.forget(worker.clock.now_ms());
            worker.store.drop_denials(&gone)?;
        }
        worker.store.trim()
    };
    let trimmed = tokio::task::spawn_blocking(forget_and_trim)
        .await
        .map_err(|error| failed(&error))?
        .map_err(|error| failed(&error))?;
    add(&endpoint.counters.records_expired, trimmed.records);
    add(&endpoint.counters.records_pushed_out, trimmed.early);
    if trimmed.early > 0 {
        let limit = endpoint.store.limit();
        tracing::warn!(records = trimmed.early, limit, "the log was over its limit: the oldest records are gone");
    }
    match endpoint.store.forget_shards(trimmed.empty).await {
        // After `close` no shard can be forgotten; the next open catches up.
        Ok(()) | Err(StoreError::Closed) => {}
        Err(error) => return Err(failed(&error)),
    }
    let store = &endpoint.store;
    endpoint
        .gates
        .retain(|stream, shard| store.stream_by_id(stream).is_some_and(|stream| stream.shard(shard).is_some()));
    Ok(trimmed.records + trimmed.early)
}
