mod handed;
mod held;
mod names;
mod rules;

use proptest::prelude::*;

use super::*;
use crate::{
    record::{Danmu, Decision, Moderation, Network, RecordId},
    room::Pace,
};

const UNICODE: Unicode = Unicode { nfc: str::to_owned, graphemes: |text| text.chars().count() };
/// When what is said here was sent and arrives, unless it is said otherwise.
const NOW_MS: i64 = 5;

fn gate(unsigned: Unsigned) -> Gate {
    let room = Room {
        id: "demo".parse().expect("an id"),
        title: "Demo".into(),
        video: String::new(),
        poster: None,
        unsigned,
        paces: Pace { per_minute: 60, burst: 2 }.into(),
    };
    Gate::new(&room, UNICODE)
}

fn incoming<'a>(data: &'a [u8], sequence_number: &'a str) -> Incoming<'a> {
    Incoming { data, partition_key: "demo", sequence_number, arrival_ms: NOW_MS, evidence: None }
}

fn danmu(room: &str, n: u128) -> Vec<u8> {
    Danmu::new(RecordId::new(1, n), room.parse().expect("an id"), "hi", NOW_MS).encode()
}

/// A danmu with a proof, which the host has verified where it brings evidence.
fn signed(n: u128, sent_ms: i64) -> Vec<u8> {
    let danmu = Danmu::new(RecordId::new(1, n), RoomId::demo(), "hi", sent_ms);
    [&danmu.encode(), &b"\nticket.signature"[..]].concat()
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
    assert_eq!(gate.admit(incoming(&danmu("demo", 1), "2")), Err(Reason::Unsigned));
}

#[test]
fn a_proof_that_is_not_true_is_worse_than_none() {
    for unsigned in [Unsigned::Allow, Unsigned::Deny] {
        let mut gate = gate(unsigned);
        assert_eq!(gate.admit(incoming(&signed(1, NOW_MS), "1")), Err(Reason::Forged));
        assert_eq!(gate.counts(), Counts { forged: 1, ..Counts::default() });
    }
}

#[test]
fn what_was_verified_counts_for_our_records_alone() {
    let ann = evidence("ann", Role::Viewer);
    let say = |data: &[u8]| gate(Unsigned::Allow).admit(Incoming { evidence: Some(&ann), ..incoming(data, "1") });
    // Two lines of a foreign producer, and a danmu of ours without a proof.
    for data in [b"{}\nticket.signature".to_vec(), danmu("demo", 1)] {
        assert!(!matches!(say(&data), Ok(Admitted { evidence: Some(_), .. })), "{data:?}");
    }
}

#[test]
fn a_ticket_holds_in_its_own_room() {
    let ann = Evidence { room: "other".parse().expect("an id"), ..Evidence::clone(&evidence("ann", Role::Viewer)) };
    let (mut gate, data) = (gate(Unsigned::Allow), signed(1, NOW_MS));
    let verdict = gate.admit(Incoming { evidence: Some(&ann.into()), ..incoming(&data, "1") });
    assert_eq!(verdict, Err(Reason::OtherRoom));
}

#[test]
fn a_ticket_holds_from_five_minutes_before_it_was_issued_to_its_end() {
    let (issued_ms, expires_ms) = (1_000_000, 2_000_000);
    let ann = Evidence { issued_ms, expires_ms, ..Evidence::clone(&evidence("ann", Role::Streamer)) }.into();
    let begins_ms = issued_ms - 300_000;
    for (arrival_ms, verdict) in [
        (begins_ms - 1, Some(Reason::Expired)),
        (begins_ms, None),
        (expires_ms, None),
        (expires_ms + 1, Some(Reason::Expired)),
    ] {
        let (mut gate, data) = (gate(Unsigned::Deny), signed(1, arrival_ms));
        let record = Incoming { arrival_ms, evidence: Some(&ann), ..incoming(&data, "1") };
        assert_eq!(gate.admit(record).err(), verdict, "{arrival_ms}");
    }
}

#[test]
fn a_clock_that_is_ten_minutes_wrong_is_told_from_one_that_is_a_little_wrong() {
    let ann = evidence("ann", Role::Viewer);
    for (late_ms, shown) in
        [(-600_000, false), (-30_001, false), (-30_000, true), (60_000, true), (60_001, false), (600_000, false)]
    {
        let (mut gate, data) = (gate(Unsigned::Deny), signed(1, 1_000_000));
        let record = Incoming { arrival_ms: 1_000_000 + late_ms, evidence: Some(&ann), ..incoming(&data, "1") };
        assert_eq!(gate.admit(record).err(), (!shown).then_some(Reason::Stale(late_ms)));
    }
}

#[test]
fn a_record_that_is_put_again_is_shown_once_however_long_one_waits() {
    let ann = evidence("ann", Role::Viewer);
    // Sent by a clock that is as far ahead as it may be: first seen at once, and put again until it is as old as it may be.
    let sent_ms = 1_000_000;
    let mut gate = gate(Unsigned::Allow);
    let mut put = |arrival_ms| {
        gate.admit(Incoming { arrival_ms, evidence: Some(&ann), ..incoming(&signed(1, sent_ms), "1") }).err()
    };
    assert_eq!(put(sent_ms - SENT_AFTER_MS), None);
    assert_eq!(put(sent_ms + SENT_BEFORE_MS), Some(Reason::Duplicate));
    assert_eq!(put(sent_ms + SENT_BEFORE_MS + 1), Some(Reason::Stale(SENT_BEFORE_MS + 1)));
    assert_eq!(put(sent_ms + 10_000_000), Some(Reason::Stale(10_000_000)));
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

fn evidence(viewer: &str, role: Role) -> Arc<Evidence> {
    let viewer = viewer.parse().expect("an id");
    Evidence { viewer, name: None, role, room: RoomId::demo(), issued_ms: 0, expires_ms: i64::MAX }.into()
}

#[test]
fn who_has_a_ticket_may_speak_where_a_ticket_is_wanted() {
    let mut gate = gate(Unsigned::Deny);
    let ann = evidence("ann", Role::Viewer);
    let admitted = gate.admit(Incoming { evidence: Some(&ann), ..incoming(&signed(1, NOW_MS), "1") });
    assert_eq!(admitted.map(|admitted| (admitted.evidence, admitted.sent_ms)), Ok((Some(ann), Some(NOW_MS))));
}

#[test]
fn nobody_uses_up_the_ids_or_the_pace_of_another() {
    let mut gate = gate(Unsigned::Allow);
    let (ann, bob) = (evidence("ann", Role::Viewer), evidence("bob", Role::Viewer));
    let mut say = |n, evidence: Option<&Arc<Evidence>>| {
        let data = if evidence.is_some() { signed(n, NOW_MS) } else { danmu("demo", n) };
        gate.admit(Incoming { evidence, ..incoming(&data, "1") }).err()
    };
    assert_eq!([say(1, None), say(1, Some(&bob)), say(1, Some(&ann))], [None, None, None]);
    // Somebody puts what Ann said again and again.
    for _ in 0..10 {
        assert_eq!(say(1, Some(&ann)), Some(Reason::Duplicate));
    }
    assert_eq!([say(2, Some(&ann)), say(3, Some(&ann))], [None, Some(Reason::TooFast)]);
}

#[test]
fn a_gate_that_began_later_knows_which_records_took_nothing_from_a_bucket() {
    let ann = evidence("ann", Role::Viewer);
    // What arrives first was sent by a clock that is ahead.
    let records = [(1, 0), (1, 90_000), (2, 90_500), (3, 90_500)];
    let sent_ms = |n| if n == 1 { 30_000 } else { 90_500 };
    let verdicts = |since_ms: i64| {
        let mut gate = gate(Unsigned::Allow);
        let known = records.iter().filter(|(_, arrival_ms)| *arrival_ms >= since_ms);
        let mut judge = |n, arrival_ms| {
            let evidence = Some(&ann);
            gate.admit(Incoming { arrival_ms, evidence, ..incoming(&signed(n, sent_ms(n)), "1") }).err()
        };
        known.map(|(n, arrival_ms)| judge(*n, *arrival_ms)).collect::<Vec<_>>()
    };
    assert_eq!(verdicts(0), [None, Some(Reason::Duplicate), None, None]);
    assert_eq!(verdicts(90_500 - REMEMBERED_MS)[2..], [None, None]);
}

#[test]
fn who_speaks_too_fast_is_held_up_but_not_the_streamer_nor_who_has_no_name() {
    let mut gate = gate(Unsigned::Allow);
    let (ann, streamer) = (evidence("ann", Role::Viewer), evidence("streamer", Role::Streamer));
    for (first, evidence, shown) in [(0, Some(&ann), 2), (10, Some(&streamer), 10), (20, None, 10)] {
        let mut say = |n| {
            let data = if evidence.is_some() { signed(n, NOW_MS) } else { danmu("demo", n) };
            gate.admit(Incoming { evidence, ..incoming(&data, "1") }).is_ok()
        };
        assert_eq!((first..first + 10).filter(|n| say(*n)).count(), shown, "{evidence:?}");
    }
    assert_eq!(gate.counts(), Counts { admitted: 22, too_fast: 8, ..Counts::default() });
}

#[test]
fn each_role_speaks_at_its_own_pace() {
    let pace = |per_minute, burst| Pace { per_minute, burst };
    let paces = Paces::new(pace(2, 1), pace(60, 3), pace(60, 5));
    let mut gate = Gate { paces, ..gate(Unsigned::Deny) };
    let mut next = 0;
    let mut shown = |id: &str, role, arrival_ms| {
        let evidence = evidence(id, role);
        let mut say = || {
            next += 1;
            let data = signed(next, arrival_ms);
            gate.admit(Incoming { arrival_ms, evidence: Some(&evidence), ..incoming(&data, "1") }).is_ok()
        };
        (0..10).filter(|_| say()).count()
    };
    let roles = [("ann", Role::Viewer), ("bob", Role::Member), ("eve", Role::Moderator), ("host", Role::Streamer)];
    assert_eq!(roles.map(|(id, role)| shown(id, role, NOW_MS)), [1, 3, 5, 10]);
    assert_eq!(roles.map(|(id, role)| shown(id, role, NOW_MS + 1_000)), [0, 1, 1, 10]);
}

#[test]
fn texts_are_composed_before_they_are_judged_and_shown() {
    let unicode = Unicode { nfc: |text| text.replace("e\u{301}", "é"), ..UNICODE };
    let mut gate = Gate { unicode, ..gate(Unsigned::Allow) };
    let text = "e\u{301}".repeat(100);
    let shown = gate.admit(incoming(text.as_bytes(), "1")).map(|admitted| admitted.text);
    assert_eq!(shown, Ok("é".repeat(100)));
}

fn decided(n: u128, moderation: Moderation, at: i64) -> Vec<u8> {
    let id = RecordId::new(1, n);
    let mut data = Danmu::moderation(id, RoomId::demo(), moderation, at).encode();
    data.extend_from_slice(b"\nticket.signature");
    data
}

fn ban(viewer: &str, until: Option<i64>) -> Moderation {
    Moderation::Ban { viewer: viewer.parse().expect("an id"), until, by: Rank::Moderator }
}

#[test]
fn what_a_banned_viewer_says_is_not_shown_from_the_bans_arrival_to_its_end() {
    let mut gate = gate(Unsigned::Allow);
    let (ann, bob, keeper) =
        (evidence("ann", Role::Member), evidence("bob", Role::Viewer), evidence("keeper", Role::Moderator));
    let mut put = |data: Vec<u8>, evidence: Option<&Arc<Evidence>>, arrival_ms| {
        gate.admit(Incoming { evidence, arrival_ms, ..incoming(&data, "1") }).err()
    };
    assert_eq!(put(signed(1, 1_000), Some(&ann), 1_000), None);
    let told = |n, order: &Moderation, at| {
        let decision = order.decision().expect("a decision");
        Some(Reason::Moderation(Decided { id: RecordId::new(1, n), room: Some(RoomId::demo()), decision, at }.into()))
    };
    let order = ban("ann", Some(9_000));
    assert_eq!(put(decided(2, order.clone(), 2_000), Some(&keeper), 2_000), told(2, &order, 2_000));
    assert_eq!(put(signed(3, 2_000), Some(&ann), 2_000), Some(Reason::Banned));
    assert_eq!(put(signed(4, 8_999), Some(&ann), 8_999), Some(Reason::Banned));
    assert_eq!(put(signed(5, 8_999), Some(&bob), 8_999), None, "nobody else is");
    assert_eq!(put(danmu("demo", 6), None, 8_999), None, "who has no name has no ban");
    assert_eq!(put(signed(7, 9_000), Some(&ann), 9_000), None);
    let again = decided(2, ban("ann", Some(9_000)), 2_000);
    assert_eq!(put(again, Some(&keeper), 9_500), Some(Reason::Duplicate), "an order is not given twice");
    assert_eq!(put(decided(8, ban("ann", None), 10_000), Some(&keeper), 10_000), told(8, &ban("ann", None), 10_000));
    assert_eq!(put(signed(9, 11_000), Some(&ann), 11_000), Some(Reason::Banned));
    let unban = Moderation::Unban { viewer: ann.viewer.clone(), by: Rank::Moderator };
    assert_eq!(put(decided(10, unban.clone(), 12_000), Some(&keeper), 12_000), told(10, &unban, 12_000));
    assert_eq!(put(signed(11, 13_000), Some(&ann), 13_000), None);
    let counts = Counts { admitted: 5, banned: 3, moderation: 3, duplicate: 1, ..Counts::default() };
    assert_eq!(gate.counts(), counts);
}

#[test]
fn only_who_may_moderate_says_who_may_speak_and_nobody_silences_the_streamer() {
    let mut gate = gate(Unsigned::Allow);
    let (ann, host) = (evidence("ann", Role::Member), evidence("host", Role::Streamer));
    let mut put = |data: Vec<u8>, evidence: Option<&Arc<Evidence>>| {
        gate.admit(Incoming { evidence, ..incoming(&data, "1") }).err()
    };
    assert_eq!(put(decided(1, ban("bob", None), NOW_MS), Some(&ann)), Some(Reason::NotModerator));
    assert_eq!(put(decided(2, ban("bob", None), NOW_MS), None), Some(Reason::Forged));
    let unsigned = Danmu::moderation(RecordId::new(1, 3), RoomId::demo(), ban("bob", None), NOW_MS).encode();
    assert_eq!(put(unsigned, None), Some(Reason::NotModerator));
    let stale = decided(4, ban("bob", None), NOW_MS - SENT_BEFORE_MS - 1);
    assert_eq!(put(stale, Some(&host)), Some(Reason::Stale(SENT_BEFORE_MS + 1)));
    assert!(gate.bans().of_room().told(None).is_empty());

    let mut put = |data: Vec<u8>, evidence: &Arc<Evidence>| {
        gate.admit(Incoming { evidence: Some(evidence), ..incoming(&data, "1") }).err()
    };
    let keeper = evidence("keeper", Role::Moderator);
    assert!(matches!(put(decided(5, ban("host", None), NOW_MS), &keeper), Some(Reason::Moderation(_))));
    assert_eq!(put(signed(6, NOW_MS), &host), None);
    assert!(matches!(put(decided(7, ban("keeper", None), NOW_MS), &host), Some(Reason::Moderation(_))));
    assert_eq!(put(decided(8, ban("ann", None), NOW_MS), &keeper), Some(Reason::Banned));
}

#[test]
fn only_the_server_decides_about_networks_and_for_every_room() {
    let mut gate = gate(Unsigned::Allow);
    let server = evidence(ViewerId::server().as_str(), Role::Streamer);
    let host = evidence("host", Role::Streamer);
    let network = Network::try_from("192.0.2.0/24".to_owned()).expect("a network");
    let decide = |on| Moderation::Decide(Decision { on, until: None, by: Rank::Streamer });
    let of_network = decide(Subject::Network(network));
    let mut put = |data: Vec<u8>, evidence: &Arc<Evidence>| {
        gate.admit(Incoming { evidence: Some(evidence), ..incoming(&data, "1") }).err()
    };
    assert_eq!(put(decided(1, of_network.clone(), NOW_MS), &host), Some(Reason::NotModerator));
    assert!(matches!(put(decided(2, of_network, NOW_MS), &server), Some(Reason::Moderation(_))));
    for not_of_a_room in [decide(Subject::Vending), decide(Subject::Sessions), Moderation::Snapshot(Vec::new())] {
        assert_eq!(put(decided(3, not_of_a_room, NOW_MS), &server), Some(Reason::NotModerator));
    }

    let order = Order::new(RecordId::new(1, 4), decide(Subject::Vending), NOW_MS);
    let signed = |line: Vec<u8>| [&line, &b"\nticket.signature"[..]].concat();
    let judge = |data: &[u8], evidence: Option<&Arc<Evidence>>, arrival_ms| {
        admit_order(Incoming { data, partition_key: SERVICE_KEY, sequence_number: "1", arrival_ms, evidence })
    };
    let data = signed(order.encode());
    assert_eq!(judge(&data, Some(&server), NOW_MS), Ok(order.clone()));
    assert_eq!(judge(&data, Some(&host), NOW_MS), Err(Reason::NotModerator));
    assert_eq!(judge(&data, None, NOW_MS), Err(Reason::Forged));
    assert_eq!(judge(&order.encode(), Some(&server), NOW_MS), Err(Reason::NotModerator));
    let late = NOW_MS + SENT_BEFORE_MS + 1;
    assert_eq!(judge(&data, Some(&server), late), Err(Reason::Stale(SENT_BEFORE_MS + 1)));
    // What the server said for a room, put again under the key of every room.
    assert!(matches!(judge(&decided(5, ban("ann", None), NOW_MS), Some(&server), NOW_MS), Err(Reason::Record(_))));
}

proptest! {
    /// One gate has run for ever, the other began as long before the present as it looks back.
    #[test]
    fn a_gate_that_began_later_judges_alike(
        records in proptest::collection::vec((0_u128..12, 0_usize..4, prop_oneof![0_i64..1_500, 0_i64..40_000]), 1..200),
        at in 0_usize..200,
    ) {
        let (mut old, mut young) = (gate(Unsigned::Allow), gate(Unsigned::Allow));
        let authors = [None, Some(evidence("ann", Role::Viewer)), Some(evidence("bob", Role::Viewer)), Some(evidence("host", Role::Streamer))];
        let mut now = 0;
        let records: Vec<_> = records
            .into_iter()
            .map(|(n, author, later)| {
                now += later;
                // A record is sent at one time, and may be put again later.
                let sent_ms = now - now.rem_euclid(45_000);
                let data = if author == 0 { danmu("demo", n) } else { signed(n, sent_ms) };
                (data, authors[author].as_ref(), now)
            })
            .collect();
        let present = records[at.min(records.len() - 1)].2;
        for (data, evidence, arrival_ms) in &records {
            let record = Incoming { arrival_ms: *arrival_ms, evidence: *evidence, ..incoming(data, "1") };
            let verdict = old.admit(record).err();
            if *arrival_ms >= present - REMEMBERED_MS {
                let other = young.admit(record).err();
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
            evidence: None,
        });
    }
}

#[test]
fn only_the_server_hides_a_danmu_and_a_moderators_own_record_does_not() {
    let mut gate = gate(Unsigned::Allow);
    let server = evidence(ViewerId::server().as_str(), Role::Streamer);
    let danmu = crate::record::DanmuRef { key: DanmuKey::Sequence("1".into()), viewer: None };
    let hide = Moderation::Decide(Decision { on: Subject::Danmu(danmu), until: None, by: Rank::Moderator });
    let mut put = |n, by: &Arc<Evidence>| {
        let data = decided(n, hide.clone(), NOW_MS);
        gate.admit(Incoming { evidence: Some(by), ..incoming(&data, "2") }).err()
    };
    for role in [Role::Member, Role::Moderator, Role::Streamer] {
        assert_eq!(put(1, &evidence("ann", role)), Some(Reason::NotModerator), "{role:?}");
    }
    assert!(matches!(put(2, &server), Some(Reason::Moderation(_))));
    assert!(gate.bans().retract("s1", None, Role::Viewer, NOW_MS));
}

#[test]
fn a_mode_of_the_room_counts_from_its_arrival_to_its_end_and_the_crew_is_free_of_it() {
    let mut gate = gate(Unsigned::Allow);
    let [ann, bob, keeper] = [("ann", Role::Viewer), ("bob", Role::Member), ("keeper", Role::Moderator)]
        .map(|(id, role)| evidence(id, role));
    let server = evidence(ViewerId::server().as_str(), Role::Streamer);
    let mut put = |data: Vec<u8>, evidence: Option<&Arc<Evidence>>, arrival_ms| {
        gate.admit(Incoming { evidence, arrival_ms, ..incoming(&data, "1") }).err()
    };
    let mode = |n, mode, until, at| {
        let decision = Decision { on: Subject::Mode(mode), until, by: Rank::Streamer };
        decided(n, Moderation::Decide(decision), at)
    };
    assert_eq!(put(mode(1, RoomMode::Members, None, 1_000), Some(&keeper), 1_000), Some(Reason::NotModerator));
    assert!(matches!(put(mode(2, RoomMode::Members, None, 1_000), Some(&server), 1_000), Some(Reason::Moderation(_))));
    assert_eq!(put(signed(3, 1_001), Some(&ann), 1_001), Some(Reason::Mode(RoomMode::Members)));
    assert_eq!(put(danmu("demo", 4), None, 1_001), Some(Reason::Mode(RoomMode::Members)), "who has no name is a guest");
    assert_eq!(put(signed(5, 1_001), Some(&bob), 1_001), None);
    assert!(matches!(
        put(mode(6, RoomMode::Quiet, Some(3_000), 2_000), Some(&server), 2_000),
        Some(Reason::Moderation(_))
    ));
    assert_eq!(put(signed(7, 2_999), Some(&bob), 2_999), Some(Reason::Mode(RoomMode::Quiet)));
    assert_eq!(put(signed(8, 2_999), Some(&keeper), 2_999), None);
    assert_eq!(put(signed(9, 3_000), Some(&bob), 3_000), None, "it has ended");
    assert!(matches!(
        put(mode(10, RoomMode::Members, Some(0), 4_000), Some(&server), 4_000),
        Some(Reason::Moderation(_))
    ));
    assert_eq!(put(signed(3, 4_001), Some(&ann), 4_001), None, "and what was refused may come again");
    assert!(matches!(
        put(mode(11, RoomMode::Slow(10), None, 5_000), Some(&server), 5_000),
        Some(Reason::Moderation(_))
    ));
    let said: Vec<_> =
        [(20, 31_000), (21, 40_999), (22, 41_000)].map(|(n, at)| put(signed(n, at), Some(&ann), at)).into();
    assert_eq!(said, [None, Some(Reason::TooFast), None]);
}
