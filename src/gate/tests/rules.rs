//! Rules, as the gate follows them.

use super::*;

/// Knows three rules: 1 stops "hi", 2 stops what is said again within five seconds, 3 is a shadow ban of eve.
#[derive(Debug)]
struct ThreeRules;

impl RuleBook for ThreeRules {
    fn look(&self, rules: &[RuleId], text: &str, by: Option<&ViewerId>) -> RuleVerdict {
        let [stops, again, shadow] = [1, 2, 3].map(RuleId::new);
        if rules.contains(&shadow) && by.is_some_and(|by| by.as_str() == "eve") {
            return RuleVerdict::Shadowed;
        }
        if rules.contains(&stops) && text == "hi" {
            return RuleVerdict::Forbidden(stops);
        }
        match rules.contains(&again) {
            true => RuleVerdict::Again { rule: again, fingerprint: 7, within_ms: 5_000 },
            false => RuleVerdict::Allowed,
        }
    }
}

fn decision(n: u128, rule: u64, until: Option<i64>, at: i64) -> Vec<u8> {
    let on = Subject::Rule(RuleId::new(rule));
    decided(n, Moderation::Decide(Decision { on, until, by: Rank::Streamer }), at)
}

#[test]
fn a_rule_counts_from_its_arrival_to_its_end_and_the_crew_is_free_of_it() {
    let mut gate = gate(Unsigned::Allow);
    gate = gate.with_bans(Bans::default().with_rules(Arc::new(ThreeRules)));
    let [ann, bob, keeper] = [("ann", Role::Viewer), ("bob", Role::Member), ("keeper", Role::Moderator)]
        .map(|(id, role)| evidence(id, role));
    let server = evidence(ViewerId::server().as_str(), Role::Streamer);
    let mut put = |data: Vec<u8>, evidence: Option<&Arc<Evidence>>, arrival_ms| {
        gate.admit(Incoming { evidence, arrival_ms, ..incoming(&data, "1") }).err()
    };
    let is_made = |reason| matches!(reason, Some(Reason::Moderation(_)));
    assert_eq!(
        put(decision(1, 1, None, 1_000), Some(&keeper), 1_000),
        Some(Reason::NotModerator),
        "by the server alone"
    );
    assert_eq!(put(signed(2, 1_000), Some(&ann), 1_000), None);
    assert!(is_made(put(decision(3, 1, None, 1_001), Some(&server), 1_001)));
    let stopped = |rule| Some(Reason::Rule(RuleId::new(rule)));
    assert_eq!(put(signed(4, 1_002), Some(&ann), 1_002), stopped(1));
    assert_eq!(put(signed(4, 1_003), Some(&ann), 1_003), Some(Reason::Duplicate), "and its id is known");
    assert_eq!(put(signed(5, 1_002), Some(&bob), 1_002), stopped(1));
    assert_eq!(put(danmu("demo", 6), None, 1_002), stopped(1), "who has no name is a viewer");
    assert_eq!(put(signed(7, 1_002), Some(&keeper), 1_002), None);
    assert!(is_made(put(decision(8, 1, Some(0), 2_000), Some(&server), 2_000)));
    assert_eq!(put(signed(9, 2_001), Some(&bob), 2_001), None);

    assert!(is_made(put(decision(10, 2, None, 100_000), Some(&server), 100_000)));
    let said: Vec<_> = [(11, 100_001, &ann), (12, 102_000, &bob), (13, 105_001, &ann), (14, 110_002, &ann)]
        .map(|(n, at, by)| put(signed(n, at), Some(by), at))
        .into();
    assert_eq!(said, [None, None, stopped(2), None], "again within five seconds, by the same viewer");
    assert_eq!(gate.counts().rule, 4);
    assert_eq!(gate.bans().rules(110_000), [RuleId::new(2)]);
}

#[test]
fn gates_that_learn_of_rules_in_another_order_give_the_same_reason_and_one_without_a_book_stops_nothing() {
    let at = |rule| Decision { on: Subject::Rule(RuleId::new(rule)), until: None, by: Rank::Streamer };
    let [some, others, none] = [Bans::default(), Bans::default(), Bans::default()];
    for (bans, order) in [(&some, [1, 2]), (&others, [2, 1]), (&none, [1, 2])] {
        for rule in order {
            bans.of_room().apply(RecordId::new(1, u128::from(rule)), &at(rule), 0);
        }
    }
    let book: Arc<dyn RuleBook> = Arc::new(ThreeRules);
    let [some, others] = [some, others].map(|bans| bans.with_rules(Arc::clone(&book)));
    assert_eq!((some.rules(1), some.look("hi", None, 1)), (others.rules(1), others.look("hi", None, 1)));
    assert_eq!(
        (some.look("hi", None, 1), none.look("hi", None, 1)),
        (RuleVerdict::Forbidden(RuleId::new(1)), RuleVerdict::Allowed)
    );
    assert!(none.of_room().hides_any(1), "and it is not read directly");
}

#[test]
fn what_a_shadow_banned_viewer_says_is_judged_like_what_others_say_and_shown_to_nobody_else() {
    let mut gate = gate(Unsigned::Allow).with_bans(Bans::default().with_rules(Arc::new(ThreeRules)));
    let [eve, ann, host] =
        [("eve", Role::Member), ("ann", Role::Viewer), ("eve", Role::Streamer)].map(|(id, role)| evidence(id, role));
    let server = evidence(ViewerId::server().as_str(), Role::Streamer);
    let mut put = |data: Vec<u8>, evidence: Option<&Arc<Evidence>>, arrival_ms| {
        gate.admit(Incoming { evidence, arrival_ms, ..incoming(&data, "1") })
    };
    put(decision(1, 3, None, 1_000), Some(&server), 1_000).expect_err("a decision");
    let Err(Reason::Shadowed(admitted)) = put(signed(2, 1_001), Some(&eve), 1_001) else { panic!("it is shown") };
    assert_eq!((&*admitted.text, admitted.evidence.as_ref(), admitted.arrival_ms), ("hi", Some(&eve), 1_001));
    assert_eq!(put(signed(2, 1_001), Some(&eve), 1_002), Err(Reason::Duplicate));
    assert!(matches!(put(signed(3, 1_001), Some(&eve), 1_003), Err(Reason::Shadowed(_))));
    assert_eq!(put(signed(4, 1_001), Some(&eve), 1_004), Err(Reason::TooFast), "and it is no faster than others");
    assert!(put(signed(5, 1_001), Some(&ann), 1_001).is_ok() && put(signed(6, 1_001), Some(&host), 1_001).is_ok());
    assert_eq!(gate.counts().shadow, 2);
}
