//! What an operator may choose about an [`Endpoint`](crate::Endpoint).

use std::{fmt, path::PathBuf, sync::Arc};

use crate::clock::{Clock, SystemClock};

/// Settings of an endpoint. Start from [`Options::new`] and change what differs.
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// The directory that holds everything: the log, the root key, the lock. Created when missing.
    pub data_dir: PathBuf,
    /// The region that requests must be signed for. Default `us-east-1`.
    pub region: String,
    /// The twelve digits in every ARN. Default `000000000000`.
    pub account_id: String,
    /// `true`: a read over the limit is refused at once, as the real service does. Default `false`: it waits its turn
    /// for up to a second first.
    pub strict_reads: bool,
    /// Free bytes of the disk below which puts are refused with `ServiceUnavailable`, so that the storage engine never
    /// meets a full disk in the middle of a write: it would take none any more until it is opened again. Default 256 MiB.
    pub disk_reserve: u64,
    /// Bytes of partition keys and data that are retained, over all streams: beyond them the oldest records go before they
    /// are past retention, in ranges, in the background, until a twentieth is free. On disk the log is up to twice as large.
    /// 1 MiB and up. Default `u64::MAX`: as much as the disk takes.
    pub max_bytes: u64,
    /// Bytes of partition keys and data that the sessions of one source identity, or one session without one, may put a
    /// second; 1 and up. What is over it is refused with `ProvisionedThroughputExceededException`, and so are large bodies of
    /// such a session but one at a time: nobody fills a shard, or the memory, for everybody else. The root key may put what a
    /// shard takes. Default 64 KiB; `u64::MAX`: as much as a shard takes.
    pub session_bytes_per_s: u64,
    /// Records that they may put a second; 1 and up. Default 20.
    pub session_records_per_s: u32,
    /// So many seconds' worth of both they may put at once; 1 and up. Default 5.
    pub session_burst_s: u32,
    /// `true`: sessions whose policy allows it may use the control plane of streams and consumers that exist, and
    /// `AssumeRole`, through [`router`](crate::Endpoint::router), as IAM would let them; for trying policies out. Default
    /// `false`: these are for the root key alone, whatever a policy says.
    pub sessions_may_control: bool,
    /// Wall-clock time. Default [`SystemClock`].
    pub clock: Arc<dyn Clock>,
    /// `true`: `X-Forwarded-Host`, where it is there, names the host that the client signed for. Honoured by
    /// [`public_router`](crate::Endpoint::public_router) alone; programs reach [`router`](crate::Endpoint::router)
    /// directly. For a page behind proxies that change `Host` and set this header themselves. A peer that is no proxy
    /// gains by it no more than the choice of the host that its own signature is verified over. Default `false`.
    pub trust_forwarded_host: bool,
}

impl Options {
    /// The defaults, on a data directory.
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
