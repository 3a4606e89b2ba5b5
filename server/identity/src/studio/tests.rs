use danmu_app::error::ApiError::{TooMany, WrongKey};

use super::*;

type Test = Result<(), Box<dyn std::error::Error>>;

struct Server {
    dir: tempfile::TempDir,
    store: Store,
    studio: Studio,
}

impl Server {
    async fn start() -> Result<Self, Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let store = Store::open(dir.path()).await?;
        let identity = Identity::open(&dir.path().join("keys.json"))?;
        let studio = Studio::open(store.clone(), identity).await?;
        Ok(Self { dir, store, studio })
    }

    async fn rotate(&self, room: &str) -> Result<String, Box<dyn std::error::Error>> {
        Ok(rotate(&self.store, self.dir.path(), &room.parse()?).await?.key.to_string())
    }

    async fn enter(&self, room: &str, key: &str, addr: &str, viewer: u128) -> Result<String, ApiError> {
        self.studio.enter(room.parse().expect("a room"), key, caller(addr, viewer)).await
    }

    fn role(&self, room: &str, viewer: u128, cookies: &[&str]) -> Role {
        let rights = self.studio.rights(&ViewerId::guest(viewer), Rights::default(), cookies.iter().copied());
        rights.role_in(&room.parse().expect("a room"))
    }
}

fn caller(addr: &str, viewer: u128) -> Caller {
    let addr = addr.parse().expect("an address");
    Caller { addr, viewer: ViewerId::guest(viewer), name: None, rights: Rights::default(), login: None }
}

#[tokio::test]
async fn a_key_opens_its_room_to_its_viewer_until_there_is_another() -> Test {
    let server = Server::start().await?;
    let (key, other) = (server.rotate("demo").await?, server.rotate("other").await?);
    let pass = server.enter("demo", &key, "192.0.2.1", 1).await?;
    let roles = [("demo", 1), ("other", 1), ("demo", 2)].map(|(room, viewer)| server.role(room, viewer, &[&pass]));
    assert_eq!(roles, [Role::Streamer, Role::Viewer, Role::Viewer]);
    let of_other = server.enter("other", &other, "192.0.2.1", 1).await?;
    let both = ["demo", "other"].map(|room| server.role(room, 1, &["junk", &of_other, &pass]));
    assert_eq!(both, [Role::Streamer, Role::Streamer]);
    for (room, key) in [("demo", &other), ("nowhere", &key)] {
        assert_eq!(server.enter(room, key, "192.0.2.2", 1).await, Err(WrongKey), "{room}");
    }

    let newer = server.rotate("demo").await?;
    server.studio.refresh().await?;
    assert_eq!(server.role("demo", 1, &[&pass]), Role::Viewer, "an older key's");
    assert_eq!(server.role("other", 1, &[&of_other]), Role::Streamer, "the other room's is as it was");
    assert_eq!(server.enter("demo", &key, "192.0.2.3", 1).await, Err(WrongKey));
    assert!(server.enter("demo", &newer, "192.0.2.3", 1).await.is_ok());
    Ok(())
}

#[tokio::test]
async fn a_key_that_another_process_made_a_moment_ago_is_known() -> Test {
    let server = Server::start().await?;
    assert_eq!(server.enter("demo", "abcd", "192.0.2.1", 1).await, Err(WrongKey));
    let key = server.rotate("demo").await?;
    let pass = server.enter("demo", &key, "192.0.2.1", 1).await?;
    assert_eq!(server.role("demo", 1, &[&pass]), Role::Streamer);
    Ok(())
}

#[tokio::test]
async fn while_the_store_is_out_of_order_the_keys_from_before_count() -> Test {
    let server = Server::start().await?;
    let key = server.rotate("demo").await?;
    let pass = server.enter("demo", &key, "192.0.2.1", 1).await?;
    server.store.execute("DROP TABLE streamer_keys").await?;
    server.store.execute("UPDATE counters SET value = value + 1 WHERE name = 'streamer_keys'").await?;
    assert!(server.studio.refresh().await.is_err());
    assert_eq!(server.role("demo", 1, &[&pass]), Role::Streamer);
    assert!(server.enter("demo", &key, "192.0.2.1", 1).await.is_ok());
    Ok(())
}

#[tokio::test]
async fn a_network_that_guesses_is_limited_and_leaves_the_rooms_limit_to_others() -> Test {
    let server = Server::start().await?;
    let (key, wrong) = (server.rotate("demo").await?, StreamerKey::new()?.to_string());
    let mut refused = [0, 0];
    for n in 0..200_u128 {
        // Another viewer each time, and another address of the same household.
        match server.enter("demo", &wrong, &format!("2001:db8:1:2::{n:x}"), n).await {
            Err(WrongKey) => refused[0] += 1,
            Err(TooMany { retry_after_s: 1..=7 }) => refused[1] += 1,
            answer => panic!("{answer:?}"),
        }
    }
    // Ten a minute after five at once; the guesses take less than half a minute.
    assert!((5..=10).contains(&refused[0]), "a network guesses on: {refused:?}");
    assert!(matches!(server.enter("demo", &key, "2001:db8:1:2::1", 1).await, Err(TooMany { .. })));
    assert!(server.enter("demo", &key, "2001:db8:1:3::1", 1).await.is_ok(), "the neighbour has the key");
    Ok(())
}

#[tokio::test]
async fn guesses_from_many_networks_are_limited_for_each_room() -> Test {
    let server = Server::start().await?;
    let (key, other) = (server.rotate("demo").await?, server.rotate("other").await?);
    let mut limited = 0;
    for n in 0..200 {
        let guess = server.enter("demo", "no key", &format!("198.51.100.{n}"), 1).await;
        limited += i32::from(matches!(guess, Err(TooMany { .. })));
    }
    assert!(limited > 100, "{limited} of 200 were limited");
    assert!(matches!(server.enter("demo", &key, "192.0.2.1", 1).await, Err(TooMany { .. })));
    assert!(server.enter("other", &other, "192.0.2.1", 1).await.is_ok());
    // What is no room has one limit, whatever it is called.
    for n in 0..200 {
        let _ = server.enter(&format!("nowhere-{n}"), "no key", &format!("203.0.113.{n}"), 1).await;
    }
    assert!(matches!(server.enter("nowhere", &key, "192.0.2.1", 1).await, Err(TooMany { .. })));
    Ok(())
}

#[tokio::test]
async fn two_keys_are_verified_at_a_time_and_who_waits_too_long_is_told_so() -> Test {
    let server = Server::start().await?;
    let key = server.rotate("demo").await?;
    let turns = Arc::clone(&server.studio.0.turns).acquire_many_owned(u32::try_from(AT_ONCE)?).await?;
    assert_eq!(server.enter("demo", &key, "192.0.2.1", 1).await, Err(TooMany { retry_after_s: 1 }));
    drop(turns);
    assert!(server.enter("demo", &key, "192.0.2.1", 1).await.is_ok());
    assert_eq!(server.studio.0.turns.available_permits(), AT_ONCE);
    Ok(())
}

#[tokio::test]
async fn of_too_many_cookies_the_first_are_looked_at() -> Test {
    let server = Server::start().await?;
    let mut passes = Vec::new();
    for n in 0..MAX_PASSES + 5 {
        let (room, id) = (format!("room-{n:02}").parse::<RoomId>()?, format!("key-{n}"));
        let row = StreamerKeyRow { room: room.clone(), id: id.clone(), hash: String::new(), made_ms: 0 };
        server.store.change_streamer_keys().await?.put(&row).await?;
        passes.push(server.studio.0.identity.studio_cookie(room, id, ViewerId::guest(1)));
    }
    server.studio.refresh().await?;
    let cookies = passes.iter().map(String::as_str);
    assert_eq!(server.studio.rights(&ViewerId::guest(1), Rights::default(), cookies).rooms(), MAX_PASSES);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_by_another_process_is_followed() -> Test {
    let server = Server::start().await?;
    let key = server.rotate("demo").await?;
    let pass = server.enter("demo", &key, "192.0.2.1", 1).await?;
    let stop = CancellationToken::new();
    let following = tokio::spawn(server.studio.clone().follow(stop.clone()));
    rotate(&Store::open(server.dir.path()).await?, server.dir.path(), &RoomId::demo()).await?;
    assert!(2 * EVERY <= Duration::from_secs(1), "a second at most");
    while server.role("demo", 1, &[&pass]) == Role::Streamer {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.cancel();
    Ok(following.await?)
}
