//! The reader's state machine against a model stream that splits, merges, throttles, forgets iterators and drops
//! replies.

use std::collections::{BTreeMap, BTreeSet};

use danmu::kinesis::{
    Error, Event, Scope, State, StreamCursor,
    api::{From, GetRecordsReply, WireRecord},
    machine::{Call, CallReply, Machine, MachineStep},
};
use proptest::prelude::*;

use crate::{
    driver::{Act, Driver, failed, run, script},
    model::{Limit, Model},
    world::EPOCH_MS,
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_record_comes_once_in_order_and_parents_before_children(
        mut script in script(),
        lasting in any::<bool>(),
        seed in any::<u64>(),
        faults in 0_u64..35,
        names_children in any::<bool>(),
        end_alone in any::<bool>(),
        refuse in any::<bool>(),
        keys in proptest::option::of(prop::collection::vec((0_u64..6).prop_map(|key| format!("key {key}")), 1..3)),
        // Some records and some resharding lie before the start.
        start in 0_i64..10_000,
    ) {
        let scope = match keys.as_deref() {
            None => Scope::All,
            Some([key]) => Scope::PartitionKey(key.clone()),
            Some(keys) => Scope::PartitionKeys(keys.to_vec()),
        };
        let since = EPOCH_MS + start;
        script.retain(|(_, act)| !(lasting && matches!(act, Act::MakeAnew(_))));
        let lasting = !script.iter().any(|(_, act)| matches!(act, Act::MakeAnew(_)));
        let mut model = Model::new(names_children, if refuse { Limit::Refuse } else { Limit::None });
        model.end_alone = end_alone;
        let mut driver = Driver::new(scope.clone(), StreamCursor::at(since), seed, faults);
        let end = run(&mut driver, &mut model, &script, 0, &scope);
        // Faults end; then everything must arrive that is on the stream: of one that was made anew before, what was not
        // read by then is gone.
        driver.faults = 0;
        let mut now = end;
        while now < end + 120_000 {
            now = driver.turn(&mut model, now).min(end + 120_000);
        }

        let wanted = |record: &WireRecord| {
            record.arrival_ms >= since
                && keys.as_ref().is_none_or(|keys| record.partition_key.as_ref().is_some_and(|key| keys.contains(key)))
        };
        let mut expected: Vec<&str> = model.shards.iter().flat_map(|shard| &shard.records)
            .filter(|record| wanted(record)).map(|record| record.sequence_number.as_str()).collect();
        let all: BTreeSet<&str> = driver.got.iter().map(|(_, record)| record.sequence_number.as_str()).collect();
        prop_assert_eq!(all.len(), driver.got.len(), "a record came twice");
        let number = |record: &danmu::kinesis::Record| record.sequence_number.parse::<u128>().expect("a number");
        driver.got.retain(|(_, record)| number(record) > model.born);
        let mut got: Vec<&str> = driver.got.iter().map(|(_, record)| record.sequence_number.as_str()).collect();
        expected.sort_unstable();
        got.sort_unstable();
        prop_assert_eq!(got, expected);

        let mut seen: BTreeMap<&str, u128> = BTreeMap::new();
        let mut ended: BTreeSet<&str> = BTreeSet::new();
        for (_, record) in &driver.got {
            let number = number(record);
            // The reader learns of a new stream's families only after it may have begun to read.
            let late = lasting && ended.contains(record.shard_id.as_str());
            prop_assert!(!late, "a parent's record after its child's");
            prop_assert!(seen.insert(&record.shard_id, number).is_none_or(|last| last < number));
            let mut parents: Vec<&str> = vec![&record.shard_id];
            while let Some(id) = parents.pop() {
                let shard = &model.shards[model.index(id).expect("a shard")].shard;
                for parent in shard.parents() {
                    ended.insert(parent);
                    parents.push(parent);
                }
            }
        }
        // No hot loop: a shard takes about five calls a second, and a little for what goes wrong.
        let seconds = ((now - EPOCH_MS) / 1_000) as u64 + 1;
        let splits = script.iter().filter(|(_, act)| matches!(act, Act::Split(_) | Act::Merge(_))).count() as u64;
        let shards = 4 + 2 * splits;
        prop_assert!(driver.calls < seconds * 6 * shards + 1_000, "{} calls in {seconds} s, {shards} shards", driver.calls);
        prop_assert!(matches!(driver.machine.state(), State::Live | State::Throttled { .. }), "{:?}", driver.machine.state());
    }
}

#[test]
fn a_reader_that_is_refused_for_good_says_so_and_asks_rarely() {
    for code in ["AccessDeniedException", "ResourceNotFoundException"] {
        let error = Error::from_code(code, "no", 400);
        let mut machine = Machine::new(Scope::All, StreamCursor::at(EPOCH_MS));
        let (mut now, mut calls) = (EPOCH_MS, 0);
        while now < EPOCH_MS + 300_000 {
            match machine.step(now) {
                MachineStep::Call(call) => {
                    calls += 1;
                    machine.answer(failed(&call, error.clone()), now + 10, 12_345);
                }
                MachineStep::Wait(until) => now = until,
                MachineStep::Idle => panic!("it gave up"),
            }
        }
        assert!((15..=31).contains(&calls), "{calls} calls");
        assert!(matches!(machine.event(), Some(Event::State(State::Failed { reason, .. })) if reason == error));
    }
}

/// Answers the machine's calls, except those of the `held` shard, once it has no more to make; until nothing is left
/// to do, or for five seconds.
fn settle(machine: &mut Machine, model: &mut Model, held: &str, mut now: i64) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut answered = 0;
    let end = now + 5_000;
    while now < end {
        match machine.step(now) {
            MachineStep::Call(call) => calls.push(call),
            _ if answered < calls.len() => {
                for call in &calls[answered..] {
                    if !matches!(call, Call::Records { shard_id, .. } if shard_id == held) {
                        machine.answer(model.answer(call, now), now, 7);
                    }
                }
                answered = calls.len();
            }
            MachineStep::Wait(until) => now = until,
            MachineStep::Idle => break,
        }
    }
    calls
}

#[test]
fn a_child_waits_for_a_parent_that_nobody_has_told_of_yet() {
    // A is split into A1 and A2, and A2 merged with B into C. The end of B tells of C and of its parent A2, which is
    // not known yet, since A is still being read: C must wait for both.
    let mut model = Model::new(true, Limit::None);
    model.split(0);
    let mut machine = Machine::new(Scope::All, StreamCursor::at(EPOCH_MS));
    let (a, b) = ("shardId-000000000001", "shardId-000000000002");
    settle(&mut machine, &mut model, a, EPOCH_MS);
    model.split(0);
    model.merge(1);
    let of = |calls: &[Call], id: &str| {
        calls.iter().any(|call| matches!(call, Call::Iterator { shard_id, .. } if shard_id == id))
    };
    let calls = settle(&mut machine, &mut model, a, EPOCH_MS + 10_000);
    assert!(calls.iter().any(|call| matches!(call, Call::Records { shard_id, .. } if shard_id == b)));
    for child in ["shardId-000000000003", "shardId-000000000004", "shardId-000000000005"] {
        assert!(!of(&calls, child), "{child} before {a}");
    }
    let call = Call::Records { shard_id: a.into(), iterator: model.iterator(0, EPOCH_MS) };
    let read = model.answer(&call, EPOCH_MS + 20_000);
    machine.answer(read, EPOCH_MS + 20_000, 7);
    let calls = settle(&mut machine, &mut model, "", EPOCH_MS + 20_000);
    let begun: Vec<&str> = calls
        .iter()
        .filter_map(|call| match call {
            Call::Iterator { shard_id, .. } => Some(shard_id.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(begun, ["shardId-000000000003", "shardId-000000000004", "shardId-000000000005"]);
}

#[test]
fn a_record_without_a_partition_key_is_of_no_room_and_holds_up_nobody() {
    for (scope, keys) in [(Scope::PartitionKey("demo".into()), vec!["demo"]), (Scope::All, vec!["", "demo"])] {
        let mut model = Model::new(true, Limit::None);
        for key in ["", "demo"] {
            model.put(key, EPOCH_MS);
        }
        let keyless = &mut model.shards[0].records[0].partition_key;
        *keyless = None;
        let mut reader = Driver::new(scope.clone(), StreamCursor::at(EPOCH_MS), 3, 0);
        run(&mut reader, &mut model, &[], 2_000, &scope);
        let got: Vec<&str> = reader.got.iter().map(|(_, record)| record.partition_key.as_str()).collect();
        assert_eq!(got, keys);
    }
}

/// A reader that is pushed to, and has subscribed to its one shard.
fn pushed() -> (Machine, Call) {
    let mut model = Model::new(true, Limit::None);
    let mut machine = Machine::new(Scope::All, StreamCursor::at(EPOCH_MS)).pushed();
    let calls: Vec<Call> = std::iter::from_fn(|| match machine.step(EPOCH_MS) {
        MachineStep::Call(call @ Call::Records { .. }) => panic!("{call:?} before it has subscribed"),
        MachineStep::Call(call @ Call::ListShards { .. }) => {
            machine.answer(model.answer(&call, EPOCH_MS), EPOCH_MS, 7);
            Some(call)
        }
        MachineStep::Call(call @ Call::Iterator { .. }) => {
            machine.answer(CallReply::Iterator("shardId-000000000000".into(), Ok(String::new())), EPOCH_MS, 7);
            Some(call)
        }
        _ => None,
    })
    .take(2)
    .collect();
    assert_eq!(calls.len(), 2, "{calls:?}");
    let MachineStep::Call(call @ Call::Records { .. }) = machine.step(EPOCH_MS) else { panic!("it waits for nothing") };
    (machine, call)
}

/// The next subscription that it asks for, and when.
fn subscribes(machine: &mut Machine, mut now: i64) -> (From, i64) {
    loop {
        match machine.step(now) {
            MachineStep::Call(Call::Iterator { from, .. }) => return (from, now),
            MachineStep::Call(call @ Call::ListShards { .. }) => {
                machine.answer(failed(&call, Error::network("no".into())), now, 7);
            }
            MachineStep::Call(call) => panic!("{call:?} without a subscription"),
            MachineStep::Wait(until) => now = until,
            MachineStep::Idle => panic!("it gave up"),
        }
    }
}

#[test]
fn a_quiet_shard_is_subscribed_to_again_where_it_was_left_and_not_at_its_last_record() {
    let (mut machine, call) = pushed();
    let Call::Records { shard_id, .. } = call else { panic!("{call:?}") };
    for (number, records) in [("120", vec!["110"]), ("4711", vec![])] {
        let record = |number: &str| WireRecord {
            sequence_number: number.into(),
            data: vec![],
            partition_key: Some("demo".into()),
            arrival_ms: EPOCH_MS,
        };
        let reply = GetRecordsReply {
            records: records.into_iter().map(record).collect(),
            next_shard_iterator: Some(number.into()),
            millis_behind_latest: Some(0),
            child_shards: None,
        };
        machine.answer(CallReply::Records(shard_id.clone(), Ok(reply)), EPOCH_MS, 7);
        assert!(matches!(machine.step(EPOCH_MS), MachineStep::Call(Call::Records { .. })));
    }
    let ended = Error::from_code("ExpiredIteratorException", "five minutes are over", 400);
    machine.answer(CallReply::Records(shard_id.clone(), Err(ended)), EPOCH_MS + 300_000, 7);
    assert_eq!(subscribes(&mut machine, EPOCH_MS + 300_000), (From::After("4711".into()), EPOCH_MS + 300_000));
    assert_eq!(machine.position().shards.get(&shard_id).map(String::as_str), Some("4711"));
}

#[test]
fn a_subscription_that_failed_for_its_key_is_asked_for_again_rarely_and_named() {
    for (code, rarely) in [("KMSDisabledException", true), ("KMSThrottlingException", false)] {
        let (mut machine, call) = pushed();
        let error = Error::from_code(code, "of the key", 400);
        machine.answer(failed(&call, error.clone()), EPOCH_MS, 7);
        let (from, at) = subscribes(&mut machine, EPOCH_MS);
        assert_eq!(from, From::Timestamp(EPOCH_MS));
        assert_eq!(at - EPOCH_MS >= 10_000, rarely, "{code}: after {} ms", at - EPOCH_MS);
        let told = matches!(machine.state(), State::Failed { reason, .. } if *reason == error);
        assert_eq!(told, rarely, "{:?}", machine.state());
    }
}

#[test]
fn an_expired_iterator_is_replaced_by_one_after_the_last_record() {
    let mut model = Model::new(true, Limit::None);
    let mut machine = Machine::new(Scope::All, StreamCursor::at(EPOCH_MS));
    let number = model.put("key", EPOCH_MS);
    settle(&mut machine, &mut model, "", EPOCH_MS);
    let mut calls = settle(&mut machine, &mut model, "", EPOCH_MS + 400_000);
    // Shards are listed each minute, whatever else there is.
    calls.retain(|call| !matches!(call, Call::ListShards { .. }));
    let (shard_id, from) = ("shardId-000000000000".to_owned(), From::After(number));
    assert_eq!(calls[1], Call::Iterator { shard_id, from });
    assert!(matches!(calls[2], Call::Records { .. }), "at once");
}

#[test]
fn a_stream_made_anew_is_read_from_its_beginning_within_seconds() {
    for names_children in [false, true] {
        for shards in 1..4 {
            let mut model = Model::new(names_children, Limit::Refuse);
            let mut reader = Driver::new(Scope::All, StreamCursor::at(EPOCH_MS), 3, 0);
            let before = [(EPOCH_MS, Act::Put(1)), (EPOCH_MS + 9_000, Act::Split(0)), (EPOCH_MS + 9_500, Act::Put(2))];
            let now = run(&mut reader, &mut model, &before, 1_000, &Scope::All);
            model.make_anew(shards);
            for n in 0..20 {
                model.put(&format!("key {n}"), now);
            }
            reader.got.clear();
            let mut at = now;
            while at < now + 3_000 {
                at = reader.turn(&mut model, at);
            }
            assert_eq!(reader.got.len(), 20, "{shards} shards");
            assert_eq!(*reader.machine.state(), State::Live);
        }
    }
}

#[test]
fn a_place_in_a_stream_that_is_gone_does_not_hold_up_the_one_made_anew() {
    let mut model = Model::new(true, Limit::Refuse);
    let mut reader = Driver::new(Scope::All, StreamCursor::at(EPOCH_MS), 3, 0);
    let now = run(&mut reader, &mut model, &[(EPOCH_MS, Act::Put(1)), (EPOCH_MS, Act::Split(0))], 5_000, &Scope::All);
    let mut place = reader.machine.position();
    model.make_anew(2);
    model.put("before", now);
    let number = model.put("after", now + 1_000);
    // The reader comes back later, and wants only what arrived since.
    place.since_ms = now + 500;
    let mut reader = Driver::new(Scope::All, place, 3, 0);
    run(&mut reader, &mut model, &[(now + 2_000, Act::Restart)], 2_000, &Scope::All);
    let got: Vec<&str> = reader.got.iter().map(|(_, record)| record.sequence_number.as_str()).collect();
    assert_eq!(got, [number]);
    assert!(reader.states.iter().all(|state| *state == State::Live), "{:?}", reader.states);
}

#[test]
fn an_iterator_that_a_restarted_service_does_not_know_is_replaced_at_once() {
    let mut model = Model::new(true, Limit::None);
    let mut machine = Machine::new(Scope::All, StreamCursor::at(EPOCH_MS));
    model.put("key", EPOCH_MS);
    settle(&mut machine, &mut model, "", EPOCH_MS);
    let mut now = EPOCH_MS + 10_000;
    let mut next = |machine: &mut Machine| loop {
        match machine.step(now) {
            MachineStep::Call(call) => return (call, now),
            MachineStep::Wait(until) => now = until,
            MachineStep::Idle => panic!("it gave up"),
        }
    };
    // While the service is down nobody answers; then it is back, with new secrets.
    for _ in 0..6 {
        let (call, at) = next(&mut machine);
        machine.answer(failed(&call, Error::network("refused".into())), at, 7);
    }
    let (call, refused_at) = next(&mut machine);
    assert!(matches!(call, Call::Records { .. }));
    machine.answer(failed(&call, Error::from_code("InvalidArgumentException", "", 400)), refused_at, 7);
    let (call, at) = next(&mut machine);
    assert!(matches!(call, Call::Iterator { from: From::After(_), .. }) && at == refused_at, "{call:?} at {at}");
}

#[test]
fn the_machine_may_move_between_threads_as_a_server_wants_it() {
    fn send<T: Send>(_: &T) {}
    send(&Machine::new(Scope::All, StreamCursor::at(EPOCH_MS)));
}
