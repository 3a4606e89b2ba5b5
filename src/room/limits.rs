//! What the streamer sets of a room in the place of the settings: how fast its viewers may speak, and how many danmu are shown.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Pace;
use crate::viewer::Role;

/// The fastest pace of a room: danmu per minute, and at once.
pub const MAX_PACE: Pace = Pace { per_minute: 240, burst: 15 };
/// The densest picture that a streamer can set: danmu a second.
pub const MAX_DENSITY: u8 = 250;

/// The paces of a room's guests and members, in the place of those of the settings; the crew keeps its own.
///
/// Packed into one number where it is sent, to keep pages small: from the lowest bit on 8 bits of a guest's danmu per minute, 4 of
/// those at once, and as many of a member's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "u32", into = "u32")]
pub struct RoomPace {
    /// Danmu of a guest per minute, 1 to 240 ([`MAX_PACE`], as for all here).
    pub guests: u8,
    /// Danmu of a guest at once, 1 to 15.
    pub guests_burst: u8,
    /// Danmu of a member per minute, 1 to 240.
    pub members: u8,
    /// Danmu of a member at once, 1 to 15.
    pub members_burst: u8,
}

/// A text is no pace of a room.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{0:?} is no pace: calm, normal, lively, or danmu a minute and at once, as 60/5 for all or 60/5,120/10 for guests and members; \
     1 to {per_minute} a minute and 1 to {burst} at once", per_minute = MAX_PACE.per_minute, burst = MAX_PACE.burst
)]
pub struct RoomPaceError(String);

impl RoomPace {
    /// The paces that have a name.
    pub const PRESETS: [(&'static str, Self); 3] = [
        ("calm", Self { guests: 12, guests_burst: 2, members: 20, members_burst: 3 }),
        ("normal", Self { guests: 60, guests_burst: 5, members: 60, members_burst: 5 }),
        ("lively", Self { guests: 120, guests_burst: 10, members: 120, members_burst: 10 }),
    ];

    /// The pace of that name.
    #[must_use]
    pub fn preset(name: &str) -> Option<Self> {
        Self::PRESETS.into_iter().find(|(known, _)| *known == name).map(|(_, pace)| pace)
    }

    /// Bits of a packed pace.
    pub(super) const BITS: u32 = 24;
    /// Bits of a burst, and below it of a number per minute.
    const BURST: u32 = 4;
    const PER_MINUTE: u32 = 8;

    /// Whether all its numbers are in their ranges.
    #[must_use]
    pub fn is_valid(self) -> bool {
        let paces = [(self.guests, self.guests_burst), (self.members, self.members_burst)];
        paces.into_iter().all(|(per_minute, burst)| {
            let Pace { per_minute: most, burst: most_at_once } = MAX_PACE;
            (1..=most).contains(&per_minute.into()) && (1..=most_at_once).contains(&burst.into())
        })
    }

    /// The pace of a role; `None` for the crew.
    pub(super) fn of(self, role: Role) -> Option<Pace> {
        let (per_minute, burst) = match role {
            Role::Viewer => (self.guests, self.guests_burst),
            Role::Member => (self.members, self.members_burst),
            Role::Moderator | Role::Streamer => return None,
        };
        Some(Pace { per_minute: per_minute.into(), burst: burst.into() })
    }

    /// Of two, the slower in each respect.
    #[must_use]
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            guests: self.guests.min(other.guests),
            guests_burst: self.guests_burst.min(other.guests_burst),
            members: self.members.min(other.members),
            members_burst: self.members_burst.min(other.members_burst),
        }
    }

    /// Packed into [`Self::BITS`] bits.
    pub(super) fn pack(self) -> u32 {
        let pack = |per_minute: u8, burst: u8| u32::from(burst & 15) << Self::PER_MINUTE | u32::from(per_minute);
        pack(self.members, self.members_burst) << (Self::PER_MINUTE + Self::BURST)
            | pack(self.guests, self.guests_burst)
    }

    /// From these bits.
    pub(super) fn unpack(bits: u32) -> Self {
        let burst = |at: u32| (bits >> at) as u8 & 15;
        let members = Self::PER_MINUTE + Self::BURST;
        Self {
            guests: bits as u8,
            guests_burst: burst(Self::PER_MINUTE),
            members: (bits >> members) as u8,
            members_burst: burst(members + Self::PER_MINUTE),
        }
    }
}

impl From<u32> for RoomPace {
    fn from(bits: u32) -> Self {
        Self::unpack(bits)
    }
}

impl From<RoomPace> for u32 {
    fn from(pace: RoomPace) -> Self {
        pace.pack()
    }
}

impl FromStr for RoomPace {
    type Err = RoomPaceError;

    /// From the name of a preset, or `per_minute/burst`, for guests and members apart with a comma between.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers = |part: &str| {
            let (per_minute, burst) = part.split_once('/')?;
            Some((per_minute.trim().parse().ok()?, burst.trim().parse().ok()?))
        };
        let (guests, members) = text.split_once(',').unwrap_or((text, text));
        let typed = || {
            let ((guests, guests_burst), (members, members_burst)) = (numbers(guests)?, numbers(members)?);
            Some(Self { guests, guests_burst, members, members_burst })
        };
        let pace = Self::preset(text).or_else(typed).filter(|pace| pace.is_valid());
        pace.ok_or_else(|| RoomPaceError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::room::{Modes, Paces, RoomMode};

    const CALM: RoomPace = RoomPace { guests: 12, guests_burst: 2, members: 20, members_burst: 3 };

    #[test]
    fn a_rooms_pace_takes_the_place_of_the_settings_for_guests_and_members_and_slow_mode_counts_on_top() {
        let pace = |per_minute, burst| Some(Pace { per_minute, burst });
        let paces = Paces::from(Pace { per_minute: 2, burst: 1 });
        let calm = Modes::default().and(RoomMode::Pace(CALM));
        let roles = [Role::Viewer, Role::Member, Role::Moderator, Role::Streamer];
        assert_eq!(roles.map(|role| calm.pace(paces, role)), [pace(12, 2), pace(20, 3), pace(2, 1), None]);
        let slow = calm.and(RoomMode::Slow(5));
        assert_eq!(roles.map(|role| slow.pace(paces, role)), [pace(12, 1), pace(12, 1), pace(2, 1), None]);
        assert_eq!((slow.room_pace(), slow.slow_s()), (Some(CALM), 5));
        assert_eq!(Modes::default().room_pace(), None);
        let faster = RoomPace { guests: 240, guests_burst: 1, members: 10, members_burst: 15 };
        let both =
            [calm.and(RoomMode::Pace(faster)), Modes::default().and(RoomMode::Pace(faster)).and(RoomMode::Pace(CALM))];
        let slower = RoomPace { guests: 12, guests_burst: 1, members: 10, members_burst: 3 };
        assert_eq!(both.map(Modes::room_pace), [Some(slower); 2], "in whichever order they came");
    }

    #[test]
    fn a_rooms_density_is_one_of_its_modes_and_of_two_the_smaller_counts() {
        let modes = Modes::default().and(RoomMode::Density(250)).and(RoomMode::Pace(CALM));
        assert_eq!((modes.density(), modes.room_pace()), (Some(250), Some(CALM)));
        assert_eq!(modes.and(RoomMode::Density(7)).density(), Some(7));
        assert_eq!(modes.and(RoomMode::Density(251)).density(), Some(250));
        assert_eq!((Modes::default().density(), Modes::default().and(RoomMode::Density(0)).density()), (None, Some(1)));
        assert_eq!(modes.forbid(Role::Viewer, ""), None, "nothing is forbidden by it");
    }

    #[test]
    fn what_is_no_pace_is_told() {
        assert!(CALM.is_valid() && RoomPace { guests: 240, guests_burst: 15, members: 1, members_burst: 1 }.is_valid());
        for none in [
            RoomPace { guests: 0, ..CALM },
            RoomPace { guests: 241, ..CALM },
            RoomPace { guests_burst: 16, ..CALM },
            RoomPace { members_burst: 0, ..CALM },
        ] {
            assert!(!none.is_valid(), "{none:?}");
        }
    }

    #[test]
    fn a_pace_is_read_from_its_name_or_from_its_numbers() {
        assert_eq!("calm".parse(), Ok(CALM));
        assert_eq!("12/2, 20/3".parse(), Ok(CALM));
        assert_eq!("7/1".parse(), Ok(RoomPace { guests: 7, guests_burst: 1, members: 7, members_burst: 1 }));
        for none in ["", "fast", "12", "12/2,", "0/1", "241/1", "1/16", "300/1", "1/1,2/2,3/3"] {
            let error = none.parse::<RoomPace>().expect_err(none).to_string();
            assert!(
                error.starts_with(&format!("{none:?} is no pace: calm")) && error.ends_with("1 to 15 at once"),
                "{error}"
            );
        }
        assert!(RoomPace::PRESETS.into_iter().all(|(_, pace)| pace.is_valid()));
    }

    proptest! {
        /// Readers in JavaScript know integers up to 2^53 exactly.
        #[test]
        fn every_pace_and_density_survive_the_number_beside_all_else(
            guests in 1_u8..=240, guests_burst in 1_u8..=15, members in 1_u8..=240, members_burst in 1_u8..=15,
            density in 1_u8..=MAX_DENSITY,
        ) {
            let pace = RoomPace { guests, guests_burst, members, members_burst };
            let all = [RoomMode::Quiet, RoomMode::Slow(30), RoomMode::Pace(pace), RoomMode::Density(density), RoomMode::Names];
            let modes = all.into_iter().fold(Modes::ENDED.and_frozen(true), Modes::and);
            let number = u64::from(modes);
            prop_assert!(number < 1 << 53);
            let read = Modes::from(number);
            prop_assert!(all.into_iter().all(|mode| read.has(mode)));
            prop_assert!(read.is_ended() && read.is_frozen() && read.review().is_none());
            let json = serde_json::to_string(&RoomMode::Pace(pace)).unwrap();
            prop_assert_eq!(&json, &format!("{{\"pace\":{}}}", u32::from(pace)));
            prop_assert_eq!(serde_json::from_str::<RoomMode>(&json).unwrap(), RoomMode::Pace(pace));
        }
    }
}
