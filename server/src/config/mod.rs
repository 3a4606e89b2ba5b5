//! The settings: their names, their defaults, and where they come from.

mod audit;
mod check;
mod explain;
mod figures;
mod http;
mod identity_pool;
mod log;
mod overrides;
mod read;
mod rooms;
mod store;
mod studio;

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use danmu::room::{RoomId, Unsigned};
use danmu_identity::oidc::IssuerSettings;
use danmu_relay::relay::{RelayOptions, take::reader::ReadMode};
use serde::Deserialize;
use thiserror::Error;

pub use self::{
    audit::AuditSettings,
    figures::FigureSettings,
    http::{Http, parse_address},
    identity_pool::IdentityPoolSettings,
    log::{Log, LogFormat},
    overrides::Overrides,
    rooms::{RateSettings, RoleRates, RoomSettings, is_address},
    store::StoreSettings,
    studio::{Makers, RoomMakers, StudioSettings},
};

/// All settings. Each has a default with which `danmu-server` runs on one machine, with no cloud account.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Which stream carries the danmu. Explicit, so that a stray `AWS_*` variable never switches it.
    pub bus: BusKind,
    /// What this process does. Default `all`.
    pub role: ServerRole,
    /// The pages.
    pub http: Http,
    /// The stream.
    pub stream: Stream,
    /// The token vending machine.
    pub vending: Vending,
    /// Who viewers are.
    pub identity: Identity,
    /// Rooms that are made in the browser.
    pub studio: StudioSettings,
    /// How viewers read.
    pub feed: FeedSettings,
    /// The relay, which reads the stream for all viewers.
    pub relay: Relay,
    /// The log.
    pub log: Log,
    /// The rooms.
    pub rooms: Vec<RoomSettings>,
    /// The audit.
    pub audit: AuditSettings,
    /// The figures of rooms.
    pub figures: FigureSettings,
    /// The store.
    pub store: StoreSettings,
}

/// The stream that carries the danmu.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BusKind {
    /// The stream in this program.
    #[default]
    Embedded,
    /// Amazon Kinesis Data Streams, with credentials, region and endpoints from the standard AWS variables and profile.
    Aws,
}

/// What a process does. Several can share one stream: each relay reads all of it, and viewers may move between them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum ServerRole {
    /// Everything: the embedded stream, pages, vending, and the relay.
    #[default]
    All,
    /// The embedded stream, pages and vending; no relay.
    Bus,
    /// Pages, vending and the relay. The stream is elsewhere: on AWS, or the embedded one of another process, which listens
    /// on `stream.addr` and whose root key is in `stream.data`.
    Relay,
}

/// The stream.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Stream {
    /// Its name. Default `danmu`.
    pub name: String,
    /// Its region. Default `us-east-1` when embedded, and AWS' own settings on AWS.
    pub region: Option<String>,
    /// Embedded: the address on which the endpoint listens for programs and foreign pages. Default `127.0.0.1:4567`.
    pub addr: SocketAddr,
    /// The data directory: the embedded stream, keys, and the store unless `store.url` names another. Default `data`.
    pub data: PathBuf,
    /// Embedded: how many shards a new stream has. Default 1.
    pub shards: u32,
    /// Embedded: the retention of records, in hours: 24 to 8,760. Default 24.
    pub retention_hours: u32,
    /// Embedded: the most bytes of records that are retained, 1 MiB and up; beyond that the oldest are trimmed. They take up to
    /// twice as much on disk. Default 8 GiB.
    pub max_bytes: u64,
    /// Embedded: rate limit of bytes a second, for all sessions of one viewer together, 16 KiB and up. Default 64 KiB.
    pub session_bytes_per_s: u64,
    /// Embedded: rate limit of records a second for the same, 1 and up. Default 20.
    pub session_records_per_s: u32,
    /// Embedded: burst of both, in seconds' worth, 1 to 60. Default 5.
    pub session_burst_s: u32,
}

/// The token vending machine.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Vending {
    /// Rate limit of sessions a minute for one network: an IPv4 address, or an IPv6 /64. Default 30.
    pub per_minute: u32,
    /// Burst of sessions for one network. Default 20.
    pub burst: u32,
    /// Rate limit of sessions a minute for one viewer, from any network. Default 12.
    pub viewer_per_minute: u32,
    /// Burst of sessions for one viewer: a page needs one to speak, and one to read directly. Default 12.
    pub viewer_burst: u32,
    /// Lifetime of a session, in seconds: 900 to 43,200, at most what the role allows, and at most an hour where the server's
    /// own credentials are a role's. Default 900, the least that STS allows, which limits how long an abused session works.
    pub duration_s: u32,
    /// AWS: the ARN of the role that viewers' sessions assume. Required there, unless an identity pool is used.
    pub role_arn: Option<String>,
    /// AWS: the Amazon Cognito identity pool that issues sessions' credentials, instead of STS. Default none.
    pub identity_pool: Option<IdentityPoolSettings>,
}

/// Identity of viewers.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Identity {
    /// The file of secrets for tickets and cookies. It is created if missing; all servers of a stream must have the same.
    /// Default `ticket-keys.json` in `stream.data`.
    pub keys: Option<PathBuf>,
    /// Trusted issuers of ID tokens, where people sign in. Default none.
    pub issuers: Vec<IssuerSettings>,
}

/// How viewers read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeedSettings {
    /// Whether browsers may read the stream themselves. Default `auto`.
    pub direct: Direct,
}

/// Whether browsers may read the stream themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direct {
    /// Only while pages are served to this machine alone (a loopback address).
    #[default]
    Auto,
    /// Always. A shard gives five reads a second to all its readers together.
    On,
    /// Never.
    Off,
}

/// The relay: one reader of the stream, any number of viewers.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Relay {
    /// How it reads the stream. Default `auto`.
    pub reader: ReaderKind,
    /// Shortest time between two frames of a busy room, in milliseconds: 0 (a frame as soon as there is an event) to 1,000. A
    /// danmu in a quiet room never waits. Default 100.
    pub tick_ms: u64,
    /// How long a room's events are kept for viewers who reconnect, in seconds: 10 to 3,600. Default 120.
    pub window_s: u64,
    /// How many bytes of a room's events are kept: 64 KiB to 1 GiB. Default 4 MiB.
    pub window_bytes: usize,
    /// Refill: how far back, beyond the window, viewers may resume, in seconds. What they missed is read from the stream again,
    /// beside the live feed, and up to `window_bytes` of it are kept until they have taken it. 0 (off) to 3,600. Default 600.
    pub refill_s: u64,
    /// The most danmu a second that a room is shown, up to 1,000; 0: all. Default 150: five times what fills a picture, so that
    /// each page still has a choice, at 10 kB/s for a viewer.
    pub density: u32,
}

/// How the relay reads the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReaderKind {
    /// Enhanced fan-out on the embedded stream; polling on AWS, where enhanced fan-out costs extra.
    #[default]
    Auto,
    /// `GetRecords`, up to five times a second; it shares a shard's 2 MB/s and five reads with other readers.
    Polling,
    /// `SubscribeToShard`, as a registered consumer: records are pushed, and other readers keep their share.
    EnhancedFanOut,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bus: BusKind::default(),
            role: ServerRole::default(),
            http: Http::default(),
            stream: Stream::default(),
            vending: Vending::default(),
            identity: Identity::default(),
            studio: StudioSettings::default(),
            feed: FeedSettings::default(),
            relay: Relay::default(),
            log: Log::default(),
            rooms: vec![RoomSettings::demo()],
            audit: AuditSettings::default(),
            figures: FigureSettings::default(),
            store: StoreSettings::default(),
        }
    }
}

impl Default for Stream {
    fn default() -> Self {
        Self {
            name: "danmu".into(),
            region: None,
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 4567)),
            data: "data".into(),
            shards: 1,
            retention_hours: 24,
            max_bytes: 8 << 30,
            session_bytes_per_s: 64 << 10,
            session_records_per_s: 20,
            session_burst_s: 5,
        }
    }
}

impl Default for Vending {
    fn default() -> Self {
        Self {
            per_minute: 30,
            burst: 20,
            viewer_per_minute: 12,
            viewer_burst: 12,
            duration_s: 900,
            role_arn: None,
            identity_pool: None,
        }
    }
}

impl Default for Relay {
    fn default() -> Self {
        Self {
            reader: ReaderKind::default(),
            tick_ms: 100,
            window_s: 120,
            window_bytes: 4 << 20,
            refill_s: 600,
            density: 150,
        }
    }
}

/// Why the settings cannot be used.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// A file that cannot be read, or holds an invalid setting.
    #[error("the settings cannot be read: {0}")]
    Read(String),
    /// An environment variable that is no setting, or has an invalid value.
    #[error("the variable {name} is no setting, or has no value of one: {reason}")]
    Variable {
        /// Its name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A value of the right type that is out of range or contradicts another.
    #[error("{name} = {value} cannot be: {reason}")]
    Value {
        /// The setting's name in `danmu.toml`.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it should be.
        reason: &'static str,
    },
}

impl Config {
    /// Loads the settings. Flags override `DANMU_*` variables, which override the file.
    ///
    /// # Errors
    /// See [`SettingsError`]. Unknown names are errors too, so that a mistyped setting is noticed.
    pub fn load(args: &Overrides) -> Result<Self, SettingsError> {
        let mut config = read::read(args.config.as_deref())?;
        config.apply(args);
        config.validate().map_err(|error| match &error {
            SettingsError::Value { name, .. } => match read::variable(name) {
                Some(name) => SettingsError::Variable { name, reason: error.to_string() },
                None => error,
            },
            _ => error,
        })?;
        Ok(config)
    }

    fn apply(&mut self, args: &Overrides) {
        if let Some(addr) = args.addr {
            self.http.addr = addr;
        }
        if args.lan {
            // Any other address is reachable from the network already.
            match self.http.addr.ip() {
                IpAddr::V4(addr) if addr.is_loopback() => self.http.addr.set_ip(Ipv4Addr::UNSPECIFIED.into()),
                IpAddr::V6(addr) if addr.is_loopback() => self.http.addr.set_ip(Ipv6Addr::UNSPECIFIED.into()),
                _ => {}
            }
            if self.feed.direct == Direct::Auto {
                self.feed.direct = Direct::On;
            }
        }
        if let Some(role) = args.role {
            self.role = role;
        }
        if let Some(data) = &args.data {
            self.stream.data.clone_from(data);
        }
    }

    /// Whether browsers may read the stream themselves.
    #[must_use]
    pub fn direct_allowed(&self) -> bool {
        match self.feed.direct {
            Direct::On => true,
            Direct::Off => false,
            Direct::Auto => self.http.addr.ip().is_loopback(),
        }
    }

    /// Whether the relay reads by enhanced fan-out.
    #[must_use]
    pub fn enhanced_fan_out(&self) -> bool {
        match self.relay.reader {
            ReaderKind::Auto => self.bus == BusKind::Embedded,
            ReaderKind::Polling => false,
            ReaderKind::EnhancedFanOut => true,
        }
    }

    /// The relay's settings.
    #[must_use]
    pub fn relay_options(&self) -> RelayOptions {
        let Relay { tick_ms, window_s, window_bytes, refill_s, density, .. } = self.relay;
        RelayOptions {
            read: if self.enhanced_fan_out() { ReadMode::EnhancedFanOut } else { ReadMode::Polling },
            tick: Duration::from_millis(tick_ms),
            window: Duration::from_secs(window_s),
            window_bytes,
            refill: Duration::from_secs(refill_s),
            density,
        }
    }

    /// Whether the peer is a trusted proxy.
    #[must_use]
    pub fn trusts(&self, peer: IpAddr) -> bool {
        self.http.trusted_proxies.iter().any(|network| network.contains(&peer.to_canonical()))
    }

    /// The rooms that show danmu without a ticket, where a ban can be evaded.
    pub fn unsigned_rooms(&self) -> impl Iterator<Item = &RoomId> {
        self.rooms.iter().filter(|room| room.unsigned == Unsigned::Allow).map(|room| &room.id)
    }

    /// The path of the key file.
    #[must_use]
    pub fn key_file(&self) -> PathBuf {
        self.identity.keys.clone().unwrap_or_else(|| self.stream.data.join("ticket-keys.json"))
    }
}

#[cfg(test)]
mod tests;
