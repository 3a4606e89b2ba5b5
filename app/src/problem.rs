//! What can go wrong for a viewer, and how the page says it in the viewer's language.

use danmu::{
    record::{MAX_TEXT_BYTES, MAX_TEXT_GRAPHEMES, TextError},
    room::RoomMode,
};

use crate::{
    error::ApiError,
    i18n::{I18n, fill, t_string},
};

/// A problem that is shown to the viewer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The text cannot be sent as it is.
    Text(TextError),
    /// The viewer exceeds the room's rate limit; seconds until the next danmu is allowed.
    TooFast(u32),
    /// A mode of the room forbids it.
    Mode(RoomMode),
    /// The server refused, or cannot be reached.
    Api(ApiError),
    /// The page shows the viewer as signed in, but the server gave a guest's session.
    Guest,
    /// The stream cannot be reached.
    Network,
    /// The put got no answer: the danmu may have arrived.
    Unanswered,
    /// The stream throttles.
    Busy,
    /// The stream refused the credentials.
    Denied,
    /// Any other error of the stream: its message.
    Stream(String),
    /// The video's server refused it: its answer.
    VideoRefused(String),
    /// The page's Content Security Policy blocked the video's address.
    VideoForbidden(String),
    /// The video cannot be played, for a reason that the browser does not tell.
    Unplayable,
    /// This browser cannot draw on the overlay's canvas.
    CannotDraw,
    /// The drawing module did not load, or crashed.
    NothingDraws,
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
    /// The problem in the language of the page, with a remedy where there is one.
    #[must_use]
    pub fn say(&self, i18n: I18n) -> String {
        match self {
            Self::Text(error) => say_text(*error, i18n),
            Self::TooFast(seconds) => fill(t_string!(i18n, problem.too_fast), &[("seconds", seconds)]),
            Self::Mode(RoomMode::Members) => t_string!(i18n, problem.members).to_owned(),
            Self::Mode(RoomMode::Emoji) => t_string!(i18n, problem.emoji).to_owned(),
            Self::Mode(_) => t_string!(i18n, problem.quiet).to_owned(),
            Self::Api(error) => say_api(error, i18n),
            Self::Guest => t_string!(i18n, problem.guest).to_owned(),
            Self::Network => t_string!(i18n, problem.network).to_owned(),
            Self::Unanswered => t_string!(i18n, problem.unanswered).to_owned(),
            Self::Busy => t_string!(i18n, problem.busy).to_owned(),
            Self::Denied => t_string!(i18n, problem.denied).to_owned(),
            Self::Stream(reason) => fill(t_string!(i18n, problem.stream), &[("reason", reason)]),
            Self::VideoRefused(reason) => fill(t_string!(i18n, problem.video_refused), &[("reason", reason)]),
            Self::VideoForbidden(address) => fill(t_string!(i18n, problem.video_forbidden), &[("address", address)]),
            Self::Unplayable => t_string!(i18n, player.no_video).to_owned(),
            Self::CannotDraw => t_string!(i18n, problem.overlay).to_owned(),
            Self::NothingDraws => t_string!(i18n, problem.nothing_draws).to_owned(),
        }
    }

    /// Whether it is resolved once the connection is back.
    #[must_use]
    pub const fn is_of_connection(&self) -> bool {
        matches!(self, Self::Network | Self::Api(ApiError::Network(_)))
    }

    /// Whether it carries a number of seconds to wait.
    #[must_use]
    pub const fn waits(&self) -> bool {
        matches!(self, Self::TooFast(_) | Self::Api(ApiError::TooMany { .. }))
    }

    /// Counts the problem's wait down by a second; at zero the problem is cleared.
    pub fn count_down(problem: &mut Option<Self>) {
        if let Some(Self::TooFast(seconds) | Self::Api(ApiError::TooMany { retry_after_s: seconds })) = problem {
            *seconds = seconds.saturating_sub(1);
            if *seconds == 0 {
                *problem = None;
            }
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
        ApiError::Frozen => t_string!(i18n, problem.frozen).to_owned(),
        ApiError::Network(_) => t_string!(i18n, problem.network).to_owned(),
        ApiError::Name(reason) => reason.clone(),
        ApiError::Other(reason) => fill(t_string!(i18n, problem.server), &[("reason", reason)]),
        // The studio has texts of its own for what its crew is told (`studio::problem`).
        ApiError::Crew(_) => fill(t_string!(i18n, problem.server), &[("reason", &error.to_string())]),
    }
}
