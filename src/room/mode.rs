//! Room modes: what viewers below the crew may say while one is in force, and how much of it is shown.

use serde::{Deserialize, Serialize};

use super::{
    Pace, Paces,
    limits::{MAX_DENSITY, RoomPace},
    review::Review,
};
use crate::viewer::Role;

/// The longest slow mode, in seconds: the gate's token buckets know that a viewer spoke for so long.
pub const MAX_SLOW_S: u8 = 30;

/// A mode of a room. Whoever may moderate is free of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoomMode {
    /// Nobody speaks but the crew.
    Quiet,
    /// Members speak, guests do not.
    Members,
    /// Only emoji are said.
    Emoji,
    /// So many seconds, 1 to [`MAX_SLOW_S`], lie between two danmu of a viewer.
    Slow(u8),
    /// What is said waits until the crew lets it through.
    Reviewed(Review),
    /// Guests and members speak at this pace, and not at that of the settings.
    Pace(RoomPace),
    /// Guests may give themselves names, which are unproved and marked so.
    Names,
    /// Up to so many danmu a second are shown, 1 to [`MAX_DENSITY`]; never more than the server shows in any room.
    Density(u8),
}

/// The modes in force together, packed into one number, to keep pages small: a bit for each, the seconds of slow mode above
/// them, a bit for a room that has ended, reviewed mode with its seconds, a bit while the vending of sessions is frozen, the room's
/// pace and its density, and a bit for names that guests give themselves. Bits that a reader does not know change nothing for it. 53 bits at most, since JavaScript knows no more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Modes(u64);

impl Modes {
    const QUIET: u64 = 1;
    const MEMBERS: u64 = 2;
    const EMOJI: u64 = 4;
    const SLOW: u32 = 3;
    const CLOSED: u64 = 1 << 8;
    /// The bits of the seconds.
    const SECONDS: u64 = 0b1_1111 << Self::SLOW;
    const REVIEWED: u64 = 1 << 9;
    const REVIEWED_MEMBERS: u64 = 1 << 10;
    const AFTER: u32 = 11;
    /// The bits of the seconds after which a danmu is shown by itself.
    const AFTER_SECONDS: u64 = 0xff << Self::AFTER;
    const FROZEN: u64 = 1 << 19;
    const PACE: u32 = 20;
    const PACE_BITS: u64 = ((1 << RoomPace::BITS) - 1) << Self::PACE;
    const DENSITY: u32 = Self::PACE + RoomPace::BITS;
    const DENSITY_BITS: u64 = 0xff << Self::DENSITY;
    const NAMES: u64 = 1 << 52;

    /// The room has ended: what its viewers are told last.
    pub const ENDED: Self = Self(Self::CLOSED);

    /// Whether the room has ended.
    #[must_use]
    pub const fn is_ended(self) -> bool {
        self.0 & Self::CLOSED > 0
    }

    /// Whether nobody gets a session now. What is said with an earlier one is still shown, so this forbids nothing.
    #[must_use]
    pub const fn is_frozen(self) -> bool {
        self.0 & Self::FROZEN > 0
    }

    /// These, and whether vending is frozen.
    #[must_use]
    pub const fn and_frozen(self, frozen: bool) -> Self {
        if frozen { Self(self.0 | Self::FROZEN) } else { self }
    }

    /// These and one more. Of two slow modes or paces the slower counts, of two reviewed modes the stricter, of two densities the
    /// smaller.
    #[must_use]
    pub fn and(self, mode: RoomMode) -> Self {
        match mode {
            RoomMode::Quiet => Self(self.0 | Self::QUIET),
            RoomMode::Members => Self(self.0 | Self::MEMBERS),
            RoomMode::Emoji => Self(self.0 | Self::EMOJI),
            RoomMode::Names => Self(self.0 | Self::NAMES),
            RoomMode::Slow(seconds) => {
                let slow = self.slow_s().max(seconds.min(MAX_SLOW_S));
                Self((self.0 & !Self::SECONDS) | (u64::from(slow) << Self::SLOW))
            }
            RoomMode::Reviewed(review) => {
                let Review { members, after_s } = self.review().map_or(review, |known| known.and(review));
                let members = if members { Self::REVIEWED_MEMBERS } else { 0 };
                let others = self.0 & !(Self::REVIEWED_MEMBERS | Self::AFTER_SECONDS);
                Self(others | Self::REVIEWED | members | (u64::from(after_s) << Self::AFTER))
            }
            RoomMode::Pace(pace) => {
                let pace = self.room_pace().map_or(pace, |known| known.and(pace));
                Self((self.0 & !Self::PACE_BITS) | (u64::from(pace.pack()) << Self::PACE))
            }
            RoomMode::Density(density) => {
                let density = self.density().map_or(density, |known| known.min(density)).clamp(1, MAX_DENSITY);
                Self((self.0 & !Self::DENSITY_BITS) | (u64::from(density) << Self::DENSITY))
            }
        }
    }

    /// Whether that mode is among them; one that has values exactly as it is there.
    #[must_use]
    pub fn has(self, mode: RoomMode) -> bool {
        match mode {
            RoomMode::Quiet => self.0 & Self::QUIET > 0,
            RoomMode::Members => self.0 & Self::MEMBERS > 0,
            RoomMode::Emoji => self.0 & Self::EMOJI > 0,
            RoomMode::Names => self.has_names(),
            RoomMode::Slow(seconds) => self.slow_s() == seconds,
            RoomMode::Reviewed(review) => self.review() == Some(review),
            RoomMode::Pace(pace) => self.room_pace() == Some(pace),
            RoomMode::Density(density) => self.density() == Some(density),
        }
    }

    /// Whether guests may give themselves names.
    #[must_use]
    pub const fn has_names(self) -> bool {
        self.0 & Self::NAMES > 0
    }

    /// The room's own pace, if it has one.
    #[must_use]
    pub fn room_pace(self) -> Option<RoomPace> {
        let bits = ((self.0 & Self::PACE_BITS) >> Self::PACE) as u32;
        (bits > 0).then(|| RoomPace::unpack(bits))
    }

    /// How many danmu a second the room shows at most, if it has a density of its own.
    #[must_use]
    pub const fn density(self) -> Option<u8> {
        match ((self.0 & Self::DENSITY_BITS) >> Self::DENSITY) as u8 {
            0 => None,
            density => Some(density),
        }
    }

    /// Reviewed mode, if it is among them.
    #[must_use]
    pub const fn review(self) -> Option<Review> {
        if self.0 & Self::REVIEWED == 0 {
            return None;
        }
        let after_s = ((self.0 & Self::AFTER_SECONDS) >> Self::AFTER) as u8;
        Some(Review { members: self.0 & Self::REVIEWED_MEMBERS > 0, after_s })
    }

    /// Reviewed mode, if danmu of that role wait in it.
    #[must_use]
    pub fn reviews(self, role: Role) -> Option<Review> {
        self.review().filter(|review| review.covers(role))
    }

    /// The seconds between two danmu of a viewer; 0 without slow mode.
    #[must_use]
    pub const fn slow_s(self) -> u8 {
        ((self.0 & Self::SECONDS) >> Self::SLOW) as u8
    }

    /// The mode by which somebody in that role may not say that text now, if there is one.
    #[must_use]
    pub fn forbid(self, role: Role, text: &str) -> Option<RoomMode> {
        if self.0 == 0 || role.may_moderate() {
            return None;
        }
        // By the bits, since pages need nothing else of `has`.
        let quiet = (self.0 & Self::QUIET > 0).then_some(RoomMode::Quiet);
        let members = (self.0 & Self::MEMBERS > 0 && role == Role::Viewer).then_some(RoomMode::Members);
        let emoji = || (self.0 & Self::EMOJI > 0 && !is_emoji(text)).then_some(RoomMode::Emoji);
        quiet.or(members).or_else(emoji)
    }

    /// The pace of a role in these modes, where `paces` are those of the settings.
    #[must_use]
    pub fn pace(self, paces: Paces, role: Role) -> Option<Pace> {
        let own = self.room_pace().and_then(|pace| pace.of(role));
        let pace = own.or_else(|| paces.of(role))?;
        let slow_s = u32::from(self.slow_s());
        if slow_s == 0 || role.may_moderate() {
            return Some(pace);
        }
        Some(Pace { per_minute: pace.per_minute.min(60 / slow_s), burst: 1 })
    }
}

impl From<u64> for Modes {
    fn from(bits: u64) -> Self {
        Self(bits)
    }
}

impl From<Modes> for u64 {
    fn from(Modes(bits): Modes) -> Self {
        bits
    }
}

/// Whether a text has nothing but emoji and blanks. By blocks of Unicode, not by its tables of properties, so that a few symbols
/// beside emoji pass and every side judges alike.
fn is_emoji(text: &str) -> bool {
    let joins = |c: char| matches!(c, '\u{200d}' | '\u{fe0f}' | '\u{e0020}'..='\u{e007f}');
    let shows = |c: char| {
        matches!(c,
            '\u{203c}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{2190}'..='\u{21ff}' | '\u{2300}'..='\u{23ff}'
            | '\u{25a0}'..='\u{27bf}' | '\u{2934}' | '\u{2935}' | '\u{2b00}'..='\u{2bff}' | '\u{3030}' | '\u{303d}'
            | '\u{3297}' | '\u{3299}' | '\u{1f000}'..='\u{1faff}')
    };
    text.chars().all(|c| c.is_whitespace() || joins(c) || shows(c)) && text.chars().any(shows)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREW: [Role; 2] = [Role::Moderator, Role::Streamer];

    #[test]
    fn each_mode_forbids_what_it_says_and_nothing_to_the_crew() {
        let forbid = |modes: &[RoomMode], role, text| {
            modes.iter().fold(Modes::default(), |modes, mode| modes.and(*mode)).forbid(role, text)
        };
        for (modes, of_viewer, of_member, of_emoji) in [
            (&[][..], None, None, None),
            (&[RoomMode::Quiet], Some(RoomMode::Quiet), Some(RoomMode::Quiet), Some(RoomMode::Quiet)),
            (&[RoomMode::Members], Some(RoomMode::Members), None, None),
            (&[RoomMode::Emoji], Some(RoomMode::Emoji), Some(RoomMode::Emoji), None),
            (&[RoomMode::Slow(5)], None, None, None),
            (&[RoomMode::Emoji, RoomMode::Members], Some(RoomMode::Members), Some(RoomMode::Emoji), None),
        ] {
            let told = [(Role::Viewer, "hi"), (Role::Member, "hi"), (Role::Member, "🎉")];
            assert_eq!(
                told.map(|(role, text)| forbid(modes, role, text)),
                [of_viewer, of_member, of_emoji],
                "{modes:?}"
            );
            assert_eq!(CREW.map(|role| forbid(modes, role, "hi")), [None, None]);
        }
    }

    #[test]
    fn slow_mode_slows_viewers_and_members_and_makes_nobody_faster() {
        let own = Pace { per_minute: 60, burst: 5 };
        let (paces, slow) = (Paces::from(own), Modes::default().and(RoomMode::Slow(10)));
        let slowed = Some(Pace { per_minute: 6, burst: 1 });
        assert_eq!([Role::Viewer, Role::Member].map(|role| slow.pace(paces, role)), [slowed, slowed]);
        assert_eq!(CREW.map(|role| slow.pace(paces, role)), [Some(own), None]);
        assert_eq!(Modes::default().pace(paces, Role::Viewer), Some(own));
        let slower = Paces::from(Pace { per_minute: 2, burst: 1 });
        assert_eq!(slow.pace(slower, Role::Viewer), Some(Pace { per_minute: 2, burst: 1 }));
        let both = slow.and(RoomMode::Slow(3)).and(RoomMode::Quiet);
        assert_eq!((both.slow_s(), both.has(RoomMode::Quiet), both.has(RoomMode::Slow(10))), (10, true, true));
        assert_eq!(Modes::default().and(RoomMode::Slow(200)).slow_s(), MAX_SLOW_S);
        let ended = Modes::ENDED.and(RoomMode::Slow(30)).and(RoomMode::Slow(4));
        assert_eq!((ended.is_ended(), ended.slow_s(), both.is_ended()), (true, 30, false));
        let frozen = both.and_frozen(true);
        assert_eq!((frozen.is_frozen(), frozen.slow_s(), both.and_frozen(false)), (true, 10, both));
        assert_eq!(Modes::default().and_frozen(true).forbid(Role::Viewer, "hi"), None, "a session goes on");
    }

    #[test]
    fn reviewed_mode_holds_whom_it_says_and_of_two_the_stricter_counts() {
        let review = |members, after_s| Review { members, after_s };
        let guests = Modes::default().and(RoomMode::Slow(5)).and(RoomMode::Reviewed(review(false, 30)));
        let roles = [Role::Viewer, Role::Member, Role::Moderator, Role::Streamer];
        assert_eq!(roles.map(|role| guests.reviews(role).is_some()), [true, false, false, false]);
        assert_eq!((guests.slow_s(), guests.is_ended(), guests.forbid(Role::Viewer, "hi")), (5, false, None));
        let all = guests.and(RoomMode::Reviewed(review(true, 255)));
        assert_eq!(roles.map(|role| all.reviews(role).is_some()), [true, true, false, false]);
        assert_eq!((all.review(), all.has(RoomMode::Slow(5))), (Some(review(true, 255)), true));
        assert_eq!(all.and(RoomMode::Reviewed(review(false, 0))).review(), Some(review(true, 0)));
        assert_eq!(guests.and(RoomMode::Reviewed(review(false, 5))).review(), Some(review(false, 30)));
        assert_eq!(Modes::default().and(RoomMode::Quiet).review(), None);
        assert_eq!(
            [0, 1, 4, 5, 255].map(|after_s| review(false, after_s).is_valid()),
            [true, false, false, true, true]
        );
    }

    #[test]
    fn emoji_are_told_from_texts() {
        for emoji in ["🎉", "❤️ 👍🏽", "👨‍👩‍👧‍👦", "🇨🇳", "☀️", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"]
        {
            assert!(is_emoji(emoji), "{emoji}");
        }
        for text in ["", " ", "hi 🎉", "666", "哈哈", "\u{200d}", "1️⃣"] {
            assert!(!is_emoji(text), "{text}");
        }
    }

    #[test]
    fn modes_survive_their_number_and_a_mode_its_json() {
        let modes = Modes::default().and(RoomMode::Members).and(RoomMode::Slow(30));
        assert_eq!((u64::from(modes), Modes::from(242)), (242, modes));
        let reviewed = RoomMode::Reviewed(Review { members: true, after_s: 20 });
        for (mode, json) in [
            (RoomMode::Quiet, r#""quiet""#),
            (RoomMode::Slow(10), r#"{"slow":10}"#),
            (reviewed, r#"{"reviewed":{"members":true,"after_s":20}}"#),
        ] {
            assert_eq!(serde_json::to_string(&mode).expect("JSON"), json);
            assert_eq!(serde_json::from_str::<RoomMode>(json).expect("a mode"), mode);
        }
        let bits = u64::from(Modes::default().and(reviewed));
        assert_eq!((bits, Modes::from(bits).review()), (0x600 | 20 << 11, Some(Review { members: true, after_s: 20 })));
    }
}
