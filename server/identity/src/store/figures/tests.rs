use super::*;
use crate::store::place::{Place, Test, on_both};

on_both! {
    servers_and_restarts_add_up_to_one_hour_and_no_danmu_counts_twice,
    a_minute_that_is_written_again_takes_the_place_of_what_that_run_wrote,
    other_rooms_and_what_is_too_old_are_left_out_and_deleted,
}

const NOW: i64 = 100 * MINUTE_MS + 5;

fn row(server: &str, run_ms: i64, minute: i64) -> FigureRow {
    FigureRow {
        room: RoomId::demo(),
        minute_ms: minute * MINUTE_MS,
        server: server.to_owned(),
        run_ms,
        danmu: 0,
        viewers: 0,
        details: Details::default(),
    }
}

fn counted<K: Ord>(counts: impl IntoIterator<Item = (K, u64)>) -> BTreeMap<K, u64> {
    counts.into_iter().collect()
}

async fn servers_and_restarts_add_up_to_one_hour_and_no_danmu_counts_twice(place: &Place) -> Test {
    let (store, other) = (place.open().await?, place.open().await?);
    let said = |danmu, word: &str, count| (danmu, counted([(word.to_owned(), count)]));
    let with = |row: FigureRow, (danmu, words), viewers, delay| FigureRow {
        danmu,
        viewers,
        details: Details { words, delays: counted([(bucket(delay), 1)]), ..Details::default() },
        ..row
    };
    // Server a was killed in minute 100; it reads a part of the stream again. Server b goes on.
    let first = with(row("a", 1, 100), said(7, "go", 5), 3, 10);
    let again = with(row("a", 2, 100), said(4, "go", 2), 2, 10);
    let beside = with(row("b", 1, 100), said(9, "go", 6), 4, 1_000);
    let earlier = with(row("b", 1, 41), said(1, "go", 1), 0, 10);
    store.keep_figures(&[first, again]).await?;
    other.keep_figures(&[beside, earlier]).await?;
    let hour = store.hour(&RoomId::demo(), NOW).await?;
    assert_eq!(hour.words, [("go".to_owned(), 7)]);
    let [earlier, last] = &hour.minutes[..] else { panic!("{hour:?}") };
    assert_eq!((earlier.at_ms, earlier.danmu), (41 * MINUTE_MS, 1));
    assert_eq!((last.danmu, last.viewers), (9, 7), "every server reads all danmu, and each has viewers of its own");
    assert_eq!((last.p50_ms, last.p95_ms), (Some(11), Some(1_477)));
    Ok(())
}

async fn a_minute_that_is_written_again_takes_the_place_of_what_that_run_wrote(place: &Place) -> Test {
    let store = place.open().await?;
    let mut row = row("a", 1, 100);
    row.details.words = counted([("bad".to_owned(), 9), ("good".to_owned(), 2), ("once".to_owned(), 1)]);
    row.details.refused = counted([("banned".to_owned(), 3)]);
    row.danmu = 12;
    for _ in 0..2 {
        store.keep_figures(&[row.clone()]).await?;
    }
    let hour = store.hour(&RoomId::demo(), NOW).await?;
    assert_eq!((hour.minutes[0].danmu, &hour.minutes[0].refused), (12, &vec![("banned".to_owned(), 3)]));
    assert_eq!(hour.words, [("bad".to_owned(), 9), ("good".to_owned(), 2)], "what was said once is no frequent word");
    row.details.hidden = vec!["bad".to_owned()];
    row.danmu = 13;
    store.keep_figures(&[row]).await?;
    let hour = store.hour(&RoomId::demo(), NOW).await?;
    assert_eq!((hour.minutes[0].danmu, hour.words), (13, vec![("good".to_owned(), 2)]), "what was hidden is not named");
    Ok(())
}

async fn other_rooms_and_what_is_too_old_are_left_out_and_deleted(place: &Place) -> Test {
    let store = place.open().await?;
    let elsewhere: RoomId = "elsewhere".parse()?;
    let rows: Vec<_> = (0..250).map(|run| FigureRow { danmu: 1, ..row("a", run, run % 50) }).collect();
    store.keep_figures(&rows).await?;
    store.keep_figures(&[FigureRow { room: elsewhere.clone(), danmu: 5, ..row("a", 1, 100) }]).await?;
    let minutes =
        |hour: HourFigures| hour.minutes.into_iter().map(|minute| minute.at_ms / MINUTE_MS).collect::<Vec<_>>();
    assert_eq!(minutes(store.hour(&RoomId::demo(), NOW).await?), (41..50).collect::<Vec<_>>());
    assert_eq!(store.forget_figures(45 * MINUTE_MS).await?, 225);
    assert_eq!(minutes(store.hour(&RoomId::demo(), NOW).await?), (45..50).collect::<Vec<_>>());
    assert_eq!(minutes(store.hour(&elsewhere, NOW).await?), [100]);
    Ok(())
}

#[test]
fn latencies_are_told_to_within_half_of_what_they_are() {
    for ms in [0, 1, 7, 100, 2_500, 50_000] {
        let upper = upper_ms(bucket(ms));
        assert!(ms <= upper && upper <= ms * 3 / 2 + 1, "{ms} is said to be {upper}");
    }
    assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    assert_eq!(quantile(&BTreeMap::new(), 50), None);
}
