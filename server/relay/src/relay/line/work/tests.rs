//! The task of a room, as it is handed what was read.

use std::time::Duration;

use danmu::gate::Bans;
use danmu_identity::{identity::RecordVerifier, store::Store};
use tokio::time::timeout;

use super::*;
use crate::{
    moderation::Moderation,
    relay::{
        line::ring::{Next, Start, Window},
        samples::{room, shard},
    },
};

const SOON: Duration = Duration::from_secs(60);

#[tokio::test]
async fn what_is_let_through_is_told_to_the_line_and_to_whoever_subscribed() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open(directory.path()).await.expect("a store");
    let (moderation, _work) = Moderation::open(store).await.expect("moderation");
    let means = Means {
        verifier: Arc::new(RecordVerifier::new(Vec::new(), 1)),
        moderation,
        status: Arc::default(),
        metrics: Arc::default(),
        tick: Duration::from_millis(1),
        density: 0,
        settled_ms: 0,
    };
    let room = room();
    let feed = Arc::new(RoomFeed::new(Window { age: SOON, bytes: 1 << 20 }, Bans::default()));
    let mut subscribed = feed.verdicts.subscribe();
    let (hand, queue) = mpsc::unbounded_channel();
    let work = tokio::spawn(Work::new(room, Arc::clone(&feed), means).run(queue));
    let record = |n: u8, shard: &str| Record {
        data: vec![b'0' + n],
        partition_key: "demo".into(),
        sequence_number: n.to_string(),
        arrival_ms: i64::from(n),
        shard_id: shard.into(),
    };
    hand.send(ToRoom::Stream(1)).expect("it works");
    hand.send(ToRoom::Shards([shard()].into(), 0)).expect("it works");
    let mut viewer = feed.ring.join(Start::Now, 0);
    let records = vec![record(1, "s"), record(2, "elsewhere"), record(3, "s")];
    hand.send(ToRoom::Records(records, crate::relay::take::dispatch::Weight::default())).expect("it works");
    for (n, text) in [("1", "1"), ("3", "3")] {
        let judged = timeout(SOON, subscribed.recv()).await.expect("soon").expect("told");
        assert_eq!((&*judged.sequence_number, &*judged.admitted.text), (n, text));
    }
    let told = async {
        let mut told = String::new();
        while !told.contains(r#""text":"3""#) {
            match feed.ring.next(&mut viewer.cursor) {
                Next::Event { frame, .. } => told += std::str::from_utf8(&frame.bytes).expect("text"),
                _ => tokio::task::yield_now().await,
            }
        }
        told
    };
    let told = timeout(SOON, told).await.expect("soon");
    assert!(told.contains(r#""text":"1""#) && !told.contains(r#""text":"2""#), "{told}");
    drop(hand);
    timeout(SOON, work).await.expect("soon").expect("it ends with what it is handed");
    assert!(matches!(subscribed.try_recv(), Err(tokio::sync::broadcast::error::TryRecvError::Empty)), "and no more");
}
