//! Reviewed mode: what waits, while the store or the stream fails.

use danmu::{
    gate::{Admitted, Evidence, Held},
    record::{Color, DanmuKey, DanmuRef, Mode},
    room::HELD_MS,
};
use danmu_app::{
    error::CrewError,
    services::{Caller, Reviewing},
};

use super::*;

/// Danmu `n` of a guest, which waits.
fn held(n: u128, after_s: u8) -> Held {
    let evidence = Evidence {
        viewer: ViewerId::guest(n),
        name: None,
        role: Role::Viewer,
        room: RoomId::demo(),
        issued_ms: 0,
        expires_ms: i64::MAX,
    };
    let (key, text) = (DanmuKey::Record(RecordId::new(1, n)), format!("text {n}"));
    let (mode, color, arrival_ms, evidence) = (Mode::default(), Color::default(), now_ms(), Some(evidence.into()));
    let danmu = Admitted { key, text, mode, color, arrival_ms, sent_ms: None, held_ms: None, evidence };
    Held { danmu, after_s }
}

fn danmu(n: u128) -> DanmuRef {
    DanmuRef { key: DanmuKey::Record(RecordId::new(1, n)), viewer: Some(ViewerId::guest(n)) }
}

/// Waits until so many danmu wait in the store.
async fn until_wait(store: &Store, count: u32) -> Test {
    let waits = async {
        while store.waiting(&RoomId::demo(), 0).await?.count != count {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok::<_, StoreError>(())
    };
    Ok(timeout(OUTER, waits).await??)
}

#[tokio::test]
async fn what_waits_is_in_memory_while_the_store_refuses_and_in_the_store_afterwards() -> Test {
    let dir = tempfile::tempdir()?;
    let store = Store::open(dir.path()).await?;
    let (moderation, mut work) = Moderation::open(store.clone()).await?;
    execute(dir.path(), "CREATE TRIGGER no_rows BEFORE INSERT ON held BEGIN SELECT RAISE(ABORT, 'no'); END").await?;
    let start_ms = now_ms();
    for turn in 0..10 {
        for n in 0..200 {
            moderation.held(&RoomId::demo(), held(turn * 200 + n, 0));
        }
        assert!(work.keep_held(start_ms + turn as i64 * AGAIN_MS).await.is_err(), "{turn}");
        assert!(work.keep_held(start_ms + turn as i64 * AGAIN_MS + 1).await.is_ok(), "it waits for its turn");
    }
    execute(dir.path(), "DROP TRIGGER no_rows").await?;
    work.keep_held(start_ms + 10 * AGAIN_MS).await?;
    assert_eq!((store.waiting(&RoomId::demo(), 0).await?.count, moderation.fell_out()), (2_000, 0));
    Ok(())
}

#[tokio::test]
async fn what_waits_in_memory_is_bounded_and_what_falls_out_is_counted() -> Test {
    let dir = tempfile::tempdir()?;
    let (moderation, _work) = Moderation::open(Store::open(dir.path()).await?).await?;
    for n in 0..=20_000 {
        moderation.held(&RoomId::demo(), held(n, 0));
    }
    let news = moderation.0.review.take();
    assert_eq!((news.held.len(), moderation.fell_out()), (18_000, 2_001));
    assert_eq!(news.held.last().map(|row| row.said.key.clone()), Some(danmu(20_000).key), "the newest are kept");
    moderation.held(&RoomId::demo(), held(7, 0));
    moderation.0.review.give_back(news);
    let back = moderation.0.review.take();
    assert_eq!((back.held.len(), back.held.last().map(|row| row.said.key.clone())), (18_001, Some(danmu(7).key)));
    Ok(())
}

#[tokio::test]
async fn what_is_let_through_while_the_stream_is_away_is_owed_and_due_times_are_kept() -> Test {
    let dir = tempfile::tempdir()?;
    let store = Store::open(dir.path()).await?;
    let (moderation, work) = Moderation::open(store.clone()).await?;
    moderation.reads_newest(true);
    let stop = CancellationToken::new();
    let working = tokio::spawn(work.run(means(dir.path())?, stop.clone()));
    for n in 0..3 {
        moderation.held(&RoomId::demo(), held(n, 0));
    }
    // Of long ago, by the clock: due at once, and too late at once.
    let due = |n, age_ms| {
        let Held { danmu, .. } = held(n, 0);
        Held { danmu: Admitted { arrival_ms: now_ms() - age_ms, ..danmu }, after_s: 5 }
    };
    moderation.held(&RoomId::demo(), due(3, 5_001));
    moderation.held(&RoomId::demo(), due(4, HELD_MS + 1));
    until_wait(&store, 3).await?;
    let pass =
        |ids: &[u128]| moderation.pass(keeper("keeper"), RoomId::demo(), ids.iter().map(|n| danmu(*n)).collect());
    assert_eq!(pass(&[0, 1]).await, Ok(2));
    assert_eq!(moderation.take_out(keeper("host"), RoomId::demo(), danmu(2)).await, Ok(()));
    let passed = |answer: Result<u32, ApiError>, code: &str| {
        let ApiError::Crew(lines) = answer.expect_err("it waits") else { panic!("another error") };
        assert_eq!(CrewError::of(&lines), Some(CrewError::NotWaiting(code.into())));
    };
    passed(pass(&[0]).await, "passed");
    passed(pass(&[2]).await, "out");
    passed(pass(&[3]).await, "passed");
    passed(pass(&[4]).await, "late");
    stop.cancel();
    working.await?;
    // Nobody reached the stream, so all of it is claimed by whoever starts next.
    let owed = async {
        loop {
            let rows = store.claim_passed(9, now_ms() + 60_000).await?;
            if rows.len() == 3 {
                return Ok::<_, StoreError>(());
            }
        }
    };
    timeout(OUTER, owed).await??;
    Ok(())
}

#[tokio::test]
async fn viewers_read_nothing_themselves_as_soon_as_a_room_is_reviewed() -> Test {
    let dir = tempfile::tempdir()?;
    let store = Store::open(dir.path()).await?;
    let (moderation, work) = Moderation::open(store.clone()).await?;
    let stop = CancellationToken::new();
    let working = tokio::spawn(work.run(means(dir.path())?, stop.clone()));
    assert!(moderation.allows_direct());
    let review = danmu::room::RoomMode::Reviewed(danmu::room::Review { members: false, after_s: 0 });
    moderation.set_mode(keeper("keeper"), &room(), review, true).await?;
    let shut = async {
        while moderation.allows_direct() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(OUTER, shut).await?;
    stop.cancel();
    working.await?;
    let caller = Caller {
        addr: [127, 0, 0, 1].into(),
        viewer: ViewerId::guest(1),
        name: None,
        rights: Rights::default(),
        login: None,
    };
    assert_eq!(moderation.admits(&caller, &RoomId::demo()), Ok(()), "they may speak");
    Ok(())
}
