//! Roles per room in the real program: the role in a viewer's ticket, and whom its bearer may ban.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use danmu::{
    gate::{Evidence, Gate, Incoming, Reason},
    record::{Danmu, RecordId, Unicode},
    rights::Rights,
    room::{Paces, Room, RoomId, Unsigned},
    session::Session,
    ticket::PublicKey,
    viewer::Role,
};
use danmu_identity::identity::{Identity, Member};
use ed25519_dalek::SigningKey;
use serde_json::Value;

use crate::{
    program::{Answer, Program},
    world::{Failure, Test},
};

const FORM: &str = "Content-Type: application/x-www-form-urlencoded";
const ROOMS: &str = "[[rooms]]\nid = 'demo'\nvideo = ''\nunsigned = 'allow'\n[[rooms]]\nid = 'other'\nvideo = ''\n";

/// Viewers whom nobody has heard.
const ANN: &str = "m000000000000000000000000000000aa";
const BOB: &str = "m000000000000000000000000000000bb";

const UNICODE: Unicode = Unicode { graphemes: |text| text.chars().count(), nfc: str::to_owned };

fn now_s() -> i64 {
    danmu_stream::Clock::now_ms(&danmu_stream::SystemClock) / 1_000
}

/// Somebody who signed in, by the cookie that the program would have given.
pub struct Person<'a> {
    pub program: &'a Program,
    pub cookie: String,
}

impl<'a> Person<'a> {
    /// With these roles in those rooms, and a member's elsewhere.
    pub fn with(program: &'a Program, name: &str, roles: &[(&str, Role)]) -> Result<Self, Failure> {
        let identity = Identity::load(&program.directory().join("data/ticket-keys.json"))?;
        let mut rights = Rights::everywhere(Role::Member);
        for (room, role) in roles {
            rights = rights.and_in(room.parse()?, *role);
        }
        let member =
            Member { viewer: name.parse()?, name: None, rights, sign_in: name.to_owned(), expires_s: now_s() + 3_600 };
        Ok(Self { program, cookie: format!("Cookie: danmu_member={}", identity.member_cookie(&member)) })
    }

    fn session(&self, room: &str) -> Result<Answer, Failure> {
        let key = PublicKey::new(SigningKey::from_bytes(&[1; 32]).verifying_key().to_bytes());
        self.program.session_with(room, "produce", &format!("&key={key}"), &[&self.cookie])
    }

    /// The role that its ticket for a room says.
    pub fn role(&self, room: &str) -> Result<Role, Failure> {
        let session: Session = serde_json::from_str(&self.session(room)?.body)?;
        let ticket = session.ticket.ok_or("no ticket")?;
        let claims = BASE64_URL_SAFE_NO_PAD.decode(ticket.split('.').nth(1).ok_or("no claims")?)?;
        let claims: Value = serde_json::from_slice(&claims)?;
        assert_eq!(claims["aud"], room);
        Ok(serde_json::from_value(claims["role"].clone())?)
    }

    /// Has a ban decided, or its end.
    fn decides(&self, what: &str, room: &str, whom: &str) -> Result<Answer, Failure> {
        self.asks(what, &format!("room={room}&viewer={whom}"))
    }

    /// Calls a server function, with this form.
    pub fn asks(&self, what: &str, form: &str) -> Result<Answer, Failure> {
        self.program.ask(&format!("POST /api/{what}"), &[FORM, &self.cookie], form)
    }
}

#[test]
fn a_role_of_one_room_is_worth_nothing_in_another() -> Test {
    let program = Program::start_with(ROOMS, &[])?;
    let anna = Person::with(&program, "anna", &[("demo", Role::Streamer)])?;
    assert_eq!((anna.role("demo")?, anna.role("other")?), (Role::Streamer, Role::Member));
    for what in ["ban", "unban"] {
        let refused = anna.decides(what, "other", "somebody")?;
        assert_eq!((refused.status, refused.body.contains("NotModerator")), (403, true), "{}", refused.body);
        let decided = anna.decides(what, "demo", "somebody")?;
        assert_eq!(decided.status, 200, "{}", decided.body);
        assert_eq!(anna.decides(what, "nowhere", "somebody")?.status, 404);
    }
    Ok(())
}

/// Waits until the viewer gets a session for `demo`, or none.
fn until_vended(person: &Person<'_>, vended: bool) -> Test {
    let since = Instant::now();
    while (person.session("demo")?.status == 200) != vended {
        assert!(since.elapsed() < Duration::from_secs(60), "it never came to it");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Two moderators of `demo`, and its streamer.
fn people(program: &Program) -> Result<[Person<'_>; 3], Failure> {
    let roles = [("keeper", Role::Moderator), ("other", Role::Moderator), ("host", Role::Streamer)];
    let [keeper, other, host] = roles.map(|(name, role)| Person::with(program, name, &[("demo", role)]));
    Ok([keeper?, other?, host?])
}

#[test]
fn a_moderator_bans_nobody_who_stands_as_high_and_an_operator_bans_anybody() -> Test {
    let limits = [("DANMU_VENDING__VIEWER_PER_MINUTE", "100000"), ("DANMU_VENDING__VIEWER_BURST", "10000")];
    let program = Program::start_with(ROOMS, &limits)?;
    program.get_ready()?;
    let [keeper, other, host] = people(&program)?;
    assert_eq!((other.role("demo")?, host.role("demo")?), (Role::Moderator, Role::Streamer));
    for whom in ["other", "host"] {
        let refused = keeper.decides("ban", "demo", whom)?;
        assert_eq!((refused.status, refused.body.contains("NotAbove")), (403, true), "{}", refused.body);
    }
    // The streamer bans a moderator, and lets it off; no other moderator does.
    assert_eq!(host.decides("ban", "demo", "other")?.status, 200);
    until_vended(&other, false)?;
    assert!(program.order(&["bans"])?.contains("other  room demo, by the streamer"));
    assert_eq!(keeper.decides("unban", "demo", "other")?.status, 403);
    assert_eq!(keeper.decides("ban", "demo", "other")?.status, 403);
    assert_eq!(host.decides("unban", "demo", "other")?.status, 200);
    until_vended(&other, true)?;

    // One that has just started knows nobody by name, and what it writes down has no effect.
    let program = program.crash(&limits)?;
    program.get_ready()?;
    let [keeper, other, host] = people(&program)?;
    assert_eq!(keeper.decides("ban", "demo", "host")?.status, 200);
    assert_eq!(keeper.decides("ban", "demo", "other")?.status, 200);
    assert_eq!(keeper.decides("ban", "demo", "somebody")?.status, 200);
    until_vended(&Person::with(&program, "somebody", &[])?, false)?;
    assert_eq!(host.session("demo")?.status, 200, "the streamer is locked out");
    assert_eq!(other.session("demo")?.status, 200, "a moderator is locked out by another");

    program.order(&["ban", "host", "--room", "demo"])?;
    until_vended(&host, false)?;
    assert_eq!(keeper.decides("unban", "demo", "host")?.status, 403);
    program.order(&["unban", "host", "--room", "demo"])?;
    until_vended(&host, true)
}

#[test]
fn a_session_to_read_hands_along_who_is_banned_and_a_gate_that_takes_it_refuses_them() -> Test {
    let program = Program::start_with(ROOMS, &[])?;
    program.get_ready()?;
    let read = |room: &str| -> Result<Session, Failure> {
        Ok(serde_json::from_str(&program.session(room, "consume", &[])?.body)?)
    };
    assert!(read("demo")?.bans.is_empty(), "nobody is banned");
    program.order(&["ban", ANN, "--yes", "--room", "demo"])?;
    program.order(&["ban", BOB, "--yes"])?;
    let since = Instant::now();
    while !read("demo")?.bans.concat().contains(ANN) || !read("other")?.bans.concat().contains(BOB) {
        assert!(since.elapsed() < Duration::from_secs(60), "a session to read says nothing of bans");
        // Whoever asks for more is asking too often.
        std::thread::sleep(Duration::from_millis(500));
    }
    until_vended(&Person::with(&program, ANN, &[])?, false)?;
    until_vended(&Person::with(&program, BOB, &[])?, false)?;

    // A reader whose part of the stream tells of no ban.
    let verifier = Identity::load(&program.directory().join("data/ticket-keys.json"))?.verifier();
    let banned = |room: &str, viewer: &str| -> Result<bool, Failure> {
        let id: RoomId = room.parse()?;
        let (video, paces) = (String::new(), Paces::default());
        let room = Room { id: id.clone(), title: String::new(), video, poster: None, unsigned: Unsigned::Deny, paces };
        let mut gate = Gate::new(&room, UNICODE);
        for text in read(id.as_str())?.bans {
            gate.take_handed(text.as_bytes(), verifier.verify(text.as_bytes()).as_deref())?;
        }
        let at = now_s() * 1_000 + 5_000;
        let data = [Danmu::new(RecordId::new(at, 1), id.clone(), "hi", at).encode(), b"\nticket.signature".to_vec()];
        let (viewer, role, expires_ms) = (viewer.parse()?, Role::Member, i64::MAX);
        let ticket = Arc::new(Evidence { viewer, name: None, role, room: id.clone(), issued_ms: 0, expires_ms });
        let (partition_key, sequence_number, evidence) = (id.as_str(), "1", Some(&ticket));
        let data = data.concat();
        let said = gate.admit(Incoming { data: &data, partition_key, sequence_number, arrival_ms: at, evidence });
        Ok(said.is_err_and(|reason| reason == Reason::Banned))
    };
    assert!(banned("demo", ANN)? && banned("demo", BOB)?, "who was banned long ago is shown");
    assert!(banned("other", BOB)? && !banned("other", ANN)? && !banned("demo", "cleo")?);
    Ok(())
}

#[test]
fn whoever_bans_where_a_ban_has_no_teeth_is_told_so() -> Test {
    let program = Program::start_with(ROOMS, &[])?;
    let roles = [("demo", Role::Moderator), ("other", Role::Moderator)];
    let keeper = Person::with(&program, "keeper", &roles)?;
    for (room, unsigned) in [("demo", "allow"), ("other", "deny")] {
        let answer: Value = serde_json::from_str(&keeper.decides("ban", room, ANN)?.body)?;
        assert_eq!(answer["unsigned"], unsigned, "{room}");
    }
    let says_so = |order: &[&str]| program.order(order).map(|said| said.contains("may go on without a name"));
    assert!(says_so(&["ban", ANN, "--yes", "--room", "demo"])?);
    assert!(says_so(&["ban", ANN, "--yes"])?);
    assert!(!says_so(&["ban", ANN, "--yes", "--room", "other"])?);
    assert!(says_so(&["--check"])?);
    Ok(())
}
