//! Several processes at one store at once, and what only a database elsewhere does. Each store here is a process of its own to
//! the database.

use std::{
    collections::HashSet,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use danmu::{
    record::{Decided, Decision, Guests, Network, RecordId, Subject},
    room::RoomId,
    viewer::{Rank, ViewerId},
};
use danmu_app::audit::{Act, AuditFilter};
use futures::future::{join_all, try_join_all};

use super::{
    place::{Place, Test, on_both},
    *,
};

on_both! {
    servers_that_start_at_once_agree_on_the_schema,
    whoever_polls_a_counter_misses_no_change,
    each_decision_is_claimed_by_one_of_three_servers,
    servers_that_write_the_same_rows_in_another_order_all_succeed,
    what_is_told_twice_in_one_call_is_kept_once,
    a_text_with_a_nul_is_no_failure,
    a_call_that_is_given_up_leaves_nothing_open,
}

fn guest(n: u32) -> ViewerId {
    ViewerId::guest(n.into())
}

fn ban(viewer: ViewerId) -> Decision {
    Decision { on: Subject::Viewer(viewer), until: None, by: Rank::Operator }
}

fn said(viewer: ViewerId, words: &str) -> Speaker {
    Speaker { viewer, name: None, room: RoomId::demo(), first_ms: 1, last_ms: 1, words: words.into() }
}

async fn servers(place: &Place, count: usize) -> Result<Vec<Store>, StoreError> {
    try_join_all((0..count).map(|_| place.open())).await
}

async fn servers_that_start_at_once_agree_on_the_schema(place: &Place) -> Test {
    for store in servers(place, 6).await? {
        assert_eq!((store.change().await?, store.room_changes().await?), (0, 0));
    }
    Ok(())
}

async fn whoever_polls_a_counter_misses_no_change(place: &Place) -> Test {
    const EACH: u32 = 25;
    let stores = servers(place, 3).await?;
    let done = AtomicBool::new(false);
    let write = async |(at, store): (u32, &Store)| {
        for n in 0..EACH {
            store.decide(None, &ban(guest(100 * at + n)), &By::operator(), 1).await?;
        }
        Ok::<_, StoreError>(())
    };
    let writing = async {
        let written = try_join_all((0..).zip(&stores).map(write)).await;
        done.store(true, Relaxed);
        written.map(drop)
    };
    let polling = async {
        let (reader, mut change, mut entry) = (place.open().await?, 0, 0);
        let (mut seen, mut entries) = (Vec::new(), Vec::new());
        loop {
            let last = done.load(Relaxed);
            for row in reader.decisions_since(change).await? {
                seen.push(row.change);
                change = row.change;
            }
            for new in reader.audit(None, Entries::After(entry, 0), &AuditFilter::default(), 500).await? {
                entries.push(new.number);
                entry = new.number;
            }
            if last {
                return Ok::<_, StoreError>((seen, entries));
            }
            tokio::task::yield_now().await;
        }
    };
    let (written, polled) = tokio::join!(writing, polling);
    written?;
    let (seen, entries) = polled?;
    let all: Vec<_> = (1..=i64::from(3 * EACH)).collect();
    assert_eq!(seen, all, "a decision with a lower number came after a higher one was seen");
    assert_eq!(entries, all, "an entry of the audit did");
    Ok(())
}

async fn each_decision_is_claimed_by_one_of_three_servers(place: &Place) -> Test {
    let stores = servers(place, 3).await?;
    for n in 0..60 {
        stores[0].decide(None, &ban(guest(n)), &By::operator(), 1).await?;
    }
    let claim = async |store: &Store| {
        let mut ids = Vec::new();
        loop {
            let rows = store.claim(7, 1_000_000).await?;
            if rows.is_empty() {
                return Ok::<_, StoreError>(ids);
            }
            store.told(rows.iter().map(|row| row.id), 1_000_000).await?;
            ids.extend(rows.into_iter().map(|row| row.id));
        }
    };
    let claimed = try_join_all(stores.iter().map(claim)).await?.concat();
    // One that finds only what another has claimed ends early; that other goes on.
    assert_eq!((claimed.len(), claimed.iter().collect::<HashSet<_>>().len()), (60, 60));
    Ok(())
}

async fn servers_that_write_the_same_rows_in_another_order_all_succeed(place: &Place) -> Test {
    let stores = servers(place, 3).await?;
    let write = async |(at, store): (usize, &Store)| {
        let mut speakers: Vec<_> = (0..400).map(|n| said(guest(n), "hi")).collect();
        if at % 2 == 1 {
            speakers.reverse();
        }
        for now_ms in 0..10 {
            store.keep_speakers(&speakers).await?;
            store.forget_speakers(3_600_001 + now_ms).await?;
        }
        Ok::<_, StoreError>(())
    };
    try_join_all(stores.iter().enumerate().map(write)).await?;
    Ok(())
}

async fn what_is_told_twice_in_one_call_is_kept_once(place: &Place) -> Test {
    let store = place.open().await?;
    let told = |n, at| Decided { id: RecordId::new(1, n), room: None, decision: ban(guest(1)), at };
    store.keep(&[told(1, 5), told(2, 6), told(1, 7)]).await?;
    let arrivals: Vec<_> = store.decisions_since(0).await?.into_iter().map(|row| (row.id, row.arrival_ms)).collect();
    assert_eq!(arrivals, [(RecordId::new(1, 1), Some(5)), (RecordId::new(1, 2), Some(6))], "the first reading counts");
    let network = Network::try_from("192.0.2.0/24".to_owned())?;
    let viewers = vec![guest(1), guest(2), guest(1)];
    store.keep_guests(&[Guests { network, viewers, until: 900_000, from: Some(5) }]).await?;
    assert_eq!(store.guests_since(0).await?[0].viewers.len(), 2);
    let later = Speaker { last_ms: 9, ..said(guest(1), "later") };
    store.keep_speakers(&[said(guest(1), "first"), said(guest(2), "hi"), later.clone()]).await?;
    assert_eq!(store.speakers(9).await?, [later, said(guest(2), "hi")]);
    Ok(())
}

async fn a_text_with_a_nul_is_no_failure(place: &Place) -> Test {
    let store = place.open().await?;
    let demo = RoomId::demo();
    let nul = Some("a\0b".to_owned());
    let filter = AuditFilter { actor: nul.clone(), what: nul.clone(), subject: nul };
    assert_eq!(store.audit(Some(&demo), Entries::Before(9), &filter, 9).await?, []);
    assert!(!store.revoke_invitation(&demo, "a\0b", 1).await?);
    assert_eq!(store.use_invitation(&demo, "\0", 1).await?, None);
    assert!(!store.is_signed_out("\0").await?);
    store.keep_speakers(&[said(guest(1), "a\0b")]).await?;
    assert_eq!(store.speakers(1).await?[0].words, "a\u{fffd}b", "a NUL reaches the database");
    store.note(Some(&demo), Act::OpenStudio, "a\0b", &By::operator(), 1).await?;
    assert_eq!(store.audit(None, Entries::Before(9), &AuditFilter::default(), 9).await?[0].subject, "a\u{fffd}b");
    Ok(())
}

/// As when a browser leaves in the middle of a call: whatever was begun is undone, and who comes next is not hindered.
async fn a_call_that_is_given_up_leaves_nothing_open(place: &Place) -> Test {
    let (store, other) = (place.open().await?, place.open().await?);
    store.note(None, Act::Thaw, "", &By::operator(), 1).await?;
    for n in 0..300_u32 {
        // Given up after so many looks at it: in the middle of whatever it waits for then.
        let (decision, by) = (ban(guest(n)), By::operator());
        let mut call = Box::pin(store.decide(None, &decision, &by, 1));
        for _ in 0..n {
            if futures::poll!(&mut call).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(call);
        let open = "SELECT COUNT(*) FROM pg_stat_activity \
                    WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
        while other.is_apart() && query_scalar(open).fetch_one::<i64>(&other.pool).await? > 0 {}
    }
    if other.is_apart() {
        let ended = "SELECT sessions_fatal FROM pg_stat_database WHERE datname = current_database()";
        let ended: i64 = query_scalar(ended).fetch_one(&other.pool).await?;
        assert_eq!(ended, 0, "the database had to end a transaction that was left open");
    }
    let before = other.change().await?;
    let ids = join_all((1_000..1_020).map(|n| {
        let (store, decision) = (store.clone(), ban(guest(n)));
        async move { store.decide(None, &decision, &By::operator(), 1).await }
    }))
    .await;
    let ids = ids.into_iter().collect::<Result<HashSet<_>, _>>()?;
    let rows = other.decisions_since(before).await?;
    let seen: HashSet<_> = rows.iter().map(|row| row.id).collect();
    assert_eq!((ids.len(), ids.difference(&seen).count()), (20, 0), "what was acknowledged is not there for others");
    Ok(())
}

/// A database that nobody reaches, or that refuses: why, and without a password.
#[tokio::test]
async fn a_database_that_cannot_be_reached_is_named_with_the_reason() -> Test {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    drop(listener);
    let url: StoreUrl = format!("postgres://ann:s3cret@127.0.0.1:{port}/shows").parse()?;
    let error = Store::connect(&url).await.expect_err("nobody listens").to_string();
    for part in [&format!("postgres://ann@127.0.0.1:{port}/shows"), "refused", "store.url"] {
        assert!(error.contains(part), "{error}");
    }
    assert!(!error.contains("s3cret"), "{error}");
    let Some(database) = postgres::database()? else { return Ok(()) };
    let elsewhere: StoreUrl = database.url.replace("/t", "/nowhere").parse()?;
    let error = Store::connect(&elsewhere).await.expect_err("there is no such database").to_string();
    assert!(error.contains("does not exist") && !error.contains("unasked"), "{error}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_ends_and_starts_again_is_used_again_and_has_what_was_acknowledged() -> Test {
    let Some(mut cluster) = postgres::cluster()? else { return Ok(()) };
    let database = cluster.database()?;
    let store = Store::connect(&database.url.parse()?).await?;
    for n in 0..10 {
        store.decide(None, &ban(guest(n)), &By::operator(), 1).await?;
    }
    cluster.stop("immediate")?;
    let error = store.decide(None, &ban(guest(10)), &By::operator(), 1).await.expect_err("it is away");
    assert!(matches!(error, StoreError::Late | StoreError::Query(_)), "{error}");
    assert!(store.change().await.is_err());
    cluster.start()?;
    store.decide(None, &ban(guest(11)), &By::operator(), 1).await?;
    assert_eq!((store.change().await?, store.decisions_since(0).await?.len()), (11, 11));
    Ok(())
}

/// A process that stops in the middle of a change, with its connection left open, as on a machine that hangs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_hangs_in_the_middle_of_a_change_holds_up_nobody_for_long() -> Test {
    let Some(place) = Place::postgres()? else { return Ok(()) };
    let (hanging, other) = (place.open().await?, place.open().await?);
    let change = hanging.change_streamer_keys().await?;
    let until = tokio::time::Instant::now() + Duration::from_secs(60);
    while let Err(error) = other.decide(None, &ban(guest(1)), &By::operator(), 1).await {
        assert!(tokio::time::Instant::now() < until, "{error}");
    }
    drop(change);
    hanging.decide(None, &ban(guest(2)), &By::operator(), 1).await?;
    Ok(())
}

/// Lines to that address, which carry nothing any more once the receiver says so, and stay open; later ones do.
async fn lines(to: String, cut: tokio::sync::watch::Receiver<bool>) -> std::io::Result<std::net::SocketAddr> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let (to, mut cut) = (to.clone(), cut.clone());
            let late = *cut.borrow();
            tokio::spawn(async move {
                let mut server = tokio::net::TcpStream::connect(to).await?;
                let cut = async {
                    let _ = cut.wait_for(|cut| *cut && !late).await;
                };
                tokio::select! {
                    () = cut => std::future::pending().await,
                    copied = tokio::io::copy_bidirectional(&mut client, &mut server) => copied,
                }
            });
        }
    });
    Ok(addr)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_the_network_has_lost_make_room_for_others() -> Test {
    let Some(database) = postgres::database()? else { return Ok(()) };
    let (lost, cut) = tokio::sync::watch::channel(false);
    let at = database.url.split(['@', '/']).find(|part| part.starts_with("127.")).ok_or("no address")?;
    let addr = lines(at.to_owned(), cut).await?;
    let store = Store::connect(&database.url.replace(at, &addr.to_string()).parse()?).await?;
    let calls = join_all((0..8).map(|_| {
        let store = store.clone();
        async move { tokio::time::timeout(Duration::from_secs(2), store.execute("SELECT pg_sleep(9)")).await }
    }));
    let losing = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        lost.send_replace(true);
    };
    let (calls, ()) = tokio::join!(calls, losing);
    assert!(calls.iter().all(Result::is_err), "{calls:?}");
    assert_eq!(store.change().await?, 0);
    Ok(())
}
