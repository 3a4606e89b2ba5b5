//! What becomes of rooms in the real program: one is deleted for good, or its streamer makes the key anew; and nobody else does.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
};

use danmu::viewer::Role;
use danmu_app::audit::AuditEntry;

use crate::{
    program::{Answer, Program, address},
    rights::Person,
    speaker::{Viewer, until},
    world::{Failure, PATIENCE, Test},
};

const FORM: &str = "Content-Type: application/x-www-form-urlencoded";
const ROOMS: &str = "[[rooms]]\nid = 'demo'\nvideo = ''\n[[rooms]]\nid = 'other'\nvideo = ''\n";
/// Whoever asks may ask as often as it likes, and requests tell from where they come.
const OFTEN: [(&str, &str); 3] = [
    ("DANMU_VENDING__VIEWER_PER_MINUTE", "100000"),
    ("DANMU_VENDING__VIEWER_BURST", "10000"),
    ("DANMU_HTTP__TRUSTED_PROXIES", "127.0.0.0/8"),
];

/// A server, and another one that shares its directory and its stream.
fn two() -> Result<(Program, Program), Failure> {
    let first = Program::start_with(ROOMS, &OFTEN)?;
    first.get_ready()?;
    let (data, stream) = (first.directory().join("data").display().to_string(), first.stream.replace("http://", ""));
    let relay = [("DANMU_ROLE", "relay"), ("DANMU_STREAM__DATA", &*data), ("DANMU_STREAM__ADDR", &*stream)];
    let second = Program::start_with(ROOMS, &[&OFTEN[..], &relay].concat())?;
    second.get_ready()?;
    Ok((first, second))
}

fn with<'a>(program: &'a Program, cookie: &str) -> Person<'a> {
    Person { program, cookie: cookie.to_owned() }
}

fn page(program: &Program, room: &str) -> Result<u16, Failure> {
    Ok(program.ask(&format!("GET /room/{room}"), &[], "")?.status)
}

fn is_refused(answer: &Answer, status: u16, why: &str) -> bool {
    answer.status == status && answer.body.contains(why)
}

/// The cookies of a viewer with the pass that an answer gives it.
fn cookies(viewer: &Viewer, answer: &Answer, room: &str) -> Result<String, Failure> {
    let name = format!("danmu_studio_{room}");
    let pass = answer.cookie(&name).ok_or_else(|| answer.body.clone())?;
    Ok(format!("{}; {name}={pass}", viewer.cookie))
}

/// The room `anna`: its key, and the cookies of who made it.
fn make_anna(program: &Program, maker: &Viewer) -> Result<(String, String), Failure> {
    let made = with(program, &maker.cookie).asks("make_room", "room=anna&title=Anna&video=&poster=")?;
    Ok((serde_json::from_str(&made.body)?, cookies(maker, &made, "anna")?))
}

/// A moderator of a room by an invitation of its streamer; the invitation's token, and the moderator's cookies.
fn invited(program: &Program, host: &Person<'_>, viewer: &Viewer, room: &str) -> Result<(String, String), Failure> {
    let token: String = serde_json::from_str(&host.asks("make_invitation", &format!("room={room}&label=Ann"))?.body)?;
    let accepted = with(program, &viewer.cookie).asks("accept_invitation", &format!("room={room}&token={token}"))?;
    Ok((token, cookies(viewer, &accepted, room)?))
}

/// From there, a room's studio is opened by a key.
fn open(program: &Program, viewer: &Viewer, room: &str, key: &str, from: u8) -> Result<Answer, Failure> {
    let from = format!("X-Forwarded-For: 198.51.100.{from}");
    program.ask("POST /api/open_studio", &[FORM, &viewer.cookie, &from], &format!("room={room}&key={key}"))
}

fn demo_key(program: &Program) -> Result<String, Failure> {
    Ok(fs::read_to_string(program.directory().join("data/streamer-key-demo"))?.trim().to_owned())
}

/// The role of who has these cookies in `demo`.
fn role(program: &Program, cookie: &str) -> Result<Role, Failure> {
    with(program, cookie).role("demo")
}

/// A new key, as the streamer makes it.
fn renewed(host: &Person<'_>, form: &str) -> Result<(String, Answer), Failure> {
    let answer = host.asks("new_key", form)?;
    let key = serde_json::from_str(&answer.body).map_err(|_| answer.body.clone())?;
    Ok((key, answer))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_room_ends_on_every_server_and_key_cookie_invitation_and_ticket_are_worth_nothing() -> Test {
    let (here, there) = two()?;
    let [maker, ann, bob] = [Viewer::new(&here, 1)?, Viewer::new(&here, 2)?, Viewer::new(&here, 3)?];
    let (key, owner) = make_anna(&here, &maker)?;
    let owner = with(&here, &owner);
    until("it is there", || Ok(page(&there, "anna")? == 200)).await?;
    let (token, moderator) = invited(&here, &owner, &ann, "anna")?;
    let moderator = with(&here, &moderator);
    assert_eq!(owner.asks("make_rule", "room=anna&rule%5Bkind%5D=words&rule%5Bvalue%5D=spam")?.status, 200);
    let bob_there = bob.enters(&here, "anna", 3)?;
    let told = |room: &str| here.figure(&format!("danmu_admitted_total{{room=\"{room}\"}}"));
    assert_eq!(bob_there.says("welcome").await?, None);
    until("it is told", || Ok(told("anna")? == 1)).await?;

    let deleted = owner.asks("delete_room", "room=anna")?;
    assert_eq!((deleted.status, deleted.cookie("danmu_studio_anna")), (200, Some("")), "{}", deleted.body);
    assert_eq!(page(&here, "anna")?, 404, "it goes on");
    until("it has ended there", || Ok(page(&there, "anna")? == 404)).await?;
    for (from, program) in [(1, &here), (2, &there)] {
        assert!(is_refused(&open(program, &maker, "anna", &key, from)?, 403, "WrongKey"), "its key opens it");
        let accepted = with(program, &bob.cookie).asks("accept_invitation", &format!("room=anna&token={token}"))?;
        assert!(is_refused(&accepted, 403, "BadInvitation"), "its invitation works: {}", accepted.body);
        for who in [&owner.cookie, &moderator.cookie] {
            let who = with(program, who);
            for (what, form) in [
                ("ban", "room=anna&viewer=somebody"),
                ("delete_room", "room=anna"),
                ("new_key", "room=anna&stay=true"),
                ("session", "room=anna&purpose=produce"),
                ("audit", "room=anna"),
            ] {
                assert!(is_refused(&who.asks(what, form)?, 404, "NoRoom"), "{what} by a cookie from before");
            }
        }
    }
    // By a ticket and credentials from before: it reaches the stream, and nobody.
    let _ = bob_there.says("still here").await?;
    assert_eq!(bob.says("and here").await?, None);
    until("what was said later elsewhere is told", || Ok(told("demo")? == 1)).await?;
    assert_eq!(told("anna")?, 1, "somebody speaks there");

    // Its id is nobody's.
    let taken = with(&there, &bob.cookie).asks("make_room", "room=anna&title=Mine&video=&poster=")?;
    assert!(is_refused(&taken, 409, "RoomExists"), "somebody takes over its id: {}", taken.body);
    for (order, why) in [
        (&["rooms", "create", "anna"][..], "there is a room anna already, or there was one"),
        (&["rooms", "reopen", "anna"], "was deleted"),
        (&["rooms", "archive", "anna"], "was deleted"),
        (&["rooms", "delete", "anna", "--yes"], "was deleted"),
        (&["rooms", "key", "anna"], "there is no room anna"),
        (&["ban", "192.0.2.1", "--room", "anna"], "there is no room anna"),
    ] {
        let error = here.order(order).err().ok_or_else(|| format!("{order:?} was done"))?.to_string();
        assert!(error.contains(why), "{order:?}: {error}");
    }
    assert!(!here.order(&["rooms", "list"])?.contains("anna"));
    let all = here.order(&["rooms", "list", "--all"])?;
    assert!(all.lines().any(|line| line.starts_with("anna  deleted ")), "{all}");

    // The operator reads what was done there.
    let audit = here.order(&["audit", "--room", "anna", "--format", "ndjson"])?;
    let entries: Vec<AuditEntry> = audit.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let (first, last) = (entries.first().ok_or("nothing")?, entries.last().ok_or("nothing")?);
    assert_eq!((&*first.what, &*last.what, &*last.actor), ("make_room", "delete_room", &*maker.id));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_deletes_a_room_once_sure_and_a_killed_server_knows_it_no_more() -> Test {
    let program = Program::start_with(ROOMS, &OFTEN)?;
    program.get_ready()?;
    let maker = Viewer::new(&program, 1)?;
    let (key, _) = make_anna(&program, &maker)?;
    for (order, why) in [
        (&["rooms", "delete", "anna"][..], "add --yes"),
        (&["rooms", "delete", "demo", "--yes"], "declared in the settings"),
        (&["rooms", "delete", "nobody", "--yes"], "there is no room nobody"),
    ] {
        let error = program.order(order).err().ok_or_else(|| format!("{order:?} was done"))?.to_string();
        assert!(error.contains(why), "{order:?}: {error}");
    }
    assert_eq!(page(&program, "anna")?, 200);
    assert!(program.order(&["rooms", "delete", "anna", "--yes"])?.contains("anna is deleted"));
    let program = program.crash(&OFTEN)?;
    program.get_ready()?;
    assert_eq!(page(&program, "anna")?, 404);
    assert!(is_refused(&open(&program, &maker, "anna", &key, 1)?, 403, "WrongKey"), "its key opens it");

    // One that is archived, too, and one of which a server hears by the store alone.
    program.order(&["rooms", "create", "bob"])?;
    until("it is there", || Ok(page(&program, "bob")? == 200)).await?;
    program.order(&["rooms", "delete", "bob", "--yes"])?;
    until("it has ended", || Ok(page(&program, "bob")? == 404)).await?;
    program.order(&["rooms", "create", "carl"])?;
    program.order(&["rooms", "archive", "carl"])?;
    program.order(&["rooms", "delete", "carl", "--yes"])?;
    assert!(!program.order(&["rooms", "list"])?.contains("carl"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_ends_what_the_old_one_opened_in_every_browser_but_that_of_who_stays() -> Test {
    let (here, there) = two()?;
    let [host, guest, heir] = [Viewer::new(&here, 1)?, Viewer::new(&here, 2)?, Viewer::new(&here, 3)?];
    let first = demo_key(&here)?;
    let old = cookies(&host, &open(&here, &host, "demo", &first, 1)?, "demo")?;
    let guests = cookies(&guest, &open(&there, &guest, "demo", &first, 2)?, "demo")?;
    assert_eq!(with(&there, &guests).role("demo")?, Role::Streamer);

    let (second, answer) = renewed(&with(&here, &old), "room=demo&stay=true")?;
    assert_eq!(demo_key(&here)?, second, "the file is rewritten");
    let stays = cookies(&host, &answer, "demo")?;
    assert_eq!(with(&here, &stays).role("demo")?, Role::Streamer, "who stays is out");
    assert_eq!(with(&here, &old).role("demo")?, Role::Viewer, "the old cookie opens it");
    until("it is known there", || {
        let roles = (role(&there, &stays)?, role(&there, &old)?, role(&there, &guests)?);
        Ok(roles == (Role::Streamer, Role::Viewer, Role::Viewer))
    })
    .await?;
    for (from, program) in [(3, &here), (4, &there)] {
        assert!(is_refused(&open(program, &guest, "demo", &first, from)?, 403, "WrongKey"), "the old key opens it");
    }

    // Handed over: who made the key leaves, and whoever has it comes.
    let (third, answer) = renewed(&with(&there, &stays), "room=demo&stay=false")?;
    assert_eq!(answer.cookie("danmu_studio_demo"), Some(""), "{}", answer.head);
    assert_eq!(role(&there, &stays)?, Role::Viewer, "who left is in");
    let heirs = cookies(&heir, &open(&here, &heir, "demo", &third, 5)?, "demo")?;
    assert_eq!((role(&here, &heirs)?, role(&here, &stays)?), (Role::Streamer, Role::Viewer));
    assert!(third != second && second != first);

    // The audit has both, by who made them; a server that was killed has the last key.
    let audit = here.order(&["audit", "--room", "demo", "--format", "ndjson"])?;
    let entries: Vec<AuditEntry> = audit.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let made = entries.iter().filter(|entry| entry.what == "new_key" && entry.actor == host.id).count();
    assert_eq!(made, 2, "{audit}");
    drop(there);
    let here = here.crash(&OFTEN)?;
    here.get_ready()?;
    assert_eq!(demo_key(&here)?, third);
    assert_eq!((role(&here, &heirs)?, role(&here, &stays)?), (Role::Streamer, Role::Viewer));

    // A room of the settings that has no key gets one by who signed in, and who goes on too long is told so.
    let owner = Person::with(&here, "owner", &[("other", Role::Streamer)])?;
    let (key, answer) = renewed(&owner, "room=other&stay=false")?;
    assert_eq!((answer.status, owner.role("other")?), (200, Role::Streamer), "by its own rights");
    assert_eq!(open(&here, &heir, "other", &key, 6)?.status, 200);
    let mut limited = 0;
    for _ in 0..20 {
        let answer = owner.asks("new_key", "room=other&stay=true")?;
        assert!(matches!(answer.status, 200 | 429), "{}", answer.body);
        assert!(answer.status == 200 || answer.head.contains("retry-after: "), "{}", answer.head);
        limited += i32::from(answer.status == 429);
    }
    assert!(limited > 10, "{limited} of 20 were limited");
    Ok(())
}

#[test]
fn only_the_streamer_of_the_room_deletes_it_and_makes_its_key() -> Test {
    let program = Program::start_with(ROOMS, &OFTEN)?;
    program.get_ready()?;
    let [maker, ann] = [Viewer::new(&program, 1)?, Viewer::new(&program, 2)?];
    let (key, owner) = make_anna(&program, &maker)?;
    let owner = with(&program, &owner);
    let (_, moderator) = invited(&program, &owner, &ann, "anna")?;
    let moderator = with(&program, &moderator);
    let signed_in = Person::with(&program, "keeper", &[("anna", Role::Moderator)])?;
    let elsewhere = Person::with(&program, "elsewhere", &[("other", Role::Streamer)])?;
    let guest = with(&program, "Cookie: lang=en");
    for (who, why) in
        [(&moderator, "NotAbove"), (&signed_in, "NotAbove"), (&elsewhere, "NotModerator"), (&guest, "NotModerator")]
    {
        for (what, form) in [("delete_room", "room=anna"), ("new_key", "room=anna&stay=true")] {
            let answer = who.asks(what, form)?;
            assert!(is_refused(&answer, 403, why), "{what} by {why}: {} {}", answer.status, answer.body);
            assert_eq!(answer.cookie("danmu_studio_anna"), None, "{what} by {why}");
        }
        assert!(!who.program.ask("GET /studio/anna", &[&who.cookie], "")?.body.contains("data-hand-over"));
    }
    // A room of the settings stays, and there is nothing to delete or to change about what is none.
    let refused = elsewhere.asks("delete_room", "room=other")?;
    assert!(is_refused(&refused, 409, "NotKept"), "{}", refused.body);
    assert!(!program.ask("GET /studio/other", &[&elsewhere.cookie], "")?.body.contains("data-delete-room"));
    for (room, why) in [("nowhere", "NoRoom"), ("No+Room", "BadRoom")] {
        for what in ["delete_room", "new_key"] {
            let refused = owner.asks(what, &format!("room={room}&stay=true"))?;
            assert!(is_refused(&refused, 404, why), "{what} {room}: {}", refused.body);
        }
    }
    assert_eq!(owner.asks("new_key", "room=anna")?.status, 400, "whether it stays is not said");
    assert_eq!((page(&program, "anna")?, open(&program, &ann, "anna", &key, 1)?.status), (200, 200));
    let studio = program.ask("GET /studio/anna", &[&owner.cookie], "")?.body;
    assert!(studio.contains("data-hand-over") && studio.contains("data-delete-room"), "{studio}");
    Ok(())
}

#[test]
fn a_page_of_another_site_deletes_nothing_and_makes_no_key() -> Test {
    let program = Program::start_with(ROOMS, &OFTEN[..2])?;
    program.get_ready()?;
    let maker = Viewer::new(&program, 1)?;
    let (key, owner) = make_anna(&program, &maker)?;
    let foreign = [
        "Origin: http://evil.example",
        "Referer: http://evil.example/",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
        "Origin: null",
    ];
    for head in foreign {
        for (what, form) in [("new_key", "room=anna&stay=true"), ("delete_room", "room=anna")] {
            let answer = program.ask(&format!("POST /api/{what}"), &[FORM, &owner, head], form)?;
            assert!(is_refused(&answer, 403, "pages of its own site only"), "{what} {head}: {}", answer.body);
        }
    }
    for path in ["new_key?room=anna&stay=true", "delete_room?room=anna"] {
        assert_ne!(program.ask(&format!("GET /api/{path}"), &[&owner], "")?.status, 200, "a link does it: {path}");
    }
    assert_eq!((page(&program, "anna")?, open(&program, &maker, "anna", &key, 1)?.status), (200, 200));
    Ok(())
}

/// Begins a request, and waits until the server asks for its body; what sends the body, and returns the answer.
fn begin(
    program: &Program,
    what: &str,
    cookie: &str,
    form: &str,
) -> Result<impl FnOnce() -> Result<String, Failure>, Failure> {
    let mut line = TcpStream::connect(address(&program.url)?)?;
    line.set_read_timeout(Some(PATIENCE))?;
    let (host, length, form) = (program.authority(), form.len(), form.to_owned());
    write!(
        line,
        "POST /api/{what} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nExpect: 100-continue\r\n{FORM}\r\n{cookie}\r\n\
         Content-Length: {length}\r\n\r\n"
    )?;
    let mut asked = [0; 25];
    line.read_exact(&mut asked)?;
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n", "it does not ask for the body");
    Ok(move || {
        line.write_all(form.as_bytes())?;
        let mut answer = String::new();
        line.read_to_string(&mut answer)?;
        Ok(answer)
    })
}

#[test]
fn who_began_a_request_by_a_key_that_was_replaced_meanwhile_takes_no_room() -> Test {
    let program = Program::start_with(ROOMS, &OFTEN)?;
    program.get_ready()?;
    let [maker, thief] = [Viewer::new(&program, 1)?, Viewer::new(&program, 2)?];
    let (key, owner) = make_anna(&program, &maker)?;
    let stolen = cookies(&thief, &open(&program, &thief, "anna", &key, 1)?, "anna")?;
    let takes = begin(&program, "new_key", &stolen, "room=anna&stay=true")?;
    let deletes = begin(&program, "delete_room", &stolen, "room=anna")?;
    let (newer, _) = renewed(&with(&program, &owner), "room=anna&stay=true")?;
    for answer in [takes()?, deletes()?] {
        assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("NotModerator"), "an old key counts: {answer}");
    }
    assert_eq!(page(&program, "anna")?, 200);
    assert_eq!(open(&program, &maker, "anna", &newer, 2)?.status, 200, "its streamer is out");
    Ok(())
}
