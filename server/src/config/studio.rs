//! Settings of rooms that are made in the browser.

use serde::Deserialize;

use super::Config;

/// Rooms that are made in the browser.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StudioSettings {
    /// Who may make rooms at `/studio`. Default `auto`.
    pub makers: Makers,
}

/// Who may make rooms in the browser, as the settings say it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Makers {
    /// Anyone while pages are served to this machine alone (a loopback address), else nobody.
    #[default]
    Auto,
    /// Anyone.
    Anyone,
    /// Who is signed in.
    Members,
    /// Nobody; `danmu-server rooms create` makes rooms all the same.
    Nobody,
}

/// Who may make rooms in the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoomMakers {
    /// Anyone.
    Anyone,
    /// Who is signed in.
    Members,
    /// Nobody.
    Nobody,
}

impl Config {
    /// Who may make rooms in the browser.
    #[must_use]
    pub fn room_makers(&self) -> RoomMakers {
        match self.studio.makers {
            Makers::Anyone => RoomMakers::Anyone,
            Makers::Auto if self.http.addr.ip().is_loopback() => RoomMakers::Anyone,
            Makers::Members => RoomMakers::Members,
            Makers::Auto | Makers::Nobody => RoomMakers::Nobody,
        }
    }
}
