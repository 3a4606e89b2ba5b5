use proptest::prelude::*;

use super::*;
use crate::relay::samples::{danmu, item, lineage, lineage_of, place};

const WINDOW: Window = Window { age: Duration::from_secs(60), bytes: 1 << 20 };

fn ring(window: Window) -> Ring {
    let ring = Ring::new(window);
    ring.begin(lineage().beginning(0).expect("a place"), 0);
    ring
}

fn tell(ring: &Ring, numbers: impl IntoIterator<Item = u64>) {
    ring.tell(numbers.into_iter().map(danmu).collect());
}

fn texts(bytes: &[u8]) -> Vec<u64> {
    let frame: Told = serde_json::from_slice(sse::data(bytes).expect("data")).expect("a frame");
    frame.danmu.iter().map(|item| item.text.parse().expect("a number")).collect()
}

/// All that a viewer gets at the moment: danmu, and how many it missed.
fn read(ring: &Ring, joined: &mut Joined) -> (Vec<u64>, u64) {
    let mut got = Vec::new();
    let mut missed = 0;
    loop {
        match ring.next(&mut joined.cursor) {
            Next::Event { frame, .. } if frame.danmu() == 0 => {}
            Next::Event { frame, .. } => got.extend(texts(&frame.bytes)),
            Next::Missed(n) => missed += n,
            Next::Nothing | Next::Closed => return (got, missed),
        }
    }
}

#[test]
fn who_joins_without_a_place_gets_the_last_ones_as_history_and_what_is_new_as_danmu() {
    let ring = ring(WINDOW);
    tell(&ring, 1..=60);
    let mut joined = ring.join(Start::Now, 20);
    assert!(!joined.recovered);
    assert_eq!(joined.history.iter().map(|item| item.at).collect::<Vec<_>>(), (41..=60).collect::<Vec<_>>());
    assert_eq!(joined.place, Some(place(60)));
    tell(&ring, [61]);
    assert_eq!(read(&ring, &mut joined), (vec![61], 0));
}

#[test]
fn a_page_that_was_made_a_moment_ago_misses_nothing_that_was_said_while_it_loaded() {
    let ring = ring(Window { bytes: 20_000, ..WINDOW });
    tell(&ring, 1..=60);
    let made = ring.tip().expect("a tip");
    tell(&ring, 61..=63);
    let mut joined = ring.join(Start::Page(made.clone()), 20);
    assert!(joined.recovered);
    assert_eq!(joined.history.iter().map(|item| item.at).collect::<Vec<_>>(), (41..=60).collect::<Vec<_>>());
    assert_eq!(joined.place, Some(place(60)));
    tell(&ring, [64]);
    assert_eq!(read(&ring, &mut joined), (vec![61, 62, 63, 64], 0));
    // One that was made too long ago begins now.
    (65..=1_000).for_each(|n| tell(&ring, [n]));
    let mut joined = ring.join(Start::Page(made), 20);
    assert!(!joined.recovered);
    assert_eq!(joined.history.iter().map(|item| item.at).collect::<Vec<_>>(), (981..=1_000).collect::<Vec<_>>());
    assert_eq!(read(&ring, &mut joined), (vec![], 0));
}

#[test]
fn who_reads_too_slowly_is_told_how_many_it_lost() {
    let ring = ring(Window { bytes: 2_000, ..WINDOW });
    let mut joined = ring.join(Start::Now, 0);
    for n in 1..=100 {
        tell(&ring, [n]);
    }
    let (got, missed) = read(&ring, &mut joined);
    assert_eq!(got.last(), Some(&100));
    assert_eq!(got.len() as u64 + missed, 100);
    assert!(missed > 50);
    assert!(ring.size().0 <= 2_000);
}

#[test]
fn a_place_that_fell_out_of_the_window_is_not_recovered() {
    let ring = ring(Window { bytes: 2_000, ..WINDOW });
    for n in 1..=100 {
        tell(&ring, [n]);
    }
    assert!(!ring.join(Start::After(place(1)), 0).recovered);
    let kept = 100 - ring.size().1;
    assert!(ring.join(Start::After(place(kept)), 0).recovered);
    assert!(!ring.join(Start::After(place(kept - 1)), 0).recovered);
}

#[test]
fn a_reader_that_began_later_knows_by_the_arrival_time_what_it_has() {
    let ring = Ring::new(WINDOW);
    ring.begin(lineage().beginning(50).expect("a place"), 50);
    tell(&ring, 50..=60);
    assert!(!ring.join(Start::After(place(49)), 0).recovered);
    let mut joined = ring.join(Start::After(place(55)), 0);
    assert!(joined.recovered);
    assert_eq!(read(&ring, &mut joined).0, (56..=60).collect::<Vec<_>>());
}

#[test]
fn who_comes_from_a_server_that_has_read_further_hears_nothing_twice() {
    let ring = ring(WINDOW);
    tell(&ring, 1..=3);
    let mut joined = ring.join(Start::After(place(8)), 0);
    assert!(joined.recovered);
    tell(&ring, 4..=6);
    tell(&ring, 7..=10);
    tell(&ring, [11]);
    assert_eq!(read(&ring, &mut joined), (vec![9, 10, 11], 0));
}

#[test]
fn nobody_is_woken_into_nothing_and_nobody_sleeps_on() {
    struct Count(std::sync::atomic::AtomicUsize);
    impl std::task::Wake for Count {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }
    let count = std::sync::Arc::new(Count(0.into()));
    let ring = ring(WINDOW);
    let mut joined = ring.join(Start::Now, 0);
    let (waker, slot) = (count.clone().into(), ring.wait());
    assert!(matches!(ring.poll_next(&mut joined.cursor, &slot, &waker), Next::Nothing));
    tell(&ring, [1]);
    tell(&ring, [2]);
    assert_eq!(count.0.load(std::sync::atomic::Ordering::Relaxed), 1);
    assert_eq!(read(&ring, &mut joined).0, [1, 2]);
    assert_eq!(ring.viewers(), 1);
    ring.leave();
    assert_eq!(ring.viewers(), 0);
}

#[test]
fn another_stream_makes_old_places_worthless_and_cuts_nobody_off() {
    let ring = ring(WINDOW);
    let mut joined = ring.join(Start::Now, 0);
    tell(&ring, [1, 2]);
    assert_eq!(read(&ring, &mut joined).0, [1, 2]);
    ring.begin(lineage().beginning(100).expect("a place"), 100);
    assert!(!ring.join(Start::After(place(2)), 0).recovered);
    tell(&ring, [101]);
    assert_eq!(read(&ring, &mut joined), (vec![101], 0));
}

#[test]
fn a_stream_made_anew_is_heard_by_whoever_is_connected_after_a_gap() {
    let ring = ring(WINDOW);
    // One that comes from a server which had read further, one that has heard all, and one that lags.
    let mut viewers = [Start::After(place(1_000)), Start::Now, Start::After(place(0))].map(|start| ring.join(start, 0));
    tell(&ring, [2]);
    assert_eq!(read(&ring, &mut viewers[1]).0, [2]);
    let anew = lineage_of(2);
    ring.begin(anew.beginning(100).expect("a place"), 100);
    assert!(ring.join(Start::Now, 20).history.is_empty(), "the old stream's is no history of the new one");
    ring.tell(vec![(anew.place("s", "7", 107).expect("a place"), Said::Danmu(item(7)))]);
    for viewer in &mut viewers {
        let mut told = Vec::new();
        loop {
            match ring.next(&mut viewer.cursor) {
                Next::Event { frame, .. } => told.push(String::from_utf8_lossy(&frame.bytes).into_owned()),
                Next::Missed(_) => {}
                Next::Nothing | Next::Closed => break,
            }
        }
        let [gap, new] = &told[..] else { panic!("{told:?}") };
        assert_eq!(gap, "event: gap\nid: 2~s~0~100\ndata: {}\n\n");
        assert_eq!(texts(new.as_bytes()), [7]);
    }
}

#[test]
fn a_number_in_the_line_is_given_once_and_who_lags_is_told_what_it_lost() {
    let ring = ring(Window { bytes: 2_000, ..WINDOW });
    let mut lags = ring.join(Start::Now, 0);
    (1..=5).for_each(|n| tell(&ring, [n]));
    assert!(matches!(ring.next(&mut lags.cursor), Next::Event { .. }));
    (6..=100).for_each(|n| tell(&ring, [n]));
    let (got, missed) = read(&ring, &mut lags);
    assert_eq!((got.last(), got.len() as u64 + missed), (Some(&100), 99));
    assert!(got.is_sorted() && got[0] > 5, "{got:?}");
}

#[test]
fn of_a_frame_that_is_cut_only_that_is_told_which_stands_behind() {
    let ring = ring(WINDOW);
    let mut joined = ring.join(Start::After(place(2)), 0);
    ring.tell(vec![danmu(1), (place(2), Said::Dropped(5)), danmu(3), (place(4), Said::Dropped(6))]);
    let Next::Event { frame, .. } = ring.next(&mut joined.cursor) else { panic!("an event") };
    let told: Told = serde_json::from_slice(sse::data(&frame.bytes).expect("data")).expect("a frame");
    assert_eq!((texts(&frame.bytes), told.dropped, frame.danmu()), (vec![3], 6, 1));
}

/// What was said at these numbers, by that viewer.
fn tell_of(ring: &Ring, viewer: &str, numbers: std::ops::RangeInclusive<u64>) {
    ring.tell(numbers.map(|n| (place(n), Said::Danmu(Item { viewer: Some(viewer.into()), ..item(n) }))).collect());
}

#[test]
fn what_is_retracted_is_told_to_nobody_any_more_and_places_and_counts_stay() {
    let ring = ring(WINDOW);
    let mut heard = ring.join(Start::Now, 0);
    tell_of(&ring, "ann", 1..=2);
    tell_of(&ring, "bob", 3..=3);
    let (mut lags, kept) = (ring.join(Start::After(place(0)), 0), ring.size().1);
    assert_eq!(read(&ring, &mut heard).0, [1, 2, 3]);
    let ban = Retracted { viewer: Some("ann".into()), id: None, before: 3, by: danmu::viewer::Rank::Operator };
    ring.retract(vec![ban.clone()]);
    let Next::Event { frame, .. } = ring.next(&mut heard.cursor) else { panic!("an event") };
    assert_eq!(
        frame.bytes,
        r#"data: {"retracted":[{"viewer":"ann","before":3,"by":"operator"}]}

"#
    );
    tell_of(&ring, "ann", 4..=4);
    assert_eq!(read(&ring, &mut lags), (vec![3, 4], 0), "nothing was missed");
    let history = ring.join(Start::Now, 50).history;
    assert_eq!(history.iter().map(|item| item.at).collect::<Vec<_>>(), [3, 4]);
    assert_eq!(ring.size().1, kept + 1);
    let mut joined = ring.join(Start::After(place(1)), 0);
    assert_eq!((joined.recovered, read(&ring, &mut joined).0), (true, vec![3, 4]));
    ring.retract(Vec::new());
    assert!(matches!(ring.next(&mut lags.cursor), Next::Nothing), "nothing is no event");
}

proptest! {
    /// Two replicas cut the same danmu into frames of their own; a viewer moves between them.
    #[test]
    fn a_viewer_may_go_on_anywhere_and_gets_each_danmu_once(
        cuts in prop::collection::vec(1_u64..8, 1..20),
        other_cuts in prop::collection::vec(1_u64..8, 1..20),
        from in 0_u64..60,
    ) {
        let frames = |cuts: Vec<u64>| {
            let ring = ring(WINDOW);
            let mut next = 1;
            for cut in cuts.into_iter().cycle() {
                if next > 60 {
                    break;
                }
                let end = (next + cut - 1).min(60);
                tell(&ring, next..=end);
                next = end + 1;
            }
            ring
        };
        for ring in [frames(cuts), frames(other_cuts)] {
            let mut joined = ring.join(Start::After(place(from)), 50);
            prop_assert!(joined.recovered);
            prop_assert_eq!(read(&ring, &mut joined), ((from + 1..=60).collect::<Vec<_>>(), 0));
        }
    }
}
