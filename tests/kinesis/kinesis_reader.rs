//! The reader as the page drives it: what it does when the host's clock is set, a reply never comes, or nobody listens.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use danmu::{
    kinesis::{Client, Event, Keeper, Reader, Reply, Scope, State, StreamCursor},
    session::Purpose,
};
use serde_json::json;

use crate::world::{EPOCH_MS, Here, Machine, Post, ok, story};

/// A shard that gives one record, numbered from 1, at every read.
fn endless(numbers: &Rc<Cell<u64>>, post: &Post) -> Reply {
    let range = json!({"StartingHashKey": "0", "EndingHashKey": u128::MAX.to_string()});
    match post.operation() {
        "ListShards" => ok(json!({"Shards": [{"ShardId": "s", "HashKeyRange": range}]})),
        "GetShardIterator" => {
            assert_eq!(post.body["ShardIteratorType"], "AT_TIMESTAMP");
            ok(json!({"ShardIterator": "it"}))
        }
        "GetRecords" => {
            numbers.set(numbers.get() + 1);
            let number = numbers.get().to_string();
            let record = json!({"SequenceNumber": number, "Data": "aGk=", "PartitionKey": "demo"});
            ok(json!({"Records": [record], "NextShardIterator": "it", "MillisBehindLatest": 0}))
        }
        other => panic!("{other}"),
    }
}

fn reader(here: &Here) -> Reader<Here, Machine> {
    let keeper = Keeper::new(here.clock(), Machine::new(here, 900_000), Purpose::Consume);
    Reader::new(Client::new(keeper, "http://h"), Scope::All, StreamCursor::at(EPOCH_MS))
}

async fn numbers_in(reader: &mut Reader<Here, Machine>, time: Duration) -> Vec<u64> {
    let mut numbers = Vec::new();
    let until = tokio::time::Instant::now() + time;
    while let Ok(event) = tokio::time::timeout_at(until, reader.next()).await {
        if let Event::Records(records) = event {
            numbers.extend(records.iter().map(|record| record.sequence_number.parse::<u64>().expect("a number")));
        }
    }
    numbers
}

#[test]
fn a_clock_that_is_set_back_or_forward_does_not_stop_the_reading() {
    story(async {
        let numbers = Rc::new(Cell::new(0));
        let shared = Rc::clone(&numbers);
        let here = Here::new(1, move |post| {
            let reply = endless(&shared, &post);
            Box::pin(async { Ok(reply) })
        });
        let mut reader = reader(&here);
        let before = numbers_in(&mut reader, Duration::from_secs(10)).await.len();
        here.0.offset_ms.set(-3_600_000);
        let back = numbers_in(&mut reader, Duration::from_secs(10)).await.len();
        here.0.offset_ms.set(7_200_000);
        let forward = numbers_in(&mut reader, Duration::from_secs(10)).await.len();
        assert!(before >= 44 && back >= 43 && forward >= 43, "{before}, {back}, {forward}");
    });
}

#[test]
fn a_reply_that_never_comes_is_given_up_and_the_reading_goes_on() {
    story(async {
        let numbers = Rc::new(Cell::new(0));
        let shared = Rc::clone(&numbers);
        let silent = Rc::new(Cell::new(false));
        let hush = Rc::clone(&silent);
        let here = Here::new(1, move |post| {
            let (reply, hush) = (endless(&shared, &post), hush.replace(false));
            Box::pin(async move {
                if hush {
                    std::future::pending::<()>().await;
                }
                Ok(reply)
            })
        });
        let mut reader = reader(&here);
        let states = RefCell::new(Vec::new());
        assert!(!numbers_in(&mut reader, Duration::from_secs(1)).await.is_empty());
        silent.set(true);
        let until = tokio::time::Instant::now() + Duration::from_secs(12);
        while let Ok(event) = tokio::time::timeout_at(until, reader.next()).await {
            if let Event::State(state) = event {
                states.borrow_mut().push(state);
            }
        }
        let states = states.into_inner();
        assert!(matches!(states.as_slice(), [State::Reconnecting { .. }, State::Live]), "{states:?}");
    });
}

#[test]
fn nothing_is_lost_when_nobody_waits_for_the_next_event_for_a_while() {
    story(async {
        let numbers = Rc::new(Cell::new(0));
        let shared = Rc::clone(&numbers);
        let here = Here::new(1, move |post| {
            let reply = endless(&shared, &post);
            Box::pin(async {
                tokio::time::sleep(Duration::from_millis(50)).await;
                Ok(reply)
            })
        });
        let mut reader = reader(&here);
        let mut got = Vec::new();
        // Each wait is given up after 37 ms: in the middle of a read, before one, after one.
        for _ in 0..400 {
            got.extend(numbers_in(&mut reader, Duration::from_millis(37)).await);
        }
        assert!(got.len() > 50, "{}", got.len());
        assert_eq!(got, (1..=got.len() as u64).collect::<Vec<_>>());
    });
}

#[test]
fn shards_that_wait_for_each_other_do_not_stop_the_page() {
    story(async {
        let here = Here::new(1, |post| {
            assert_eq!(post.operation(), "ListShards");
            let range = json!({"StartingHashKey": "0", "EndingHashKey": u128::MAX.to_string()});
            let shard = json!({"ShardId": "s", "ParentShardId": "s", "HashKeyRange": range});
            Box::pin(async move { Ok(ok(json!({"Shards": [shard]}))) })
        });
        // Whoever polls the reader gets control back.
        assert!(tokio::time::timeout(Duration::from_secs(60), reader(&here).next()).await.is_err());
    });
}
