//! The danmu record: what travels on the stream, its limits and its wire form.
//!
//! A record's data is UTF-8 text. Line 1 is one JSON object, the danmu, readable to any consumer. A second line, where
//! there is one, is the proof that the record is its author's: a ticket, a full stop and a signature over the exact
//! bytes of line 1. Data that are no such object are a plain text from a foreign producer, and as good a danmu. What is meant
//! as a record and cannot be read is refused, and never shown as a text.
//!
//! Nothing here judges whether a danmu may be shown: that is the [gate](crate::gate)'s.

mod id;
mod lenient;
mod moderation;
pub(crate) mod text;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

pub use self::{
    id::{RecordId, RecordIdError},
    moderation::{
        Decided, Decision, Guests, Moderation, Network, NetworkError, Order, SERVICE_KEY, Scope, Subject, decode_order,
        is_order,
    },
    text::{MAX_TEXT_BYTES, MAX_TEXT_GRAPHEMES, TextError, Unicode, check_text},
};
use crate::room::RoomId;

/// The wire form's version, `v` in the object. A reader refuses a higher one rather than guess at it.
pub const VERSION: u8 = 1;

/// The longest record, in bytes: the danmu, a ticket and a signature with room to spare.
/// (The stream itself takes 1 MiB, of which no viewer should be made to parse more than this.)
pub const MAX_RECORD_BYTES: usize = 8 * 1024;

/// Where on the picture a danmu is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It flies from the right edge to the left.
    #[default]
    Scroll,
    /// It flies from the left edge to the right.
    Reverse,
    /// It stands at the top, in the middle.
    Top,
    /// It stands at the bottom, in the middle.
    Bottom,
}

/// A colour, `#rrggbb` on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Color(u32);

impl Color {
    /// What a danmu has if its author chose nothing.
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
    /// Given by the author's client. A put that is tried again may stand on the stream twice; the id tells that it is one.
    pub id: RecordId,
    /// The room it is meant for. Must agree with the partition key that it was put under.
    pub room: RoomId,
    /// The text, verbatim: 1 to [`MAX_TEXT_GRAPHEMES`] graphemes. Text, never HTML.
    pub text: String,
    /// When the author sent it, by the author's clock, in Unix milliseconds. Tells nothing that can be relied on;
    /// 0 where a foreign producer wrote no number.
    #[serde(default, deserialize_with = "lenient::read_time")]
    pub at: i64,
    /// Where it is shown.
    #[serde(default, deserialize_with = "lenient::read_mode", skip_serializing_if = "is_default")]
    pub mode: Mode,
    /// Its colour.
    #[serde(default, deserialize_with = "lenient::read_color", skip_serializing_if = "is_default")]
    pub color: Color,
    /// What a moderator decides; the record is nothing to show then, and its text is empty.
    #[serde(default, rename = "mod", skip_serializing_if = "Option::is_none")]
    pub moderation: Option<Moderation>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Danmu {
    /// A danmu that scrolls in white. `at` is in Unix milliseconds. Whether its text may be sent is for [`check_text`] to say.
    #[must_use]
    pub fn new(id: RecordId, room: RoomId, text: impl Into<String>, at: i64) -> Self {
        let (mode, color) = (Mode::default(), Color::default());
        Self { v: VERSION, id, room, text: text.into(), at, mode, color, moderation: None }
    }

    /// What a moderator decides for a room. `at` is in Unix milliseconds.
    #[must_use]
    pub fn moderation(id: RecordId, room: RoomId, moderation: Moderation, at: i64) -> Self {
        let (text, mode, color) = (String::new(), Mode::default(), Color::default());
        Self { v: VERSION, id, room, text, at, mode, color, moderation: Some(moderation) }
    }

    /// The wire form: line 1, without an end of line.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        // Cannot fail: no map with foreign keys, no number out of JSON's range.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// What was found in a record's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed<'a> {
    /// What it says.
    pub content: Content,
    /// The exact bytes that a signature covers: line 1.
    pub signed: &'a [u8],
    /// Line 2, unverified: ticket, full stop, signature.
    pub proof: Option<&'a str>,
}

/// What a record says.
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
    /// More bytes than a reader takes.
    #[error("a record of {0} bytes is too long; {MAX_RECORD_BYTES} are allowed")]
    TooLarge(usize),
    /// Not UTF-8.
    #[error("a record must be UTF-8; it is not at byte {0}")]
    NotUtf8(usize),
    /// Of a version that this reader does not know.
    #[error("a record of version {0}; this reader knows up to {VERSION}")]
    Version(u64),
    /// It has a version, yet is not what that version says.
    #[error("a record that cannot be read: {0}")]
    Malformed(String),
}

/// Reads a record's data.
///
/// An object with `v`, and `room` or `text`, is meant as a record, also where it is cut off; whatever else is a plain text, of
/// which tabs and line breaks become blanks. A byte order mark and blanks in front are passed over. `v` and `at` may be written
/// as texts or with a fraction, a colour as a number or by name; a mode or colour that nobody knows is dropped, not the danmu.
///
/// # Errors
/// See [`RecordError`].
pub fn decode(data: &[u8]) -> Result<Parsed<'_>, RecordError> {
    if data.len() > MAX_RECORD_BYTES {
        return Err(RecordError::TooLarge(data.len()));
    }
    let text = std::str::from_utf8(data).map_err(|error| RecordError::NotUtf8(error.valid_up_to()))?;
    // From bytes, as everything else is that comes off the network: the parser is generic over its source, and one of it
    // is enough in the browser.
    let whole = lenient::without_head(data);
    let (line, proof) = lines(whole);
    let (json, version, proof) = match lenient::version(line)? {
        Some(version) => (line, version, proof),
        // One that was written for people to read has many lines, and can have no proof.
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

/// Line 1 and, where there is one, line 2. Who writes by hand ends the line, and proves nothing by it.
fn lines(data: &[u8]) -> (&[u8], Option<&str>) {
    let Some(end) = data.iter().position(|byte| *byte == b'\n') else { return (data, None) };
    let rest = std::str::from_utf8(&data[end + 1..]).ok();
    (&data[..end], rest.filter(|rest| !rest.is_empty()))
}

/// The two lines of a record that may be signed, the first as it was signed and the proof, for whoever verifies before the
/// [gate](crate::gate) reads. Cheap, and no judgement: what has two lines may still be anything.
#[must_use]
pub fn signed(data: &[u8]) -> Option<(&[u8], &str)> {
    // Neither is anything that is no text.
    if data.len() > MAX_RECORD_BYTES || data.first() == Some(&0) {
        return None;
    }
    let data = lenient::without_head(data);
    let (line, proof) = lines(data);
    proof.filter(|_| line.starts_with(b"{")).map(|proof| (line, proof))
}

#[cfg(test)]
mod tests;
