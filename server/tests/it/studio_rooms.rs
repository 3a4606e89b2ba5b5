//! Rooms that are made in the browser or by a command, in the real program and on two that share a directory.

use danmu::viewer::Role;

use crate::{
    program::{Answer, Program},
    rights::Person,
    speaker::{Viewer, until},
    world::{Failure, Test},
};

const FORM: &str = "Content-Type: application/x-www-form-urlencoded";

/// Somebody with a cookie asks that of a room.
fn ask(program: &Program, what: &str, cookie: &str, form: &str) -> Result<Answer, Failure> {
    program.ask(&format!("POST /api/{what}"), &[FORM, cookie], form)
}

fn page(program: &Program, room: &str) -> Result<u16, Failure> {
    Ok(program.ask(&format!("GET /room/{room}"), &[], "")?.status)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_is_made_in_the_browser_used_on_every_server_changed_and_archived() -> Test {
    let first = Program::start(&[])?;
    first.get_ready()?;
    let (data, stream) = (first.directory().join("data").display().to_string(), first.stream.replace("http://", ""));
    let second =
        Program::start(&[("DANMU_ROLE", "relay"), ("DANMU_STREAM__ADDR", &*stream), ("DANMU_STREAM__DATA", &*data)])?;
    second.get_ready()?;
    let (here, there) = (&first, &second);
    let (maker, other) = (Viewer::new(here, 1)?, Viewer::new(here, 2)?);
    assert_eq!((page(here, "anna")?, page(there, "anna")?), (404, 404));
    let form = "room=anna&title=Anna%27s+show&video=&poster=";
    let made = ask(here, "make_room", &maker.cookie, form)?;
    assert_eq!(made.status, 200, "{}", made.body);
    let key = made.body.trim_matches('"').to_owned();
    let pass = made.cookie("danmu_studio_anna").ok_or("no cookie")?;
    let cookies = format!("{}; danmu_studio_anna={pass}", maker.cookie);
    assert_eq!(page(here, "anna")?, 200, "it is there at once");
    until("the other server has it", || Ok(page(there, "anna")? == 200)).await?;

    let owner = Person { program: here, cookie: cookies.clone() };
    assert_eq!((owner.role("anna")?, owner.role("demo")?), (Role::Streamer, Role::Viewer));
    let studio = here.ask("GET /studio/anna", &[&cookies], "")?.body;
    assert!(studio.contains("data-desk") && studio.contains("Anna"), "{studio}");
    assert!(!here.ask("GET /studio/anna", &[&other.cookie], "")?.body.contains("data-desk"));
    // By the key somebody else is its streamer, on the other server.
    let opened = ask(there, "open_studio", &other.cookie, &format!("room=anna&key={key}"))?;
    assert_eq!(opened.status, 200, "{}", opened.body);

    // What is said there is told by both.
    let maker_there = maker.enters(here, "anna", 1)?;
    for program in [here, there] {
        let told = || Ok::<_, Failure>(program.figure("danmu_admitted_total{room=\"anna\"}").unwrap_or(0));
        let before = told()?;
        assert_eq!(maker_there.says("welcome").await?, None);
        until("it is told", || Ok(told()? > before)).await?;
    }

    for (what, cookie, form, status, why) in [
        ("make_room", &maker.cookie, "room=anna&title=Again&video=&poster=", 409, "RoomExists"),
        ("make_room", &maker.cookie, "room=demo&title=Mine&video=&poster=", 409, "RoomExists"),
        ("make_room", &maker.cookie, "room=Anna&title=A&video=&poster=", 404, "BadRoom"),
        ("make_room", &maker.cookie, "room=b&title=+&video=&poster=", 400, "BadTitle"),
        ("make_room", &maker.cookie, "room=b&title=B&video=javascript:alert(1)&poster=", 400, "BadAddress"),
        ("make_room", &maker.cookie, "room=b&title=B&video=&poster=//elsewhere/x.png", 400, "BadAddress"),
        ("edit_room", &other.cookie, "room=anna&title=Taken&video=&poster=", 403, "NotModerator"),
        ("archive_room", &other.cookie, "room=anna", 403, "NotModerator"),
        ("edit_room", &cookies, "room=anna&title=&video=&poster=", 400, "BadTitle"),
        ("edit_room", &cookies, "room=demo&title=Mine&video=&poster=", 403, "NotModerator"),
    ] {
        let refused = ask(here, what, cookie, form)?;
        assert_eq!((refused.status, refused.body.contains(why)), (status, true), "{what} {form}: {}", refused.body);
    }
    assert_eq!(page(here, "b")?, 404, "nothing was made");
    let host = Person::with(here, "host", &[("demo", Role::Streamer)])?;
    let declared = host.asks("edit_room", "room=demo&title=Mine&video=&poster=")?;
    assert_eq!((declared.status, declared.body.contains("NotKept")), (409, true), "{}", declared.body);

    let edited = ask(here, "edit_room", &cookies, "room=anna&title=Late+show&video=/sample.mp4&poster=")?;
    assert_eq!(edited.status, 200, "{}", edited.body);
    for program in [here, there] {
        let has = || Ok(program.ask("GET /room/anna", &[], "")?.body.contains("Late show"));
        until("the title is another one", has).await?;
    }
    assert!(here.order(&["rooms", "list"])?.contains("anna  Late show  streamer key made"));

    let archived = ask(here, "archive_room", &cookies, "room=anna")?;
    assert_eq!((archived.status, page(here, "anna")?), (200, 404));
    until("it has ended everywhere", || Ok(page(there, "anna")? == 404)).await?;
    let taken = ask(here, "make_room", &other.cookie, form)?;
    assert_eq!((taken.status, taken.body.contains("RoomExists")), (409, true), "nobody takes over its name");
    here.order(&["rooms", "reopen", "anna"])?;
    for program in [here, there] {
        until("it is open again", || Ok(page(program, "anna")? == 200)).await?;
    }
    assert_eq!(owner.role("anna")?, Role::Streamer, "by the same key");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn rooms_are_made_by_command_beside_a_running_server_and_outlive_it() -> Test {
    let program = Program::start(&[])?;
    program.get_ready()?;
    let said = program.order(&["rooms", "create", "bob", "--title", "Bob's"])?;
    let key = said.lines().next().ok_or("no key")?.to_owned();
    until("it is there", || Ok(page(&program, "bob")? == 200)).await?;
    let viewer = Viewer::new(&program, 1)?;
    assert_eq!(ask(&program, "open_studio", &viewer.cookie, &format!("room=bob&key={key}"))?.status, 200);
    for (arguments, why) in [
        (&["rooms", "create", "bob"][..], "there is a room bob already"),
        (&["rooms", "create", "demo"], "there is a room demo already"),
        (&["rooms", "create", "carl", "--video", "ftp://x"], "is no address"),
        (&["rooms", "archive", "demo"], "declared in the settings"),
        (&["rooms", "archive", "nobody"], "there is no open room nobody"),
        (&["rooms", "reopen", "bob"], "there is no archived room bob"),
        (&["rooms", "key", "nobody"], "there is no room nobody"),
    ] {
        let error = program.order(arguments).err().ok_or("it was done")?.to_string();
        assert!(error.contains(why), "{arguments:?}: {error}");
    }
    program.order(&["ban", &viewer.id, "--yes", "--room", "bob"])?;
    let program = program.restart(&[])?;
    program.get_ready()?;
    assert_eq!(page(&program, "bob")?, 200);
    program.order(&["rooms", "archive", "bob"])?;
    until("it has ended", || Ok(page(&program, "bob")? == 404)).await?;
    assert!(program.order(&["rooms", "list"])?.contains(", archived "));
    Ok(())
}

#[test]
fn who_may_make_rooms_is_the_operators_choice() -> Test {
    let form = "room=anna&title=Anna&video=&poster=";
    for (makers, guest, member) in [("nobody", 403, 403), ("members", 403, 200), ("anyone", 200, 200)] {
        let program = Program::start(&[("DANMU_STUDIO__MAKERS", makers)])?;
        program.get_ready()?;
        let made = program.ask("POST /api/make_room", &[FORM], form)?;
        assert_eq!(
            (made.status, made.body.contains("MayNotMakeRooms")),
            (guest, guest == 403),
            "{makers}: {}",
            made.body
        );
        let home = program.ask("GET /studio", &[], "")?.body;
        assert_eq!(home.contains("class=\"make\""), guest == 200, "{makers}");
        let member_form = form.replace("anna", "bob");
        let made = Person::with(&program, "bob", &[])?.asks("make_room", &member_form)?;
        assert_eq!(made.status, member, "{makers}: {}", made.body);
    }
    // Served to others, nobody makes rooms unless the settings say so.
    let program = Program::start(&[("DANMU_HTTP__ADDR", "0.0.0.0:0")])?;
    program.get_ready()?;
    assert_eq!(program.ask("POST /api/make_room", &[FORM], form)?.status, 403);
    Ok(())
}

#[test]
fn a_page_of_another_site_makes_changes_and_archives_nothing() -> Test {
    let program = Program::start(&[])?;
    program.get_ready()?;
    for what in ["make_room", "edit_room", "archive_room"] {
        let form = "room=anna&title=Anna&video=&poster=";
        let refused = program.ask(&format!("POST /api/{what}"), &[FORM, "Origin: https://elsewhere.example"], form)?;
        assert_eq!(refused.status, 403, "{what}: {}", refused.body);
    }
    assert_eq!(page(&program, "anna")?, 404);
    Ok(())
}
