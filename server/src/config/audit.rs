//! Settings of the audit.

use std::time::Duration;

use serde::Deserialize;

/// The audit: who did what, when and to whom.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditSettings {
    /// How long entries are kept, in days: 1 to 3,650. Default 180.
    pub keep_days: u32,
}

impl AuditSettings {
    /// How long entries are kept.
    #[must_use]
    pub fn keep(&self) -> Duration {
        Duration::from_secs(u64::from(self.keep_days) * 86_400)
    }
}

impl Default for AuditSettings {
    fn default() -> Self {
        Self { keep_days: 180 }
    }
}
