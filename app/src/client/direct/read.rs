//! The message from the reader module to the page: an array with fixed positions.

use danmu::{feed::Told, kinesis::State};
use js_sys::Array;
use wasm_bindgen::JsValue;

use super::super::vend::ServerVend;
use crate::problem::Problem;

/// The result of one read.
pub struct Read {
    /// What is new.
    pub news: News,
    /// What to add to the local clock to correct it, milliseconds, as far as reading has learnt it.
    pub skew_ms: i64,
    /// Answered reads so far.
    pub reads: u64,
    /// Reads that were refused so far because the shard's readers asked too often.
    pub throttled: u64,
}

/// What is new in the reading.
pub enum News {
    /// Nothing.
    Nothing,
    /// Danmu and retractions, with the feed token after the danmu; without danmu, the token is empty.
    Told(Told, String),
    /// At the newest record.
    Live,
    /// Behind by that many milliseconds.
    Behind(i64),
    /// Too many readers share the shard.
    Crowded,
    /// A failure that may be temporary.
    Reconnecting,
    /// A failure that will not pass by itself.
    Stopped(Problem),
    /// The server gave no session to read; this is retried.
    Refused(Problem),
    /// The server gave no session to read, and a retry makes no sense.
    Denied(Problem),
}

impl News {
    pub(super) fn of(state: State, vend: &ServerVend) -> Self {
        match state {
            State::Starting => Self::Nothing,
            State::Live => Self::Live,
            State::Behind { ms } => Self::Behind(ms),
            State::Throttled { .. } => Self::Crowded,
            State::Reconnecting { .. } => Self::Reconnecting,
            State::Failed { reason, .. } => Self::Stopped(vend.problem_of(&reason)),
        }
    }
}

impl From<Read> for JsValue {
    fn from(Read { news, skew_ms, reads, throttled }: Read) -> Self {
        let none = || JsValue::UNDEFINED;
        let (kind, what, more) = match news {
            News::Nothing => (0, none(), none()),
            News::Told(told, place) => (1, serde_json::to_string(&told).unwrap_or_default().into(), place.into()),
            News::Live => (2, none(), none()),
            News::Behind(ms) => (3, (ms as f64).into(), none()),
            News::Crowded => (4, none(), none()),
            News::Reconnecting => (5, none(), none()),
            News::Stopped(problem) => of_problem(6, problem),
            News::Refused(problem) => of_problem(7, problem),
            News::Denied(problem) => of_problem(8, problem),
        };
        let counts = [skew_ms as f64, reads as f64, throttled as f64].map(JsValue::from);
        [kind.into(), what, more].into_iter().chain(counts).collect::<Array>().into()
    }
}

/// Encodes a problem that reading can have; others are sent as English text.
fn of_problem(kind: u8, problem: Problem) -> (u8, JsValue, JsValue) {
    let (which, text) = match problem {
        Problem::Network => (0, String::new()),
        Problem::Busy => (1, String::new()),
        Problem::Denied => (2, String::new()),
        Problem::Api(error) => (3, serde_json::to_string(&error).unwrap_or_default()),
        Problem::Stream(reason) => (4, reason),
        Problem::Text(_)
        | Problem::TooFast(_)
        | Problem::Mode(_)
        | Problem::Guest
        | Problem::Unanswered
        | Problem::VideoRefused(_)
        | Problem::VideoForbidden(_)
        | Problem::Unplayable
        | Problem::CannotDraw
        | Problem::NothingDraws => (4, format!("{problem:?}")),
    };
    (kind, which.into(), text.into())
}

impl From<&Array> for Read {
    fn from(array: &Array) -> Self {
        let number = |at| array.get(at).as_f64().unwrap_or_default() as i64;
        let text = |at| array.get(at).as_string().unwrap_or_default();
        let problem = || match number(1) {
            0 => Problem::Network,
            1 => Problem::Busy,
            2 => Problem::Denied,
            3 => serde_json::from_slice(text(2).as_bytes()).map_or_else(|_| Problem::Stream(text(2)), Problem::Api),
            _ => Problem::Stream(text(2)),
        };
        let news = match number(0) {
            1 => match serde_json::from_slice(text(1).as_bytes()) {
                Ok(told) => News::Told(told, text(2)),
                Err(_) => News::Nothing,
            },
            2 => News::Live,
            3 => News::Behind(number(1)),
            4 => News::Crowded,
            5 => News::Reconnecting,
            6 => News::Stopped(problem()),
            7 => News::Refused(problem()),
            8 => News::Denied(problem()),
            _ => News::Nothing,
        };
        Self { news, skew_ms: number(3), reads: number(4).unsigned_abs(), throttled: number(5).unsigned_abs() }
    }
}
