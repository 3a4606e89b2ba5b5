//! The names of modes in the tables.

use danmu::room::{Review, RoomMode, RoomPace};

/// A mode's name.
pub(super) fn name_of(mode: RoomMode) -> String {
    match mode {
        RoomMode::Quiet => "quiet".to_owned(),
        RoomMode::Members => "members".to_owned(),
        RoomMode::Emoji => "emoji".to_owned(),
        RoomMode::Names => "names".to_owned(),
        RoomMode::Slow(seconds) => format!("slow {seconds}"),
        RoomMode::Reviewed(Review { members: false, after_s }) => format!("reviewed {after_s}"),
        RoomMode::Reviewed(Review { members: true, after_s }) => format!("reviewed all {after_s}"),
        RoomMode::Pace(RoomPace { guests, guests_burst, members, members_burst }) => {
            format!("pace {guests}/{guests_burst} {members}/{members_burst}")
        }
        RoomMode::Density(density) => format!("density {density}"),
    }
}

/// The mode of that name.
pub(super) fn mode_of(name: &str) -> Option<RoomMode> {
    match name {
        "quiet" => return Some(RoomMode::Quiet),
        "members" => return Some(RoomMode::Members),
        "emoji" => return Some(RoomMode::Emoji),
        "names" => return Some(RoomMode::Names),
        _ => {}
    }
    if let Some(seconds) = name.strip_prefix("slow ") {
        return seconds.parse().ok().map(RoomMode::Slow);
    }
    if let Some(density) = name.strip_prefix("density ") {
        return density.parse().ok().map(RoomMode::Density);
    }
    if let Some(paces) = name.strip_prefix("pace ") {
        let mut numbers = paces.split([' ', '/']).map(|number| number.parse().ok());
        let mut next = || numbers.next().flatten();
        let pace = RoomPace { guests: next()?, guests_burst: next()?, members: next()?, members_burst: next()? };
        return numbers.next().is_none().then_some(RoomMode::Pace(pace));
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
        let simple = [RoomMode::Names, RoomMode::Quiet, RoomMode::Members, RoomMode::Emoji, RoomMode::Slow(7)];
        let pace = RoomMode::Pace(RoomPace { guests: 12, guests_burst: 2, members: 240, members_burst: 15 });
        for mode in simple.into_iter().chain([review(false, 0), review(true, 255), pace, RoomMode::Density(250)]) {
            assert_eq!(mode_of(&name_of(mode)), Some(mode));
        }
        let paces = ["pace", "pace 1/2", "pace 1/2 3/x", "pace 1/2 3/4 5", "density", "density x"];
        let others = ["", "loud", "slow", "slow x", "reviewed", "reviewed all", "reviewed 256", "reviewed some 7"];
        for name in others.into_iter().chain(paces) {
            assert_eq!(mode_of(name), None, "{name}");
        }
    }
}
