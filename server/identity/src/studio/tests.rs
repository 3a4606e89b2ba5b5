use danmu_app::{
    error::{
        ApiError::{self, Other, TooMany},
        CrewError::{self, BadInvitation, WrongKey},
    },
    invitation::InvitationState::{Expired, InForce, Revoked},
};

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
        Ok(rotate(&self.store, self.dir.path(), &room.parse()?, Some(&By::operator())).await?.key.to_string())
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
        assert_eq!(server.enter(room, key, "192.0.2.2", 1).await, Err(WrongKey.into()), "{room}");
    }

    let newer = server.rotate("demo").await?;
    server.studio.refresh().await?;
    assert_eq!(server.role("demo", 1, &[&pass]), Role::Viewer, "an older key's");
    assert_eq!(server.role("other", 1, &[&of_other]), Role::Streamer, "the other room's is as it was");
    assert_eq!(server.enter("demo", &key, "192.0.2.3", 1).await, Err(WrongKey.into()));
    assert!(server.enter("demo", &newer, "192.0.2.3", 1).await.is_ok());
    Ok(())
}

#[tokio::test]
async fn a_key_that_another_process_made_a_moment_ago_is_known() -> Test {
    let server = Server::start().await?;
    assert_eq!(server.enter("demo", "abcd", "192.0.2.1", 1).await, Err(WrongKey.into()));
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
            Err(error) if error == WrongKey.into() => refused[0] += 1,
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
        server.store.change_streamer_keys().await?.put(&row, None).await?;
        passes.push(server.studio.0.identity.studio_cookie(room, PassedBy::Key(id), ViewerId::guest(1)));
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
    rotate(&Store::open(server.dir.path()).await?, server.dir.path(), &RoomId::demo(), None).await?;
    assert!(2 * EVERY <= Duration::from_secs(1), "a second at most");
    while server.role("demo", 1, &[&pass]) == Role::Streamer {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.cancel();
    Ok(following.await?)
}

impl Server {
    async fn invite(&self, room: &str, label: &str, hours: Option<u32>) -> Result<String, ApiError> {
        self.studio.invite(&By::server(), room.parse().expect("a room"), label, hours).await
    }

    async fn accept(&self, room: &str, token: &str, addr: &str, viewer: u128) -> Result<Option<String>, ApiError> {
        self.studio.accept(room.parse().expect("a room"), token, caller(addr, viewer)).await
    }
}

#[tokio::test]
async fn an_invitation_makes_whoever_accepts_it_a_moderator_there_until_it_is_revoked() -> Test {
    let server = Server::start().await?;
    let token = server.invite("demo", " Ann ", None).await?;
    let pass = server.accept("demo", &token.to_uppercase(), "192.0.2.1", 1).await?.ok_or("no pass")?;
    let roles = [("demo", 1), ("other", 1), ("demo", 2)].map(|(room, viewer)| server.role(room, viewer, &[&pass]));
    assert_eq!(roles, [Role::Moderator, Role::Viewer, Role::Viewer]);
    for (room, token) in [("other", &*token), ("demo", "no token"), ("demo", &StreamerKey::new()?.to_string())] {
        assert_eq!(server.accept(room, token, "192.0.2.2", 1).await, Err(BadInvitation.into()), "{room} {token}");
    }
    let streamer = Caller { rights: Rights::everywhere(Role::Streamer), ..caller("192.0.2.3", 3) };
    assert_eq!(
        server.studio.accept(RoomId::demo(), &token, streamer).await,
        Ok(None),
        "the streamer's pass is replaced"
    );

    // A new streamer key changes nothing.
    server.rotate("demo").await?;
    server.studio.refresh().await?;
    assert_eq!(server.role("demo", 1, &[&pass]), Role::Moderator);
    let [invitation] = &server.studio.invitations(&RoomId::demo()).await?[..] else { return Err("not one".into()) };
    assert_eq!((&*invitation.label, invitation.uses, invitation.state), ("Ann", 2, InForce));
    assert!(invitation.used_ms >= Some(invitation.made_ms) && invitation.expires_ms.is_none());

    let elsewhere = server.studio.revoke(&By::server(), &"other".parse()?, &invitation.id).await;
    assert!(matches!(&elsewhere, Err(Other(why)) if why.contains(&invitation.id)), "{elsewhere:?}");
    assert_eq!(server.role("demo", 1, &[&pass]), Role::Moderator);
    server.studio.revoke(&By::server(), &RoomId::demo(), &invitation.id).await?;
    assert_eq!(server.role("demo", 1, &[&pass]), Role::Viewer, "it is revoked");
    assert_eq!(server.accept("demo", &token, "192.0.2.2", 1).await, Err(BadInvitation.into()), "it is revoked");
    assert_eq!(server.studio.invitations(&RoomId::demo()).await?[0].state, Revoked);
    Ok(())
}

#[tokio::test]
async fn an_invitation_that_has_expired_and_what_it_opened_are_worth_nothing() -> Test {
    let server = Server::start().await?;
    let token = server.invite("demo", "", Some(1)).await?;
    let pass = server.accept("demo", &token, "192.0.2.1", 1).await?.ok_or("no pass")?;
    let [invitation] = &server.studio.invitations(&RoomId::demo()).await?[..] else { return Err("not one".into()) };
    assert_eq!(invitation.expires_ms, Some(invitation.made_ms + 3_600_000));
    let holds = |now_ms| {
        server.studio.0.invitations.read().unwrap_or_else(PoisonError::into_inner).holds(
            &RoomId::demo(),
            &invitation.id,
            now_ms,
        )
    };
    assert!(holds(invitation.made_ms + 3_599_999));
    assert!(!holds(invitation.made_ms + 3_600_000), "it has expired");
    // The clock does not run faster for a test, so the hour is another one. Those in memory are as they were read.
    server.store.execute("UPDATE invitations SET expires_ms = 1").await?;
    assert_eq!(server.role("demo", 1, &[&pass]), Role::Moderator);
    assert_eq!(server.accept("demo", &token, "192.0.2.1", 1).await, Err(BadInvitation.into()), "it has expired");
    assert_eq!(server.studio.invitations(&RoomId::demo()).await?[0].state, Expired);
    server.store.execute("UPDATE counters SET value = value + 1 WHERE name = 'invitations'").await?;
    server.studio.refresh().await?;
    assert_eq!(server.role("demo", 1, &[&pass]), Role::Viewer);
    Ok(())
}

#[tokio::test]
async fn an_invitation_of_another_form_is_refused_with_what_it_may_be_and_there_are_a_hundred() -> Test {
    let server = Server::start().await?;
    for (label, hours, why) in [
        ("a".repeat(41), None, "0 to 40 characters"),
        ("a\u{202e}b".to_owned(), None, "0 to 40 characters"),
        ("a\nb".to_owned(), None, "0 to 40 characters"),
        (String::new(), Some(0), "not 0 hours"),
        (String::new(), Some(8_761), "1 to 8760 hours or for good"),
        (String::new(), Some(u32::MAX), "not 4294967295 hours"),
    ] {
        let refused = server.invite("demo", &label, hours).await;
        assert!(matches!(&refused, Err(Other(said)) if said.contains(why)), "{label:?} {hours:?}: {refused:?}");
    }
    assert_eq!(server.studio.invitations(&RoomId::demo()).await?, []);
    for label in ["a".repeat(40), " ".to_owned(), "弹幕".repeat(20)] {
        server.invite("demo", &label, Some(8_760)).await?;
    }
    for _ in 3..100 {
        server.invite("demo", "", None).await?;
    }
    let refused = server.invite("demo", "", None).await;
    assert!(matches!(&refused, Err(Other(why)) if why.contains("revoke one")), "{refused:?}");
    assert!(server.invite("other", "", None).await.is_ok());
    let id = server.studio.invitations(&RoomId::demo()).await?.pop().ok_or("none")?.id;
    server.studio.revoke(&By::server(), &RoomId::demo(), &id).await?;
    assert!(server.invite("demo", "", None).await.is_ok());
    Ok(())
}

#[tokio::test]
async fn who_makes_and_revokes_without_end_is_limited() -> Test {
    let server = Server::start().await?;
    let mut limited = 0;
    for _ in 0..300 {
        limited += i32::from(matches!(
            server.studio.revoke(&By::server(), &RoomId::demo(), "none").await,
            Err(TooMany { .. })
        ));
    }
    assert!(limited > 50, "{limited} of 300 were limited");
    assert!(matches!(server.invite("demo", "", None).await, Err(TooMany { .. })));
    assert!(server.invite("other", "", None).await.is_ok());
    Ok(())
}

#[tokio::test]
async fn tokens_are_guessed_under_the_limits_of_keys() -> Test {
    let server = Server::start().await?;
    let (token, key) = (server.invite("demo", "", None).await?, server.rotate("demo").await?);
    let mut limited = 0;
    for n in 0..100 {
        let guess = server.accept("demo", &StreamerKey::new()?.to_string(), "192.0.2.1", n).await;
        limited += i32::from(matches!(guess, Err(TooMany { .. })));
    }
    assert!(limited >= 90, "{limited} of 100 were limited");
    assert!(matches!(server.accept("demo", &token, "192.0.2.1", 1).await, Err(TooMany { .. })));
    assert!(matches!(server.enter("demo", &key, "192.0.2.1", 1).await, Err(TooMany { .. })));
    assert!(server.accept("demo", &token, "192.0.2.2", 1).await?.is_some(), "the neighbour was invited");
    for n in 0..200 {
        let _ = server.accept("demo", "no token", &format!("198.51.100.{n}"), 1).await;
    }
    assert!(matches!(server.accept("demo", &token, "192.0.2.3", 1).await, Err(TooMany { .. })));
    Ok(())
}

#[tokio::test]
async fn while_the_store_is_out_of_order_the_invitations_from_before_count_and_nobody_is_let_in() -> Test {
    let server = Server::start().await?;
    let token = server.invite("demo", "", None).await?;
    let pass = server.accept("demo", &token, "192.0.2.1", 1).await?.ok_or("no pass")?;
    server.store.execute("ALTER TABLE invitations RENAME TO gone").await?;
    server.store.execute("UPDATE counters SET value = value + 1 WHERE name = 'invitations'").await?;
    assert!(server.studio.refresh().await.is_err());
    assert_eq!(server.role("demo", 1, &[&pass]), Role::Moderator);
    assert_eq!(server.accept("demo", &token, "192.0.2.1", 2).await, Err(CrewError::Store.into()));
    assert_eq!(server.invite("demo", "", None).await, Err(CrewError::Store.into()));
    assert_eq!(server.studio.revoke(&By::server(), &RoomId::demo(), "any").await, Err(CrewError::Store.into()));
    Ok(())
}

#[tokio::test]
async fn a_pass_by_a_key_is_none_by_an_invitation_and_the_other_way_round() -> Test {
    let server = Server::start().await?;
    server.rotate("demo").await?;
    server.studio.refresh().await?;
    server.invite("demo", "", None).await?;
    let invitation = server.studio.invitations(&RoomId::demo()).await?.pop().ok_or("none")?.id;
    let key = server.store.streamer_keys().await?.pop().ok_or("none")?.id;
    let pass = |by| server.studio.0.identity.studio_cookie(RoomId::demo(), by, ViewerId::guest(1));
    for by in [PassedBy::Key(invitation), PassedBy::Invitation(key)] {
        assert_eq!(server.role("demo", 1, &[&pass(by.clone())]), Role::Viewer, "{by:?}");
    }
    Ok(())
}
