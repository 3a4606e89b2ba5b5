//! The producer against a service that fails in every way it may: each put ends with a number or an error of its own.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    rc::Rc,
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use danmu::{
    kinesis::{Client, ErrorKind, Keeper, NetError, Options, Producer, PutError, Reply},
    session::Purpose,
};
use futures::future::join_all;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::world::{Answer, Here, Machine, Post, error, ok, random, story};

/// A stream that keeps what it confirms, and fails as it is told to.
#[derive(Default)]
struct Stream {
    seed: u64,
    /// Of a hundred: throttled, server error, network error before, lost reply after, never answered, slow.
    faults: [u64; 6],
    /// Of a hundred entries of a batch, how many fail.
    partial: u64,
    next: u64,
    /// What is on the stream, in order.
    kept: Vec<(u64, String)>,
    /// How often each text was tried, by requests whose reply arrived.
    requests: Vec<(String, Vec<String>)>,
    confirmed: HashMap<String, u64>,
}

impl Stream {
    fn put(&mut self, text: &str) -> Value {
        self.next += 1;
        self.kept.push((self.next, text.to_owned()));
        json!({"ShardId": "shardId-000000000000", "SequenceNumber": self.next.to_string()})
    }

    fn chance(&mut self, percent: u64) -> bool {
        random(&mut self.seed) % 100 < percent
    }

    fn answer(&mut self, post: &Post) -> (Result<Reply, NetError>, Duration) {
        let text = |entry: &Value| {
            let data = BASE64_STANDARD.decode(entry["Data"].as_str().expect("Data")).expect("base64");
            String::from_utf8(data).expect("UTF-8")
        };
        let texts: Vec<String> = match post.operation() {
            "PutRecord" => vec![text(&post.body)],
            "PutRecords" => post.body["Records"].as_array().expect("Records").iter().map(text).collect(),
            other => panic!("{other}"),
        };
        assert!(texts.len() <= 500);
        self.requests.push((post.operation().to_owned(), texts.clone()));
        let usual = Duration::from_millis(5 + random(&mut self.seed) % 30);
        let [throttled, server, network, lost, silent, slow] = self.faults;
        if self.chance(throttled) {
            return (Ok(error(400, "ProvisionedThroughputExceededException", "Rate exceeded")), usual);
        }
        if self.chance(server) {
            return (Ok(Reply { status: 503, date: None, body: b"<html>".to_vec() }), usual);
        }
        if self.chance(network) {
            return (Err(NetError("reset".into())), usual);
        }
        let reply = if post.operation() == "PutRecord" {
            let reply = self.put(&texts[0]);
            self.confirm(&texts[0], &reply);
            reply
        } else {
            let mut replies = Vec::new();
            for text in &texts {
                if self.chance(self.partial) {
                    let code = ["ProvisionedThroughputExceededException", "InternalFailure"][(self.next % 2) as usize];
                    replies.push(json!({"ErrorCode": code, "ErrorMessage": "not now"}));
                } else {
                    let reply = self.put(text);
                    replies.push(reply);
                }
            }
            for (text, reply) in texts.iter().zip(&replies) {
                self.confirm(text, reply);
            }
            json!({"FailedRecordCount": 0, "Records": replies})
        };
        if self.chance(lost) {
            self.forget(&texts);
            return (Err(NetError("reset".into())), usual);
        }
        if self.chance(silent) {
            self.forget(&texts);
            return (Err(NetError("never".into())), Duration::from_secs(3_600));
        }
        (Ok(ok(reply)), if self.chance(slow) { Duration::from_secs(2) } else { usual })
    }

    fn confirm(&mut self, text: &str, reply: &Value) {
        if let Some(number) = reply["SequenceNumber"].as_str() {
            self.confirmed.insert(text.to_owned(), number.parse().expect("a number"));
        }
    }

    /// The reply that spoke of these is lost.
    fn forget(&mut self, texts: &[String]) {
        for text in texts {
            self.confirmed.remove(text);
        }
    }
}

fn network(stream: &Rc<RefCell<Stream>>) -> impl FnMut(Post) -> Answer + 'static {
    let stream = Rc::clone(stream);
    move |post| {
        let (reply, after) = stream.borrow_mut().answer(&post);
        Box::pin(async move {
            tokio::time::sleep(after).await;
            reply
        })
    }
}

fn producer(stream: &Rc<RefCell<Stream>>) -> (Producer<Here, Machine>, Machine) {
    let here = Here::new(7, network(stream));
    let vending = Machine::new(&here, 900_000);
    let client = Client::new(Keeper::new(here.clock(), vending.clone(), Purpose::Produce), "http://h");
    (Producer::new(client, Options::default()), vending)
}

fn sizes(stream: &Rc<RefCell<Stream>>) -> Vec<(String, usize)> {
    stream.borrow().requests.iter().map(|(operation, texts)| (operation.clone(), texts.len())).collect()
}

#[test]
fn a_lone_put_goes_at_once_and_those_behind_it_go_together_in_order() {
    story(async {
        let stream = Rc::new(RefCell::new(Stream::default()));
        let (producer, _) = producer(&stream);
        let puts = (0..1_200).map(|n| producer.put(format!("{n}").into_bytes(), "demo"));
        let receipts = join_all(puts).await;
        let numbers: Vec<u64> =
            receipts.iter().map(|r| r.as_ref().expect("put").sequence_number.parse().expect("a number")).collect();
        assert_eq!(numbers, (1..=1_200).collect::<Vec<_>>());
        let kept: Vec<String> = stream.borrow().kept.iter().map(|(_, text)| text.clone()).collect();
        assert_eq!(kept, (0..1_200).map(|n| n.to_string()).collect::<Vec<_>>());
        let (one, many) = ("PutRecord".to_owned(), "PutRecords".to_owned());
        assert_eq!(sizes(&stream), [(one.clone(), 1), (many.clone(), 500), (many.clone(), 500), (many, 199)]);

        producer.put(b"again alone".to_vec(), "demo").await.expect("put");
        assert_eq!(sizes(&stream).last(), Some(&(one, 1)));
    });
}

#[test]
fn a_batch_is_as_large_as_the_service_takes_and_a_record_counts_with_its_key() {
    story(async {
        let stream = Rc::new(RefCell::new(Stream::default()));
        let (producer, _) = producer(&stream);
        let big = || vec![b'x'; (1 << 20) - 4];
        let puts = join_all((0..13).map(|_| producer.put(big(), "demo"))).await;
        assert!(puts.iter().all(Result::is_ok));
        assert_eq!(sizes(&stream).iter().map(|(_, n)| *n).collect::<Vec<_>>(), [1, 10, 2]);

        let error = producer.put(vec![0; (1 << 20) - 3], "demo").await.expect_err("too large");
        assert_eq!(error, PutError::TooLarge { bytes: (1 << 20) + 1, limit: 1 << 20 });
        assert_eq!(producer.put(vec![], "").await, Err(PutError::PartitionKey { characters: 0 }));
        let long = "键".repeat(257);
        assert_eq!(producer.put(vec![], &long).await, Err(PutError::PartitionKey { characters: 257 }));
    });
}

#[test]
fn a_dropped_put_takes_nobody_with_it_and_one_not_yet_sent_is_withdrawn() {
    story(async {
        let stream = Rc::new(RefCell::new(Stream::default()));
        let (producer, _) = producer(&stream);
        // The first drives the flight, and is dropped while it is in the air; the second waits behind it and is dropped too.
        let hasty = |text: &str| tokio::time::timeout(Duration::from_millis(82), producer.put(text.into(), "demo"));
        let patient = |text: &str| producer.put(text.into(), "demo");
        let (first, second, third, fourth) =
            futures::join!(hasty("first"), hasty("second"), patient("third"), patient("fourth"));
        assert!(first.is_err() && second.is_err());
        assert!(third.is_ok() && fourth.is_ok());
        let kept: Vec<String> = stream.borrow().kept.iter().map(|(_, text)| text.clone()).collect();
        assert_eq!(kept, ["first", "third", "fourth"]);
    });
}

#[test]
fn a_refusal_is_told_at_once_and_one_bad_record_does_not_fail_its_neighbours() {
    story(async {
        let here = Here::new(7, |post| {
            let bad = post.body.to_string().contains(&BASE64_STANDARD.encode("bad"));
            let many = post.body["Records"].as_array().map_or(1, Vec::len);
            Box::pin(async move {
                tokio::time::sleep(Duration::from_millis(5)).await;
                let entry = json!({"ShardId": "s", "SequenceNumber": "1"});
                Ok(match (bad, many) {
                    (true, _) => error(400, "ValidationException", "bad record"),
                    (false, 1) => ok(entry),
                    (false, many) => ok(json!({"Records": vec![entry; many]})),
                })
            })
        });
        let vending = Machine::new(&here, 900_000);
        let client = Client::new(Keeper::new(here.clock(), vending, Purpose::Produce), "http://h");
        let producer = Producer::new(client, Options::default());
        let texts = ["one", "two", "bad", "three"];
        let began = tokio::time::Instant::now();
        let outcomes = join_all(texts.map(|text| producer.put(text.into(), "demo"))).await;
        assert!(began.elapsed() < Duration::from_millis(300));
        for (text, outcome) in texts.iter().zip(outcomes) {
            match outcome {
                Ok(_) => assert_ne!(*text, "bad"),
                Err(PutError::Refused(error)) => {
                    assert_eq!((*text, error.kind), ("bad", ErrorKind::Invalid));
                }
                Err(other) => panic!("{text}: {other}"),
            }
        }
    });
}

#[test]
fn a_put_that_nobody_confirms_fails_at_its_deadline_and_says_whether_it_may_have_arrived() {
    story(async {
        for (faults, maybe_put, kind) in
            [([100, 0, 0, 0, 0, 0], false, ErrorKind::Throttled), ([0, 0, 0, 0, 100, 0], true, ErrorKind::Network)]
        {
            let stream = Rc::new(RefCell::new(Stream { faults, ..Stream::default() }));
            let (producer, _) = producer(&stream);
            let began = tokio::time::Instant::now();
            match producer.put(b"x".to_vec(), "demo").await {
                Err(PutError::NotConfirmed { waited, maybe_put: maybe, last }) => {
                    assert_eq!((waited, maybe), (Duration::from_secs(15), maybe_put));
                    assert_eq!(last.expect("a reason").kind, kind);
                }
                other => panic!("{other:?}"),
            }
            assert_eq!(began.elapsed().as_secs(), 15);
        }
    });
}

#[test]
fn a_put_that_was_never_sent_did_not_arrive() {
    story(async {
        // The vending machine is slower than an attempt, and than the deadline; in the second case the session has
        // ended according to the stream, and the new one does not come.
        for refused in [false, true] {
            let here = Here::new(7, move |_| Box::pin(async { Ok(error(400, "ExpiredTokenException", "over")) }));
            let vending = Machine::new(&here, 900_000);
            let client = Client::new(Keeper::new(here.clock(), vending.clone(), Purpose::Produce), "http://h");
            if refused {
                client.keeper().session().await.expect("a session");
            }
            vending.0.takes.set(Duration::from_secs(18));
            match Producer::new(client, Options::default()).put(b"x".to_vec(), "demo").await {
                Err(PutError::NotConfirmed { maybe_put, last: Some(error), .. }) => {
                    assert_eq!((maybe_put, error.kind), (false, ErrorKind::Network), "refused: {refused}");
                }
                other => panic!("{other:?}"),
            }
        }
    });
}

#[test]
fn a_put_that_was_sent_and_not_answered_may_have_arrived() {
    story(async {
        // The deadline passes during the first attempt, or during the second, which waits for a session.
        for deadline in [3, 8] {
            let here = Here::new(7, |_| Box::pin(std::future::pending()));
            let vending = Machine::new(&here, 900_000);
            let client = Client::new(Keeper::new(here.clock(), vending.clone(), Purpose::Produce), "http://h");
            let session = client.keeper().session().await.expect("a session");
            let keeper = client.keeper().clone();
            let options = Options { deadline: Duration::from_secs(deadline), ..Options::default() };
            let producer = Producer::new(client, options);
            let forget = async {
                tokio::time::sleep(Duration::from_secs(4)).await;
                vending.0.takes.set(Duration::from_secs(18));
                keeper.drop_session(&session);
            };
            let (put, ()) = futures::join!(producer.put(b"x".to_vec(), "demo"), forget);
            assert!(matches!(put, Err(PutError::NotConfirmed { maybe_put: true, .. })), "{put:?}");
        }
    });
}

#[test]
fn without_a_session_the_reason_comes_from_the_vending_machine() {
    story(async {
        let stream = Rc::new(RefCell::new(Stream::default()));
        let (producer, vending) = producer(&stream);
        vending.0.fail.set(true);
        // It said that asking again after a second may help, so that is what happens, until the deadline.
        match producer.put(b"x".to_vec(), "demo").await {
            Err(PutError::NotConfirmed { maybe_put: false, last: Some(error), .. }) => {
                assert_eq!((error.kind, error.message.as_str()), (ErrorKind::NoSession, "closed"));
            }
            other => panic!("{other:?}"),
        }
        assert!((5..=15).contains(&vending.0.calls.get()), "{}", vending.0.calls.get());
        vending.0.fail.set(false);
        producer.put(b"x".to_vec(), "demo").await.expect("open again");
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(160))]

    #[test]
    fn every_put_is_confirmed_or_fails_by_itself_and_only_what_failed_is_sent_again(
        seed in any::<u64>(),
        faults in proptest::array::uniform6(0_u64..30),
        partial in 0_u64..60,
        pauses in proptest::collection::vec(0_u64..40, 1..120),
    ) {
        let stream = Rc::new(RefCell::new(Stream { seed, faults, partial, ..Stream::default() }));
        let outcomes = story(async {
            let (producer, _) = producer(&stream);
            let mut at = 0;
            let puts = pauses.iter().enumerate().map(|(n, pause)| {
                at += pause;
                let (producer, after) = (producer.clone(), Duration::from_millis(at));
                async move {
                    tokio::time::sleep(after).await;
                    producer.put(format!("{n}").into_bytes(), "demo").await
                }
            });
            join_all(puts).await
        });
        let stream = stream.borrow();
        let kept: BTreeMap<u64, &str> = stream.kept.iter().map(|(number, text)| (*number, text.as_str())).collect();
        for (n, outcome) in outcomes.iter().enumerate() {
            match outcome {
                Ok(receipt) => {
                    let number: u64 = receipt.sequence_number.parse().expect("a number");
                    let text = n.to_string();
                    prop_assert_eq!(kept.get(&number).copied(), Some(text.as_str()));
                }
                Err(PutError::NotConfirmed { maybe_put, .. }) => {
                    // Whatever is there without a receipt was announced as possible.
                    prop_assert!(*maybe_put || kept.values().all(|text| *text != n.to_string()));
                }
                Err(other) => prop_assert!(false, "{} {other}", n),
            }
        }
        // Nothing that a reply confirmed was sent again, and each request is in the order of the puts: what failed
        // before comes first, and is older than what is new.
        for (_, texts) in &stream.requests {
            let order: Vec<usize> = texts.iter().map(|text| text.parse().expect("a number")).collect();
            prop_assert!(order.is_sorted(), "{:?}", order);
        }
        for (text, number) in &stream.confirmed {
            let last = stream.requests.iter().rposition(|(_, texts)| texts.contains(text)).expect("sent");
            let copies = stream.kept.iter().filter(|(_, kept)| kept == text).count();
            let sent = stream.requests[..=last].iter().filter(|(_, texts)| texts.contains(text)).count();
            prop_assert!(copies <= sent);
            prop_assert_eq!(stream.kept.iter().rfind(|(_, kept)| kept == text).map(|(n, _)| n), Some(number));
        }
    }
}
