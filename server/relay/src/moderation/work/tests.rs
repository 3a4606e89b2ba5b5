mod review;

use danmu::{
    record::{Decided, Decision, Subject},
    rights::Rights,
    room::{Paces, Room, RoomId, Unsigned},
    viewer::{Rank, Role},
};
use danmu_app::{
    error::ApiError,
    services::{Caller, Decider, Moderating},
};

use danmu_identity::{identity::Identity, store::Store, vending::Decisions};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::time::timeout;

use super::*;
use crate::moderation::QUEUE;

type Test = Result<(), Box<dyn std::error::Error>>;

/// Ends what hangs.
const OUTER: Duration = Duration::from_secs(60);

fn decided(n: u128) -> Decided {
    let decision = Decision { on: Subject::Viewer(ViewerId::guest(n)), until: None, by: Rank::Moderator };
    Decided { id: RecordId::new(1, n), room: None, decision, at: 1 }
}

fn room() -> Room {
    let (id, title, video, paces) = (RoomId::demo(), String::new(), String::new(), Paces::default());
    Room { id, title, video, poster: None, unsigned: Unsigned::Deny, paces }
}

/// A moderator of that name.
fn keeper(name: &str) -> Decider {
    Decider { viewer: name.parse().expect("an id"), rank: Rank::Moderator, name: None }
}

/// Runs a statement in the file of a store, for fault injection.
async fn execute(dir: &std::path::Path, sql: &'static str) -> Result<(), sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(dir.join("danmu.db"));
    let mut connection = SqliteConnection::connect_with(&options).await?;
    sqlx::query(sql).execute(&mut connection).await?;
    connection.close().await
}

/// A stream that nobody reaches.
fn means(dir: &std::path::Path) -> Result<Means, Box<dyn std::error::Error>> {
    let key = aws_credential_types::Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
    let bus = KinesisBus::embedded(([127, 0, 0, 1], 9).into(), key, "000000000000", "us-east-1", "danmu");
    let signer = Signer::new(Identity::open(&dir.join("keys.json"))?)?;
    Ok(Means { bus, signer, endpoint: None, roles: None, keep_audit: Duration::from_secs(86_400) })
}

#[tokio::test]
async fn what_the_stream_tells_waits_for_a_store_that_fails_and_meanwhile_reading_waits() -> Test {
    let dir = tempfile::tempdir()?;
    let store = Store::open(dir.path()).await?;
    let (moderation, work) = Moderation::open(store.clone()).await?;
    let refuse = "CREATE TRIGGER no_rows BEFORE INSERT ON decisions BEGIN SELECT RAISE(ABORT, 'no'); END";
    execute(dir.path(), refuse).await?;
    let stop = CancellationToken::new();
    let working = tokio::spawn(work.run(means(dir.path())?, stop.clone()));
    let (keeper, mut sent) = (moderation.keeper(), 0);
    // The first is taken, with whatever is there; what comes after it waits, and in the end who brings it.
    let full = async {
        while keeper.try_send(Heard::Decision(decided(sent))).is_ok() || keeper.capacity() > 0 {
            sent += 1;
            tokio::task::yield_now().await;
        }
    };
    timeout(OUTER, full).await?;
    assert!((QUEUE as u128..=2 * QUEUE as u128).contains(&sent), "{sent}");
    assert_eq!(store.decisions_since(0).await?.len(), 0);
    execute(dir.path(), "DROP TRIGGER no_rows").await?;
    timeout(OUTER, keeper.send(Heard::Decision(decided(sent)))).await??;
    let kept = async {
        while store.decisions_since(0).await?.len() as u128 <= sent {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok::<_, StoreError>(())
    };
    timeout(OUTER, kept).await??;
    stop.cancel();
    working.await?;
    Ok(())
}

#[tokio::test]
async fn what_is_decided_here_bars_at_once_and_is_owed_until_the_stream_takes_it() -> Test {
    let dir = tempfile::tempdir()?;
    let store = Store::open(dir.path()).await?;
    let (moderation, work) = Moderation::open(store.clone()).await?;
    let stop = CancellationToken::new();
    let working = tokio::spawn(work.run(means(dir.path())?, stop.clone()));
    let (ann, room): (ViewerId, _) = ("ann".parse()?, RoomId::demo());
    let (addr, rights) = ([127, 0, 0, 1].into(), Rights::default());
    let caller = Caller { addr, viewer: ann.clone(), name: None, rights, login: None };
    moderation.ban(keeper("host"), &self::room(), ann.clone(), None).await?;
    let barred = async {
        while moderation.admits(&caller, &room) != Err(ApiError::Banned) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(OUTER, barred).await?;
    assert!(!moderation.bans(&room).cover(&ann, Role::Viewer, now_ms()), "it has no place among the danmu yet");
    stop.cancel();
    working.await?;
    // The next server has it from the store.
    let (moderation, _work) = Moderation::open(store.clone()).await?;
    assert_eq!(moderation.admits(&caller, &room), Err(ApiError::Banned));
    assert!(!store.decisions_since(0).await?[0].told);
    Ok(())
}

#[tokio::test]
async fn a_moderator_decides_at_a_pace_and_others_at_theirs() -> Test {
    let dir = tempfile::tempdir()?;
    let (moderation, _work) = Moderation::open(Store::open(dir.path()).await?).await?;
    let ban = |by: &str, n| moderation.ban(keeper(by), &room(), ViewerId::guest(n), None);
    let mut answers = Vec::new();
    for n in 0..200 {
        answers.push(ban("eager", n).await);
    }
    let late = answers.iter().filter(|answer| matches!(answer, Err(ApiError::TooMany { .. }))).count();
    assert!(late > 100 && answers[..30].iter().all(Result::is_ok), "{late} of 200 at once were refused");
    assert_eq!(ban("other", 0).await, Ok(()));
    Ok(())
}
