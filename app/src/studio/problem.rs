//! What can go wrong for the crew, in the page's language.

use crate::{
    error::ApiError,
    i18n::{I18n, fill, t_string},
    problem::Problem,
};

/// The error of a call, with a remedy where there is one.
pub fn say_error(error: &ApiError, i18n: I18n) -> String {
    match error {
        ApiError::NotModerator => t_string!(i18n, studio.not_moderator).to_owned(),
        ApiError::NotAbove => t_string!(i18n, studio.not_above).to_owned(),
        ApiError::Store => t_string!(i18n, studio.store).to_owned(),
        ApiError::BadInvitation => t_string!(i18n, studio.bad_invitation).to_owned(),
        ApiError::WrongKey => t_string!(i18n, studio.wrong_key).to_owned(),
        ApiError::MayNotMakeRooms => t_string!(i18n, studio.may_not_make).to_owned(),
        ApiError::RoomExists(room) => fill(t_string!(i18n, studio.room_exists), &[("room", room)]),
        ApiError::NotKept => t_string!(i18n, studio.not_kept).to_owned(),
        ApiError::BadTitle => t_string!(i18n, studio.bad_title).to_owned(),
        ApiError::BadAddress(address) => fill(t_string!(i18n, studio.bad_address), &[("address", address)]),
        other => Problem::Api(other.clone()).say(i18n),
    }
}
