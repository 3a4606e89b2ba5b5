//! Settings of the figures of rooms.

use std::time::Duration;

use serde::Deserialize;

/// The figures of rooms, minute by minute.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FigureSettings {
    /// How long they are kept, in days: 1 to 365. Default 7.
    pub keep_days: u32,
}

impl FigureSettings {
    /// How long they are kept.
    #[must_use]
    pub fn keep(&self) -> Duration {
        Duration::from_secs(u64::from(self.keep_days) * 86_400)
    }
}

impl Default for FigureSettings {
    fn default() -> Self {
        Self { keep_days: 7 }
    }
}
