//! The settings: their names, their defaults, and where they come from.

mod http;
mod identity_pool;
mod overrides;
mod read;
mod rooms;

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
};

use danmu::room::{RoomId, Unsigned};
use danmu_stream::{InvalidStreamName, MAX_SHARDS};
use serde::Deserialize;
use thiserror::Error;

pub use self::{
    http::{Http, parse_address},
    identity_pool::IdentityPoolSettings,
    overrides::Overrides,
    rooms::{RateSettings, RoleRates, RoomSettings},
};
use crate::oidc::IssuerSettings;

/// What every role gives, a chained one and an identity pool at most, seconds.
pub const HOUR_S: u32 = 3_600;
/// The least that the sessions of one viewer may put a second, bytes: a danmu is a record of 8 KiB and its key at the most.
const LEAST_SESSION_BYTES: u64 = 16 << 10;

/// All settings. Each has a default with which `danmu-server` runs on one machine, with no cloud account.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Which stream carries the danmu. Explicit: no stray `AWS_*` variable ever switches it.
    pub bus: Bus,
    /// What this process does. Default `all`.
    pub role: Role,
    /// The pages.
    pub http: Http,
    /// The stream.
    pub stream: Stream,
    /// The token vending machine.
    pub vending: Vending,
    /// Who viewers are.
    pub identity: Identity,
    /// How viewers read.
    pub feed: Feed,
    /// The relay, which reads for all of them.
    pub relay: Relay,
    /// The log.
    pub log: Log,
    /// The rooms.
    pub rooms: Vec<RoomSettings>,
}

/// Which stream carries the danmu.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bus {
    /// The one in this program.
    #[default]
    Embedded,
    /// Amazon Kinesis Data Streams, with credentials, region and endpoints from the standard AWS variables and profile.
    Aws,
}

/// What a process does. Several can share one stream: each relay reads all of it, and viewers may move between them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Role {
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
    /// Its region. Default `us-east-1` on the embedded stream, and what AWS' own settings say on AWS.
    pub region: Option<String>,
    /// Embedded: where the endpoint listens for programs and foreign pages. Default `127.0.0.1:4567`.
    pub addr: SocketAddr,
    /// Embedded: the directory that keeps it. Default `data`.
    pub data: PathBuf,
    /// Embedded: how many shards a new stream has. Default 1.
    pub shards: u32,
    /// Embedded: how long records are kept, in hours: 24 to 8,760. Default 24.
    pub retention_hours: u32,
    /// Embedded: how many bytes of records are kept at the most, 1 MiB and up; beyond them the oldest go. On disk they take up
    /// to twice as much. Default 8 GiB.
    pub max_bytes: u64,
    /// Embedded: how many bytes a second the sessions of one viewer may put together, 16 KiB and up. Default 64 KiB.
    pub session_bytes_per_s: u64,
    /// Embedded: how many records, 1 and up. Default 20.
    pub session_records_per_s: u32,
    /// Embedded: so many seconds' worth of both they may put at once, 1 to 60. Default 5.
    pub session_burst_s: u32,
}

/// The token vending machine.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Vending {
    /// Sessions a minute for one network: an IPv4 address, or an IPv6 /64. Default 30.
    pub per_minute: u32,
    /// Sessions that one network may ask for at once. Default 20.
    pub burst: u32,
    /// Sessions a minute for one viewer, wherever it is. Default 12.
    pub viewer_per_minute: u32,
    /// Sessions that one viewer may ask for at once: a page needs one to speak, and one to read directly. Default 12.
    pub viewer_burst: u32,
    /// How long a session lasts, in seconds: 900 to 43,200, and never longer than the role allows; an hour at most where the
    /// server's own credentials are a role's. Default 900, the least that STS gives: whoever abuses one has it no longer.
    pub duration_s: u32,
    /// AWS: the ARN of the role that viewers' sessions assume. Required there, but for an identity pool.
    pub role_arn: Option<String>,
    /// AWS: the Amazon Cognito identity pool that sessions' credentials come from, instead of STS. Default none.
    pub identity_pool: Option<IdentityPoolSettings>,
}

/// Who viewers are.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Identity {
    /// The file of the keys that sign tickets and the cookies of guests. It is made where there is none; all servers of a
    /// stream must have the same. Default `ticket-keys.json` in `stream.data`.
    pub keys: Option<PathBuf>,
    /// Whose ID tokens are believed: where people sign in. Default nobody's.
    pub issuers: Vec<IssuerSettings>,
}

/// How viewers read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Feed {
    /// Whether browsers may read the stream themselves. Default `auto`.
    pub direct: Direct,
}

/// Whether browsers may read the stream themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direct {
    /// Only while pages are served to this machine alone.
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
    /// How far apart the frames of a busy room are, in milliseconds: 0 (a frame as soon as there is something) to 1,000. A
    /// danmu in a quiet room never waits. Default 100.
    pub tick_ms: u64,
    /// How long the feed of a room is kept for viewers who were cut off, in seconds: 10 to 3,600. Default 120.
    pub window_s: u64,
    /// How much of the feed of a room is kept, in bytes: 64 KiB to 1 GiB. Default 4 MiB.
    pub window_bytes: usize,
    /// How far back viewers may go on whose place the window has passed, in seconds: what they missed is read from the stream
    /// once more, beside what is said now; as many bytes of it as the window has are kept until they have taken it. 0 (not at all)
    /// to 3,600. Default 600.
    pub refill_s: u64,
    /// How many danmu a second a room is shown at the most, up to 1,000; 0: all. Default 150: five times what fills a
    /// picture, so that every page still has a choice, at 10 kB/s for a viewer.
    pub density: u32,
}

/// How the relay reads the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReaderKind {
    /// By enhanced fan-out on the embedded stream, by polling on AWS, where enhanced fan-out has its price.
    #[default]
    Auto,
    /// By `GetRecords`, up to five times a second: with other readers it shares a shard's 2 MB/s and five reads.
    Polling,
    /// By `SubscribeToShard`, as a consumer of its own: records are pushed, and other readers keep their share.
    EnhancedFanOut,
}

/// The log.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// What is logged, in the syntax of `tracing`'s `EnvFilter`. Default `info`.
    pub filter: String,
    /// How a line is written. Default `text`.
    pub format: LogFormat,
}

/// How a line of the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bus: Bus::default(),
            role: Role::default(),
            http: Http::default(),
            stream: Stream::default(),
            vending: Vending::default(),
            identity: Identity::default(),
            feed: Feed::default(),
            relay: Relay::default(),
            log: Log::default(),
            rooms: vec![RoomSettings::demo()],
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

impl Default for Log {
    fn default() -> Self {
        Self { filter: "info".into(), format: LogFormat::default() }
    }
}

/// Why the settings cannot be used.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// A file that cannot be read or does not fit.
    #[error("the settings cannot be read: {0}")]
    Read(String),
    /// A variable that does not fit.
    #[error("the variable {name} is no setting, or has no value of one: {reason}")]
    Variable {
        /// Its name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A value that fits its type, but makes no sense.
    #[error("{name} = {value} cannot be: {reason}")]
    Value {
        /// The setting, as written in `danmu.toml`.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it should be.
        reason: &'static str,
    },
}

impl Config {
    /// Reads the settings: the file, over it the `DANMU_*` variables, over these the flags.
    ///
    /// # Errors
    /// See [`SettingsError`]. Unknown names are errors too: a mistyped setting must not be passed over.
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
            // An address of the local network's is one already.
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

    fn validate(&self) -> Result<(), SettingsError> {
        let wrong =
            |name, value: &dyn ToString, reason| Err(SettingsError::Value { name, value: value.to_string(), reason });
        let Vending { per_minute, burst, viewer_per_minute, viewer_burst, duration_s, role_arn, identity_pool } =
            &self.vending;
        for (name, value) in [
            ("vending.per_minute", per_minute),
            ("vending.burst", burst),
            ("vending.viewer_per_minute", viewer_per_minute),
            ("vending.viewer_burst", viewer_burst),
        ] {
            if !(1..=1_000_000).contains(value) {
                return wrong(name, value, "1 to 1000000; with none nobody could ever speak");
            }
        }
        if !(900..=43_200).contains(duration_s) {
            return wrong("vending.duration_s", duration_s, "STS takes 900 to 43200 seconds");
        }
        if let Some(pool) = identity_pool {
            if let Err((name, value, reason)) = pool.check() {
                return wrong(name, &value, reason);
            }
            if self.bus != Bus::Aws {
                return wrong(
                    "vending.identity_pool",
                    &pool.id,
                    "it is for bus = \"aws\"; the embedded stream knows no other credentials than its own",
                );
            }
            if role_arn.is_some() {
                return wrong(
                    "vending.role_arn",
                    &"",
                    "credentials come from vending.identity_pool or by this role, not by both",
                );
            }
        }
        if self.bus == Bus::Aws && role_arn.is_none() && identity_pool.is_none() {
            return wrong(
                "vending.role_arn",
                &"(nothing)",
                "with bus = \"aws\" it names the role of viewers' sessions, unless they come from vending.identity_pool",
            );
        }
        if self.bus == Bus::Aws && self.role == Role::Bus {
            return wrong("role", &"bus", "with bus = \"aws\" the bus is Amazon's; all or relay");
        }
        if let Err((name, value, reason)) = self.http.check() {
            return wrong(name, &value, reason);
        }
        let Relay { tick_ms, window_s, window_bytes, refill_s, density, .. } = &self.relay;
        if *tick_ms > 1_000 {
            return wrong("relay.tick_ms", tick_ms, "0 to 1000 milliseconds");
        }
        if !(10..=3_600).contains(window_s) {
            return wrong("relay.window_s", window_s, "10 to 3600 seconds");
        }
        if *refill_s > 3_600 {
            return wrong("relay.refill_s", refill_s, "0 to 3600 seconds");
        }
        if !(65_536..=1 << 30).contains(window_bytes) {
            return wrong("relay.window_bytes", window_bytes, "65536 to 1073741824 bytes");
        }
        if *density > 1_000 {
            return wrong("relay.density", density, "0 (all) to 1000, what a shard takes, a second");
        }
        if !(1..=MAX_SHARDS).contains(&self.stream.shards) {
            return wrong("stream.shards", &self.stream.shards, "1 to 500");
        }
        if !(24..=8_760).contains(&self.stream.retention_hours) {
            return wrong("stream.retention_hours", &self.stream.retention_hours, "24 to 8760 hours");
        }
        if self.stream.max_bytes < 1 << 20 {
            return wrong("stream.max_bytes", &self.stream.max_bytes, "1048576 bytes and up");
        }
        let Stream { session_bytes_per_s, session_records_per_s, session_burst_s, .. } = &self.stream;
        if *session_bytes_per_s < LEAST_SESSION_BYTES {
            return wrong("stream.session_bytes_per_s", session_bytes_per_s, "16384 and up: two danmu of the longest");
        }
        if *session_records_per_s == 0 {
            return wrong(
                "stream.session_records_per_s",
                session_records_per_s,
                "1 and up; with none nobody could speak",
            );
        }
        if !(1..=60).contains(session_burst_s) {
            return wrong("stream.session_burst_s", session_burst_s, "1 to 60 seconds' worth at once");
        }
        if danmu_stream::check_stream_name(&self.stream.name).is_err() {
            return wrong("stream.name", &self.stream.name, InvalidStreamName::RULE);
        }
        for (at, issuer) in self.identity.issuers.iter().enumerate() {
            if let Err((name, value, reason)) = issuer.check() {
                return wrong(name, &value, reason);
            }
            if self.identity.issuers[..at].iter().any(|other| other.issuer == issuer.issuer) {
                return wrong("identity.issuers.issuer", &issuer.issuer, "it is listed twice");
            }
            let listed = |id: &RoomId| self.rooms.iter().any(|room| room.id == *id);
            if let Some(room) = issuer.rooms.keys().find(|id| !listed(id)) {
                return wrong("identity.issuers.rooms", room, "no room has this id");
            }
        }
        for (at, room) in self.rooms.iter().enumerate() {
            if self.rooms[..at].iter().any(|other| other.id == room.id) {
                return wrong("rooms.id", &room.id, "two rooms have this id");
            }
            if let Err((name, value, reason)) = room.check() {
                return wrong(name, &value, reason);
            }
            if let Err((name, value, reason)) = room.check_addresses() {
                return wrong(name, &value, reason);
            }
        }
        Ok(())
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
            ReaderKind::Auto => self.bus == Bus::Embedded,
            ReaderKind::Polling => false,
            ReaderKind::EnhancedFanOut => true,
        }
    }

    /// Whether the peer is a proxy that the operator trusts.
    #[must_use]
    pub fn trusts(&self, peer: IpAddr) -> bool {
        self.http.trusted_proxies.iter().any(|network| network.contains(&peer.to_canonical()))
    }

    /// The rooms that show danmu without a ticket: a ban has no teeth there.
    pub fn unsigned_rooms(&self) -> impl Iterator<Item = &RoomId> {
        self.rooms.iter().filter(|room| room.unsigned == Unsigned::Allow).map(|room| &room.id)
    }

    /// Where the keys of tickets are.
    #[must_use]
    pub fn key_file(&self) -> PathBuf {
        self.identity.keys.clone().unwrap_or_else(|| self.stream.data.join("ticket-keys.json"))
    }

    /// What the settings mean, for a person to read.
    #[must_use]
    pub fn explain(&self) -> String {
        let bus = match self.bus {
            Bus::Embedded if self.role == Role::Relay => format!(
                "embedded in another process, on http://{}, with the root key in {}",
                self.stream.addr,
                self.stream.data.display()
            ),
            Bus::Embedded => format!(
                "embedded, kept in {} for {} h, up to {} MiB of records, served on http://{} and under /aws/ of the pages",
                self.stream.data.display(),
                self.stream.retention_hours,
                self.stream.max_bytes >> 20,
                self.stream.addr
            ),
            Bus::Aws => {
                let pool = self.vending.identity_pool.as_ref().map(|pool| pool.id.as_str());
                format!("Amazon Kinesis, sessions of {}", pool.or(self.vending.role_arn.as_deref()).unwrap_or("?"))
            }
        };
        let rooms = self.rooms.iter().map(|room| room.id.as_str()).collect::<Vec<_>>().join(", ");
        let issuers = self.identity.issuers.iter().map(|issuer| issuer.issuer.as_str()).collect::<Vec<_>>().join(", ");
        let rights = self.identity.issuers.iter().map(|issuer| format!("\nrights     {}", issuer.explain_rights()));
        let rights: String = rights.collect();
        let unsigned = self.unsigned_rooms().map(RoomId::as_str).collect::<Vec<_>>().join(", ");
        let unsigned = match unsigned.as_str() {
            "" => "refused in every room".to_owned(),
            rooms => format!("shown in {rooms}: whoever is banned there may go on without a name"),
        };
        let density = match self.relay.density {
            0 => "all danmu".to_owned(),
            density => format!("up to {density} danmu a second and room"),
        };
        let lasting = match (self.bus, &self.vending.identity_pool) {
            (Bus::Aws, Some(_)) => format!("{HOUR_S} s, as the pool gives them"),
            (Bus::Aws, None) if self.vending.duration_s > HOUR_S => format!(
                "{} s, but for {HOUR_S} s where the server's own credentials are a role's (role chaining)",
                self.vending.duration_s
            ),
            _ => format!("{} s", self.vending.duration_s),
        };
        let proxies = match self.http.trusted_proxies.as_slice() {
            [] => "none; nothing but the connection tells who a client is".to_owned(),
            some => some.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        };
        format!(
            "pages      http://{}, to up to {} connections, {} % of them of one network\nproxies    {proxies}\nbus        {bus}\nstream     {} ({})\nvending    {} a minute and \
             network, {} at once; {} a minute and viewer, {} at once; each for {lasting}\ntickets    keys in {}\nsign-in    {}{rights}\nrelay      reads by {}, a frame every {} ms at the most, shows {density}, keeps {} s\ndirect     \
             {}\nrooms      {}\nunsigned   {unsigned}",
            self.http.addr,
            self.http.max_connections,
            self.http.network_percent,
            self.stream.name,
            self.stream.region.as_deref().unwrap_or("region by default"),
            self.vending.per_minute,
            self.vending.burst,
            self.vending.viewer_per_minute,
            self.vending.viewer_burst,
            self.key_file().display(),
            if issuers.is_empty() { "nowhere: everybody is a guest" } else { &issuers },
            match (self.role, self.enhanced_fan_out()) {
                (Role::Bus, _) => "nothing (role = bus)",
                (_, true) => "enhanced fan-out",
                (_, false) => "polling",
            },
            self.relay.tick_ms,
            self.relay.window_s,
            if self.direct_allowed() { "browsers may read the stream themselves" } else { "off" },
            if rooms.is_empty() { "none" } else { &rooms },
        )
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn load(toml: &str) -> Result<Config, SettingsError> {
        let mut file = tempfile::NamedTempFile::with_suffix(".toml").expect("a file");
        file.write_all(toml.as_bytes()).expect("written");
        Config::load(&Overrides { config: Some(file.path().to_owned()), ..Overrides::default() })
    }

    #[test]
    fn an_empty_file_means_one_machine_and_the_room_demo() {
        let config = load("").expect("the defaults");
        assert_eq!(config.bus, Bus::Embedded);
        assert_eq!(config.rooms[0].id.as_str(), "demo");
        assert!(config.direct_allowed());
    }

    #[test]
    fn the_documented_defaults_are_the_defaults() {
        let documented = load(include_str!("../../../deploy/danmu.toml")).expect("the file in deploy/");
        assert_eq!(format!("{documented:?}"), format!("{:?}", Config::default()));
    }

    #[test]
    fn a_setting_that_does_not_exist_is_named() {
        let error = load("[http]\nadress = '127.0.0.1:1'").expect_err("mistyped").to_string();
        assert!(error.contains("adress"), "{error}");
    }

    #[test]
    fn a_broken_file_says_where() {
        let error = load("[http\naddr = 3").expect_err("broken").to_string();
        assert!(error.contains("line 1"), "{error}");
    }

    #[test]
    fn values_that_make_no_sense_are_refused_with_the_way_out() {
        for (toml, name) in [
            ("[vending]\nduration_s = 60", "vending.duration_s = 60"),
            ("[vending]\nburst = 0", "vending.burst = 0"),
            ("[vending]\nviewer_burst = 0", "vending.viewer_burst = 0"),
            (
                "[[identity.issuers]]\nissuer = 'http://x.example'\naudience = 'a'",
                "identity.issuers.issuer = http://x.example",
            ),
            (
                "[[identity.issuers]]\nissuer = 'https://x.example'\naudience = 'a'\n[[identity.issuers]]\nissuer = \
                 'https://x.example'\naudience = 'b'",
                "twice",
            ),
            (
                "[[identity.issuers]]\nissuer = 'https://x.example'\naudience = 'a'\n[identity.issuers.rooms.nowhere]\n\
                 streamers = ['a']",
                "identity.issuers.rooms = nowhere",
            ),
            (
                "[[identity.issuers]]\nissuer = 'https://x.example'\naudience = 'a'\n[identity.issuers.rooms.demo]\n\
                 streamer = ['a']",
                "streamer",
            ),
            ("bus = 'aws'", "vending.role_arn"),
            ("bus = 'aws'\nrole = 'bus'\n[vending]\nrole_arn = 'arn:aws:iam::123456789012:role/x'", "role = bus"),
            ("[http]\naddr = '127.0.0.1:3000/danmu'", "a path below another site"),
            ("[http]\nkeep_alive_s = 0", "http.keep_alive_s = 0"),
            ("[http]\nnetwork_percent = 101", "http.network_percent = 101"),
            ("[stream]\nname = 'a b'", "stream.name = a b"),
            ("[stream]\nretention_hours = 23", "stream.retention_hours = 23"),
            ("[stream]\nmax_bytes = 1048575", "stream.max_bytes = 1048575"),
            ("[stream]\nsession_bytes_per_s = 16383", "stream.session_bytes_per_s = 16383"),
            ("[stream]\nsession_records_per_s = 0", "stream.session_records_per_s = 0"),
            ("[stream]\nsession_burst_s = 0", "stream.session_burst_s = 0"),
            ("[relay]\ntick_ms = 1001", "relay.tick_ms = 1001"),
            ("[relay]\nwindow_s = 9", "relay.window_s = 9"),
            ("[relay]\nrefill_s = 3601", "relay.refill_s = 3601"),
            ("[relay]\nwindow_bytes = 1", "relay.window_bytes = 1"),
            ("[relay]\ndensity = 1001", "relay.density = 1001"),
            ("[[rooms]]\nid = 'a'\nvideo = ''\nper_minute = 0", "rooms.per_minute = 0"),
            ("[[rooms]]\nid = 'a'\nvideo = ''\nburst = 6001", "rooms.burst = 6001"),
            ("[[rooms]]\nid = 'a'\nvideo = ''\nslow_s = 31", "rooms.slow_s = 31"),
            (
                "[[rooms]]\nid = 'a'\nvideo = ''\n[rooms.rates.member]\nper_minute = 0",
                "rooms.rates.member.per_minute = 0",
            ),
            (
                "[[rooms]]\nid = 'a'\nvideo = ''\n[rooms.rates.moderator]\nburst = 6001",
                "rooms.rates.moderator.burst = 6001",
            ),
            ("[[rooms]]\nid = 'a'\nvideo = 'my film.mp4'", "rooms.video = my film.mp4"),
            ("[[rooms]]\nid = 'a'\nvideo = '//cdn.example/a.mp4'", "rooms.video = //cdn"),
            ("[[rooms]]\nid = 'a'\nvideo = 'rtmp://cdn.example/a'", "rooms.video = rtmp"),
            ("[[rooms]]\nid = 'a'\nvideo = 'https://'", "rooms.video = https://"),
            ("[[rooms]]\nid = 'a'\nvideo = ''\nposter = 'C:\\a.png'", "rooms.poster = C:"),
            ("[[rooms]]\nid = 'a'\nvideo = ''\n[rooms.rates.streamer]\nburst = 1", "streamer"),
            ("[[rooms]]\nid = 'a'\nvideo = ''\n[[rooms]]\nid = 'a'\nvideo = ''", "rooms.id = a"),
        ] {
            let error = load(toml).expect_err(toml).to_string();
            assert!(error.contains(name), "{error}");
        }
        assert!(load("[[rooms]]\nid = 'Demo'\nvideo = ''").expect_err("an id").to_string().contains("'D'"));
    }

    #[test]
    fn a_video_is_of_this_server_or_of_another_one_or_there_is_none() {
        for video in
            ["", "/sample.mp4", "https://cdn.example/a.mp4?b=c", "http://192.0.2.1:8080/a.mp4", "https://[::1]/a"]
        {
            load(&format!("[[rooms]]\nid = 'a'\nvideo = '{video}'")).expect(video);
        }
    }

    #[test]
    fn it_is_explained_who_has_which_rights_in_which_rooms() {
        let explain = |groups: &str| {
            let issuer = "[[identity.issuers]]\nissuer = 'https://x.example'\naudience = 'a'\n";
            load(&[issuer, groups].concat()).expect("settings").explain()
        };
        let told = "rights     x.example: in every room: streamer are streamers, moderator are moderators\n";
        assert!(explain("").contains(told), "{}", explain(""));
        let scoped = "[identity.issuers.rooms.demo]\nstreamers = ['hosts', 'team']";
        assert!(explain("").ends_with("\nunsigned   shown in demo: whoever is banned there may go on without a name"));
        let told = "rights     x.example: in room demo: hosts, team are streamers\n";
        assert!(explain(scoped).contains(told), "{}", explain(scoped));
    }

    #[test]
    fn a_session_over_an_hour_is_explained_with_what_role_chaining_leaves_of_it() {
        let aws = |seconds: u32| {
            let role = "role_arn = 'arn:aws:iam::123456789012:role/x'";
            load(&format!("bus = 'aws'\n[vending]\nduration_s = {seconds}\n{role}")).expect("settings").explain()
        };
        assert!(aws(7_200).contains("each for 7200 s, but for 3600 s where"), "{}", aws(7_200));
        assert!(aws(3_600).contains("each for 3600 s\n"), "{}", aws(3_600));
    }

    #[test]
    fn the_local_network_gets_direct_reading_only_when_asked_for() {
        let lan = Config::load(&Overrides { lan: true, ..Overrides::default() }).expect("settings");
        assert_eq!(lan.http.addr.to_string(), "0.0.0.0:3000");
        assert!(lan.direct_allowed());
        for (addr, shown) in
            [("127.0.0.1:8080", "0.0.0.0:8080"), ("[::1]:8080", "[::]:8080"), ("192.168.1.5:8080", "192.168.1.5:8080")]
        {
            let addr = Some(addr.parse().expect("an address"));
            let lan = Config::load(&Overrides { lan: true, addr, ..Overrides::default() }).expect("settings");
            assert_eq!((lan.http.addr.to_string().as_str(), lan.direct_allowed()), (shown, true));
        }
        assert!(!load("[http]\naddr = '0.0.0.0:3000'").expect("settings").direct_allowed());
    }
}
