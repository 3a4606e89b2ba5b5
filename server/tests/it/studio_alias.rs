//! Other ids of a room in the real program, on two servers that share a directory.

use danmu::viewer::Role;

use crate::{
    program::{Answer, Program},
    rights::Person,
    speaker::{Viewer, until},
    world::{Failure, Test},
};

const FORM: &str = "Content-Type: application/x-www-form-urlencoded";

fn get(program: &Program, path: &str) -> Result<Answer, Failure> {
    program.ask(&format!("GET {path}"), &[], "")
}

/// A line of an answer's head.
fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// Where a path leads to, if it leads elsewhere.
fn leads(program: &Program, path: &str) -> Result<(u16, Option<String>), Failure> {
    let answer = get(program, path)?;
    Ok((answer.status, header(&answer, "location").map(str::to_owned)))
}

#[tokio::test(flavor = "multi_thread")]
async fn another_id_leads_to_the_room_on_every_server_and_is_nobody_elses() -> Test {
    let first = Program::start(&[])?;
    first.get_ready()?;
    let (data, stream) = (first.directory().join("data").display().to_string(), first.stream.replace("http://", ""));
    let second =
        Program::start(&[("DANMU_ROLE", "relay"), ("DANMU_STREAM__ADDR", &*stream), ("DANMU_STREAM__DATA", &*data)])?;
    second.get_ready()?;
    let viewer = Viewer::new(&first, 1)?;
    let make = |id: &str| {
        first.ask("POST /api/make_room", &[FORM, &viewer.cookie], &format!("room={id}&title=Show&video=&poster="))
    };
    let (anna, bob) = (make("anna")?, make("bob")?);
    assert_eq!((anna.status, bob.status), (200, 200));
    let pass = |answer: &Answer, room: &str| {
        let pass = answer.cookie(&format!("danmu_studio_{room}")).ok_or("no cookie")?;
        Ok::<_, Failure>(format!("{}; danmu_studio_{room}={pass}", viewer.cookie))
    };
    let (of_anna, of_bob) = (pass(&anna, "anna")?, pass(&bob, "bob")?);
    let ask = |what: &str, cookie: &str, form: &str| first.ask(&format!("POST /api/{what}"), &[FORM, cookie], form);
    let (keeper, host) = (
        Person::with(&first, "keeper", &[("anna", Role::Moderator)])?,
        Person::with(&first, "host", &[("demo", Role::Streamer)])?,
    );

    assert_eq!(ask("add_alias", &of_anna, "room=anna&alias=show")?.status, 200);
    assert_eq!(ask("aliases", &of_anna, "room=anna")?.body, "[\"show\"]");
    for program in [&first, &second] {
        until("it leads there", || Ok(get(program, "/room/show")?.status == 308)).await?;
        for (path, place) in [
            ("/room/show", "/room/anna"),
            ("/overlay/show?names&size=2", "/overlay/anna?names&size=2"),
            ("/wall/show?text=a%20b", "/wall/anna?text=a%20b"),
            ("/studio/show/", "/studio/anna/"),
        ] {
            assert_eq!(leads(program, path)?, (308, Some(place.to_owned())), "{path}");
        }
        let kept = get(program, "/room/show")?;
        assert_eq!(header(&kept, "cache-control"), Some("no-store"), "it may be taken away");
        assert_eq!(leads(program, "/room/anna")?, (200, None));
    }

    for (what, cookie, form, status, why) in [
        ("add_alias", &viewer.cookie, "room=anna&alias=mine", 403, "NotModerator"),
        ("add_alias", &keeper.cookie, "room=anna&alias=mine", 403, "NotAbove"),
        ("end_alias", &keeper.cookie, "room=anna&alias=show", 403, "NotAbove"),
        ("aliases", &keeper.cookie, "room=anna", 403, "NotAbove"),
        ("add_alias", &of_bob, "room=anna&alias=mine", 403, "NotModerator"),
        ("end_alias", &of_bob, "room=anna&alias=show", 403, "NotModerator"),
        ("add_alias", &of_bob, "room=bob&alias=show", 409, "RoomExists"),
        ("add_alias", &of_bob, "room=bob&alias=anna", 409, "RoomExists"),
        ("add_alias", &of_bob, "room=bob&alias=demo", 409, "RoomExists"),
        ("add_alias", &of_bob, "room=bob&alias=No+id", 404, "BadRoom"),
        ("make_room", &viewer.cookie, "room=show&title=Mine&video=&poster=", 409, "RoomExists"),
        ("add_alias", &host.cookie, "room=demo&alias=mine", 409, "NotKept"),
    ] {
        let refused = ask(what, cookie, form)?;
        assert_eq!((refused.status, refused.body.contains(why)), (status, true), "{what} {form}: {}", refused.body);
    }
    for what in ["add_alias", "end_alias"] {
        let head = [FORM, &of_anna, "Origin: https://elsewhere.example"];
        let refused = first.ask(&format!("POST /api/{what}"), &head, "room=anna&alias=show")?;
        assert_eq!(refused.status, 403, "a page of another site asks {what}");
    }
    assert_eq!(get(&first, "/room/mine")?.status, 404, "nothing was made");

    for n in 1..5 {
        assert_eq!(ask("add_alias", &of_anna, &format!("room=anna&alias=show-{n}"))?.status, 200);
    }
    let sixth = ask("add_alias", &of_anna, "room=anna&alias=show-5")?;
    assert_eq!((sixth.status, sixth.body.contains("TooManyAliases")), (409, true), "{}", sixth.body);

    // Taken away, it stays hers.
    assert_eq!(ask("end_alias", &of_anna, "room=anna&alias=show")?.status, 200);
    for program in [&first, &second] {
        until("it leads nowhere", || Ok(get(program, "/room/show")?.status == 404)).await?;
    }
    assert_eq!(ask("add_alias", &of_bob, "room=bob&alias=show")?.status, 409);
    let audit = first.order(&["audit", "--room", "anna"])?;
    assert!(audit.contains("add_alias") && audit.contains("end_alias"), "{audit}");

    assert_eq!(ask("add_alias", &of_anna, "room=anna&alias=show-6")?.status, 200, "there is a place again");

    // By command, beside the servers that run.
    for (arguments, why) in [
        (&["rooms", "alias", "demo", "mine"][..], "declared in the settings"),
        (&["rooms", "alias", "nobody", "mine"], "there is no room nobody"),
        (&["rooms", "alias", "bob", "show"], "or that id leads to another"),
        (&["rooms", "alias", "bob", "demo"], "there is a room \"demo\" already"),
        (&["rooms", "alias", "bob", "mine", "--end"], "mine does not lead to room bob"),
        (&["rooms", "alias", "anna", "show"], "a room has up to 5 other ids, and 20 with those that were taken away"),
        (&["rooms", "create", "show"], "there is a room show already, or there was one, or that id leads to another"),
    ] {
        let error = first.order(arguments).err().ok_or_else(|| format!("it was done: {arguments:?}"))?.to_string();
        assert!(error.contains(why), "{arguments:?}: {error}");
    }
    first.order(&["rooms", "alias", "bob", "late-show"])?;
    assert!(first.order(&["rooms", "list"])?.contains(", also late-show"));
    for program in [&first, &second] {
        until("it leads there", || Ok(leads(program, "/room/late-show")?.1.as_deref() == Some("/room/bob"))).await?;
    }
    first.order(&["rooms", "delete", "bob", "--yes"])?;
    until("it ends with its room", || Ok(get(&first, "/room/late-show")?.status == 404)).await?;
    assert_eq!(make("late-show")?.status, 409, "of a deleted room as well");
    Ok(())
}
