//! Who decided, how high they stand, and what is handed along of it.

use super::*;

#[test]
fn a_moderator_silences_no_other_one_and_only_the_server_says_that_somebody_higher_decided() {
    let mut gate = gate(Unsigned::Allow);
    let [keeper, other] = ["keeper", "other"].map(|id| evidence(id, Role::Moderator));
    let (host, server) = (evidence("host", Role::Streamer), evidence(ViewerId::server().as_str(), Role::Streamer));
    let mut put = |data: Vec<u8>, evidence: &Arc<Evidence>| {
        gate.admit(Incoming { evidence: Some(evidence), ..incoming(&data, "1") }).err()
    };
    let ban = |viewer: &str, by| Moderation::Ban { viewer: viewer.parse().expect("an id"), until: None, by };
    for (n, by) in [(1, Rank::Moderator), (2, Rank::Streamer), (3, Rank::Operator)] {
        assert!(matches!(put(decided(n, ban("other", by), NOW_MS), &keeper), Some(Reason::Moderation(_))));
        assert!(matches!(put(decided(20 + n, ban("host", by), NOW_MS), &keeper), Some(Reason::Moderation(_))));
    }
    assert_eq!(put(signed(4, NOW_MS), &other), None, "a moderator is silenced by another");
    assert_eq!(put(signed(5, NOW_MS), &host), None, "the streamer is silenced by a moderator");
    for (n, by, silenced) in [(6, Rank::Moderator, None), (8, Rank::Operator, Some(Reason::Banned))] {
        assert!(matches!(put(decided(n, ban("host", by), NOW_MS), &server), Some(Reason::Moderation(_))));
        assert_eq!(put(signed(n + 1, NOW_MS), &host), silenced, "{by:?}");
    }
    assert!(matches!(put(decided(10, ban("=server", Rank::Operator), NOW_MS), &server), Some(Reason::Moderation(_))));
    let lifted = Moderation::Unban { viewer: host.viewer.clone(), by: Rank::Operator };
    assert!(matches!(put(decided(11, lifted, NOW_MS), &server), Some(Reason::Moderation(_))), "it banned itself");
    assert_eq!(put(signed(12, NOW_MS), &host), None);
}

#[test]
fn what_the_server_hands_along_for_a_room_is_known_to_its_gate_and_nothing_else_is() {
    let (server, host) = (evidence(ViewerId::server().as_str(), Role::Streamer), evidence("host", Role::Streamer));
    let ann = evidence("ann", Role::Viewer);
    let banned = |room: Option<&str>| Decided {
        id: RecordId::new(1, 1),
        room: room.map(|id| id.parse().expect("an id")),
        decision: ban("ann", None).decision().expect("one"),
        at: 0,
    };
    let handed = |gate: &str, banned| {
        let gate = gate.parse().expect("an id");
        let line = Handed::new(gate, Moderation::Snapshot(vec![banned]), NOW_MS).encode();
        [&line, &b"\nticket.signature"[..]].concat()
    };
    let elsewhere = Evidence { room: "other".parse().expect("an id"), ..Evidence::clone(&server) };
    for (data, by, taken, says) in [
        (handed("demo", banned(Some("demo"))), Some(&*server), Ok(()), Some(Reason::Banned)),
        (handed("demo", banned(None)), Some(&*server), Ok(()), Some(Reason::Banned)),
        (handed("demo", banned(Some("other"))), Some(&*server), Ok(()), None),
        (handed("other", banned(None)), Some(&*server), Err(Reason::OtherRoom), None),
        (handed("demo", banned(None)), Some(&elsewhere), Err(Reason::OtherRoom), None),
        (handed("demo", banned(None)), Some(&*host), Err(Reason::NotModerator), None),
        (handed("demo", banned(None)), None, Err(Reason::Forged), None),
    ] {
        let mut gate = gate(Unsigned::Deny);
        assert_eq!(gate.take_handed(&data, by), taken);
        let at = NOW_MS + EVERYWHERE_AFTER_MS;
        let said = gate.admit(Incoming { evidence: Some(&ann), arrival_ms: at, ..incoming(&signed(2, at), "1") });
        assert_eq!(said.err(), says);
        // Put onto the stream, it is nothing.
        let order = Incoming { partition_key: SERVICE_KEY, evidence: Some(&server), ..incoming(&data, "1") };
        assert!(matches!(gate.take_order(order), Err(Reason::Record(_))));
    }
}
