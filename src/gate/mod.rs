//! The gate: the one place that decides whether a record is shown.
//!
//! The same code judges in the server and, compiled to WebAssembly, in the browser. It is pure and synchronous, and it
//! looks at the record, where it was put and when it arrived, never at a clock of its own: whoever reads the same
//! records in the same order judges alike. What it refuses is counted by reason, never shown.

mod pace;
mod seen;

use thiserror::Error;

use self::{pace::Buckets, seen::Seen};
use crate::{
    record::{self, Color, Content, Mode, RecordError, RecordId, TextError, Unicode},
    room::{Room, RoomId, Unsigned},
    viewer::ViewerId,
};

/// How far back what decides on a record reaches, in milliseconds: a bucket is as full as the records of one span left it, and
/// of these only those count that were new. By arrival times alone: a gate that began so much earlier than the present knows
/// what one knows that has run for ever, and replicas agree.
pub const REMEMBERED_MS: i64 = seen::SEEN_MS + pace::SPAN_MS;

/// A record as it came off the stream.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// Its data.
    pub data: &'a [u8],
    /// The partition key that it was put under.
    pub partition_key: &'a str,
    /// Its sequence number on its shard, in decimal.
    pub sequence_number: &'a str,
    /// When the stream took it, in Unix milliseconds.
    pub arrival_ms: i64,
    /// What the host has verified of its proof; nothing where it has none, or none that is true.
    pub evidence: Option<&'a Evidence>,
}

/// What a host knows of a record whose ticket and signature it has verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Whose it is.
    pub viewer: ViewerId,
    /// Whether it is the streamer's: nothing holds it up.
    pub important: bool,
}

/// A danmu that may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// Names it: the author's id, or for a foreign record one made of its sequence number.
    pub key: DanmuKey,
    /// Its text. Text, never HTML.
    pub text: String,
    /// Where it is shown.
    pub mode: Mode,
    /// Its colour.
    pub color: Color,
    /// When the stream took it, in Unix milliseconds.
    pub arrival_ms: i64,
    /// When its author sent it, by the author's clock, in Unix milliseconds; unknown for a foreign record.
    pub sent_ms: Option<i64>,
    /// Whose it is, where that was verified.
    pub evidence: Option<Evidence>,
}

/// What names a danmu among those of its room.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum DanmuKey {
    /// The id that its author's client gave it.
    Record(RecordId),
    /// Its sequence number, for a record that has no id.
    Sequence(String),
}

impl std::fmt::Display for DanmuKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Record(id) => id.fmt(f),
            Self::Sequence(number) => write!(f, "s{number}"),
        }
    }
}

/// Why a record is not shown.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Reason {
    /// It was put under another partition key, or names another room.
    #[error("it belongs to another room")]
    OtherRoom,
    /// It cannot be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Its text may not be shown.
    #[error(transparent)]
    Text(#[from] TextError),
    /// It carries no ticket, and the room wants one.
    #[error("it carries no ticket, and the room shows signed danmu only")]
    Unsigned,
    /// A record of that id was seen before.
    #[error("it was seen before")]
    Duplicate,
    /// Its viewer's bucket is empty ([`Pace`](crate::room::Pace)).
    #[error("its author says too much in too short a time")]
    TooFast,
}

/// How many records were let through, and how many were not, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Let through.
    pub admitted: u64,
    /// [`Reason::OtherRoom`]
    pub other_room: u64,
    /// [`Reason::Record`]
    pub unreadable: u64,
    /// [`Reason::Text`]
    pub text: u64,
    /// [`Reason::Unsigned`]
    pub unsigned: u64,
    /// [`Reason::Duplicate`]
    pub duplicate: u64,
    /// [`Reason::TooFast`]
    pub too_fast: u64,
}

impl Counts {
    fn of(&mut self, reason: &Reason) -> &mut u64 {
        match reason {
            Reason::OtherRoom => &mut self.other_room,
            Reason::Record(_) => &mut self.unreadable,
            Reason::Text(_) => &mut self.text,
            Reason::Unsigned => &mut self.unsigned,
            Reason::Duplicate => &mut self.duplicate,
            Reason::TooFast => &mut self.too_fast,
        }
    }
}

/// Judges the records of one room.
#[derive(Debug)]
pub struct Gate {
    unicode: Unicode,
    room: RoomId,
    unsigned: Unsigned,
    seen: Seen,
    buckets: Buckets,
    counts: Counts,
}

impl Gate {
    /// A gate by the rules of a room.
    #[must_use]
    pub fn new(room: &Room, unicode: Unicode) -> Self {
        let (room, unsigned, buckets) = (room.id.clone(), room.unsigned, Buckets::new(room.pace));
        Self { unicode, room, unsigned, seen: Seen::default(), buckets, counts: Counts::default() }
    }

    /// What went through and what did not, so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Judges one record.
    ///
    /// # Errors
    /// The reason why it must not be shown.
    pub fn admit(&mut self, incoming: Incoming<'_>) -> Result<Admitted, Reason> {
        let verdict = self.judge(incoming);
        match &verdict {
            Ok(_) => self.counts.admitted += 1,
            Err(reason) => *self.counts.of(reason) += 1,
        }
        verdict
    }

    fn judge(&mut self, incoming: Incoming<'_>) -> Result<Admitted, Reason> {
        let Incoming { arrival_ms, evidence, .. } = incoming;
        if incoming.partition_key != self.room.as_str() {
            return Err(Reason::OtherRoom);
        }
        let parsed = record::decode(incoming.data)?;
        // A proof that nobody verified is no proof.
        if self.unsigned == Unsigned::Deny && evidence.is_none() {
            return Err(Reason::Unsigned);
        }
        let (key, text, mode, color, sent_ms) = match parsed.content {
            Content::Danmu(danmu) if danmu.room != self.room => return Err(Reason::OtherRoom),
            Content::Danmu(danmu) => (DanmuKey::Record(danmu.id), danmu.text, danmu.mode, danmu.color, Some(danmu.at)),
            // Foreign producers end their texts as their systems do.
            Content::Foreign(text) => (
                DanmuKey::Sequence(incoming.sequence_number.to_owned()),
                text.trim().to_owned(),
                Mode::default(),
                Color::default(),
                None,
            ),
        };
        // What looks the same is the same to whoever compares texts. Composed, a text never has more characters or marks.
        let text = if text.is_ascii() { text } else { (self.unicode.nfc)(&text) };
        record::check_text(&text, self.unicode)?;
        if !self.seen.insert(evidence.map(|evidence| &evidence.viewer), &key, arrival_ms) {
            return Err(Reason::Duplicate);
        }
        // After the duplicates: whoever puts another's records again takes nothing from that one's bucket.
        if let Some(Evidence { viewer, important: false }) = evidence
            && !self.buckets.take(viewer, arrival_ms)
        {
            return Err(Reason::TooFast);
        }
        Ok(Admitted { key, text, mode, color, arrival_ms, sent_ms, evidence: evidence.cloned() })
    }
}

#[cfg(test)]
mod tests;
