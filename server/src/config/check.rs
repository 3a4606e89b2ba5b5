//! Validation of the settings, each by itself and in combination.

use danmu_stream::{InvalidStreamName, MAX_SHARDS};

use super::*;

/// Lower limit of the byte rate of one viewer's sessions, a second: a danmu is a record of at most 8 KiB plus its key.
const LEAST_SESSION_BYTES: u64 = 16 << 10;

impl Config {
    /// Validates all settings.
    ///
    /// # Errors
    /// The first invalid setting.
    pub(super) fn validate(&self) -> Result<(), SettingsError> {
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
            if self.bus != BusKind::Aws {
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
        if self.bus == BusKind::Aws && role_arn.is_none() && identity_pool.is_none() {
            return wrong(
                "vending.role_arn",
                &"(nothing)",
                "with bus = \"aws\" it names the role of viewers' sessions, unless they come from vending.identity_pool",
            );
        }
        if self.bus == BusKind::Aws && self.role == ServerRole::Bus {
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
        if !(1..=365).contains(&self.figures.keep_days) {
            return wrong("figures.keep_days", &self.figures.keep_days, "1 to 365 days");
        }
        if !(1..=3_650).contains(&self.audit.keep_days) {
            return wrong("audit.keep_days", &self.audit.keep_days, "1 to 3650 days");
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
}
