//! How a consumer of enhanced fan-out is had, held and given back, against a double of the service in virtual time.

mod double;

use std::time::Duration;

use serde_json::json;
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

use self::double::{Kinesis, Subscription};
use super::*;

const MINUTE: Duration = Duration::from_secs(60);
/// What ends a test that hangs, in virtual time.
const LIMIT: Duration = Duration::from_secs(2 * 3_600);

struct Scene {
    kinesis: Kinesis,
    readings: mpsc::Receiver<Reading>,
    stats: ReaderStats,
    stop: CancellationToken,
}

impl Scene {
    /// A replica that begins to read by enhanced fan-out.
    fn begin(kinesis: Kinesis) -> Self {
        let stop = CancellationToken::new();
        let options = ReaderOptions { kind: super::ReadMode::EnhancedFanOut, since_ms: 0, consumer: "me".to_owned() };
        let (readings, stats) = start(kinesis.client(), "danmu".to_owned(), options, stop.clone());
        Self { kinesis, readings, stats, stop }
    }

    /// Takes what is told until something holds, which is looked at every 50 ms of virtual time.
    async fn until<T>(&mut self, what: &str, mut holds: impl FnMut(&Kinesis, Option<&Reading>) -> Option<T>) -> T {
        let holding = async {
            loop {
                let reading = tokio::time::timeout(Duration::from_millis(50), self.readings.recv()).await.ok();
                let reading = reading.map(|reading| reading.expect("it reads on"));
                if let Some(found) = holds(&self.kinesis, reading.as_ref()) {
                    return found;
                }
            }
        };
        tokio::time::timeout(LIMIT, holding).await.unwrap_or_else(|_| panic!("never: {what}"))
    }

    async fn subscribed(&mut self) -> Subscription {
        self.until("a subscription", |kinesis, _| kinesis.subscriptions().pop()).await
    }

    /// Waits for these records and no others.
    async fn told(&mut self, number: &str) {
        let numbers = self.until(number, |_, reading| match reading {
            Some(Reading::Records(records)) => {
                Some(records.iter().map(|record| record.sequence_number.clone()).collect::<Vec<_>>())
            }
            _ => None,
        });
        assert_eq!(numbers.await, [number]);
    }
}

#[tokio::test(start_paused = true)]
async fn reading_goes_on_while_a_consumer_takes_its_time_and_is_pushed_once_it_is_active() {
    let kinesis = Kinesis::new();
    kinesis.activates_after(10 * MINUTE);
    let mut scene = Scene::begin(kinesis);
    let begun = Instant::now();
    for number in ["100", "101"] {
        scene.kinesis.put(number);
        scene.told(number).await;
    }
    assert!(begun.elapsed() < Duration::from_secs(5) && scene.kinesis.subscriptions().is_empty());
    let subscription = scene.subscribed().await;
    assert_eq!(subscription.from, json!({ "Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": "101" }));
    subscription.push(&["102"], "102");
    scene.told("102").await;
    let stats = scene.stats.clone();
    scene.until("all are counted", |_, _| (stats.get().machine.records == 3).then_some(())).await;
}

#[tokio::test(start_paused = true)]
async fn consumers_that_containers_left_behind_make_room_and_those_of_live_replicas_and_of_others_stay() {
    let kinesis = Kinesis::new();
    for n in 0..16 {
        kinesis.has_consumer(&format!("danmu-relay-pod-{n}.1"), 61 * MINUTE);
    }
    // A life before of this replica's, two that live, and one that is nobody's business.
    kinesis.has_consumer("danmu-relay-me.7", 3 * MINUTE);
    kinesis.has_consumer("danmu-relay-me-too.7", 10 * MINUTE);
    kinesis.has_consumer("danmu-relay-other.7", 44 * MINUTE);
    kinesis.has_consumer("archive", 500 * MINUTE);
    let mut scene = Scene::begin(kinesis);
    let ours = scene.subscribed().await.consumer;
    assert_eq!(scene.kinesis.consumers(), ["danmu-relay-me-too.7", "danmu-relay-other.7", "archive", &ours]);
    scene.stop.cancel();
    while scene.readings.recv().await.is_some() {}
    let gone = async {
        while scene.kinesis.consumers().contains(&ours) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(MINUTE, gone).await.expect("it takes its consumer back at the end");
}

#[tokio::test(start_paused = true)]
async fn a_consumer_is_replaced_before_anybody_takes_it_for_left_behind_and_nothing_is_read_twice() {
    let mut scene = Scene::begin(Kinesis::new());
    let first = scene.subscribed().await;
    let begun = Instant::now();
    first.push(&["100"], "140");
    scene.told("100").await;
    let next = scene
        .until("another consumer", |kinesis, _| {
            kinesis.subscriptions().pop().filter(|last| last.consumer != first.consumer)
        })
        .await;
    assert!(begun.elapsed() < 45 * MINUTE, "after {:?}", begun.elapsed());
    assert_eq!(next.from, json!({ "Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": "140" }));
    next.push(&["150"], "150");
    scene.told("150").await;
    scene.until("one consumer alone", |kinesis, _| (kinesis.consumers() == [&*next.consumer]).then_some(())).await;
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_cannot_be_replaced_is_given_up_in_time_and_reading_goes_on() {
    let mut scene = Scene::begin(Kinesis::new());
    let first = scene.subscribed().await.consumer;
    let begun = Instant::now();
    for n in 0..19 {
        // Others have what room there is, and hold it.
        scene.kinesis.has_consumer(&format!("archive-{n}"), MINUTE);
    }
    scene.until("it is given up", |kinesis, _| (!kinesis.consumers().contains(&first)).then_some(())).await;
    assert!(begun.elapsed() < 60 * MINUTE, "after {:?}", begun.elapsed());
    // The room is its own again, unless somebody was quicker.
    let next =
        scene.until("another", |kinesis, _| kinesis.subscriptions().pop().filter(|last| last.consumer != first)).await;
    assert!(next.consumer.starts_with("danmu-relay-me."), "{}", next.consumer);
}

#[tokio::test(start_paused = true)]
async fn what_the_key_of_the_stream_refuses_is_told_as_that_and_the_shard_is_subscribed_to_again() {
    let mut scene = Scene::begin(Kinesis::new());
    let subscription = scene.subscribed().await;
    subscription.push(&["100"], "100");
    scene.told("100").await;
    subscription.fail("KMSAccessDeniedException", "the key is not ours");
    let reason = scene.until("a failure", |_, reading| match reading {
        Some(Reading::State(State::Failed { reason, .. })) => Some(reason.clone()),
        _ => None,
    });
    let reason = reason.await;
    assert_eq!((reason.kind, &*reason.code), (danmu::kinesis::ErrorKind::Encryption, "KMSAccessDeniedException"));
    let again = scene.until("a new one", |kinesis, _| {
        let mut all = kinesis.subscriptions();
        (all.len() > 1).then(|| all.pop()).flatten()
    });
    assert_eq!(again.await.from, json!({ "Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": "100" }));
}
