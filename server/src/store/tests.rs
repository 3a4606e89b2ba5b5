use danmu::{room::RoomId, viewer::ViewerId};

use super::*;

type Test = Result<(), Box<dyn std::error::Error>>;

async fn store() -> Result<(tempfile::TempDir, Store), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let store = Store::open(dir.path()).await?;
    Ok((dir, store))
}

fn whom(text: &str) -> Whom {
    text.parse().expect("somebody")
}

async fn spans(store: &Store) -> Result<Vec<(String, i64, Option<i64>, bool)>, StoreError> {
    let bans = store.bans().await?;
    Ok(bans.into_iter().map(|ban| (ban.whom.to_string(), ban.from_ms, ban.until_ms, ban.told)).collect())
}

#[tokio::test]
async fn what_was_decided_is_there_after_a_restart_and_for_another_process() -> Test {
    let (dir, store) = store().await?;
    let other = Store::open(dir.path()).await?;
    store.ban(&whom("ann"), None, 10, Some(90)).await?;
    other.ban(&whom("192.0.2.7/24"), Some(&"demo".parse()?), 20, None).await?;
    other.set_switch(Switch::VendingFrozen, 1).await?;
    assert_eq!(store.change().await?, 3);
    drop((store, other));
    let store = Store::open(dir.path()).await?;
    let expected = [("ann".to_owned(), 10, Some(90), false), ("192.0.2.0/24".to_owned(), 20, None, false)];
    assert_eq!(spans(&store).await?, expected);
    assert_eq!(store.bans().await?[1].room, Some("demo".parse()?));
    assert_eq!(store.switch(Switch::VendingFrozen).await?, 1);
    assert_eq!((store.switch(Switch::RevokedBefore).await?, store.change().await?), (0, 3));
    Ok(())
}

#[tokio::test]
async fn a_later_decision_takes_the_place_of_the_earlier_one() -> Test {
    let (_dir, store) = store().await?;
    let ann = whom("ann");
    store.ban(&ann, None, 10, Some(50)).await?;
    store.ban(&ann, None, 30, None).await?;
    assert_eq!(spans(&store).await?, [("ann".to_owned(), 10, None, false)], "it goes on");
    assert!(store.unban(&ann, None, 60).await? && !store.unban(&ann, None, 61).await?);
    assert!(!store.unban(&ann, Some(&"demo".parse()?), 61).await?, "in that room there was none");
    store.ban(&ann, None, 70, Some(80)).await?;
    assert_eq!(spans(&store).await?, [("ann".to_owned(), 70, Some(80), false)], "it begins anew");
    let ban = &store.bans().await?[0];
    assert!(ban.holds(70) && ban.holds(79) && !ban.holds(80));
    assert!(ban.holds(69), "whoever decided it has a clock that is ahead");
    store.forget_bans(80 + 3 * 3_600_000).await?;
    assert_eq!(store.bans().await?.len(), 1);
    store.forget_bans(81 + 3 * 3_600_000).await?;
    assert_eq!(store.bans().await?.len(), 0);
    Ok(())
}

#[tokio::test]
async fn one_server_tells_the_stream_of_a_decision_and_another_when_that_one_died() -> Test {
    let (dir, store) = store().await?;
    let other = Store::open(dir.path()).await?;
    store.ban(&whom("ann"), None, 10, None).await?;
    let ban = store.bans().await?.remove(0);
    assert!(store.claim(&ban, 1_000_000).await? && !other.claim(&ban, 1_000_100).await?);
    assert!(other.claim(&ban, 1_006_000).await?, "the first one took too long");
    other.told(&ban, 1_006_001).await?;
    assert!(!store.claim(&ban, 2_000_000).await?);
    assert!(store.bans().await?[0].told);
    store.unban(&ban.whom, None, 2_000_000).await?;
    assert!(!store.claim(&ban, 3_000_000).await?, "there is a later decision");
    let end = store.bans().await?.remove(0);
    assert!(!end.told && store.claim(&end, 3_000_000).await?);
    Ok(())
}

#[tokio::test]
async fn what_the_stream_tells_is_kept_unless_more_is_known() -> Test {
    let (_dir, store) = store().await?;
    let (ann, demo): (_, RoomId) = ("ann".parse()?, "demo".parse()?);
    assert!(store.heard_ban(&ann, &demo, 100, Some(900)).await?);
    assert_eq!(spans(&store).await?, [("ann".to_owned(), 100, Some(900), true)]);
    assert!(!store.heard_ban(&ann, &demo, 110, Some(900)).await?, "nothing new");
    assert!(store.heard_unban(&ann, &demo, 200).await?);
    assert_eq!(spans(&store).await?, [("ann".to_owned(), 100, Some(200), true)], "its end");
    // Decided here, for every room, and told by the stream a moment later.
    store.ban(&whom("bob"), None, 300, None).await?;
    let bob = "bob".parse()?;
    assert!(!store.heard_ban(&bob, &demo, 310, None).await?);
    store.unban(&whom("bob"), None, 320).await?;
    assert!(!store.heard_ban(&bob, &demo, 310, None).await?, "an old word does not undo a new one");
    assert!(!store.heard_unban(&bob, &demo, 330).await?, "and an end is one end");
    assert_eq!(store.bans().await?.len(), 2);
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

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_may_read_who_is_banned() -> Test {
    use std::os::unix::fs::PermissionsExt;
    let (dir, _store) = store().await?;
    assert_eq!(std::fs::metadata(dir.path().join(FILE))?.permissions().mode() & 0o777, 0o600);
    Ok(())
}

#[tokio::test]
async fn a_viewer_is_known_by_its_last_identity_and_denied_by_all_that_were_seen_lately() -> Test {
    const DAY_MS: i64 = 24 * 3_600 * 1_000;
    let (_dir, store) = store().await?;
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
