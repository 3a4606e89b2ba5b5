//! The names of the room's modes.

use danmu::room::{Review, RoomMode, RoomPace};

use crate::i18n::{I18n, fill, t_string};

/// A mode's name.
pub fn name(mode: RoomMode, i18n: I18n) -> String {
    match mode {
        RoomMode::Quiet => t_string!(i18n, studio.mode_quiet).to_owned(),
        RoomMode::Members => t_string!(i18n, studio.mode_members).to_owned(),
        RoomMode::Names => t_string!(i18n, studio.mode_names).to_owned(),
        RoomMode::Emoji => t_string!(i18n, studio.mode_emoji).to_owned(),
        RoomMode::Slow(seconds) => fill(t_string!(i18n, studio.mode_slow_s), &[("seconds", &seconds)]),
        RoomMode::Reviewed(Review { members, after_s }) => {
            let mode = match members {
                false => t_string!(i18n, studio.mode_reviewed_guests),
                true => t_string!(i18n, studio.mode_reviewed_all),
            };
            match after_s {
                0 => mode.to_owned(),
                _ => fill(t_string!(i18n, studio.mode_reviewed_after), &[("mode", &mode), ("seconds", &after_s)]),
            }
        }
        RoomMode::Pace(RoomPace { guests, guests_burst, members, members_burst }) => fill(
            t_string!(i18n, studio.limits_pace_is),
            &[
                ("guests", &guests),
                ("guests_burst", &guests_burst),
                ("members", &members),
                ("members_burst", &members_burst),
            ],
        ),
        RoomMode::Density(density) => fill(t_string!(i18n, studio.limits_density_is), &[("count", &density)]),
    }
}
