//! The settings of an [`Endpoint`](crate::Endpoint).

use std::{fmt, path::PathBuf, sync::Arc};

use crate::clock::{Clock, SystemClock};

/// Settings of an endpoint. Start from [`Options::new`] and change fields as needed.
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// The data directory: the log, the root key, the lock file. Created if missing.
    pub data_dir: PathBuf,
    /// The region that requests must be signed for. Default `us-east-1`.
    pub region: String,
    /// The twelve digits in every ARN. Default `000000000000`.
    pub account_id: String,
    /// `true`: a read or a call over its rate limit is refused at once, as the real service does, and the daily limit of
    /// `UpdateShardCount` holds. Default `false`: it waits for its turn for up to a second first.
    pub strict_reads: bool,
    /// Free bytes of the disk below which puts are refused with `ServiceUnavailable`, so that the storage engine never
    /// meets a full disk in the middle of a write: it would then refuse writes until it is reopened. Default 256 MiB.
    pub disk_reserve: u64,
    /// The limit of retained bytes of partition keys and data, over all streams. Beyond it the oldest records are removed
    /// early, in ranges, in the background, until a twentieth of it is free. On disk the log takes up to twice as much.
    /// 1 MiB and up. Default `u64::MAX`: no limit but the disk.
    pub max_bytes: u64,
    /// The write rate limit of a session, bytes of partition keys and data a second; 1 and up. The sessions of one source
    /// identity share it, so that no client fills a shard, or the memory, for everybody else. Excess records, and a second
    /// large body at a time, are refused with `ProvisionedThroughputExceededException`. The root key has only the shard's
    /// limit. Default 64 KiB; `u64::MAX`: no limit but the shard's.
    pub session_bytes_per_s: u64,
    /// The same in records a second; 1 and up. Default 20.
    pub session_records_per_s: u32,
    /// The burst of both token buckets, in seconds of their rate; 1 and up. Default 5.
    pub session_burst_s: u32,
    /// `true`: sessions whose policy allows it may use `AssumeRole` and the control plane of existing streams and consumers
    /// through [`router`](crate::Endpoint::router), as IAM would let them; for testing policies. Default `false`: of these,
    /// sessions may only use `DescribeStreamConsumer`, whatever a policy says.
    pub sessions_may_control: bool,
    /// The source of wall-clock time. Default [`SystemClock`].
    pub clock: Arc<dyn Clock>,
    /// `true`: `X-Forwarded-Host`, if present, is the host that the client signed for. Only
    /// [`public_router`](crate::Endpoint::public_router) reads it; programs reach [`router`](crate::Endpoint::router)
    /// directly. For pages behind proxies that change `Host` and set this header. A peer that is no proxy can only
    /// choose the host that its own signature is verified over. Default `false`.
    pub trust_forwarded_host: bool,
}

impl Options {
    /// The defaults for a data directory.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            region: "us-east-1".to_owned(),
            account_id: "000000000000".to_owned(),
            strict_reads: false,
            disk_reserve: 256 * 1024 * 1024,
            max_bytes: u64::MAX,
            session_bytes_per_s: 64 * 1024,
            session_records_per_s: 20,
            session_burst_s: 5,
            sessions_may_control: false,
            clock: Arc::new(SystemClock),
            trust_forwarded_host: false,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("data_dir", &self.data_dir)
            .field("region", &self.region)
            .field("account_id", &self.account_id)
            .field("strict_reads", &self.strict_reads)
            .field("disk_reserve", &self.disk_reserve)
            .field("max_bytes", &self.max_bytes)
            .field("session_bytes_per_s", &self.session_bytes_per_s)
            .field("session_records_per_s", &self.session_records_per_s)
            .field("session_burst_s", &self.session_burst_s)
            .field("sessions_may_control", &self.sessions_may_control)
            .field("trust_forwarded_host", &self.trust_forwarded_host)
            .finish_non_exhaustive()
    }
}
