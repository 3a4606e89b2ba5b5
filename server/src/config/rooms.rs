//! Settings of rooms, and the rate limits that follow from them.

use std::ops::RangeInclusive;

use danmu::room::{Pace, Paces, Room, RoomId, Unsigned};
use serde::Deserialize;

/// One room.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoomSettings {
    /// Its id: `a-z`, `0-9`, `-`, `_`. Also its partition key on the stream.
    pub id: RoomId,
    /// Its display name. Default the id.
    pub title: Option<String>,
    /// URL of its video: `https://…`, `http://…`, or a path on this server. Empty if there is none.
    pub video: String,
    /// URL of the picture before the video plays, in the same form.
    pub poster: Option<String>,
    /// Whether danmu without a ticket are shown. Default `deny`.
    #[serde(default)]
    pub unsigned: Unsigned,
    /// Rate limit: danmu a minute of one viewer with a ticket, 1 to 6,000. Default 60.
    #[serde(default = "per_minute")]
    pub per_minute: u32,
    /// Burst: danmu of such a viewer at once, 1 to 6,000. Default 5.
    #[serde(default = "burst")]
    pub burst: u32,
    /// Slow mode, which replaces these two for guests and members without a rate of their own: seconds between two danmu of one
    /// viewer, 1 to 30. Default 0: off.
    #[serde(default)]
    pub slow_s: u32,
    /// Rate limits by role.
    #[serde(default)]
    pub rates: RoleRates,
}

/// Rate limits of roles; they override the room's, in slow mode too. Streamers have no limit.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RoleRates {
    /// Guests. Default the room's, or slow mode.
    pub viewer: Option<RateSettings>,
    /// Members. Default the room's, or slow mode.
    pub member: Option<RateSettings>,
    /// Moderators. Default the room's, in slow mode too.
    pub moderator: Option<RateSettings>,
}

/// The rate limit of one role; what is missing is the room's.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateSettings {
    /// Danmu a minute, 1 to 6,000.
    pub per_minute: Option<u32>,
    /// Burst, 1 to 6,000.
    pub burst: Option<u32>,
}

/// The range of rates and bursts.
const PACE: RangeInclusive<u32> = 1..=6_000;
/// Error messages for values outside [`PACE`].
const PER_MINUTE: &str = "1 to 6000 danmu a minute and viewer";
const AT_ONCE: &str = "1 to 6000 danmu at once";

fn per_minute() -> u32 {
    Pace::default().per_minute
}

fn burst() -> u32 {
    Pace::default().burst
}

impl RoomSettings {
    /// The demo room, which exists until an operator lists others.
    pub(super) fn demo() -> Self {
        Self {
            id: RoomId::demo(),
            title: Some("Danmu demo · 弹幕演示".into()),
            video: "/sample.mp4".into(),
            poster: Some("/poster.webp".into()),
            unsigned: Unsigned::Allow,
            per_minute: per_minute(),
            burst: burst(),
            slow_s: 0,
            rates: RoleRates::default(),
        }
    }

    /// Validates the rate limits.
    ///
    /// # Errors
    /// The setting, its value, and what it should be.
    pub(super) fn check(&self) -> Result<(), (&'static str, u32, &'static str)> {
        let RoleRates { viewer, member, moderator } = self.rates;
        let [viewer, member, moderator] = [viewer, member, moderator].map(Option::unwrap_or_default);
        for (name, value, reason) in [
            ("rooms.per_minute", Some(self.per_minute), PER_MINUTE),
            ("rooms.burst", Some(self.burst), AT_ONCE),
            ("rooms.rates.viewer.per_minute", viewer.per_minute, PER_MINUTE),
            ("rooms.rates.viewer.burst", viewer.burst, AT_ONCE),
            ("rooms.rates.member.per_minute", member.per_minute, PER_MINUTE),
            ("rooms.rates.member.burst", member.burst, AT_ONCE),
            ("rooms.rates.moderator.per_minute", moderator.per_minute, PER_MINUTE),
            ("rooms.rates.moderator.burst", moderator.burst, AT_ONCE),
        ] {
            if let Some(value) = value.filter(|value| !PACE.contains(value)) {
                return Err((name, value, reason));
            }
        }
        if self.slow_s > 30 {
            return Err(("rooms.slow_s", self.slow_s, "0 (off) to 30 seconds"));
        }
        Ok(())
    }

    /// Validates the URLs.
    ///
    /// # Errors
    /// The setting, its value, and what it should be.
    pub(super) fn check_addresses(&self) -> Result<(), (&'static str, &str, &'static str)> {
        let poster = self.poster.as_deref().unwrap_or_default();
        for (name, address) in [("rooms.video", self.video.as_str()), ("rooms.poster", poster)] {
            if !address.is_empty() && !is_address(address) {
                return Err((name, address, "https://…, http://…, or a path of this server that begins with /"));
            }
        }
        Ok(())
    }

    fn paces(&self) -> Paces {
        let own = Pace { per_minute: self.per_minute, burst: self.burst };
        let slowed = match 60_u32.checked_div(self.slow_s) {
            Some(per_minute) => Pace { per_minute, burst: 1 },
            None => own,
        };
        let pace = |rate: Option<RateSettings>, otherwise| {
            rate.map_or(otherwise, |RateSettings { per_minute, burst }| Pace {
                per_minute: per_minute.unwrap_or(own.per_minute),
                burst: burst.unwrap_or(own.burst),
            })
        };
        let RoleRates { viewer, member, moderator } = self.rates;
        Paces::new(pace(viewer, slowed), pace(member, slowed), pace(moderator, own))
    }
}

/// Whether a browser could load it: an absolute path here, or an `http(s)` URL with a host.
#[must_use]
pub fn is_address(text: &str) -> bool {
    let path = text.starts_with('/') && !text.starts_with("//");
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let named = host.is_some_and(|rest| {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let authority = authority.parse::<http::uri::Authority>();
        authority.is_ok_and(|authority| !authority.host().is_empty() && !authority.as_str().contains('@'))
    });
    (path || named)
        && !text.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"' | '\\'))
}

impl From<RoomSettings> for Room {
    fn from(room: RoomSettings) -> Self {
        Self {
            paces: room.paces(),
            title: room.title.unwrap_or_else(|| room.id.to_string()),
            id: room.id,
            video: room.video,
            poster: room.poster,
            unsigned: room.unsigned,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paces(more: &str) -> Paces {
        let toml = format!("id = 'a'\nvideo = ''\nburst = 9\n{more}");
        let file = config::File::from_str(&toml, config::FileFormat::Toml);
        let room = config::Config::builder().add_source(file).build().expect("TOML");
        Room::from(room.try_deserialize::<RoomSettings>().expect("a room")).paces
    }

    const OWN: Pace = Pace { per_minute: 60, burst: 9 };

    #[test]
    fn in_slow_mode_a_viewer_says_one_thing_and_waits_and_who_keeps_order_does_not() {
        let slowed = |slow_s: u32| paces(&format!("slow_s = {slow_s}"));
        let slow = |per_minute| {
            let slow = Pace { per_minute, burst: 1 };
            Paces::new(slow, slow, OWN)
        };
        assert_eq!(slowed(0), Paces::from(OWN));
        assert_eq!(slowed(10), slow(6));
        assert_eq!(slowed(7), slow(8), "rather a little slower");
    }

    #[test]
    fn a_role_has_its_own_rate_where_it_is_given_one_in_slow_mode_too() {
        let rates = "[rates.member]\nper_minute = 120\n[rates.moderator]\nper_minute = 600\nburst = 20";
        let (member, moderator) = (Pace { per_minute: 120, burst: 9 }, Pace { per_minute: 600, burst: 20 });
        assert_eq!(paces(rates), Paces::new(OWN, member, moderator));
        let slow = Pace { per_minute: 2, burst: 1 };
        assert_eq!(paces(&format!("slow_s = 30\n{rates}")), Paces::new(slow, member, moderator));
    }
}
