//! Why a record is told to nobody.

use danmu::gate::Reason;

use super::super::metrics::Notice;

/// Why a record of the stream was told to nobody.
#[derive(Debug)]
pub enum Refused {
    /// Its partition key is no room's id.
    NoSuchRoom,
    /// It was put on a shard where its room does not live, by an explicit hash key.
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
    /// How much of it is made.
    #[must_use]
    pub const fn notice(&self) -> Notice {
        match self {
            // No page of ours makes such a record, whatever its viewer says.
            Self::NoSuchRoom
            | Self::ForeignShard
            | Self::Gate(Reason::OtherRoom | Reason::Record(_) | Reason::Forged | Reason::NotModerator) => Notice::Junk,
            // It was meant for nobody's screen.
            Self::Gate(Reason::Moderation(_)) => Notice::Counted,
            Self::Gate(_) => Notice::Logged,
        }
    }

    /// As metrics and the log call it.
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
            Self::Gate(Reason::NotModerator) => "not_moderator",
            Self::Gate(Reason::Moderation(_)) => "moderation",
            Self::Gate(Reason::Duplicate) => "duplicate",
            Self::Gate(Reason::TooFast) => "too_fast",
        }
    }
}
