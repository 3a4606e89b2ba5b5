//! Names that guests gave themselves: shown while the room has such names, by arrival.

use super::*;

#[test]
fn a_guests_name_is_shown_while_the_room_has_such_names_and_a_members_always() {
    let mut gate = gate(Unsigned::Allow);
    let name: Name = "~Anna".to_owned().try_into().expect("a name");
    let named =
        |id: &str, role| Arc::new(Evidence { name: Some(name.clone()), ..Evidence::clone(&evidence(id, role)) });
    let guest = named(ViewerId::guest(1).as_str(), Role::Viewer);
    let streamer = named(ViewerId::guest(2).as_str(), Role::Streamer);
    let member = named("ann", Role::Member);
    let server = evidence(ViewerId::server().as_str(), Role::Streamer);
    let mut says = |n, by: &Arc<Evidence>, at| {
        let admitted = gate.admit(Incoming { evidence: Some(by), arrival_ms: at, ..incoming(&signed(n, at), "1") });
        let evidence = admitted.expect("it is shown").evidence.expect("whose it is");
        assert_eq!(Evidence { name: Some(name.clone()), ..Evidence::clone(&evidence) }, **by, "all else is as it was");
        evidence.name.is_some()
    };
    assert_eq!([&guest, &streamer, &member].map(|by| says(1, by, 1_000)), [false, false, true]);
    for (n, until, at, shown) in [(10, None, 2_000, true), (11, Some(0), 3_000, false)] {
        let decision = Decision { on: Subject::Mode(RoomMode::Names), until, by: Rank::Streamer };
        let data = decided(n, Moderation::Decide(decision), at);
        let verdict = gate.admit(Incoming { evidence: Some(&server), arrival_ms: at, ..incoming(&data, "1") });
        assert!(matches!(verdict, Err(Reason::Moderation(_))));
        let mut says = |n, by: &Arc<Evidence>, at| {
            let admitted = gate.admit(Incoming { evidence: Some(by), arrival_ms: at, ..incoming(&signed(n, at), "1") });
            admitted.expect("it is shown").evidence.expect("whose it is").name.is_some()
        };
        let said = [&guest, &streamer, &member].map(|by| says(n + 100, by, at + 500));
        assert_eq!(said, [shown, shown, true], "at {at}");
    }
}
