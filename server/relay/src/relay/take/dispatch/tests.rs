//! What rooms get of what is read, and when.

use std::time::Duration;

use danmu::kinesis::Record;
use danmu_identity::store::Store;
use tempfile::TempDir;
use tokio::time::timeout;

use super::*;

const SOON: Duration = Duration::from_secs(60);

struct Stage {
    readings: mpsc::Sender<Reading>,
    busy: mpsc::UnboundedReceiver<ToRoom>,
    calm: mpsc::UnboundedReceiver<ToRoom>,
    status: Arc<Status>,
    changes: mpsc::UnboundedSender<Change>,
    _directory: TempDir,
}

impl Stage {
    async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(directory.path()).await.expect("a store");
        let (moderation, _work) = Moderation::open(store).await.expect("moderation");
        let means = Means {
            verifier: Arc::new(danmu_identity::identity::RecordVerifier::new(Vec::new(), 1)),
            moderation,
            status: Arc::default(),
            metrics: Arc::default(),
            tick: Duration::ZERO,
            density: 0,
            settled_ms: 0,
        };
        let status = Arc::clone(&means.status);
        let (changes, changed) = mpsc::unbounded_channel();
        let dispatcher = Dispatcher::new(means, 0, changed, CancellationToken::new());
        let [busy, calm] = ["busy", "calm"].map(|id| make(&changes, id));
        let (readings, read) = mpsc::channel(64);
        tokio::spawn(dispatcher.run(read));
        Self { readings, busy, calm, status, changes, _directory: directory }
    }

    async fn read(&self, records: &[(&str, usize)]) {
        let record = |(key, bytes): &(&str, usize)| Record {
            data: vec![b'x'; *bytes],
            partition_key: (*key).to_owned(),
            sequence_number: "1".to_owned(),
            arrival_ms: 1,
            shard_id: "s".to_owned(),
        };
        self.readings.send(Reading::Records(records.iter().map(record).collect())).await.expect("it runs");
    }
}

/// Makes a room, and gives its queue.
fn make(changes: &mpsc::UnboundedSender<Change>, id: &str) -> mpsc::UnboundedReceiver<ToRoom> {
    let (queue, read) = Queue::new();
    changes.send(Change::Made(id.to_owned().try_into().expect("a room's id"), queue)).expect("it runs");
    read
}

async fn next(queue: &mut mpsc::UnboundedReceiver<ToRoom>) -> (Vec<usize>, ToRoom) {
    let next = timeout(SOON, queue.recv()).await.expect("soon").expect("it runs");
    let ToRoom::Records(records, _) = &next else { panic!("{next:?}") };
    (records.iter().map(|record| record.data.len()).collect(), next)
}

#[tokio::test]
async fn each_room_gets_its_own_in_order_and_nobody_the_rest() {
    let mut stage = Stage::new().await;
    stage.read(&[("busy", 1), ("calm", 2), ("nowhere", 3), ("busy", 4)]).await;
    assert_eq!(next(&mut stage.busy).await.0, [1, 4]);
    assert_eq!(next(&mut stage.calm).await.0, [2]);
    assert!(stage.busy.try_recv().is_err() && stage.calm.try_recv().is_err());
}

#[tokio::test]
async fn a_room_at_work_delays_no_other_and_one_that_is_full_holds_the_reading_up() {
    let mut stage = Stage::new().await;
    let half = QUEUE_BYTES as usize / 2;
    stage.read(&[("busy", half)]).await;
    stage.read(&[("calm", 1)]).await;
    assert_eq!(next(&mut stage.calm).await.0, [1], "nobody has taken what the busy one has");
    stage.read(&[("busy", half)]).await;
    stage.read(&[("calm", 2)]).await;
    let (_, at_work) = next(&mut stage.busy).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(stage.busy.try_recv().is_err() && stage.calm.try_recv().is_err(), "there is no room for more");
    drop(at_work);
    assert_eq!(next(&mut stage.busy).await.0, [half]);
    assert_eq!(next(&mut stage.calm).await.0, [2]);
}

#[tokio::test]
async fn all_is_caught_up_when_every_room_has_judged_what_came_before() {
    let mut stage = Stage::new().await;
    stage.readings.send(Reading::CaughtUp).await.expect("it runs");
    let first = timeout(SOON, stage.busy.recv()).await.expect("soon").expect("it runs");
    drop(first);
    assert!(!*stage.status.caught_up().borrow(), "one room has yet to judge");
    let last = timeout(SOON, stage.calm.recv()).await.expect("soon").expect("it runs");
    assert!(!stage.status.is_caught_up());
    drop(last);
    assert!(stage.status.is_caught_up());
}

#[tokio::test]
async fn a_room_that_is_made_later_learns_the_stream_first_and_one_that_is_ended_gets_nothing_more() {
    let mut stage = Stage::new().await;
    stage.readings.send(Reading::Stream { created_ms: 7 }).await.expect("it runs");
    stage.readings.send(Reading::Shards(Vec::new())).await.expect("it runs");
    stage.read(&[("later", 1), ("busy", 2)]).await;
    let told = async |queue: &mut mpsc::UnboundedReceiver<ToRoom>| {
        timeout(SOON, queue.recv()).await.expect("soon").map(|told| format!("{told:?}"))
    };
    assert_eq!(told(&mut stage.busy).await.as_deref(), Some("Stream(7)"));
    assert!(told(&mut stage.busy).await.is_some_and(|told| told.starts_with("Shards(")));
    assert_eq!(next(&mut stage.busy).await.0, [2]);
    let mut later = make(&stage.changes, "later");
    assert_eq!(told(&mut later).await.as_deref(), Some("Stream(7)"));
    assert!(told(&mut later).await.is_some_and(|told| told.starts_with("Shards(")));
    stage.read(&[("later", 3)]).await;
    assert_eq!(next(&mut later).await.0, [3], "what came before it was made is no room's");
    stage.changes.send(Change::Ended("busy".to_owned().try_into().expect("a room's id"))).expect("it runs");
    stage.read(&[("busy", 4), ("later", 5)]).await;
    assert_eq!(next(&mut later).await.0, [5]);
    assert_eq!(told(&mut stage.busy).await, None, "its task ends");
}
