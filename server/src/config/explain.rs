//! Explains the settings in words (`--check`).

use danmu_identity::vending::HOUR_S;

use super::*;

impl Config {
    /// The effective settings, as text for a person.
    #[must_use]
    pub fn explain(&self) -> String {
        let bus = match self.bus {
            BusKind::Embedded if self.role == ServerRole::Relay => format!(
                "embedded in another process, on http://{}, with the root key in {}",
                self.stream.addr,
                self.stream.data.display()
            ),
            BusKind::Embedded => format!(
                "embedded, kept in {} for {} h, up to {} MiB of records, served on http://{} and under /aws/ of the pages",
                self.stream.data.display(),
                self.stream.retention_hours,
                self.stream.max_bytes >> 20,
                self.stream.addr
            ),
            BusKind::Aws => {
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
            (BusKind::Aws, Some(_)) => format!("{HOUR_S} s, as the pool gives them"),
            (BusKind::Aws, None) if self.vending.duration_s > HOUR_S => format!(
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
             network, {} at once; {} a minute and viewer, {} at once; each for {lasting}\nstore      {}\ntickets    keys in {}\nsign-in    {}{rights}\nrelay      reads by {}, a frame every {} ms at the most, shows {density}, keeps {} s\ndirect     \
             {}\nrooms      {}; {} more in the browser\naudit      kept for {} days\nunsigned   {unsigned}",
            self.http.addr,
            self.http.max_connections,
            self.http.network_percent,
            self.stream.name,
            self.stream.region.as_deref().unwrap_or("region by default"),
            self.vending.per_minute,
            self.vending.burst,
            self.vending.viewer_per_minute,
            self.vending.viewer_burst,
            self.explain_store(),
            self.key_file().display(),
            if issuers.is_empty() { "nowhere: everybody is a guest" } else { &issuers },
            match (self.role, self.enhanced_fan_out()) {
                (ServerRole::Bus, _) => "nothing (role = bus)",
                (_, true) => "enhanced fan-out",
                (_, false) => "polling",
            },
            self.relay.tick_ms,
            self.relay.window_s,
            if self.direct_allowed() { "browsers may read the stream themselves" } else { "off" },
            if rooms.is_empty() { "none" } else { &rooms },
            match self.room_makers() {
                RoomMakers::Anyone => "anyone makes",
                RoomMakers::Members => "who is signed in makes",
                RoomMakers::Nobody => "nobody makes",
            },
            self.audit.keep_days,
        )
    }
}
