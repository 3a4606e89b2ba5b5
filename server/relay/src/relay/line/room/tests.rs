//! What a room makes of its records, frame by frame.

use danmu::{
    feed::{FeedToken, Told},
    gate::Bans,
    kinesis::Record,
};
use danmu_identity::identity::RecordVerifier;
use proptest::prelude::*;

use super::*;
use crate::relay::{
    line::{
        ring::{Frame, Joined, Next, Start, Window},
        sse,
    },
    samples::{danmu, place, room, shard},
    take::judge::Judge,
};

const WINDOW: Window = Window { age: Duration::from_secs(60), bytes: 1 << 20 };

#[test]
fn a_long_frame_is_cut_but_never_within_one_place() {
    let item = |n: u64| (place(n), danmu(n).1);
    let apart: Vec<_> = (1..=500).map(item).collect();
    assert_eq!([0, 1, 200, 500].map(|count| frame_end(&apart[..count])), [0, 1, 200, 200]);
    let together: Vec<_> = (1..=500).map(|n| item(if (150..=260).contains(&n) { 150 } else { n })).collect();
    assert_eq!(frame_end(&together), 260);
}

/// A room that shows ten a second.
struct Shown {
    judge: Judge,
    line: RoomLine,
}

/// It, and its feed.
fn shown() -> (Shown, Arc<RoomFeed>) {
    let feed = Arc::new(RoomFeed::new(WINDOW, Bans::default()));
    let room = room();
    let verifier = Arc::new(RecordVerifier::new(Vec::new(), 1));
    let judge = Judge::new(&room, feed.bans.clone(), feed.lineage.clone(), verifier);
    let mut line = RoomLine::new(room.id, Arc::clone(&feed), 10);
    line.begin(1);
    line.learn(&[shard()], 0);
    (Shown { judge, line }, feed)
}

/// Somebody says the danmu of that number, of which there are 60 a second.
fn say(room: &mut Shown, n: i64, text: &impl ToString) -> Fate {
    let record = Record {
        data: text.to_string().into(),
        partition_key: "demo".into(),
        sequence_number: n.to_string(),
        arrival_ms: n * 1_000 / 60,
        shard_id: "s".into(),
    };
    let judged = room.judge.judge(&record).expect("shown");
    room.line.choose(judged)
}

fn speak(room: &mut Shown, later: Duration) {
    room.line.speak(Instant::now() + later, (feed::Reading::Live, 0), &Metrics::default());
}

/// The feed of a room in which people say few different things, for three seconds, with a frame after each of the cuts.
fn relayed(texts: &[u8], cuts: &[usize]) -> Arc<RoomFeed> {
    let (mut room, feed) = shown();
    for (n, text) in (1..).zip(texts) {
        say(&mut room, n, text);
        if cuts.contains(&usize::try_from(n).expect("a count")) {
            speak(&mut room, Duration::ZERO);
        }
    }
    // Nobody says anything more, and the last second is settled.
    speak(&mut room, Duration::from_secs(3_600));
    feed
}

#[test]
fn a_room_that_falls_silent_tells_how_many_were_left_out() {
    let (mut room, feed) = shown();
    let joined = feed.ring.join(Start::Now, 0);
    let first: Vec<_> = (1..=20).map(|n| say(&mut room, n, &n)).collect();
    speak(&mut room, Duration::ZERO);
    // Of these nothing is shown, so that no frame is due.
    let rest: Vec<_> = (21..=40).map(|n| say(&mut room, n, &n)).collect();
    assert!(rest.iter().all(|fate| *fate == Fate::Dropped));
    assert!(room.line.due(Duration::ZERO) < Instant::now() + HEARTBEAT, "it has something to say");
    speak(&mut room, Duration::from_secs(3));
    let dropped: u32 = frames(&feed, joined).iter().map(|(told, _)| told.dropped).sum();
    assert_eq!(dropped as usize, first.into_iter().chain(rest).filter(|fate| *fate == Fate::Dropped).count());
}

#[test]
fn what_a_stream_had_that_is_gone_is_told_in_no_frame_of_the_new_one() {
    let (mut room, feed) = shown();
    let joined = feed.ring.join(Start::Now, 0);
    (1..=30).for_each(|n| _ = say(&mut room, n, &"old"));
    room.line.begin(2);
    room.line.learn(&[shard()], 0);
    say(&mut room, 40, &"new");
    speak(&mut room, Duration::from_secs(3_600));
    let told: Vec<_> = frames(&feed, joined).into_iter().filter(|(told, _)| told != &Told::default()).collect();
    let [(frame, place)] = &told[..] else { panic!("{told:?}") };
    assert_eq!((&*frame.danmu[0].text, frame.danmu.len(), frame.dropped, &**place), ("new", 1, 0, "2~s~40~666"));
}

/// The frames that a viewer gets: what they say, and the place after each.
fn frames(feed: &RoomFeed, mut joined: Joined) -> Vec<(Told, String)> {
    let mut frames = Vec::new();
    while let Next::Event { frame: Frame { bytes, .. }, .. } = feed.ring.next(&mut joined.cursor) {
        let told = serde_json::from_slice(sse::data(&bytes).expect("data")).expect("a frame");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        // What has no place tells of no danmu.
        if let Some(id) = text.lines().find_map(|line| line.strip_prefix("id: ")) {
            frames.push((told, id.to_owned()));
        }
    }
    frames
}

fn told(frames: &[(Told, String)]) -> Vec<(String, u32)> {
    frames.iter().flat_map(|(told, _)| &told.danmu).map(|item| (item.id.clone(), item.n)).collect()
}

proptest! {
    #[test]
    fn a_viewer_who_moves_gets_each_danmu_and_each_number_once(
        texts in prop::collection::vec(0_u8..20, 180),
        cuts in prop::collection::vec(1_usize..180, 1..30),
        other_cuts in prop::collection::vec(1_usize..180, 1..30),
        moves in 0_usize..30,
    ) {
        let (feed, other) = (relayed(&texts, &cuts), relayed(&texts, &other_cuts));
        let at = |feed: &RoomFeed, token: &str| {
            let position: FeedToken = token.parse().expect("a place");
            feed.ring.join(Start::After(feed.learn(|lineage| lineage.resolve(&position)).expect("a place")), 0)
        };
        let all = frames(&feed, at(&feed, "1~s~0~0"));
        let told_of = |told: &Told| told.dropped + told.danmu.iter().map(|item| item.n).sum::<u32>();
        prop_assert_eq!(all.iter().map(|(told, _)| told_of(told)).sum::<u32>(), 180);
        let before = &all[..=moves.min(all.len() - 1)];
        let joined = at(&other, &before[before.len() - 1].1);
        prop_assert!(joined.recovered);
        let after = frames(&other, joined);
        let heard = [told(before), told(&after)].concat();
        prop_assert_eq!(heard, told(&all));
        let dropped = |frames: &[(Told, String)]| frames.iter().map(|(told, _)| told.dropped).sum::<u32>();
        prop_assert_eq!(dropped(before) + dropped(&after), dropped(&all));
    }
}

/// A ban from every room stands on another shard, and may be read after what it bars.
#[test]
fn what_was_let_through_before_a_ban_was_heard_of_is_taken_back_with_it() {
    let (mut room, feed) = shown();
    let viewer: ViewerId = "ann".parse().expect("an id");
    let mut joined = feed.ring.join(Start::Now, 0);
    let said = |n: u64| danmu::feed::Item { viewer: Some("ann".into()), ..crate::relay::samples::item(n) };
    let tell = |n: u64| feed.ring.tell(vec![(place(n), Said::Danmu(said(n)))]);
    [900, 1_200, 1_800].into_iter().for_each(tell);
    let ban = danmu::record::Decision {
        on: danmu::record::Subject::Viewer(viewer.clone()),
        until: None,
        by: danmu::viewer::Rank::Operator,
    };
    feed.bans.everywhere().apply(danmu::record::RecordId::new(1, 1), &ban, 1_000);
    room.line.retract(&[(viewer, 1_000)]);
    let mut retracted = None;
    while let Next::Event { frame, .. } = feed.ring.next(&mut joined.cursor) {
        let told: Told = serde_json::from_slice(sse::data(&frame.bytes).expect("data")).expect("an event");
        assert_eq!(told.danmu, [], "it is in no frame any more");
        retracted = told.retracted.first().map(|retracted| retracted.before).or(retracted);
    }
    assert_eq!(retracted, Some(1_801), "and whoever was told of it takes it down");
}
