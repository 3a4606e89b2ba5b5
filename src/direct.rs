//! Direct reading: judges a room's records read straight off the stream, as a long-running relay does.
//!
//! A new gate knows neither the ids seen before nor how full each token bucket is. So reading begins [`WARM_UP_MS`] before the
//! start; records before the start are judged but not shown. Earlier bans are handed over with the session
//! ([`Gate::take_handed`]). From the start on it shows what a gate shows that has read everything, and nothing from before. No
//! I/O, no clock.

use std::sync::Arc;

use crate::{
    feed,
    gate::{Admitted, Evidence, Gate, Incoming, REMEMBERED_MS, Reason, Retracted},
    kinesis::{Record, Scope, StreamCursor, machine::is_before},
    record::SERVICE_KEY,
    room::RoomId,
    viewer::Role,
};

/// How long before the start reading begins, in milliseconds: what a gate remembers, and some more, since arrival times of one
/// shard may be a little out of order.
pub const WARM_UP_MS: i64 = REMEMBERED_MS + 2_000;

/// The gate of a room, for a reader that begins in the middle.
#[derive(Debug)]
pub struct Direct {
    gate: Gate,
    start: Start,
    /// The arrival, in Unix milliseconds, of the first decision read since the last call of [`Self::retracted`]; before the
    /// first call, the start.
    decided_ms: Option<i64>,
}

/// From where on danmu are shown.
#[derive(Debug)]
enum Start {
    /// What arrives then or later, in Unix milliseconds.
    Since(i64),
    /// What follows a token; and whether a record of the token's shard was read.
    After(feed::FeedToken, bool),
}

impl Direct {
    /// Shows what arrives at `since_ms` (Unix milliseconds) or later.
    #[must_use]
    pub const fn since(gate: Gate, since_ms: i64) -> Self {
        Self { gate, start: Start::Since(since_ms), decided_ms: Some(since_ms) }
    }

    /// Shows what follows a token of the feed.
    #[must_use]
    pub fn after(gate: Gate, place: feed::FeedToken) -> Self {
        let decided_ms = Some(place.arrival_ms());
        Self { gate, start: Start::After(place, false), decided_ms }
    }

    /// The scope to read for a room: its records, and the decisions for every room.
    #[must_use]
    pub fn scope(room: &RoomId) -> Scope {
        Scope::PartitionKeys(vec![room.to_string(), SERVICE_KEY.to_owned()])
    }

    /// The cursor from which the room is to be read.
    #[must_use]
    pub fn begin(&self) -> StreamCursor {
        StreamCursor::at(self.start.ms() - WARM_UP_MS)
    }

    /// Whether a reader that has read up to that arrival time (Unix milliseconds) is still before the start.
    #[must_use]
    pub fn warms_up(&self, read_ms: i64) -> bool {
        read_ms < self.start.ms()
    }

    /// Judges a record, in the order of its shard, with its verified evidence; returns the danmu to show.
    pub fn judge(&mut self, record: &Record, evidence: Option<&Arc<Evidence>>) -> Option<Admitted> {
        let incoming = Incoming {
            data: &record.data,
            partition_key: &record.partition_key,
            sequence_number: &record.sequence_number,
            arrival_ms: record.arrival_ms,
            evidence,
        };
        if record.partition_key == SERVICE_KEY {
            // An invalid order is ignored.
            if self.gate.take_order(incoming).is_ok() {
                self.decided_ms.get_or_insert(record.arrival_ms);
            }
            return None;
        }
        let shown = self.start.is_before(record);
        match self.gate.admit(incoming) {
            Ok(admitted) => Some(admitted).filter(|_| shown),
            Err(Reason::Moderation(_)) => {
                self.decided_ms.get_or_insert(record.arrival_ms);
                None
            }
            Err(_) => None,
        }
    }

    /// Whether a danmu that was returned to be shown is retracted by what was read since.
    #[must_use]
    pub fn is_retracted(&self, admitted: &Admitted) -> bool {
        let evidence = admitted.evidence.as_deref();
        let (viewer, role) = (evidence.map(|it| &it.viewer), evidence.map_or_else(Role::default, |it| it.role));
        self.gate.bans().retract(&admitted.key.to_string(), viewer, role, admitted.arrival_ms)
    }

    /// What is retracted by decisions read since the last call, and by those that arrived up to [`WARM_UP_MS`] before these.
    pub fn retracted(&mut self) -> Vec<Retracted> {
        let decided_ms = self.decided_ms.take();
        decided_ms.map(|ms| self.gate.bans().retracted(ms - WARM_UP_MS)).unwrap_or_default()
    }
}

impl Start {
    fn ms(&self) -> i64 {
        match self {
            Self::Since(ms) => *ms,
            Self::After(place, _) => place.arrival_ms(),
        }
    }

    /// Whether a record follows the start; also notes that the token's shard was read.
    fn is_before(&mut self, record: &Record) -> bool {
        match self {
            Self::Since(ms) => *ms <= record.arrival_ms,
            Self::After(place, met) if record.shard_id == place.shard_id() => {
                *met = true;
                match place.sequence_number() {
                    // A token after no record: all that arrived since.
                    "0" => place.arrival_ms() <= record.arrival_ms,
                    number => is_before(number, &record.sequence_number),
                }
            }
            // A shard is read before its children, and all their records arrived later.
            Self::After(place, met) => *met || place.arrival_ms() <= record.arrival_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        record::{Color, Danmu, DanmuKey, Decision, Mode, Moderation, Order, Passed, RecordId, Subject, Unicode},
        room::{Pace, Review, Room, RoomMode, Unsigned},
        viewer::{Rank, Role, ViewerId},
    };

    const UNICODE: Unicode = Unicode { graphemes: |text| text.chars().count(), nfc: str::to_owned };
    /// When the shard is closed whose children the room goes on on.
    const CLOSED_MS: i64 = 400_000;

    fn room() -> Room {
        Room {
            id: RoomId::demo(),
            title: String::new(),
            video: String::new(),
            poster: None,
            unsigned: Unsigned::Allow,
            paces: Pace { per_minute: 60, burst: 2 }.into(),
        }
    }

    fn gate() -> Gate {
        Gate::new(&room(), UNICODE)
    }

    fn evidence(viewer: &str) -> Arc<Evidence> {
        let (viewer, room, role) = (viewer.parse().expect("an id"), RoomId::demo(), Role::Viewer);
        Evidence { viewer, name: None, role, room, issued_ms: 0, expires_ms: i64::MAX }.into()
    }

    /// A record with that id, on the parent or its child, as of when it arrives.
    fn record(id: u128, number: u64, signed: bool, arrival_ms: i64) -> Record {
        let danmu = Danmu::new(RecordId::new(1, id), RoomId::demo(), format!("text {id}"), arrival_ms);
        let mut data = danmu.encode();
        if signed {
            data.extend_from_slice(b"\nticket.signature");
        }
        Record {
            data,
            partition_key: "demo".into(),
            sequence_number: number.to_string(),
            arrival_ms,
            shard_id: if arrival_ms < CLOSED_MS { "parent".into() } else { "child".into() },
        }
    }

    fn place(shard: &str, number: &str, arrival_ms: i64) -> feed::FeedToken {
        feed::FeedToken::new(0, shard, number, arrival_ms).expect("a place")
    }

    #[test]
    fn what_was_said_before_is_not_shown_and_what_is_put_again_is_not_either() {
        let mut direct = Direct::after(gate(), place("parent", "7", 100_000));
        assert_eq!(direct.begin(), StreamCursor::at(100_000 - WARM_UP_MS));
        let mut judge = |id, number, ms| direct.judge(&record(id, number, false, ms), None).is_some();
        assert!(!judge(1, 6, 99_000) && !judge(2, 7, 100_000));
        assert!(judge(3, 8, 100_000));
        assert!(!judge(1, 9, 120_000), "it was said before the place");
        assert!(direct.warms_up(99_999) && !direct.warms_up(100_000));
    }

    #[test]
    fn a_place_at_no_record_is_a_time() {
        let mut direct = Direct::after(gate(), place("parent", "0", 100_000));
        let mut judge = |id, number, ms| direct.judge(&record(id, number, false, ms), None).is_some();
        assert!(!judge(1, 6, 99_999));
        assert!(judge(2, 7, 100_000));
    }

    #[test]
    fn what_is_decided_for_every_room_is_heard_and_is_no_danmu() {
        let server = Evidence::clone(&evidence(ViewerId::server().as_str()));
        let server = Arc::new(Evidence { role: Role::Streamer, ..server });
        let viewer: ViewerId = "ann".parse().expect("an id");
        let told = Moderation::Ban { viewer, until: None, by: Rank::Operator };
        let mut data = Order::new(RecordId::new(1, 1), told, 100_000).encode();
        data.extend_from_slice(b"\nticket.signature");
        let partition_key = SERVICE_KEY.into();
        let order = Record { data, partition_key, ..record(1, 1, true, 100_000) };
        let mut direct = Direct::since(gate(), 0);
        assert_eq!(direct.judge(&order, Some(&server)), None);
        let mut says = |id, ms| direct.judge(&record(id, 1, true, ms), Some(&evidence("ann"))).is_some();
        assert!(says(2, 100_000) && !says(3, 101_000));
    }

    #[test]
    fn what_was_said_before_a_ban_is_shown_no_more_whether_it_is_read_or_handed_along() {
        let banned: ViewerId = "ann".parse().expect("an id");
        let ban = Decision { on: Subject::Viewer(banned.clone()), until: None, by: Rank::Operator };
        let gone = |before| vec![Retracted { viewer: Some(banned.to_string()), id: None, before, by: Rank::Operator }];
        let handed = gate();
        handed.bans().of_room().apply(RecordId::new(1, 9), &ban, 100_000);
        let mut late = Direct::after(handed, place("parent", "1", 90_000));
        assert_eq!(late.retracted(), gone(100_001), "the page may have had it of others");
        let said = late.judge(&record(2, 2, true, 95_000), Some(&evidence("ann"))).expect("judged as it was");
        assert!(late.is_retracted(&said));

        let mut direct = Direct::since(gate(), 0);
        assert_eq!(direct.retracted(), []);
        let said = [("ann", 1), ("bob", 2)]
            .map(|(author, id)| direct.judge(&record(id, 1, true, 95_000), Some(&evidence(author))).expect("shown"));
        let streamer = Arc::new(Evidence { role: Role::Streamer, ..Evidence::clone(&evidence("eve")) });
        let mut data = Danmu::moderation(RecordId::new(1, 9), RoomId::demo(), ban.into(), 100_000).encode();
        data.extend_from_slice(b"\nticket.signature");
        assert_eq!(direct.judge(&Record { data, ..record(9, 3, true, 100_000) }, Some(&streamer)), None);
        assert_eq!(said.map(|said| direct.is_retracted(&said)), [true, false]);
        let by = Rank::Streamer;
        assert_eq!(direct.retracted(), [Retracted { by, ..gone(100_001)[0].clone() }]);
        assert_eq!(direct.retracted(), [], "it is told once");
    }

    #[test]
    fn what_waits_is_not_shown_and_what_is_let_through_is_shown_where_that_was_decided() {
        let server = Evidence::clone(&evidence(ViewerId::server().as_str()));
        let server = Arc::new(Evidence { role: Role::Streamer, ..server });
        let told = |id, moderation, at| {
            let mut data = Danmu::moderation(id, RoomId::demo(), moderation, at).encode();
            data.extend_from_slice(b"\nticket.signature");
            Record { data, ..record(1, 1, true, at) }
        };
        let on = Subject::Mode(RoomMode::Reviewed(Review { members: false, after_s: 0 }));
        let on = Moderation::Decide(Decision { on, until: None, by: Rank::Streamer });
        let mut direct = Direct::since(gate(), 100_000);
        assert_eq!(direct.judge(&told(RecordId::new(1, 9), on, 90_000), Some(&server)), None);
        for (id, said_ms, passed_ms, shown) in [(2, 91_000, 95_000, false), (3, 92_000, 110_000, true)] {
            let ann = evidence("ann");
            assert_eq!(direct.judge(&record(id, 2, true, said_ms), Some(&ann)), None, "it waits");
            let passed = Passed {
                key: DanmuKey::Record(RecordId::new(1, id)),
                viewer: Some(ann.viewer.clone()),
                name: None,
                role: Role::Viewer,
                text: "hi".into(),
                mode: Mode::default(),
                color: Color::default(),
                at: said_ms,
            };
            let pass = told(passed.id(&RoomId::demo()), Moderation::Pass(passed.into()), passed_ms);
            assert_eq!(direct.judge(&pass, Some(&server)).is_some(), shown, "{id}");
        }
    }

    proptest! {
        /// Wherever it begins, and wherever the room's shard was split meanwhile.
        #[test]
        fn whoever_begins_in_the_middle_shows_what_a_gate_shows_that_has_run_for_ever(
            records in prop::collection::vec(
                (0_u128..12, prop::sample::select(vec![None, Some("ann"), Some("bob")]), prop_oneof![0_i64..1_500, 0_i64..40_000]),
                1..150,
            ),
            at: prop::sample::Index,
            by_time: bool,
        ) {
            let mut now = 0;
            let records: Vec<_> = records.into_iter().zip(1..).map(|((id, author, later), number)| {
                now += later;
                (record(id, number, author.is_some(), now), author.map(evidence))
            }).collect();
            let mut all = gate();
            let shown = |direct: &mut Direct| {
                let since_ms = direct.begin().since_ms;
                let read = records.iter().filter(|(record, _)| record.arrival_ms >= since_ms);
                let judged = read.filter_map(|(record, evidence)| {
                    direct.judge(record, evidence.as_ref()).map(|_| record.sequence_number.clone())
                });
                judged.collect::<Vec<_>>()
            };
            let (last, _) = &records[at.index(records.len())];
            let place = place(&last.shard_id, &last.sequence_number, last.arrival_ms);
            let mut direct =
                if by_time { Direct::since(gate(), last.arrival_ms) } else { Direct::after(gate(), place) };
            let follows = |record: &Record| match by_time {
                true => record.arrival_ms >= last.arrival_ms,
                false => is_before(&last.sequence_number, &record.sequence_number),
            };
            let mut expected = Vec::new();
            for (record, evidence) in &records {
                let evidence = evidence.as_ref();
                let incoming = Incoming {
                    data: &record.data,
                    partition_key: "demo",
                    sequence_number: &record.sequence_number,
                    arrival_ms: record.arrival_ms,
                    evidence,
                };
                if all.admit(incoming).is_ok() && follows(record) {
                    expected.push(record.sequence_number.clone());
                }
            }
            prop_assert_eq!(shown(&mut direct), expected);
        }
    }
}
