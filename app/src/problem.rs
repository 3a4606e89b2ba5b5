//! What can go wrong for a viewer, and how the page says it in the viewer's language.

use danmu::record::{MAX_TEXT_GRAPHEMES, TextError};
use leptos::prelude::*;

use crate::{
    api::ApiError,
    i18n::{I18nContext, Locale, t},
};

/// Why something that a viewer wanted did not happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The text cannot be sent as it is.
    Text(TextError),
    /// The server refused, or cannot be reached.
    Api(ApiError),
    /// The stream cannot be reached.
    Network,
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
    pub fn view(self, i18n: I18nContext<Locale>) -> AnyView {
        match self {
            Self::Text(error) => text_view(error, i18n),
            Self::Api(error) => api_view(error, i18n),
            Self::Network => t!(i18n, problem.network).into_any(),
            Self::Busy => t!(i18n, problem.busy).into_any(),
            Self::Denied => t!(i18n, problem.denied).into_any(),
            Self::Stream(reason) => t!(i18n, problem.stream, reason).into_any(),
        }
    }
}

fn text_view(error: TextError, i18n: I18nContext<Locale>) -> AnyView {
    let code = |c: char| format!("U+{:04X}", u32::from(c));
    match error {
        TextError::Empty => t!(i18n, problem.empty).into_any(),
        TextError::TooLong(count) => t!(i18n, problem.too_long, count, max = MAX_TEXT_GRAPHEMES).into_any(),
        TextError::TooManyBytes(_) => t!(i18n, problem.too_heavy).into_any(),
        TextError::Control(c) => t!(i18n, problem.control, code = code(c)).into_any(),
        TextError::Bidi(c) => t!(i18n, problem.bidi, code = code(c)).into_any(),
    }
}

fn api_view(error: ApiError, i18n: I18nContext<Locale>) -> AnyView {
    match error {
        ApiError::BadRoom(room) => t!(i18n, problem.bad_room, room).into_any(),
        ApiError::NoRoom(room) => t!(i18n, problem.no_room, room).into_any(),
        ApiError::TooMany { retry_after_s } => t!(i18n, problem.too_many, seconds = retry_after_s).into_any(),
        ApiError::DirectOff => t!(i18n, problem.direct_off).into_any(),
        ApiError::VendingDown => t!(i18n, problem.vending_down).into_any(),
        ApiError::Network(_) => t!(i18n, problem.network).into_any(),
        ApiError::Other(reason) => t!(i18n, problem.server, reason).into_any(),
    }
}
