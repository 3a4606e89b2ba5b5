//! Invitations of moderators in the real program: whoever accepts one is a moderator of that room while it is in force, and
//! nobody else is.

use danmu::viewer::Role;
use danmu_app::invitation::{Invitation, InvitationState};
use danmu_identity::identity::{Identity, PassedBy};

use crate::{
    program::{Answer, Program},
    rights::Person,
    speaker::{Viewer, until},
    world::{Failure, Test},
};

const FORM: &str = "Content-Type: application/x-www-form-urlencoded";
const ROOMS: &str = "[[rooms]]\nid = 'demo'\nvideo = ''\n[[rooms]]\nid = 'other'\nvideo = ''\n";
/// In the form of a token.
const WRONG: &str = "0000-0000-0000-0000-0000-0000-0000";
/// Whoever asks may ask as often as it likes, and requests tell from where they come.
const OFTEN: [(&str, &str); 3] = [
    ("DANMU_VENDING__VIEWER_PER_MINUTE", "100000"),
    ("DANMU_VENDING__VIEWER_BURST", "10000"),
    ("DANMU_HTTP__TRUSTED_PROXIES", "127.0.0.0/8"),
];
/// The name of the cookie that an invitation to `demo` sets.
const COOKIE: &str = "danmu_studio_demo";

/// The streamer of `demo`.
fn streamer(program: &Program) -> Result<Person<'_>, Failure> {
    Person::with(program, "host", &[("demo", Role::Streamer)])
}

/// The token of a new invitation to `demo`.
fn invite(streamer: &Person<'_>, form: &str) -> Result<String, Failure> {
    let made = streamer.asks("make_invitation", &format!("room=demo&{form}"))?;
    assert_eq!(made.status, 200, "{}", made.body);
    Ok(serde_json::from_str(&made.body)?)
}

fn invitations(streamer: &Person<'_>) -> Result<Vec<Invitation>, Failure> {
    Ok(serde_json::from_str(&streamer.asks("invitations", "room=demo")?.body)?)
}

fn accept(program: &Program, token: &str, head: &[&str]) -> Result<Answer, Failure> {
    program.ask("POST /api/accept_invitation", &[&[FORM], head].concat(), &format!("room=demo&token={token}"))
}

/// The cookies of a viewer who accepted an invitation to `demo`.
fn accepted(program: &Program, viewer: &Viewer, token: &str) -> Result<String, Failure> {
    let answer = accept(program, token, &[&viewer.cookie])?;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let pass = answer.cookie(COOKIE).ok_or("no cookie")?;
    assert!(answer.head.contains("path=/; samesite=strict; max-age=2592000; httponly"), "{}", answer.head);
    Ok(format!("{}; {COOKIE}={pass}", viewer.cookie))
}

fn with<'a>(program: &'a Program, cookie: &str) -> Person<'a> {
    Person { program, cookie: cookie.to_owned() }
}

fn is_refused(answer: &Answer, why: &str) -> bool {
    answer.status == 403 && answer.body.contains(why) && answer.cookie(COOKIE).is_none()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_accepts_an_invitation_is_a_moderator_of_that_room_until_it_is_revoked_on_every_server() -> Test {
    let first = Program::start_with(ROOMS, &OFTEN)?;
    first.get_ready()?;
    let (data, stream) = (first.directory().join("data").display().to_string(), first.stream.replace("http://", ""));
    let relay = [("DANMU_ROLE", "relay"), ("DANMU_STREAM__DATA", &*data), ("DANMU_STREAM__ADDR", &*stream)];
    let second = Program::start_with(ROOMS, &[&OFTEN[..], &relay].concat())?;
    second.get_ready()?;
    let host = streamer(&first)?;
    let token = invite(&host, "label=Ann")?;
    let [ann, bob] = [Viewer::new(&first, 1)?, Viewer::new(&first, 2)?];
    // On the other server, a moment after it was made.
    let cookies = accepted(&second, &ann, &token)?;
    let (here, there) = (with(&first, &cookies), with(&second, &cookies));
    assert_eq!((there.role("demo")?, there.role("other")?), (Role::Moderator, Role::Viewer));
    until("it is known here", || Ok(here.role("demo")? == Role::Moderator)).await?;
    assert!(first.ask("GET /studio/demo", &[&cookies], "")?.body.contains("data-desk"));
    assert_eq!((invitations(&host)?[0].uses, &*invitations(&host)?[0].label), (1, "Ann"));

    // It bans and hides, but for who stands as high or higher.
    assert_eq!(host.role("demo")?, Role::Streamer);
    for (form, status) in [("viewer=somebody", 200), ("viewer=host", 403)] {
        assert_eq!(here.asks("ban", &format!("room=demo&{form}"))?.status, status, "{form}");
    }
    assert_eq!(here.asks("ban", "room=other&viewer=somebody")?.status, 403);
    assert!(first.order(&["bans"])?.contains("somebody  room demo, by a moderator"), "{}", first.order(&["bans"])?);
    let danmu = danmu::record::RecordId::new(1, 1);
    assert_eq!(here.asks("hide", &format!("room=demo&danmu={danmu}"))?.status, 200);

    // Only the one who accepted it, and by the guest's cookie together with the pass.
    let (_, pass) = cookies.split_once("danmu_studio_").ok_or("no pass")?;
    let stolen = with(&first, &format!("{}; danmu_studio_{pass}", bob.cookie));
    assert_eq!(stolen.role("demo")?, Role::Viewer, "another viewer's pass counts");

    let id = invitations(&host)?[0].id.clone();
    assert_eq!(host.asks("revoke_invitation", &format!("room=demo&id={id}"))?.status, 200);
    assert_eq!(here.role("demo")?, Role::Viewer, "it is revoked");
    // How soon is bounded by how often a server asks the store (`studio::EVERY`).
    until("it is revoked there", || Ok(there.role("demo")? == Role::Viewer)).await?;
    assert_eq!(there.asks("ban", "room=demo&viewer=somebody")?.status, 403);
    for program in [&first, &second] {
        assert!(is_refused(&accept(program, &token, &[&bob.cookie])?, "BadInvitation"), "it is revoked");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_outlives_restarts_and_new_keys_and_ends_by_its_own_time() -> Test {
    let program = Program::start_with(ROOMS, &OFTEN)?;
    program.get_ready()?;
    let host = streamer(&program)?;
    let [lasting, short] = [invite(&host, "label=")?, invite(&host, "label=&hours=1")?];
    let [ann, bob] = [Viewer::new(&program, 1)?, Viewer::new(&program, 2)?];
    let [ann_there, bob_there] = [accepted(&program, &ann, &lasting)?, accepted(&program, &bob, &short)?];
    program.order(&["rooms", "key", "demo"])?;
    let program = program.restart(&OFTEN)?;
    program.get_ready()?;
    for cookies in [&ann_there, &bob_there] {
        assert_eq!(with(&program, cookies).role("demo")?, Role::Moderator);
    }
    // Nobody waits for an hour.
    let url = format!("sqlite:{}", program.directory().join("data/danmu.db").display());
    let pool = sqlx::SqlitePool::connect(&url).await?;
    sqlx::query("UPDATE invitations SET expires_ms = 1 WHERE expires_ms > 0").execute(&pool).await?;
    sqlx::query("UPDATE counters SET value = value + 1 WHERE name = 'invitations'").execute(&pool).await?;
    pool.close().await;
    until("it has expired", || Ok(with(&program, &bob_there).role("demo")? == Role::Viewer)).await?;
    assert!(is_refused(&accept(&program, &short, &[])?, "BadInvitation"), "it has expired");
    assert_eq!(with(&program, &ann_there).role("demo")?, Role::Moderator);
    let states: Vec<_> = invitations(&streamer(&program)?)?.into_iter().map(|invitation| invitation.state).collect();
    assert!(states.contains(&InvitationState::Expired) && states.contains(&InvitationState::InForce), "{states:?}");
    Ok(())
}

#[test]
fn a_wrong_token_is_refused_and_limited_and_the_right_one_from_elsewhere_works_and_none_is_logged() -> Test {
    let program = Program::start_telling(&OFTEN)?;
    program.get_ready()?;
    let token = invite(&streamer(&program)?, "label=")?;
    let from = |client: &str, token: &str| accept(&program, token, &[&format!("X-Forwarded-For: {client}")]);
    let wrong = from("198.51.100.1", WRONG)?;
    assert!(is_refused(&wrong, "BadInvitation"), "a wrong token is accepted: {}", wrong.body);
    let mut limited = 0;
    for n in 0..100 {
        let answer = from("198.51.100.1", &format!("{}{n:02}", &WRONG[..WRONG.len() - 2]))?;
        assert!(matches!(answer.status, 403 | 429), "{}", answer.body);
        limited += i32::from(answer.status == 429);
    }
    // Ten a minute after five at once.
    assert!(limited > 80, "{limited} of 100 guesses were limited");
    assert_eq!(from("198.51.100.1", &token)?.status, 429);
    assert_eq!(from("198.51.100.2", &token)?.status, 200);
    for room in ["other", "nowhere"] {
        let head = [FORM, "X-Forwarded-For: 198.51.100.3"];
        let answer = program.ask("POST /api/accept_invitation", &head, &format!("room={room}&token={token}"))?;
        assert!(is_refused(&answer, "BadInvitation"), "{room}: {}", answer.body);
    }
    let (_, log) = program.terminate_and_tell()?;
    let told = log.lines().find(|line| line.contains("an invitation is refused")).ok_or(log.clone())?;
    assert!(told.contains("room=demo") && told.contains("198.51.100.1"), "{told}");
    assert!(!log.contains(&token) && !log.contains(&WRONG[..9]), "a token is in the log: {log}");
    Ok(())
}

#[test]
fn only_the_streamer_of_the_room_makes_sees_and_revokes_invitations() -> Test {
    let program = Program::start_with(ROOMS, &OFTEN)?;
    program.get_ready()?;
    let host = streamer(&program)?;
    let (ann, token) = (Viewer::new(&program, 1)?, invite(&host, "label=Ann")?);
    let id = invitations(&host)?[0].id.clone();
    let moderator = with(&program, &accepted(&program, &ann, &token)?);
    let elsewhere = Person::with(&program, "elsewhere", &[("other", Role::Streamer)])?;
    let guest = with(&program, "Cookie: lang=en");
    for (who, why) in [(&moderator, "NotAbove"), (&elsewhere, "NotModerator"), (&guest, "NotModerator")] {
        for (what, form) in [
            ("make_invitation", "room=demo&label="),
            ("invitations", "room=demo"),
            ("revoke_invitation", &*format!("room=demo&id={id}")),
            ("edit_room", "room=demo&title=Mine&video=&poster="),
            ("archive_room", "room=demo"),
        ] {
            let answer = who.asks(what, form)?;
            assert_eq!((answer.status, answer.body.contains(why)), (403, true), "{what} by {why}: {}", answer.body);
        }
    }
    // The streamer of another room revokes none of this one by naming its own.
    let refused = elsewhere.asks("revoke_invitation", &format!("room=other&id={id}"))?;
    assert_eq!((refused.status, refused.body.contains("no invitation")), (400, true), "{}", refused.body);
    let list = invitations(&host)?;
    assert_eq!((list.len(), list[0].state), (1, InvitationState::InForce));

    for (form, why) in [
        (format!("label={}", "a".repeat(41)), "0 to 40 characters"),
        ("label=a%0Ab".to_owned(), "0 to 40 characters"),
        ("label=&hours=0".to_owned(), "1 to 8760 hours"),
        ("label=&hours=8761".to_owned(), "1 to 8760 hours"),
        ("label=&hours=-1".to_owned(), ""),
        ("hours=1".to_owned(), ""),
    ] {
        let answer = host.asks("make_invitation", &format!("room=demo&{form}"))?;
        assert_eq!((answer.status, answer.body.contains(why)), (400, true), "{form}: {}", answer.body);
    }
    assert_eq!(host.asks("make_invitation", "room=nowhere&label=")?.status, 404);
    assert_eq!(invitations(&host)?.len(), 1, "none of these was made");
    // The page shows invitations to the streamer alone.
    assert!(program.ask("GET /studio/demo", &[&host.cookie], "")?.body.contains("data-crew"));
    assert!(!program.ask("GET /studio/demo", &[&moderator.cookie], "")?.body.contains("data-crew"));
    // The streamer who opens the link stays the streamer.
    let own = accept(&program, &token, &[&host.cookie])?;
    assert_eq!((own.status, own.cookie(COOKIE)), (200, None), "{}", own.body);
    Ok(())
}

#[test]
fn a_page_of_another_site_invites_nobody_and_accepts_nothing() -> Test {
    let program = Program::start_with(ROOMS, &OFTEN[..2])?;
    program.get_ready()?;
    let host = streamer(&program)?;
    let token = invite(&host, "label=Ann")?;
    let id = invitations(&host)?[0].id.clone();
    // Over plain HTTP, where the cookies of this test count.
    let foreign = [
        "Origin: http://evil.example",
        "Referer: http://evil.example/",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
        "Origin: null",
    ];
    for head in foreign {
        for (what, form) in [
            ("make_invitation", "room=demo&label="),
            ("invitations", "room=demo"),
            ("revoke_invitation", &*format!("room=demo&id={id}")),
            ("accept_invitation", &*format!("room=demo&token={token}")),
        ] {
            let answer = program.ask(&format!("POST /api/{what}"), &[FORM, &host.cookie, head], form)?;
            assert!(is_refused(&answer, "pages of its own site only"), "{what} {head}: {}", answer.body);
        }
    }
    let list = invitations(&host)?;
    assert_eq!((list.len(), list[0].state, list[0].uses), (1, InvitationState::InForce, 0));
    let linked = program.ask(&format!("GET /api/accept_invitation?room=demo&token={token}"), &[], "")?;
    assert_eq!(linked.cookie(COOKIE), None, "a link accepts it");
    assert_eq!(accept(&program, &token, &[&format!("Origin: {}", program.url)])?.status, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_room_is_archived_its_invitations_are_worth_nothing() -> Test {
    let program = Program::start(&OFTEN)?;
    program.get_ready()?;
    let maker = Viewer::new(&program, 1)?;
    let made = program.ask("POST /api/make_room", &[FORM, &maker.cookie], "room=anna&title=Anna&video=&poster=")?;
    let pass = made.cookie("danmu_studio_anna").ok_or("no cookie")?;
    let host = with(&program, &format!("{}; danmu_studio_anna={pass}", maker.cookie));
    let made = host.asks("make_invitation", "room=anna&label=")?;
    let form = format!("room=anna&token={}", serde_json::from_str::<String>(&made.body)?);
    let ann = Viewer::new(&program, 2)?;
    let accept = || program.ask("POST /api/accept_invitation", &[FORM, &ann.cookie], &form);
    let pass = accept()?.cookie("danmu_studio_anna").ok_or("no cookie")?.to_owned();
    let moderator = with(&program, &format!("{}; danmu_studio_anna={pass}", ann.cookie));
    assert_eq!(moderator.role("anna")?, Role::Moderator);
    assert_eq!(moderator.asks("edit_room", "room=anna&title=Mine&video=&poster=")?.status, 403);
    assert_eq!(moderator.asks("archive_room", "room=anna")?.status, 403);

    assert_eq!(host.asks("archive_room", "room=anna")?.status, 200);
    assert_eq!(moderator.asks("ban", "room=anna&viewer=somebody")?.status, 404);
    assert!(is_refused(&accept()?, "BadInvitation"), "an archived room's works");
    program.order(&["rooms", "reopen", "anna"])?;
    until("it is open again", || Ok(accept()?.status == 200)).await?;
    assert_eq!(moderator.role("anna")?, Role::Moderator);
    Ok(())
}

#[test]
fn a_pass_of_ones_own_making_by_an_invitation_is_worth_nothing() -> Test {
    let program = Program::start_with(ROOMS, &OFTEN)?;
    program.get_ready()?;
    let host = streamer(&program)?;
    invite(&host, "label=Ann")?;
    let (ann, id) = (Viewer::new(&program, 1)?, invitations(&host)?[0].id.clone());
    let role = |identity: &Identity, by: PassedBy| {
        let pass = identity.studio_cookie("demo".parse()?, by, ann.id.parse()?);
        with(&program, &format!("{}; {COOKIE}={pass}", ann.cookie)).role("demo")
    };
    let dir = tempfile::tempdir()?;
    let stranger = Identity::open(&dir.path().join("keys.json"))?;
    assert_eq!(role(&stranger, PassedBy::Invitation(id.clone()))?, Role::Viewer, "a forged pass counts");
    // The server's own, so that the signature is not why.
    let own = Identity::load(&program.directory().join("data/ticket-keys.json"))?;
    assert_eq!(role(&own, PassedBy::Invitation(id.clone()))?, Role::Moderator);
    assert_eq!(role(&own, PassedBy::Key(id))?, Role::Viewer, "an invitation is taken for a key");
    assert_eq!(role(&own, PassedBy::Invitation("0".repeat(16)))?, Role::Viewer);
    Ok(())
}
