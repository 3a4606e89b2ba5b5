use proptest::prelude::*;

use super::*;
use crate::relay::samples::{danmu, lineage, place};

const WINDOW: Window = Window { age: Duration::from_secs(60), bytes: 1 << 20 };

fn ring(window: Window) -> Ring {
    let ring = Ring::new(window);
    ring.begin(lineage().beginning(0).expect("a place"), 0);
    ring
}

fn tell(ring: &Ring, numbers: impl IntoIterator<Item = u64>) {
    ring.tell(numbers.into_iter().map(danmu).collect(), 0);
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
            Next::Event { danmu: 0, .. } => {}
            Next::Event { bytes, .. } => got.extend(texts(&bytes)),
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

/// What was evicted, read again: the danmu with these numbers, in frames of three.
fn again(numbers: std::ops::RangeInclusive<u64>) -> Vec<Vec<(Place, Item)>> {
    let danmu: Vec<_> = numbers.map(danmu).collect();
    danmu.chunks(3).map(<[_]>::to_vec).collect()
}

#[test]
fn what_is_put_in_front_is_told_as_if_it_had_never_gone() {
    let ring = ring(Window { bytes: 2_000, ..WINDOW });
    for n in 1..=100 {
        tell(&ring, [n]);
    }
    let gone = 100 - ring.size().1;
    let wanted = gone - 5;
    assert!(!ring.reaches(&place(wanted)));
    let (end, since) = (ring.base(), wanted - 2);
    assert!(ring.put_in_front(again(since..=gone), Base::Since(since as i64), &end));
    let mut joined = ring.join(Start::After(place(wanted)), 0);
    assert!(joined.recovered && !ring.reaches(&place(since - 1)));
    // What the window passes meanwhile stays behind what was put in front of it.
    tell(&ring, [101, 102]);
    assert_eq!(read(&ring, &mut joined), ((wanted + 1..=102).collect::<Vec<_>>(), 0));
    // More of it, for somebody who was away for longer.
    let (end, earlier) = (ring.base(), since - 6);
    assert!(ring.put_in_front(again(earlier..=since - 1), Base::Since(earlier as i64), &end));
    let mut joined = ring.join(Start::After(place(earlier)), 0);
    assert_eq!(read(&ring, &mut joined), ((earlier + 1..=102).collect::<Vec<_>>(), 0));
}

#[test]
fn what_is_put_in_front_goes_again_and_whoever_was_at_it_is_told() {
    let ring = ring(Window { bytes: 2_000, ..WINDOW });
    for n in 1..=100 {
        tell(&ring, [n]);
    }
    let (gone, end) = (100 - ring.size().1, ring.base());
    assert!(ring.put_in_front(again(1..=gone), Base::Since(0), &end));
    let mut joined = ring.join(Start::After(place(0)), 0);
    assert!(matches!(ring.next(&mut joined.cursor), Next::Event { danmu: 3, .. }));
    // As many bytes once more are as many as it may have.
    for n in 101..=140 {
        tell(&ring, [n]);
    }
    assert!(!ring.reaches(&place(gone)));
    let (got, missed) = read(&ring, &mut joined);
    assert_eq!((got.last(), got.len() as u64 + missed), (Some(&140), 137));
    assert!(ring.size().0 <= 2_000);
}

#[test]
fn nothing_is_put_in_front_of_a_line_that_went_on() {
    let ring = ring(Window { bytes: 2_000, ..WINDOW });
    (1..=50).for_each(|n| tell(&ring, [n]));
    let end = ring.base();
    (51..=60).for_each(|n| tell(&ring, [n]));
    assert!(!ring.put_in_front(again(1..=20), Base::Since(0), &end));
    assert!(!ring.reaches(&place(5)));
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
