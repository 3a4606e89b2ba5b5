use danmu::{
    gate::KEPT_MS,
    record::{Decided, Decision, Guests, Network, Subject},
    room::RoomId,
    viewer::{Rank, ViewerId},
};

use sqlx::{
    migrate::{MigrationSource as _, Migrator},
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};

use super::{
    place::{Place, Test, on_both},
    *,
};

on_both! {
    what_was_decided_is_there_after_a_restart_and_for_another_process,
    a_decision_touches_exactly_the_scope_that_it_names,
    nobody_below_takes_back_what_somebody_above_decided,
    the_stream_says_which_decision_is_the_last_whatever_clocks_say,
    one_server_tells_the_stream_of_a_decision_and_another_when_that_one_died,
    what_was_heard_before_it_is_known_to_be_told_is_owed_no_more,
    permanent_bans_that_were_lifted_are_forgotten_and_those_in_force_are_not,
    ten_thousand_guests_of_a_network_are_one_transaction_and_few_records,
    a_viewer_is_known_by_its_last_identity_and_denied_by_all_that_were_seen_lately,
    a_sign_out_is_kept_until_the_last_cookie_has_ended,
}

fn on(text: &str) -> Subject {
    Subject::from(&text.parse::<Whom>().expect("somebody"))
}

fn ban(text: &str, until: Option<i64>) -> Decision {
    Decision { on: on(text), until, by: Rank::Streamer }
}

/// A moderator.
fn keeper() -> By {
    By::viewer(&ViewerId::guest(7), None, Some(Rank::Moderator))
}

fn demo() -> RoomId {
    RoomId::demo()
}

async fn last(store: &Store, room: Option<&RoomId>, text: &str) -> Result<Option<Option<i64>>, StoreError> {
    Ok(store.last(room, &on(text)).await?.map(|row| row.decision.until))
}

async fn what_was_decided_is_there_after_a_restart_and_for_another_process(place: &Place) -> Test {
    let store = place.open().await?;
    let other = place.open().await?;
    store.decide(None, &ban("ann", Some(90)), &keeper(), 10).await?;
    other.decide(Some(&demo()), &ban("192.0.2.7/24", None), &keeper(), 20).await?;
    other.decide(None, &Decision { on: Subject::Vending, until: None, by: Rank::Operator }, &keeper(), 30).await?;
    assert_eq!(store.change().await?, 3);
    drop((store, other));
    let store = place.open().await?;
    let rows = store.decisions_since(0).await?;
    let told: Vec<_> = rows.iter().map(|row| (row.room.clone(), row.decision.clone(), row.told)).collect();
    let expected = [
        (None, ban("ann", Some(90)), false),
        (Some(demo()), ban("192.0.2.0/24", None), false),
        (None, Decision { on: Subject::Vending, until: None, by: Rank::Operator }, false),
    ];
    assert_eq!(told, expected);
    assert_eq!(store.decisions_since(2).await?, rows[2..]);
    Ok(())
}

async fn a_decision_touches_exactly_the_scope_that_it_names(place: &Place) -> Test {
    let store = place.open().await?;
    store.decide(None, &ban("ann", None), &keeper(), 10).await?;
    store.decide(Some(&demo()), &ban("ann", None), &keeper(), 20).await?;
    assert!(store.end(Some(&demo()), &on("ann"), Rank::Streamer, &keeper(), 30).await?);
    assert_eq!(last(&store, None, "ann").await?, Some(None), "the ban from every room goes on");
    assert_eq!(last(&store, Some(&demo()), "ann").await?, Some(Some(0)));
    assert!(!store.end(Some(&demo()), &on("ann"), Rank::Streamer, &keeper(), 31).await?, "there is none any more");
    assert!(!store.end(None, &on("bob"), Rank::Streamer, &keeper(), 31).await?);
    Ok(())
}

async fn nobody_below_takes_back_what_somebody_above_decided(place: &Place) -> Test {
    let store = place.open().await?;
    let by = |rank, until| Decision { by: rank, ..ban("ann", until) };
    store.decide(Some(&demo()), &by(Rank::Streamer, Some(90)), &keeper(), 10).await?;
    store.decide(Some(&demo()), &by(Rank::Moderator, Some(0)), &keeper(), 20).await?;
    assert_eq!(last(&store, Some(&demo()), "ann").await?, Some(Some(90)));
    store.decide(Some(&demo()), &by(Rank::Moderator, None), &keeper(), 90).await?;
    assert_eq!(last(&store, Some(&demo()), "ann").await?, Some(None), "it was over");
    assert!(store.end(Some(&demo()), &on("ann"), Rank::Operator, &keeper(), 100).await?);
    assert_eq!(last(&store, Some(&demo()), "ann").await?, Some(Some(0)));
    // And it is there after it was kept for long.
    store.decide(None, &by(Rank::Operator, None), &keeper(), 110).await?;
    let rows: Vec<_> = store.decisions_since(0).await?.into_iter().enumerate().collect();
    let arrived =
        |(at, row): (usize, Row)| Decided { id: row.id, room: row.room, decision: row.decision, at: 1_000 + at as i64 };
    store.keep(&rows.into_iter().map(arrived).collect::<Vec<_>>()).await?;
    let unban =
        Decided { id: danmu::record::RecordId::new(1, 9), room: None, decision: ban("ann", Some(0)), at: 2_000 };
    store.keep(&[unban]).await?;
    store.forget(3_000 + KEPT_MS).await?;
    assert_eq!(last(&store, None, "ann").await?, Some(None));
    Ok(())
}

async fn the_stream_says_which_decision_is_the_last_whatever_clocks_say(place: &Place) -> Test {
    let store = place.open().await?;
    let id = store.decide(None, &ban("ann", None), &keeper(), 1_000).await?;
    let own = Decided { id, room: None, decision: ban("ann", None), at: 500 };
    store.keep(std::slice::from_ref(&own)).await?;
    // Another server's clock is an hour behind.
    let unban = Decided { id: danmu::record::RecordId::new(1, 1), room: None, decision: ban("ann", Some(0)), at: 600 };
    store.keep(std::slice::from_ref(&unban)).await?;
    assert_eq!(last(&store, None, "ann").await?, Some(Some(0)));
    // Read twice, the second time as it was put twice.
    let change = store.change().await?;
    store.keep(&[Decided { at: 700, ..own }, unban]).await?;
    assert_eq!(last(&store, None, "ann").await?, Some(Some(0)));
    assert_eq!(store.decisions_since(change).await?, [], "it changes nothing");
    store.decide(None, &ban("ann", Some(90)), &keeper(), 5).await?;
    assert_eq!(last(&store, None, "ann").await?, Some(Some(90)), "what is yet to arrive comes after it");
    Ok(())
}

async fn one_server_tells_the_stream_of_a_decision_and_another_when_that_one_died(place: &Place) -> Test {
    let store = place.open().await?;
    let other = place.open().await?;
    let first = store.decide(None, &ban("ann", None), &keeper(), 10).await?;
    let later = store.decide(None, &ban("ann", Some(0)), &keeper(), 20).await?;
    let elsewhere = store.decide(Some(&demo()), &ban("ann", None), &keeper(), 30).await?;
    let ids = |rows: Vec<Row>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
    assert_eq!(ids(store.claim(10, 1_000_000).await?), [first, elsewhere], "none overtakes another of its scope");
    assert_eq!(ids(other.claim(10, 1_000_100).await?), []);
    assert_eq!(ids(other.claim(10, 1_006_000).await?), [first, elsewhere], "the first one took too long");
    other.told([first].into_iter(), 1_006_001).await?;
    other.release([elsewhere].into_iter()).await?;
    assert_eq!(ids(store.claim(10, 1_006_002).await?), [later, elsewhere]);
    store.told([later, elsewhere].into_iter(), 1_006_003).await?;
    assert_eq!(ids(store.claim(10, 2_000_000).await?), []);
    store.keep(&[Decided { id: first, room: None, decision: ban("ann", None), at: 1_006_001 }]).await?;
    store.owe_again(1_006_003).await?;
    assert_eq!(ids(store.claim(10, 2_000_000).await?), [], "it may yet be read");
    store.owe_again(1_006_004).await?;
    assert_eq!(ids(store.claim(10, 2_000_000).await?), [later, elsewhere], "nobody has read them");
    Ok(())
}

async fn what_was_heard_before_it_is_known_to_be_told_is_owed_no_more(place: &Place) -> Test {
    let store = place.open().await?;
    let id = store.decide(None, &ban("ann", None), &keeper(), 10).await?;
    // The server died between the put and the note of it, and reads its own record at the next start.
    store.keep(&[Decided { id, room: None, decision: ban("ann", None), at: 12 }]).await?;
    assert_eq!(store.claim(10, 1_000_000).await?, []);
    Ok(())
}

async fn permanent_bans_that_were_lifted_are_forgotten_and_those_in_force_are_not(place: &Place) -> Test {
    let store = place.open().await?;
    let id = |n| danmu::record::RecordId::new(1, n);
    let decided = |n, text, until, at| Decided { id: id(n), room: None, decision: ban(text, until), at };
    let rows = [
        decided(1, "ann", None, 0),
        decided(2, "ann", Some(0), 10),
        decided(3, "bob", None, 0),
        decided(4, "cleo", Some(20), 0),
    ];
    store.keep(&rows).await?;
    store.forget(10 + KEPT_MS).await?;
    assert_eq!(store.decisions_since(0).await?.len(), 4);
    store.forget(21 + KEPT_MS).await?;
    let left: Vec<_> = store.decisions_since(0).await?.into_iter().map(|row| row.id).collect();
    assert_eq!(left, [id(3)]);
    Ok(())
}

async fn ten_thousand_guests_of_a_network_are_one_transaction_and_few_records(place: &Place) -> Test {
    let store = place.open().await?;
    let network = Network::try_from("192.0.2.0/24".to_owned())?;
    let viewers: Vec<_> = (0..10_000).map(ViewerId::guest).collect();
    let change = store.change().await?;
    store.keep_guests(&[Guests { network: network.clone(), viewers, until: 900_000, from: None }]).await?;
    assert_eq!(store.change().await?, change + 1);
    let owed = store.owed_guests().await?;
    assert_eq!((owed.len(), owed.iter().map(|guests| guests.viewers.len()).sum::<usize>()), (56, 10_000));
    assert_eq!(store.guests_since(0).await?, [], "no gate has been told");
    let told: Vec<_> = owed.into_iter().map(|guests| Guests { from: Some(5), ..guests }).collect();
    store.keep_guests(&told).await?;
    assert_eq!(store.owed_guests().await?, []);
    let known = store.guests_since(0).await?;
    assert_eq!((known.len(), known[0].viewers.len(), known[0].from), (1, 10_000, Some(5)));
    // A later session of one of them.
    let again = Guests { network, viewers: vec![ViewerId::guest(1)], until: 990_000, from: None };
    store.keep_guests(&[again]).await?;
    assert_eq!(store.owed_guests().await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn what_an_earlier_server_wrote_is_taken_over() -> Test {
    let dir = tempfile::tempdir()?;
    let options = SqliteConnectOptions::new().filename(dir.path().join(FILE)).create_if_missing(true);
    let pool = SqlitePoolOptions::new().connect_with(options).await?;
    let old =
        Backend::Sqlite.resolve().await.map_err(|error| error.to_string())?.into_iter().take(2).collect::<Vec<_>>();
    Migrator::with_migrations(old).run(&pool).await?;
    let sql = "INSERT INTO bans VALUES ('viewer', 'ann', '', 10, NULL, 10, 1, 0, 11), \
               ('viewer', 'bob', 'demo', 20, 90, 20, 2, 0, NULL), ('network', '192.0.2.0/24', '', 30, NULL, 30, 3, 0, NULL)";
    sqlx::query(sql).execute(&pool).await?;
    sqlx::query("INSERT INTO switches VALUES ('vending_frozen', 1), ('revoked_before', 40)").execute(&pool).await?;
    sqlx::query("UPDATE counters SET value = 5 WHERE name = 'change'").execute(&pool).await?;
    pool.close().await;
    let store = Store::open(dir.path()).await?;
    let (demo, row) = (demo(), |room, text| {
        let store = store.clone();
        async move {
            store.last(room, &on(text)).await.map(|row| row.map(|row| (row.decision.until, row.arrival_ms, row.told)))
        }
    });
    assert_eq!(row(None, "ann").await?, Some((None, Some(10), true)));
    assert_eq!(row(Some(&demo), "bob").await?, Some((Some(90), None, false)));
    assert_eq!(row(None, "192.0.2.0/24").await?, Some((None, None, false)), "no other server has heard of it");
    let until = |on| {
        let store = store.clone();
        async move { store.last(None, &on).await.map(|row| row.map(|row| row.decision.until)) }
    };
    assert_eq!((until(Subject::Vending).await?, until(Subject::Sessions).await?), (Some(None), Some(Some(40))));
    assert!(store.heard().await?.is_some());
    Ok(())
}

#[test]
fn a_text_names_a_viewer_or_a_network() {
    for (text, name) in [
        ("g0123", "g0123"),
        ("192.0.2.7", "192.0.2.7/32"),
        ("192.0.2.7/24", "192.0.2.0/24"),
        ("::ffff:192.0.2.7", "192.0.2.7/32"),
        ("2001:db8::1/64", "2001:db8::/64"),
    ] {
        let whom = text.parse::<Whom>().expect(text);
        assert_eq!(whom.to_string(), name);
        assert_eq!(matches!(whom, Whom::Viewer(_)), text == "g0123", "{text}");
        assert_eq!(whom.to_string().parse::<Whom>(), Ok(whom));
    }
    assert!("a b".parse::<Whom>().is_err());
}

#[tokio::test]
async fn what_is_acknowledged_is_synced_to_the_disk() -> Test {
    let place = Place::sqlite()?;
    let store = place.open().await?;
    let full: i64 = query_scalar("PRAGMA synchronous").fetch_one(&store.pool).await?;
    let journal: String = query_scalar("PRAGMA journal_mode").fetch_one(&store.pool).await?;
    let wait_ms: i64 = query_scalar("PRAGMA busy_timeout").fetch_one(&store.pool).await?;
    assert_eq!((full, &*journal, wait_ms), (2, "wal", 5_000));
    Ok(())
}

#[tokio::test]
async fn a_data_directory_may_have_any_name() -> Test {
    let dir = tempfile::tempdir()?;
    for name in ["with a blank", "100%25?mode=ro#x", "..", "数据", ":memory:"] {
        let data = dir.path().join("inner").join(name);
        Store::open(&data).await?.decide(None, &ban("ann", None), &keeper(), 10).await?;
        assert!(data.join(FILE).metadata()?.len() > 0, "{name}");
    }
    Ok(())
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_may_read_who_is_banned() -> Test {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir()?;
    let _store = Store::open(dir.path()).await?;
    assert_eq!(std::fs::metadata(dir.path().join(FILE))?.permissions().mode() & 0o777, 0o600);
    Ok(())
}

async fn a_viewer_is_known_by_its_last_identity_and_denied_by_all_that_were_seen_lately(place: &Place) -> Test {
    const DAY_MS: i64 = 24 * 3_600 * 1_000;
    let store = place.open().await?;
    let [ann, bob]: [ViewerId; 2] = ["ann".parse()?, "bob".parse()?];
    store.keep_identity(&ann, "us-east-1:1", 0).await?;
    store.keep_identity(&ann, "us-east-1:2", 1).await?;
    // The same again, within the day: nothing is written.
    store.keep_identity(&ann, "us-east-1:1", DAY_MS / 2).await?;
    assert_eq!(store.identity(&ann).await?.as_deref(), Some("us-east-1:2"));
    assert_eq!(store.identities(&ann).await?, ["us-east-1:1", "us-east-1:2"]);
    assert_eq!((store.identity(&bob).await?, store.identities(&bob).await?), (None, Vec::new()));
    store.keep_identity(&ann, "us-east-1:1", 2 * DAY_MS).await?;
    assert_eq!(store.identity(&ann).await?.as_deref(), Some("us-east-1:1"));
    store.forget_identities(30 * DAY_MS + 2).await?;
    assert_eq!(store.identities(&ann).await?, ["us-east-1:1"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_store_that_does_not_answer_for_longer_than_its_deadline() {
    let begun = tokio::time::Instant::now();
    let outcome = in_time(std::future::pending::<Result<(), sqlx::Error>>()).await;
    assert!(matches!(outcome, Err(StoreError::Late)), "{outcome:?}");
    assert_eq!(begun.elapsed(), DEADLINE);
}

async fn a_sign_out_is_kept_until_the_last_cookie_has_ended(place: &Place) -> Test {
    let store = place.open().await?;
    assert!(!store.is_signed_out("a").await?);
    store.sign_out("a", 1_000, 0).await?;
    store.sign_out("a", 1_000, 0).await?;
    let again = place.open().await?;
    assert!(again.is_signed_out("a").await? && !again.is_signed_out("b").await?);
    again.sign_out("b", 2_000, 1_001).await?;
    assert!(!again.is_signed_out("a").await?, "its cookies have ended by themselves");
    Ok(())
}
