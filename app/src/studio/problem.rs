//! What can go wrong for the crew, in the page's language.

use crate::{
    error::{ApiError, CrewError},
    i18n::{I18n, fill, t_string},
    problem::Problem,
};

/// The error of a call, with a remedy where there is one.
pub fn say_error(error: &ApiError, i18n: I18n) -> String {
    let ApiError::Crew(lines) = error else { return Problem::Api(error.clone()).say(i18n) };
    match CrewError::of(lines) {
        Some(CrewError::NotModerator) => t_string!(i18n, studio.not_moderator).to_owned(),
        Some(CrewError::NotAbove) => t_string!(i18n, studio.not_above).to_owned(),
        Some(CrewError::Store) => t_string!(i18n, studio.store).to_owned(),
        Some(CrewError::BadInvitation) => t_string!(i18n, studio.bad_invitation).to_owned(),
        Some(CrewError::WrongKey) => t_string!(i18n, studio.wrong_key).to_owned(),
        Some(CrewError::MayNotMakeRooms) => t_string!(i18n, studio.may_not_make).to_owned(),
        Some(CrewError::RoomExists(room)) => fill(t_string!(i18n, studio.room_exists), &[("room", &room)]),
        Some(CrewError::NotKept) => t_string!(i18n, studio.not_kept).to_owned(),
        Some(CrewError::BadTitle) => t_string!(i18n, studio.bad_title).to_owned(),
        Some(CrewError::BadAddress(address)) => fill(t_string!(i18n, studio.bad_address), &[("address", &address)]),
        Some(CrewError::NotWaiting(reason)) => match &*reason {
            "passed" => t_string!(i18n, studio.not_waiting_passed).to_owned(),
            "out" => t_string!(i18n, studio.not_waiting_out).to_owned(),
            _ => t_string!(i18n, studio.not_waiting_late).to_owned(),
        },
        // No page of ours sends such a value.
        Some(CrewError::BadViewer(_) | CrewError::BadDanmu(_)) | None => Problem::Api(error.clone()).say(i18n),
    }
}
