//! Room modes: what viewers below the crew may say while one is in force.

use serde::{Deserialize, Serialize};

use super::{Pace, Paces};
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
}

/// The modes in force together, packed into one number, to keep pages small: a bit for each, the seconds of slow mode above
/// them, a bit for a room that has ended, and one while the vending of sessions is frozen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Modes(u64);

impl Modes {
    const QUIET: u64 = 1;
    const MEMBERS: u64 = 2;
    const EMOJI: u64 = 4;
    const SLOW: u32 = 3;
    const CLOSED: u64 = 1 << 8;
    const FROZEN: u64 = 1 << 9;
    /// The bits of the seconds.
    const SECONDS: u64 = 0b1_1111 << Self::SLOW;

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

    /// These and one more. Of two slow modes the slower counts.
    #[must_use]
    pub fn and(self, mode: RoomMode) -> Self {
        match mode {
            RoomMode::Quiet => Self(self.0 | Self::QUIET),
            RoomMode::Members => Self(self.0 | Self::MEMBERS),
            RoomMode::Emoji => Self(self.0 | Self::EMOJI),
            RoomMode::Slow(seconds) => {
                let slow = self.slow_s().max(seconds.min(MAX_SLOW_S));
                Self((self.0 & !Self::SECONDS) | (u64::from(slow) << Self::SLOW))
            }
        }
    }

    /// Whether that mode is among them; slow mode with exactly these seconds.
    #[must_use]
    pub fn has(self, mode: RoomMode) -> bool {
        match mode {
            RoomMode::Quiet => self.0 & Self::QUIET > 0,
            RoomMode::Members => self.0 & Self::MEMBERS > 0,
            RoomMode::Emoji => self.0 & Self::EMOJI > 0,
            RoomMode::Slow(seconds) => self.slow_s() == seconds,
        }
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
        let quiet = self.has(RoomMode::Quiet).then_some(RoomMode::Quiet);
        let members = (self.has(RoomMode::Members) && role == Role::Viewer).then_some(RoomMode::Members);
        let emoji = || (self.has(RoomMode::Emoji) && !is_emoji(text)).then_some(RoomMode::Emoji);
        quiet.or(members).or_else(emoji)
    }

    /// The pace of a role in these modes.
    #[must_use]
    pub fn pace(self, paces: Paces, role: Role) -> Option<Pace> {
        let pace = paces.of(role)?;
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
        for (mode, json) in [(RoomMode::Quiet, r#""quiet""#), (RoomMode::Slow(10), r#"{"slow":10}"#)] {
            assert_eq!(serde_json::to_string(&mode).expect("JSON"), json);
        }
    }
}
