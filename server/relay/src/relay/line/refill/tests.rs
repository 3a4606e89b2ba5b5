//! Reading again with a stream that has what a test says, in virtual time.

use std::{
    collections::HashMap,
    future::poll_fn,
    sync::{Mutex, atomic::AtomicBool},
    task::Poll,
};

use danmu::{
    feed::{FeedToken, Progress, Told},
    gate::Bans,
    record::{Decision, RecordId, Subject},
};

use super::*;
use crate::relay::{
    line::{
        ring::{Cursor, Joined, Next, Ring, Start, Window},
        sse,
    },
    samples::{danmu, lineage, place},
    tell::absence::{Absence, Past},
};

/// Records of a read that come at once, and how long they take.
const BATCH: usize = 100;
const PACE: Duration = Duration::from_millis(20);

/// A stream: the numbers that were put under each key.
#[derive(Clone, Default)]
struct Script(Arc<Scripted>);

#[derive(Default)]
struct Scripted {
    said: Mutex<HashMap<String, Vec<u64>>>,
    /// Reads under way, by their keys, and the most that were at a time: of one key, and of all.
    reading: Mutex<HashMap<String, usize>>,
    most: Mutex<(usize, usize)>,
    stuck: AtomicBool,
}

struct Scanning {
    script: Script,
    key: String,
    next: u64,
}

impl Source for Script {
    type Reading = Scanning;

    fn open(&self, key: &str, since_ms: i64, _: &Arc<Shards>) -> Scanning {
        let mut reading = self.0.reading.lock().expect("reads");
        *reading.entry(key.to_owned()).or_default() += 1;
        let mut most = self.0.most.lock().expect("the most");
        *most = (most.0.max(reading[key]), most.1.max(reading.values().sum()));
        Scanning { script: self.clone(), key: key.to_owned(), next: u64::try_from(since_ms).unwrap_or(0) }
    }
}

impl Reading for Scanning {
    async fn next(&mut self) -> Option<Batch> {
        tokio::time::sleep(PACE).await;
        if self.script.0.stuck.load(Relaxed) {
            std::future::pending::<()>().await;
        }
        let said = self.script.0.said.lock().expect("what was said");
        let numbers: Vec<u64> = said[&self.key].iter().copied().filter(|n| *n >= self.next).take(BATCH).collect();
        self.next = numbers.last().map_or(self.next, |last| last + 1);
        let all = numbers.len() < BATCH;
        let record = |n: u64| Record {
            data: Vec::new(),
            partition_key: self.key.clone(),
            sequence_number: n.to_string(),
            arrival_ms: n as i64,
            shard_id: "s".into(),
        };
        Some(Batch { records: numbers.into_iter().map(record).collect(), all })
    }
}

impl Drop for Scanning {
    fn drop(&mut self) {
        *self.script.0.reading.lock().expect("reads").get_mut(&self.key).expect("a read") -= 1;
    }
}

/// A room, and a stream behind it.
struct Stage {
    key: String,
    bans: Bans,
    ring: Arc<Ring>,
    desk: Arc<Desk>,
    refill: Arc<Refill<Script>>,
}

impl Stage {
    /// Rooms on one shard, whose rings keep some twenty danmu and whose desks so many bytes.
    fn rooms<const N: usize>(bytes: usize) -> [Self; N] {
        let stats = Arc::<RefillStats>::default();
        let refill = Arc::new(Refill::new(Script::default(), Duration::from_secs(600), stats));
        std::array::from_fn(|n| {
            let ring = Arc::new(Ring::new(Window { age: Duration::from_secs(120), bytes: 2_000 }));
            ring.begin(lineage().beginning(0).expect("a place"), 0);
            let (key, bans) = (format!("room{n}"), Bans::default());
            let desk = Arc::new(Desk::new(Arc::clone(&ring), bytes, bans.clone()));
            Self { key, bans, ring, desk, refill: Arc::clone(&refill) }
        })
    }

    fn script(&self) -> &Scripted {
        &self.refill.source.0
    }

    fn say(&self, numbers: impl IntoIterator<Item = u64>) {
        for n in numbers {
            self.script().said.lock().expect("what was said").entry(self.key.clone()).or_default().push(n);
            self.ring.tell(vec![danmu(n)]);
        }
    }

    fn again(&self) -> Again {
        let known = SharedLineage::default();
        known.learn(|known| *known = lineage());
        let judge = Box::new(|| {
            Box::new(|record: &Record, said: &mut Vec<_>| {
                let n = record.sequence_number.parse().expect("a number");
                said.push(danmu(n));
                Some(place(n))
            }) as _
        });
        let retract = Box::new(|_: &mut [_]| {});
        Again { key: self.key.clone(), lineage: known, judge, retract, warm_up_ms: 150_000 }
    }

    /// A viewer comes with a token.
    fn join(&self, token: &str) -> Viewer<'_> {
        let heard: Progress<FeedToken> = token.parse().expect("a progress");
        let heard = heard.try_map(|position| lineage().resolve(position)).expect("places");
        let Joined { cursor, absent, .. } = self.ring.join(Start::Absent(heard), 0);
        let ask = |after, until| self.refill.ask(&self.desk, || self.again(), after, until);
        let absence = absent.map(|heard| Absence::new(heard, &self.ring, ask));
        Viewer { stage: self, cursor, absence, token: token.to_owned(), past: Vec::new(), live: Vec::new(), gaps: 0 }
    }
}

struct Viewer<'a> {
    stage: &'a Stage,
    cursor: Cursor,
    absence: Option<Absence>,
    /// The id of the event that it heard last.
    token: String,
    past: Vec<u64>,
    live: Vec<u64>,
    gaps: usize,
}

impl Viewer<'_> {
    /// Hears what is said now.
    fn hear_live(&mut self) {
        while let Next::Event { frame, .. } = self.stage.ring.next(&mut self.cursor) {
            let bytes = self.absence.as_mut().map_or(frame.bytes.clone(), |absence| absence.beside(&frame));
            let (told, numbers) = self.hear(&bytes);
            assert!(!told.past);
            self.live.extend(numbers);
        }
    }

    /// Hears the next event of its absence; whether there may be more.
    async fn hear_past(&mut self) -> bool {
        let Some(absence) = &mut self.absence else { return false };
        let ring = &self.stage.ring;
        let next = poll_fn(|context| match absence.next(ring, Some(context.waker())) {
            Past::Nothing => Poll::Pending,
            next => Poll::Ready(next),
        });
        match next.await {
            Past::Event(bytes, danmu) => {
                let (told, numbers) = self.hear(&bytes);
                assert!(told.past && numbers.len() as u64 == danmu);
                self.past.extend(numbers);
                return true;
            }
            Past::Lost(place) => {
                self.gaps += 1;
                self.token = place.to_string();
            }
            Past::Over(place) => self.token = place.to_string(),
            Past::Nothing => {}
        }
        self.absence = None;
        false
    }

    fn hear(&mut self, bytes: &[u8]) -> (Told, Vec<u64>) {
        let told: Told = serde_json::from_slice(sse::data(bytes).expect("data")).expect("a frame");
        sse::id(bytes).expect("an id").clone_into(&mut self.token);
        let numbers = told.danmu.iter().map(|item| item.text.parse().expect("a number")).collect();
        (told, numbers)
    }
}

fn numbers(from: u64, to: u64) -> Vec<u64> {
    (from..=to).collect()
}

#[tokio::test(start_paused = true)]
async fn an_absence_is_told_once_and_in_order_beside_what_is_said_now_though_the_window_moves_on() {
    let [stage] = Stage::rooms(1 << 20);
    stage.say(1..=40_000);
    let mut viewer = stage.join("1~s~10000~10000");
    let mut next = 40_001;
    loop {
        // With every two batches that are read the whole window goes by.
        stage.say(next..next + 10);
        next += 10;
        viewer.hear_live();
        assert_eq!(viewer.live.last(), Some(&(next - 1)), "what is said now does not wait");
        if !viewer.hear_past().await {
            break;
        }
    }
    assert_eq!(viewer.gaps, 0);
    assert!(viewer.past == numbers(10_001, 40_000));
    assert!(viewer.live == numbers(40_001, next - 1));
    assert_eq!(viewer.token, place(next - 1).to_string(), "its absence is over");
}

#[tokio::test(start_paused = true)]
async fn who_is_cut_off_amid_its_absence_goes_on_from_there_and_hears_nothing_twice() {
    let [stage] = Stage::rooms(1 << 20);
    stage.say(1..=20_000);
    let (mut token, mut past, mut live) = ("1~s~6000~6000".to_owned(), Vec::new(), Vec::new());
    let mut next = 20_001;
    for turn in 0.. {
        let mut viewer = stage.join(&token);
        let mut more = true;
        // Cut off sometimes with the window behind it, and sometimes before it has passed.
        for _ in 0..5 + turn {
            stage.say(next..next + 5);
            next += 5;
            viewer.hear_live();
            more = viewer.hear_past().await;
            if !more {
                break;
            }
        }
        (token, past, live) =
            (viewer.token.clone(), [past, viewer.past.clone()].concat(), [live, viewer.live.clone()].concat());
        assert_eq!(viewer.gaps, 0);
        if !more {
            break;
        }
        if turn == 2 || turn == 6 {
            stage.say(next..next + 100);
            next += 100;
        }
    }
    let mut all = [past.clone(), live.clone()].concat();
    all.sort_unstable();
    assert!(all == numbers(6_001, next - 1), "each once, of {} they are {}", next - 6_001, all.len());
    assert!(past.is_sorted() && live.is_sorted());
}

#[tokio::test(start_paused = true)]
async fn all_who_ask_are_served_by_one_read() {
    let [stage] = Stage::rooms(1 << 20);
    stage.say(1..=30_000);
    let mut viewers: Vec<_> = (0..50).map(|n| stage.join(&format!("1~s~{0}~{0}", 10_000 + n * 50))).collect();
    for viewer in &mut viewers {
        while viewer.hear_past().await {}
    }
    for (viewer, from) in viewers.iter().zip((10_001..).step_by(50)) {
        assert!(viewer.past == numbers(from, 30_000) && viewer.gaps == 0);
    }
    drop(viewers);
    // What was read is kept for a while for who comes later.
    stage.say(30_001..=30_010);
    let mut late = stage.join("1~s~12000~12000");
    while late.hear_past().await {}
    assert!(late.past == numbers(12_001, 30_010));
    drop(late);
    assert_eq!(stage.refill.stats.done.load(Relaxed), 1);
    // Once the ring has passed its end, it is read again.
    stage.say(30_011..=30_500);
    let mut later = stage.join("1~s~12000~12000");
    while later.hear_past().await {}
    assert!(later.past == numbers(12_001, 30_500) && later.gaps == 0);
    drop(later);
    tokio::time::sleep(2 * KEPT).await;
    assert_eq!((stage.refill.stats.done.load(Relaxed), stage.desk.size()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_thousand_who_ask_and_hang_up_make_one_read_a_room_and_two_a_shard_and_others_are_served() {
    let stages: [Stage; 3] = Stage::rooms(64 * 1_024);
    stages.iter().for_each(|stage| stage.say(1..=60_000));
    let ask_and_hang_up = async {
        for round in 0..10 {
            for client in 0..1_000 {
                let from = 5_000 + (client * 7_919 + round * 104_729) % 54_000;
                let mut viewer = stages[client % 3].join(&format!("1~s~{from}~{from}"));
                // Some stay for a moment.
                if client % 5 == 0 {
                    let _ = timeout(2 * PACE, viewer.hear_past()).await;
                }
            }
            tokio::time::sleep(PACE).await;
        }
    };
    let honest = async {
        tokio::time::sleep(10 * PACE).await;
        let mut viewer = stages[0].join("1~s~5500~5500");
        while viewer.hear_past().await {}
        (viewer.past, viewer.gaps)
    };
    let ((), (past, gaps)) = tokio::join!(ask_and_hang_up, honest);
    assert!(past == numbers(5_501, 60_000) && gaps == 0);
    let most = *stages[0].script().most.lock().expect("the most");
    assert_eq!(most, (1, 2), "reads of a room and of a shard at a time");
    assert_eq!(stages[0].refill.stats.most.load(Relaxed), 2);
    tokio::time::sleep(KEPT).await;
    let reading = stages[0].script().reading.lock().expect("reads");
    assert!(reading.values().all(|reads| *reads == 0), "nobody is read for who has gone: {reading:?}");
}

#[tokio::test(start_paused = true)]
async fn one_that_takes_nothing_is_told_a_gap_and_neither_holds_up_others_nor_the_memory() {
    let [stage] = Stage::rooms(100_000);
    stage.say(1..=60_000);
    let (mut takes, mut idle) = (stage.join("1~s~10000~10000"), stage.join("1~s~10000~10000"));
    let begun = Instant::now();
    while takes.hear_past().await {
        assert!(stage.desk.size() < 2 * 100_000);
    }
    assert!(takes.past == numbers(10_001, 60_000) && takes.gaps == 0);
    let took = begun.elapsed();
    assert!(took < PATIENCE + 2 * (60_000 / BATCH as u32) * PACE, "the others waited for {took:?}");
    while idle.hear_past().await {}
    assert_eq!(idle.gaps, 1);
    stage.say([60_001]);
    idle.hear_live();
    assert_eq!(idle.live, [60_001]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_a_gap_and_what_is_said_now_goes_on() {
    let [stage] = Stage::rooms(1 << 20);
    stage.say(1..=1_000);
    stage.script().stuck.store(true, Relaxed);
    let mut viewer = stage.join("1~s~10~10");
    stage.say([1_001]);
    viewer.hear_live();
    assert!(!viewer.hear_past().await);
    assert_eq!((viewer.live, viewer.gaps, viewer.token), (vec![1_001], 1, place(1_001).to_string()));
    assert_eq!(stage.refill.stats.in_vain.load(Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stream_made_anew_ends_the_absence_from_the_old_one() {
    let [stage] = Stage::rooms(1 << 20);
    stage.say(1..=10_000);
    let mut viewer = stage.join("1~s~10~10");
    assert!(viewer.hear_past().await);
    stage.desk.clear();
    assert!(!viewer.hear_past().await);
    assert_eq!(viewer.gaps, 1);
    drop(viewer);
    tokio::time::sleep(2 * PACE).await;
    assert!(stage.script().reading.lock().expect("reads").values().all(|reads| *reads == 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_retracted_lies_here_no_more_nor_comes_from_a_read_that_began_before() {
    let [stage] = Stage::rooms(1 << 20);
    stage.say(1..=1_000);
    let (request, _) = stage.desk.ask(place(1), place(100));
    stage.desk.open().expect("somebody asks");
    let of_ann = |n| {
        let item = danmu::feed::Item { viewer: Some("ann".into()), ..crate::relay::samples::item(n) };
        Frame::new(vec![(place(n), Said::Danmu(item))]).expect("a frame").0
    };
    let as_of = stage.desk.retractions();
    stage.desk.put(vec![of_ann(2)], Some(place(2)), false, as_of);
    let ann = Subject::Viewer("ann".parse().expect("an id"));
    let ban = Decision { on: ann, until: None, by: danmu::viewer::Rank::Operator };
    stage.bans.of_room().apply(RecordId::new(1, 1), &ban, 49);
    stage.desk.retract();
    stage.desk.put(vec![of_ann(3), of_ann(60)], Some(place(60)), false, as_of);
    let told = std::iter::from_fn(|| match request.take(None) {
        Got::Frame(frame) => Some((frame.end().cloned(), sse::data(&frame.bytes).map(<[u8]>::len))),
        _ => None,
    });
    let told: Vec<_> = told.collect();
    assert_eq!(
        told[..2],
        [(Some(place(2)), Some(2)), (Some(place(3)), Some(2))],
        "their places stay, and nothing else"
    );
    assert_eq!((told.len(), told[2].1.is_some_and(|bytes| bytes > 20)), (3, true), "what was said later stays");
    assert_eq!(
        stage.desk.size(),
        told.iter()
            .zip([2, 3, 60])
            .map(|(_, n)| if n == 60 {
                of_ann(60).bytes.len()
            } else {
                sse::event(None, Some(&place(n).to_string()), &Told::default()).len()
            })
            .sum::<usize>()
    );
}
