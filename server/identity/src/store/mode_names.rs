//! The names of modes in the tables.

use danmu::room::{Review, RoomMode};

/// A mode's name.
pub(super) fn name_of(mode: RoomMode) -> String {
    match mode {
        RoomMode::Quiet => "quiet".to_owned(),
        RoomMode::Members => "members".to_owned(),
        RoomMode::Emoji => "emoji".to_owned(),
        RoomMode::Slow(seconds) => format!("slow {seconds}"),
        RoomMode::Reviewed(Review { members: false, after_s }) => format!("reviewed {after_s}"),
        RoomMode::Reviewed(Review { members: true, after_s }) => format!("reviewed all {after_s}"),
    }
}

/// The mode of that name.
pub(super) fn mode_of(name: &str) -> Option<RoomMode> {
    match name {
        "quiet" => return Some(RoomMode::Quiet),
        "members" => return Some(RoomMode::Members),
        "emoji" => return Some(RoomMode::Emoji),
        _ => {}
    }
    if let Some(seconds) = name.strip_prefix("slow ") {
        return seconds.parse().ok().map(RoomMode::Slow);
    }
    let rest = name.strip_prefix("reviewed ")?;
    let (members, after_s) = rest.strip_prefix("all ").map_or((false, rest), |rest| (true, rest));
    after_s.parse().ok().map(|after_s| RoomMode::Reviewed(Review { members, after_s }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_is_found_by_its_name_and_no_other_name_is_one() {
        let review = |members, after_s| RoomMode::Reviewed(Review { members, after_s });
        let simple = [RoomMode::Quiet, RoomMode::Members, RoomMode::Emoji, RoomMode::Slow(7)];
        for mode in simple.into_iter().chain([review(false, 0), review(true, 255)]) {
            assert_eq!(mode_of(&name_of(mode)), Some(mode));
        }
        for name in ["", "loud", "slow", "slow x", "reviewed", "reviewed all", "reviewed 256", "reviewed some 7"] {
            assert_eq!(mode_of(name), None, "{name}");
        }
    }
}
