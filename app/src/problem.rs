//! What can go wrong for a viewer, and how the page says it in the viewer's language.

use danmu::record::{MAX_TEXT_BYTES, MAX_TEXT_GRAPHEMES, TextError};

use crate::{
    api::ApiError,
    i18n::{I18n, fill, t_string},
};

/// Why something that a viewer wanted did not happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The text cannot be sent as it is.
    Text(TextError),
    /// The viewer says too much in too short a time; seconds until it may go on.
    TooFast(u32),
    /// The server refused, or cannot be reached.
    Api(ApiError),
    /// The page shows the viewer as signed in, and the server takes it for a guest.
    Guest,
    /// The stream cannot be reached.
    Network,
    /// It was sent, and no answer came: it may have arrived.
    Unanswered,
    /// The stream takes no more at the moment.
    Busy,
    /// The stream refused the credentials.
    Denied,
    /// The stream answered with an error that has no better name here.
    Stream(String),
}

impl From<TextError> for Problem {
    fn from(error: TextError) -> Self {
        Self::Text(error)
    }
}

impl From<ApiError> for Problem {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

impl Problem {
    /// The problem in the language of the page, with the way out where there is one.
    #[must_use]
    pub fn say(&self, i18n: I18n) -> String {
        match self {
            Self::Text(error) => say_text(*error, i18n),
            Self::TooFast(seconds) => fill(t_string!(i18n, problem.too_fast), &[("seconds", seconds)]),
            Self::Api(error) => say_api(error, i18n),
            Self::Guest => t_string!(i18n, problem.guest).to_owned(),
            Self::Network => t_string!(i18n, problem.network).to_owned(),
            Self::Unanswered => t_string!(i18n, problem.unanswered).to_owned(),
            Self::Busy => t_string!(i18n, problem.busy).to_owned(),
            Self::Denied => t_string!(i18n, problem.denied).to_owned(),
            Self::Stream(reason) => fill(t_string!(i18n, problem.stream), &[("reason", reason)]),
        }
    }
}

fn say_text(error: TextError, i18n: I18n) -> String {
    let code = |text: &str, c: char| fill(text, &[("code", &format!("U+{:04X}", u32::from(c)))]);
    match error {
        TextError::Empty => t_string!(i18n, problem.empty).to_owned(),
        TextError::TooLong(count) => {
            fill(t_string!(i18n, problem.too_long), &[("count", &count), ("max", &MAX_TEXT_GRAPHEMES)])
        }
        TextError::TooManyBytes(count) => {
            fill(t_string!(i18n, problem.too_many_bytes), &[("count", &count), ("max", &MAX_TEXT_BYTES)])
        }
        TextError::Marks(_) => t_string!(i18n, problem.too_heavy).to_owned(),
        TextError::Invisible(c) => code(t_string!(i18n, problem.invisible), c),
        TextError::Control(c) => code(t_string!(i18n, problem.control), c),
        TextError::Bidi(c) => code(t_string!(i18n, problem.bidi), c),
    }
}

fn say_api(error: &ApiError, i18n: I18n) -> String {
    match error {
        ApiError::BadRoom(room) => fill(t_string!(i18n, problem.bad_room), &[("room", room)]),
        ApiError::NoRoom(room) => fill(t_string!(i18n, problem.no_room), &[("room", room)]),
        ApiError::TooMany { retry_after_s } => fill(t_string!(i18n, problem.too_many), &[("seconds", retry_after_s)]),
        ApiError::DirectOff => t_string!(i18n, problem.direct_off).to_owned(),
        ApiError::Banned => t_string!(i18n, problem.banned).to_owned(),
        ApiError::SignIn => t_string!(i18n, problem.sign_in).to_owned(),
        ApiError::VendingDown => t_string!(i18n, problem.vending_down).to_owned(),
        ApiError::Network(_) => t_string!(i18n, problem.network).to_owned(),
        ApiError::Other(reason) => fill(t_string!(i18n, problem.server), &[("reason", reason)]),
        // No page of ours decides who may speak, yet.
        ApiError::NotModerator | ApiError::NotAbove | ApiError::BadViewer(_) | ApiError::Store => {
            fill(t_string!(i18n, problem.server), &[("reason", &error.to_string())])
        }
    }
}
