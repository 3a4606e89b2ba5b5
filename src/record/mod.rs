//! The danmu record on the stream: its limits and its wire form.
//!
//! A record's data is UTF-8 text. Line 1 is one JSON object, the danmu, readable to any consumer. Line 2, if any, is the proof
//! of its author: a ticket, a full stop and a signature over the exact bytes of line 1. Data that are not such an object are a
//! plain text from a foreign producer, and a danmu as well. A broken record is refused, and never shown as a text.
//!
//! Whether a danmu may be shown is decided by the [gate](crate::gate), not here.

mod id;
mod key;
mod lenient;
mod moderation;
mod passed;
pub(crate) mod text;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

pub use self::{
    id::{RecordId, RecordIdError},
    key::{DanmuKey, DanmuKeyError, DanmuRef, MAX_SEQUENCE_DIGITS},
    moderation::{
        Decided, Decision, Guests, Moderation, Network, NetworkError, Order, SERVICE_KEY, Scope, Subject, decode_order,
        is_order,
    },
    passed::Passed,
    text::{MAX_TEXT_BYTES, MAX_TEXT_GRAPHEMES, TextError, Unicode, check_text, is_invisible},
};
use crate::room::RoomId;

/// The wire form's version, `v` in the object. A reader refuses any other, since it cannot know its meaning.
pub const VERSION: u8 = 1;

/// The longest record, in bytes: the danmu, a ticket and a signature with room to spare.
/// (The stream itself takes 1 MiB; no viewer should have to parse that much.)
pub const MAX_RECORD_BYTES: usize = 8 * 1024;

/// Where on the picture a danmu is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It moves from the right edge to the left.
    #[default]
    Scroll,
    /// It moves from the left edge to the right.
    Reverse,
    /// It is fixed at the top, centred.
    Top,
    /// It is fixed at the bottom, centred.
    Bottom,
}

/// A colour, `#rrggbb` on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Color(u32);

impl Color {
    /// The colour of a danmu whose author chose none.
    pub const WHITE: Self = Self(0x00ff_ffff);

    /// From `0xRRGGBB`; higher bits are dropped.
    #[must_use]
    pub const fn from_rgb(rgb: u32) -> Self {
        Self(rgb & 0x00ff_ffff)
    }

    /// As `0xRRGGBB`.
    #[must_use]
    pub const fn rgb(self) -> u32 {
        self.0
    }

    /// From `#rrggbb`, in either case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.strip_prefix('#')?;
        let plain = hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit());
        plain.then(|| u32::from_str_radix(hex, 16).ok().map(Self)).flatten()
    }
}

impl Default for Color {
    fn default() -> Self {
        Self::WHITE
    }
}

impl std::fmt::Display for Color {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "#{:06x}", self.0)
    }
}

impl Serialize for Color {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Color {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("a colour is written #rrggbb"))
    }
}

/// One danmu, as its author wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Danmu {
    /// Version of the wire form, [`VERSION`].
    #[serde(deserialize_with = "lenient::read_version")]
    pub v: u8,
    /// Chosen by the author's client. A retried put may be on the stream twice; readers deduplicate by this id.
    pub id: RecordId,
    /// The room it is meant for. Must agree with the partition key that it was put under.
    pub room: RoomId,
    /// The text, verbatim: 1 to [`MAX_TEXT_GRAPHEMES`] graphemes. Text, never HTML.
    pub text: String,
    /// When the author sent it, by the author's clock, in Unix milliseconds. Not reliable by itself; the gate bounds it for
    /// signed records. 0 where a foreign producer wrote no number.
    #[serde(default, deserialize_with = "lenient::read_time")]
    pub at: i64,
    /// Where it is shown.
    #[serde(default, deserialize_with = "lenient::read_mode", skip_serializing_if = "is_default")]
    pub mode: Mode,
    /// Its colour.
    #[serde(default, deserialize_with = "lenient::read_color", skip_serializing_if = "is_default")]
    pub color: Color,
    /// A moderator's decision; there is nothing to show then, and the text is empty.
    #[serde(default, rename = "mod", skip_serializing_if = "Option::is_none")]
    pub moderation: Option<Moderation>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Danmu {
    /// A danmu that scrolls in white. `at` is in Unix milliseconds. [`check_text`] says whether its text may be sent.
    #[must_use]
    pub fn new(id: RecordId, room: RoomId, text: impl Into<String>, at: i64) -> Self {
        let (mode, color) = (Mode::default(), Color::default());
        Self { v: VERSION, id, room, text: text.into(), at, mode, color, moderation: None }
    }

    /// A moderator's decision for a room. `at` is in Unix milliseconds.
    #[must_use]
    pub fn moderation(id: RecordId, room: RoomId, moderation: Moderation, at: i64) -> Self {
        let (text, mode, color) = (String::new(), Mode::default(), Color::default());
        Self { v: VERSION, id, room, text, at, mode, color, moderation: Some(moderation) }
    }

    /// The wire form: line 1, without a line break.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        // Cannot fail: no map with non-string keys, no number out of JSON's range.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// The parts of a record's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed<'a> {
    /// The danmu or text.
    pub content: Content,
    /// The exact bytes that a signature covers: line 1.
    pub signed: &'a [u8],
    /// Line 2, unverified: ticket, full stop, signature.
    pub proof: Option<&'a str>,
}

/// The content of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A danmu of ours.
    Danmu(Danmu),
    /// A plain text from a foreign producer.
    Foreign(String),
}

/// Why a record's data cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RecordError {
    /// More bytes than a reader accepts.
    #[error("a record of {0} bytes is too long; {MAX_RECORD_BYTES} are allowed")]
    TooLarge(usize),
    /// Not UTF-8.
    #[error("a record must be UTF-8; it is not at byte {0}")]
    NotUtf8(usize),
    /// A version that this reader does not know.
    #[error("a record of version {0}; this reader knows version {VERSION} only")]
    Version(u64),
    /// It has a version, but not the form of that version.
    #[error("a record that cannot be read: {0}")]
    Malformed(String),
}

/// Reads a record's data.
///
/// An object with `v`, and `room` or `text`, is meant as a record, even if cut off; anything else is a plain text, in which
/// tabs and line breaks become blanks. A byte order mark and blanks in front are ignored. `v` and `at` may be strings or have a
/// fraction, a colour may be a number or a name; an unknown mode or colour is ignored, and the danmu shown.
///
/// # Errors
/// See [`RecordError`].
pub fn decode(data: &[u8]) -> Result<Parsed<'_>, RecordError> {
    if data.len() > MAX_RECORD_BYTES {
        return Err(RecordError::TooLarge(data.len()));
    }
    let text = std::str::from_utf8(data).map_err(|error| RecordError::NotUtf8(error.valid_up_to()))?;
    // From bytes, like everything off the network: the parser is generic over its source, and a second instance would add code
    // to the browser.
    let whole = lenient::without_head(data);
    let (line, proof) = lines(whole);
    let (json, version, proof) = match lenient::version(line)? {
        Some(version) => (line, version, proof),
        // Pretty-printed JSON has many lines, and can have no proof.
        None => match proof.map_or(Ok(None), |_| lenient::version(whole))? {
            Some(version) => (whole, version, None),
            None => {
                let content = Content::Foreign(lenient::one_line(text));
                return Ok(Parsed { content, signed: data, proof: None });
            }
        },
    };
    if version != u64::from(VERSION) {
        return Err(RecordError::Version(version));
    }
    if proof.is_some_and(|proof| proof.starts_with('{')) {
        let second = "a second object follows; put each danmu in a record of its own";
        return Err(RecordError::Malformed(second.to_owned()));
    }
    let danmu = serde_json::from_slice(json).map_err(|error| RecordError::Malformed(error.to_string()))?;
    Ok(Parsed { content: Content::Danmu(danmu), signed: json, proof })
}

/// Line 1 and the rest, if any. A line break at the end, as editors add, is no proof.
fn lines(data: &[u8]) -> (&[u8], Option<&str>) {
    let Some(end) = data.iter().position(|byte| *byte == b'\n') else { return (data, None) };
    let rest = std::str::from_utf8(&data[end + 1..]).ok();
    (&data[..end], rest.filter(|rest| !rest.is_empty()))
}

/// The two lines of a record that may be signed, line 1 as it was signed and the proof, for verification before the
/// [gate](crate::gate) reads it. A cheap filter, not a judgement: any two-line text may pass.
#[must_use]
pub fn signed(data: &[u8]) -> Option<(&[u8], &str)> {
    // Too large for a record, or binary data.
    if data.len() > MAX_RECORD_BYTES || data.first() == Some(&0) {
        return None;
    }
    let data = lenient::without_head(data);
    let (line, proof) = lines(data);
    proof.filter(|_| line.starts_with(b"{")).map(|proof| (line, proof))
}

#[cfg(test)]
mod tests;
