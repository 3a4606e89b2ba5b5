//! The gate: the one place that decides whether a record is shown.
//!
//! The same code judges in the server and, compiled to WebAssembly, in the browser. It is pure and synchronous, and it
//! looks at the record, where it was put and when it arrived, never at a clock of its own: whoever reads the same
//! records in the same order judges alike. What it refuses is counted by reason, never shown.

use std::collections::{HashMap, VecDeque};

use thiserror::Error;

use crate::{
    record::{self, Color, Content, Mode, RecordError, RecordId, TextError},
    room::{Room, RoomId, Unsigned},
};

/// For how long after its arrival an id is remembered, in milliseconds, to tell a record that was put twice. A put is tried
/// again for seconds, by itself or by the viewer. By arrival times alone: a gate that began so much earlier than the present
/// knows what one knows that has run for ever, and replicas agree.
pub const REMEMBERED_MS: i64 = 120_000;
/// How many at the most, a shard's thousand a second for as long: bounds the memory.
const REMEMBERED: usize = 120_000;

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
}

impl Counts {
    fn of(&mut self, reason: &Reason) -> &mut u64 {
        match reason {
            Reason::OtherRoom => &mut self.other_room,
            Reason::Record(_) => &mut self.unreadable,
            Reason::Text(_) => &mut self.text,
            Reason::Unsigned => &mut self.unsigned,
            Reason::Duplicate => &mut self.duplicate,
        }
    }
}

/// The normal form C of a text ([UAX #15](https://www.unicode.org/reports/tr15/)), made by the host: browsers have the tables
/// for it, and would be sent them a second time in our module.
pub type Nfc = fn(&str) -> String;

/// Judges the records of one room.
#[derive(Debug)]
pub struct Gate {
    nfc: Nfc,
    room: RoomId,
    unsigned: Unsigned,
    seen: Seen,
    counts: Counts,
}

impl Gate {
    /// A gate by the rules of a room.
    #[must_use]
    pub fn new(room: &Room, nfc: Nfc) -> Self {
        Self { nfc, room: room.id.clone(), unsigned: room.unsigned, seen: Seen::default(), counts: Counts::default() }
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
        if incoming.partition_key != self.room.as_str() {
            return Err(Reason::OtherRoom);
        }
        let parsed = record::decode(incoming.data)?;
        // No ticket is verified yet, so none counts: a proof that nobody checked is no proof.
        if self.unsigned == Unsigned::Deny {
            return Err(Reason::Unsigned);
        }
        let (key, text, mode, color) = match parsed.content {
            Content::Danmu(danmu) if danmu.room != self.room => return Err(Reason::OtherRoom),
            Content::Danmu(danmu) => (DanmuKey::Record(danmu.id), danmu.text, danmu.mode, danmu.color),
            // Foreign producers end their texts as their systems do.
            Content::Foreign(text) => (
                DanmuKey::Sequence(incoming.sequence_number.to_owned()),
                text.trim().to_owned(),
                Mode::default(),
                Color::default(),
            ),
        };
        // What looks the same is the same to whoever compares texts. Composed, a text never has more characters or marks.
        let text = if text.is_ascii() { text } else { (self.nfc)(&text) };
        record::check_text(&text)?;
        if !self.seen.insert(&key, incoming.arrival_ms) {
            return Err(Reason::Duplicate);
        }
        Ok(Admitted { key, text, mode, color, arrival_ms: incoming.arrival_ms })
    }
}

/// The ids that were seen lately.
#[derive(Debug, Default)]
struct Seen {
    /// When each arrived last.
    known: HashMap<DanmuKey, i64>,
    /// Every sighting, the oldest first.
    order: VecDeque<(i64, DanmuKey)>,
}

impl Seen {
    /// Whether the key was not seen within [`REMEMBERED_MS`]. Each sighting counts, whatever became of it: so the answer
    /// follows from the records of that time alone.
    fn insert(&mut self, key: &DanmuKey, arrival_ms: i64) -> bool {
        while let Some((since, _)) = self.order.front()
            && (self.order.len() >= REMEMBERED || arrival_ms.saturating_sub(*since) > REMEMBERED_MS)
            && let Some((since, oldest)) = self.order.pop_front()
        {
            // It may have been seen again.
            if self.known.get(&oldest) == Some(&since) {
                self.known.remove(&oldest);
            }
        }
        self.order.push_back((arrival_ms, key.clone()));
        self.known.insert(key.clone(), arrival_ms).is_none()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::Danmu;

    fn gate(unsigned: Unsigned) -> Gate {
        let room = Room {
            id: "demo".parse().expect("an id"),
            title: "Demo".into(),
            video: String::new(),
            poster: None,
            unsigned,
        };
        Gate::new(&room, str::to_owned)
    }

    fn incoming<'a>(data: &'a [u8], sequence_number: &'a str) -> Incoming<'a> {
        Incoming { data, partition_key: "demo", sequence_number, arrival_ms: 5 }
    }

    fn danmu(room: &str, n: u128) -> Vec<u8> {
        Danmu::new(RecordId::new(1, n), room.parse().expect("an id"), "hi", 1).expect("a danmu").encode()
    }

    #[test]
    fn a_danmu_put_twice_is_shown_once() {
        let mut gate = gate(Unsigned::Allow);
        assert!(gate.admit(incoming(&danmu("demo", 1), "1")).is_ok());
        assert_eq!(gate.admit(incoming(&danmu("demo", 1), "2")), Err(Reason::Duplicate));
        assert!(gate.admit(incoming(&danmu("demo", 2), "3")).is_ok());
        assert_eq!(gate.counts(), Counts { admitted: 2, duplicate: 1, ..Counts::default() });
    }

    #[test]
    fn the_same_plain_text_may_be_said_again() {
        let mut gate = gate(Unsigned::Allow);
        assert_eq!(gate.admit(incoming(b" 666\n", "1")).map(|admitted| admitted.text), Ok("666".to_owned()));
        assert!(gate.admit(incoming(b"666", "2")).is_ok());
    }

    #[test]
    fn what_is_meant_for_another_room_is_not_shown() {
        let mut gate = gate(Unsigned::Allow);
        assert_eq!(gate.admit(incoming(&danmu("other", 1), "1")), Err(Reason::OtherRoom));
        let elsewhere = Incoming { partition_key: "other", ..incoming(b"hi", "2") };
        assert_eq!(gate.admit(elsewhere), Err(Reason::OtherRoom));
    }

    #[test]
    fn a_room_that_wants_tickets_shows_nothing_without_one() {
        let mut gate = gate(Unsigned::Deny);
        assert_eq!(gate.admit(incoming(b"hi", "1")), Err(Reason::Unsigned));
        let mut forged = danmu("demo", 1);
        forged.extend_from_slice(b"\nticket.signature");
        assert_eq!(gate.admit(incoming(&forged, "2")), Err(Reason::Unsigned));
    }

    #[test]
    fn texts_that_nobody_may_send_are_counted_not_shown() {
        let mut gate = gate(Unsigned::Allow);
        for data in ["", "a\u{202e}b", "a\u{7}b", &"弹".repeat(101)] {
            assert!(matches!(gate.admit(incoming(data.as_bytes(), "1")), Err(Reason::Text(_))), "{data:?}");
        }
        assert!(matches!(gate.admit(incoming(b"\xff", "1")), Err(Reason::Record(_))));
        assert_eq!(gate.counts(), Counts { text: 4, unreadable: 1, ..Counts::default() });
    }

    #[test]
    fn memory_of_ids_is_bounded() {
        let mut seen = Seen::default();
        for n in 0..REMEMBERED as u128 + 10 {
            assert!(seen.insert(&DanmuKey::Record(RecordId::new(1, n)), 5));
        }
        assert_eq!((seen.known.len(), seen.order.len()), (REMEMBERED, REMEMBERED));
        // All that is old goes when something new comes.
        assert!(seen.insert(&DanmuKey::Sequence("1".into()), 6 + REMEMBERED_MS));
        assert_eq!((seen.known.len(), seen.order.len()), (1, 1));
    }

    #[test]
    fn texts_are_composed_before_they_are_judged_and_shown() {
        let mut gate = Gate { nfc: |text| text.replace("e\u{301}", "é"), ..gate(Unsigned::Allow) };
        let text = "e\u{301}".repeat(100);
        let shown = gate.admit(incoming(text.as_bytes(), "1")).map(|admitted| admitted.text);
        assert_eq!(shown, Ok("é".repeat(100)));
    }

    proptest! {
        /// One gate has run for ever, the other began as long before the present as an id is remembered.
        #[test]
        fn a_gate_that_began_later_judges_alike(
            records in proptest::collection::vec((0_u128..12, 0_i64..40_000), 1..200),
            at in 0_usize..200,
        ) {
            let (mut old, mut young) = (gate(Unsigned::Allow), gate(Unsigned::Allow));
            let mut now = 0;
            let records: Vec<_> = records
                .into_iter()
                .map(|(n, later)| {
                    now += later;
                    (danmu("demo", n), now)
                })
                .collect();
            let present = records[at.min(records.len() - 1)].1;
            for (data, arrival_ms) in &records {
                let record = Incoming { arrival_ms: *arrival_ms, ..incoming(data, "1") };
                let verdict = old.admit(record).is_ok();
                if *arrival_ms >= present - REMEMBERED_MS {
                    let other = young.admit(record).is_ok();
                    if *arrival_ms >= present {
                        prop_assert_eq!(verdict, other);
                    }
                }
            }
        }

        #[test]
        fn no_record_makes_it_panic(data: Vec<u8>, partition_key in "demo|.*", sequence_number in "[0-9]*") {
            let _ = gate(Unsigned::Allow).admit(Incoming {
                data: &data, partition_key: &partition_key, sequence_number: &sequence_number, arrival_ms: 0,
            });
        }
    }
}
