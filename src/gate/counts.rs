//! Counts of what a gate has admitted and refused.

use super::Reason;

/// How many records were admitted and refused, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Admitted.
    pub admitted: u64,
    /// [`Reason::OtherRoom`]
    pub other_room: u64,
    /// [`Reason::Record`]
    pub unreadable: u64,
    /// [`Reason::Text`]
    pub text: u64,
    /// [`Reason::Unsigned`]
    pub unsigned: u64,
    /// [`Reason::Forged`]
    pub forged: u64,
    /// [`Reason::Expired`]
    pub expired: u64,
    /// [`Reason::Stale`]
    pub stale: u64,
    /// [`Reason::Banned`]
    pub banned: u64,
    /// [`Reason::Mode`]
    pub mode: u64,
    /// [`Reason::Rule`]
    pub rule: u64,
    /// [`Reason::Shadowed`]
    pub shadow: u64,
    /// [`Reason::Held`]
    pub held: u64,
    /// [`Reason::NotModerator`]
    pub not_moderator: u64,
    /// [`Reason::Moderation`]
    pub moderation: u64,
    /// [`Reason::Duplicate`]
    pub duplicate: u64,
    /// [`Reason::TooFast`]
    pub too_fast: u64,
}

impl Counts {
    /// The refused ones, by a name of the reason; decisions of the crew, and what waits for it, are none.
    #[must_use]
    pub const fn refused(&self) -> [(&'static str, u64); 14] {
        [
            ("other_room", self.other_room),
            ("unreadable", self.unreadable),
            ("text", self.text),
            ("unsigned", self.unsigned),
            ("forged", self.forged),
            ("expired", self.expired),
            ("stale", self.stale),
            ("banned", self.banned),
            ("mode", self.mode),
            ("rule", self.rule),
            ("shadow", self.shadow),
            ("not_moderator", self.not_moderator),
            ("duplicate", self.duplicate),
            ("too_fast", self.too_fast),
        ]
    }

    pub(super) fn of(&mut self, reason: &Reason) -> &mut u64 {
        match reason {
            Reason::OtherRoom => &mut self.other_room,
            Reason::Record(_) => &mut self.unreadable,
            Reason::Text(_) => &mut self.text,
            Reason::Unsigned => &mut self.unsigned,
            Reason::Forged => &mut self.forged,
            Reason::Expired => &mut self.expired,
            Reason::Stale(_) => &mut self.stale,
            Reason::Banned => &mut self.banned,
            Reason::Mode(_) => &mut self.mode,
            Reason::Rule(_) => &mut self.rule,
            Reason::Shadowed(_) => &mut self.shadow,
            Reason::Held(_) => &mut self.held,
            Reason::NotModerator => &mut self.not_moderator,
            Reason::Moderation(_) => &mut self.moderation,
            Reason::Duplicate => &mut self.duplicate,
            Reason::TooFast => &mut self.too_fast,
        }
    }
}
