//! Names that guests give themselves, in the real program: where the streamer allows it, marked, and nobody else's.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use danmu::{
    rights::Rights,
    room::{Modes, RoomMode},
    session::Session,
    ticket::PublicKey,
    viewer::Role,
};
use danmu_identity::identity::{Identity, Member};
use serde_json::Value;

use crate::{
    program::{Answer, Program},
    retract::Tape,
    rights::Person,
    speaker::{Viewer, now_ms, until},
    world::{Failure, Test},
};

/// Asks for a session under a name, as it stands in a form.
fn asks(program: &Program, viewer: &Viewer, name: &str, head: &[&str]) -> Result<Answer, Failure> {
    let key = PublicKey::new(viewer.key.verifying_key().to_bytes());
    program.session_with("demo", "produce", &format!("&key={key}&name={name}"), &[&[&*viewer.cookie], head].concat())
}

/// The ticket of a session, and the name in it.
fn ticket(answer: &Answer) -> Result<(String, Option<String>), Failure> {
    let session: Session = serde_json::from_str(&answer.body).map_err(|_| answer.body.clone())?;
    let ticket = session.ticket.ok_or("no ticket")?;
    let claims = BASE64_URL_SAFE_NO_PAD.decode(ticket.split('.').nth(1).ok_or("no claims")?)?;
    let claims: Value = serde_json::from_slice(&claims)?;
    let name = claims["name"].as_str().map(str::to_owned);
    Ok((ticket, name))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_goes_by_a_marked_name_where_the_streamer_allows_it_and_by_nobody_elses() -> Test {
    let program = Program::start(&[])?;
    program.get_ready()?;
    let (keeper, host) = (
        Person::with(&program, "keeper", &[("demo", Role::Moderator)])?,
        Person::with(&program, "host", &[("demo", Role::Streamer)])?,
    );
    let set = |person: &Person<'_>, on: bool| person.asks("set_mode", &format!("room=demo&mode=names&on={on}"));
    let guest = Viewer::new(&program, 1)?;
    let named = |name: &str| ticket(&asks(&program, &guest, name, &[])?);
    let mut tape = Tape::follow(&program, "history=0")?;
    tape.until("\"modes\":0")?;
    assert_eq!(named("Anna")?.1, None, "the room has no such names");

    let refused = set(&keeper, true)?;
    assert_eq!((refused.status, refused.body.contains("NotAbove")), (403, true), "{}", refused.body);
    assert_eq!(set(&host, true)?.status, 200);
    let bits = u64::from(Modes::default().and(RoomMode::Names));
    tape.until(&format!("\"modes\":{bits}"))?;
    let (of_anna, name) = named("+%7EAnna+")?;
    assert_eq!(name.as_deref(), Some("~Anna"), "marked once");
    assert_eq!(named("")?.1, None);
    let anna = Viewer { ticket: of_anna, ..guest.again() };
    assert_eq!(anna.says("I am Anna").await?, None);
    let told = tape.until("I am Anna")?;
    assert!(told.contains("\"name\":\"~Anna\""), "{told}");

    // Somebody who signed in, and came, is called so.
    let identity = Identity::load(&program.directory().join("data/ticket-keys.json"))?;
    let member = Member {
        viewer: "berta".parse()?,
        name: Some("Berta".to_owned().try_into()?),
        rights: Rights::everywhere(Role::Member),
        sign_in: "berta".to_owned(),
        expires_s: now_ms() / 1_000 + 3_600,
    };
    let cookie = format!("Cookie: danmu_member={}", identity.member_cookie(&member));
    let berta = Viewer { cookie, ..Viewer::new(&program, 2)? };
    assert_eq!(ticket(&asks(&program, &berta, "Carl", &[])?)?.1.as_deref(), Some("Berta"), "hers is proved");
    let rule = host.asks("make_rule", "room=demo&rule[kind]=words&rule[value]=spoiler")?;
    assert_eq!(rule.status, 200, "{}", rule.body);
    let chinese = ["Accept-Language: zh-CN"];
    for (name, head, why) in [
        ("Berta", &[][..], "Somebody who signed in is called so"),
        ("%EF%BC%A2ERTA", &[], "Somebody who signed in is called so"),
        ("~berta", &chinese, "已有登录用户使用这个名字"),
        ("SPOILER", &[], "This room does not allow that name"),
        ("a%E2%80%AEb", &[], "1 to 20 characters"),
        ("%E2%80%8B", &[], "1 to 20 characters"),
        ("aaaaaaaaaaaaaaaaaaaaa", &[], "1 to 20 characters"),
    ] {
        let answer = asks(&program, &guest, name, head)?;
        let fits = answer.status == 400 && answer.body.starts_with("{\"Name\":") && answer.body.contains(why);
        assert!(fits, "a guest goes by {name:?}: {}", answer.body);
    }
    // What is refused is no name that the guest had.
    assert_eq!((named("Bea")?.1.as_deref(), named("Cleo")?.1.as_deref()), (Some("~Bea"), Some("~Cleo")));
    let fourth = asks(&program, &guest, "Dora", &[])?;
    assert!(fourth.status == 400 && fourth.body.contains("three names within an hour"), "{}", fourth.body);
    assert_eq!(named("Cleo")?.1.as_deref(), Some("~Cleo"), "it goes on");

    // Switched off, an earlier ticket shows no name any more.
    assert_eq!(set(&host, false)?.status, 200);
    tape.until("data: {\"modes\":0}")?;
    assert_eq!(anna.says("still Anna").await?, None);
    let told = tape.until("still Anna")?;
    let line = told.lines().find(|line| line.contains("still Anna")).ok_or("no line")?;
    assert!(!line.contains("\"name\""), "a name is shown: {line}");
    until("the server knows it, too", || Ok(named("Anna")?.1.is_none())).await
}
