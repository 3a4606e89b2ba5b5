//! Reasons why a record is refused.

use danmu::gate::Reason;

use super::super::metrics::Notice;

/// Why a record of the stream was refused, and shown to no viewer.
#[derive(Debug)]
pub enum Refused {
    /// Its partition key is not a room's id.
    NoSuchRoom,
    /// It was put on a shard outside its room's lineage, by an explicit hash key.
    ForeignShard,
    /// The gate's reason.
    Gate(Reason),
}

impl From<Reason> for Refused {
    fn from(reason: Reason) -> Self {
        Self::Gate(reason)
    }
}

impl Refused {
    /// How it is reported.
    #[must_use]
    pub const fn notice(&self) -> Notice {
        match self {
            // No page of ours makes such a record, whatever its viewer writes.
            Self::NoSuchRoom
            | Self::ForeignShard
            | Self::Gate(Reason::OtherRoom | Reason::Record(_) | Reason::Forged | Reason::NotModerator) => Notice::Junk,
            // A moderation record is not meant to be shown; what waits is, later.
            Self::Gate(Reason::Moderation(_) | Reason::Held(_)) => Notice::Counted,
            Self::Gate(_) => Notice::Logged,
        }
    }

    /// Whether it is a decision of the crew, or waits for one: then nobody was refused anything.
    #[must_use]
    pub const fn is_of_crew(&self) -> bool {
        matches!(self, Self::Gate(Reason::Moderation(_) | Reason::Held(_)))
    }

    /// Whether it is a danmu that a viewer meant to be shown, which the crew may want to see. A record that is put again is none.
    #[must_use]
    pub const fn is_of_viewer(&self) -> bool {
        matches!(
            self,
            Self::Gate(
                Reason::Text(_)
                    | Reason::Unsigned
                    | Reason::Expired
                    | Reason::Stale(_)
                    | Reason::Banned
                    | Reason::Mode(_)
                    | Reason::Rule(_)
                    | Reason::Shadowed(_)
                    | Reason::TooFast
            )
        )
    }

    /// Its name in metrics and in the log.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NoSuchRoom => "no_such_room",
            Self::ForeignShard => "foreign_shard",
            Self::Gate(Reason::OtherRoom) => "other_room",
            Self::Gate(Reason::Record(_)) => "unreadable",
            Self::Gate(Reason::Text(_)) => "text",
            Self::Gate(Reason::Unsigned) => "unsigned",
            Self::Gate(Reason::Forged) => "forged",
            Self::Gate(Reason::Expired) => "expired",
            Self::Gate(Reason::Stale(_)) => "stale",
            Self::Gate(Reason::Banned) => "banned",
            Self::Gate(Reason::Mode(_)) => "mode",
            Self::Gate(Reason::Rule(_)) => "rule",
            Self::Gate(Reason::Shadowed(_)) => "shadow",
            Self::Gate(Reason::Held(_)) => "held",
            Self::Gate(Reason::NotModerator) => "not_moderator",
            Self::Gate(Reason::Moderation(_)) => "moderation",
            Self::Gate(Reason::Duplicate) => "duplicate",
            Self::Gate(Reason::TooFast) => "too_fast",
        }
    }
}
