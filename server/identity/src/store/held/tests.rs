use danmu::{
    record::{Color, DanmuKey, Mode, RecordId},
    viewer::Role,
};
use danmu_app::{audit::AuditFilter, review::waiting_danmu};

use super::*;
use crate::store::{
    Entries,
    place::{Place, Test, on_both},
};

on_both! {
    what_waits_is_written_once_and_a_page_is_told_what_changed,
    of_two_who_decide_the_first_counts_and_the_other_is_told,
    where_the_entry_is_refused_nothing_is_decided,
    what_is_due_is_let_through_by_itself_and_what_waited_for_half_an_hour_never_is,
    the_oldest_fall_out_of_a_full_room_and_other_rooms_keep_theirs,
    what_the_stream_tells_settles_what_waits_here,
    what_is_let_through_is_owed_until_the_stream_took_it_and_never_again_after_ten_minutes,
}

const NOW_MS: i64 = 1_800_000_000_000;

fn demo() -> RoomId {
    RoomId::demo()
}

fn keeper() -> By {
    By::viewer(&ViewerId::guest(7), None, Some(Rank::Moderator))
}

/// Danmu `n` of a viewer, which arrived so many milliseconds after [`NOW_MS`].
fn row(n: u128, viewer: Option<&str>, later_ms: i64, due_ms: Option<i64>) -> HeldRow {
    let viewer = viewer.map(|viewer| viewer.parse().expect("an id"));
    let (key, text) = (DanmuKey::Record(RecordId::new(1, n)), format!("text {n}"));
    let (mode, color, role) = (Mode::default(), Color::default(), Role::Viewer);
    let said = Passed { key, viewer, name: None, role, text, mode, color, at: NOW_MS + later_ms };
    HeldRow { room: demo(), said, due_ms }
}

fn news(held: Vec<HeldRow>) -> HeldNews {
    HeldNews { held, ..HeldNews::default() }
}

fn of(row: &HeldRow) -> DanmuRef {
    row.said.danmu()
}

/// The texts of what waits, and how many do.
async fn waiting(store: &Store) -> Result<(Vec<String>, u32), StoreError> {
    let told = store.waiting(&demo(), 0).await?;
    Ok((told.waiting.into_iter().map(|one| one.text).collect(), told.count))
}

async fn acts(store: &Store) -> Result<Vec<(String, String, Option<String>)>, StoreError> {
    let entries = store.audit(Some(&demo()), Entries::After(0, 0), &AuditFilter::default(), 100).await?;
    Ok(entries.into_iter().map(|entry| (entry.what, entry.viewer, entry.detail.text)).collect())
}

async fn what_waits_is_written_once_and_a_page_is_told_what_changed(place: &Place) -> Test {
    let store = place.open().await?;
    let other = place.open().await?;
    let rows = vec![row(2, Some("ann"), 2, None), row(1, None, 1, Some(NOW_MS + 9)), row(2, None, 3, None)];
    for store in [&store, &other, &store] {
        assert_eq!(store.keep_held(&news(rows.clone()), NOW_MS).await?, 0);
    }
    let told = store.waiting(&demo(), 0).await?;
    let ids: Vec<_> = told.waiting.iter().map(|one| one.id.clone()).collect();
    assert_eq!(ids, rows.iter().map(|row| waiting_id(&of(row))).collect::<Vec<_>>(), "ids are of a viewer each");
    assert_eq!((told.count, told.more, told.gone.len()), (3, false, 0));
    let first = &told.waiting[0];
    assert_eq!((first.viewer.as_deref(), &*first.text, first.at_ms), (Some("ann"), "text 2", NOW_MS + 2));
    assert_eq!(told.waiting[1].due_ms, Some(NOW_MS + 9));
    assert_eq!(waiting_danmu(&first.id), Some(of(&rows[0])));
    let again = store.waiting(&demo(), told.upto).await?;
    assert_eq!(again, WaitingChanges { upto: told.upto, count: 3, ..WaitingChanges::default() }, "nothing is new");

    other.keep_held(&news(vec![row(4, None, 4, None)]), NOW_MS).await?;
    assert!(other.pass(&demo(), &[of(&rows[0])], &keeper(), NOW_MS).await?.is_empty());
    let changed = store.waiting(&demo(), told.upto).await?;
    assert_eq!(changed.waiting.iter().map(|one| &*one.text).collect::<Vec<_>>(), ["text 4"]);
    assert_eq!((changed.gone, changed.count), (vec![ids[0].clone()], 3));
    assert_eq!(store.waiting(&"other".parse()?, 0).await?, WaitingChanges::default());
    // Written again after a restart: it does not wait once more.
    store.keep_held(&news(rows), NOW_MS).await?;
    assert_eq!(waiting(&store).await?.1, 3);
    Ok(())
}

async fn of_two_who_decide_the_first_counts_and_the_other_is_told(place: &Place) -> Test {
    let store = place.open().await?;
    let other = place.open().await?;
    let rows: Vec<_> = (0..40).map(|n| row(n, Some("ann"), n as i64, None)).collect();
    store.keep_held(&news(rows.clone()), NOW_MS).await?;
    let (mut passed, mut out) = (0, 0);
    for row in &rows {
        let (danmu, demo, by) = (of(row), demo(), keeper());
        let one = [danmu.clone()];
        let pass = store.pass(&demo, &one, &by, NOW_MS);
        let take_out = other.take_out(&demo, &danmu, Rank::Moderator, &by, NOW_MS);
        match tokio::try_join!(pass, take_out)? {
            (refused, Err(NotWaiting::Passed)) if refused.is_empty() => passed += 1,
            (refused, Ok(())) if refused == [NotWaiting::Out] => out += 1,
            outcome => panic!("both decided, or neither: {outcome:?}"),
        }
    }
    assert_eq!((passed + out, waiting(&store).await?.1), (40, 0));
    assert_eq!(store.claim_passed(100, NOW_MS).await?.len(), passed, "what was taken out is not told");
    // What is taken out is hidden on the stream, for servers with stores of their own.
    let hidden = store.decisions_since(0).await?;
    assert_eq!(hidden.len(), out);
    assert!(hidden.iter().all(|row| matches!(row.decision.on, Subject::Danmu(_)) && !row.told));
    let acts = acts(&store).await?;
    assert_eq!(acts.len(), 40, "an entry for each");
    assert!(
        acts.iter()
            .all(|(what, viewer, text)| matches!(&**what, "pass" | "take_out") && viewer == "ann" && text.is_some())
    );
    let unknown = of(&row(99, None, 0, None));
    assert_eq!(store.pass(&demo(), std::slice::from_ref(&unknown), &keeper(), NOW_MS).await?, [NotWaiting::Late]);
    assert_eq!(store.take_out(&demo(), &unknown, Rank::Streamer, &keeper(), NOW_MS).await?, Err(NotWaiting::Late));
    Ok(())
}

async fn where_the_entry_is_refused_nothing_is_decided(place: &Place) -> Test {
    let store = place.open().await?;
    let one = row(1, Some("ann"), 0, None);
    store.keep_held(&news(vec![one.clone()]), NOW_MS).await?;
    store.refuse("audit", true).await?;
    assert!(store.pass(&demo(), &[of(&one)], &keeper(), NOW_MS).await.is_err());
    assert!(store.take_out(&demo(), &of(&one), Rank::Moderator, &keeper(), NOW_MS).await.is_err());
    assert_eq!((waiting(&store).await?.1, store.decisions_since(0).await?.len()), (1, 0));
    assert!(store.claim_passed(9, NOW_MS).await?.is_empty());
    store.refuse("audit", false).await?;
    assert!(store.pass(&demo(), &[of(&one)], &keeper(), NOW_MS).await?.is_empty());
    Ok(())
}

async fn what_is_due_is_let_through_by_itself_and_what_waited_for_half_an_hour_never_is(place: &Place) -> Test {
    let store = place.open().await?;
    let rows =
        vec![row(1, None, 0, Some(NOW_MS + 5_000)), row(2, None, 0, None), row(3, None, 0, Some(NOW_MS + 9_000))];
    store.keep_held(&news(rows.clone()), NOW_MS).await?;
    assert_eq!(store.settle_held(NOW_MS + 4_999).await?, 0);
    store.take_out(&demo(), &of(&rows[2]), Rank::Moderator, &keeper(), NOW_MS).await?.expect("it waits");
    assert_eq!(store.settle_held(NOW_MS + 10_000).await?, 1, "what was taken out is due no more");
    let claimed = store.claim_passed(9, NOW_MS + 10_000).await?;
    assert_eq!(claimed, rows[..1]);
    assert_eq!(acts(&store).await?.len(), 1, "nobody decided about the other");
    assert_eq!(store.settle_held(NOW_MS + HELD_MS).await?, 0);
    assert_eq!(waiting(&store).await?.1, 0);
    assert_eq!(store.pass(&demo(), &[of(&rows[1])], &keeper(), NOW_MS + HELD_MS).await?, [NotWaiting::Late]);
    // Read again by a server that starts later.
    store.keep_held(&news(vec![row(4, None, 0, None)]), NOW_MS + HELD_MS).await?;
    assert_eq!(waiting(&store).await?.1, 0);
    store.forget_held(NOW_MS + FORGET_MS).await?;
    assert!(store.has_held().await?);
    store.forget_held(NOW_MS + FORGET_MS + 1).await?;
    assert!(!store.has_held().await?);
    Ok(())
}

async fn the_oldest_fall_out_of_a_full_room_and_other_rooms_keep_theirs(place: &Place) -> Test {
    let store = place.open().await?;
    let elsewhere = HeldRow { room: "other".parse()?, ..row(1, None, 0, None) };
    store.keep_held(&news(vec![elsewhere.clone()]), NOW_MS).await?;
    let most = MOST_WAITING as u128;
    // All at once, as after the store has failed for a while.
    let rows = (0..most + 30).rev().map(|n| row(n, Some("ann"), n as i64, None)).collect();
    assert_eq!(store.keep_held(&news(rows), NOW_MS).await?, 30);
    let (mut since, mut texts) = (0, Vec::new());
    loop {
        let told = store.waiting(&demo(), since).await?;
        texts.extend(told.waiting.into_iter().map(|one| one.text));
        assert_eq!(told.count as usize, MOST_WAITING);
        since = told.upto;
        if !told.more {
            break;
        }
    }
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), MOST_WAITING, "each is told once, page by page");
    assert!(!texts.contains(&"text 29".to_owned()) && texts.contains(&"text 30".to_owned()));
    assert_eq!(store.waiting(&elsewhere.room, 0).await?.count, 1);
    Ok(())
}

async fn what_the_stream_tells_settles_what_waits_here(place: &Place) -> Test {
    let store = place.open().await?;
    let rows = vec![
        row(1, Some("ann"), 0, None),
        row(2, Some("ann"), 1, None),
        row(3, Some("bob"), 2, None),
        row(4, None, 3, None),
        row(5, Some("cleo"), 4, None),
    ];
    store.keep_held(&news(rows.clone()), NOW_MS).await?;
    let other: RoomId = "other".parse()?;
    let ann = Subject::Viewer("ann".parse()?);
    let told = HeldNews {
        held: Vec::new(),
        // Another server, with a store of its own, let it through.
        shown: vec![(demo(), of(&rows[2]))],
        gone: vec![(Some(demo()), Subject::Danmu(of(&rows[3]))), (Some(other), Subject::Viewer("cleo".parse()?))],
    };
    store.keep_held(&told, NOW_MS).await?;
    assert_eq!(waiting(&store).await?.0, ["text 1", "text 2", "text 5"]);
    let refused = store.pass(&demo(), &[of(&rows[2]), of(&rows[3])], &keeper(), NOW_MS).await?;
    assert_eq!(refused, [NotWaiting::Passed, NotWaiting::Out]);
    assert!(store.claim_passed(9, NOW_MS).await?.is_empty(), "the stream has it");
    store.keep_held(&HeldNews { gone: vec![(None, ann)], ..HeldNews::default() }, NOW_MS).await?;
    assert_eq!(waiting(&store).await?.0, ["text 5"], "a ban from every room");
    store.erase(&"cleo".parse()?, &By::operator(), NOW_MS).await?;
    assert_eq!(waiting(&store).await?.1, 0);
    Ok(())
}

async fn what_is_let_through_is_owed_until_the_stream_took_it_and_never_again_after_ten_minutes(place: &Place) -> Test {
    let store = place.open().await?;
    let other = place.open().await?;
    let rows: Vec<_> = (1..=3).map(|n| row(n, None, n as i64, None)).collect();
    store.keep_held(&news(rows.clone()), NOW_MS).await?;
    let order: Vec<_> = [2, 0, 1].iter().map(|at| of(&rows[*at])).collect();
    store.pass(&demo(), &order, &keeper(), NOW_MS).await?;
    let claimed = store.claim_passed(2, NOW_MS).await?;
    assert_eq!(claimed, [rows[2].clone(), rows[0].clone()], "in the order in which they were let through");
    assert_eq!(other.claim_passed(9, NOW_MS).await?, [rows[1].clone()], "two servers never have the same");
    other.release_passed([&rows[1]].into_iter()).await?;
    store.passed_told([&rows[2]].into_iter(), NOW_MS).await?;
    // The first server ended before it knew what became of one.
    assert_eq!(other.claim_passed(9, NOW_MS + 4_999).await?, [rows[1].clone()]);
    other.passed_told([&rows[1]].into_iter(), NOW_MS).await?;
    assert_eq!(other.claim_passed(9, NOW_MS + 5_000).await?, [rows[0].clone()]);
    assert!(
        other.claim_passed(9, NOW_MS + 5_000 + 600_000).await?.is_empty(),
        "it may be on the stream, unknown to all"
    );
    Ok(())
}
