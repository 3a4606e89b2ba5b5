//! What a room's gate refused, in the real program: told to its crew with author and reason, and to nobody else.

use danmu::viewer::Role;
use danmu_app::refusals::RefusedDanmu;

use crate::{
    program::Program,
    retract::Tape,
    rights::Person,
    speaker::{Viewer, until},
    world::{Failure, Test},
};

const ROOMS: &str = "[[rooms]]\nid = 'demo'\nvideo = ''\n[[rooms]]\nid = 'other'\nvideo = ''\n";

fn refused(person: &Person<'_>, since: u64) -> Result<Vec<RefusedDanmu>, Failure> {
    let answer = person.asks("refused", &format!("room=demo&since={since}"))?;
    assert_eq!(answer.status, 200, "{}", answer.body);
    Ok(serde_json::from_str(&answer.body)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_is_told_to_the_rooms_crew_with_its_author_and_reason_and_to_nobody_else() -> Test {
    let program = Program::start_with(ROOMS, &[])?;
    program.get_ready()?;
    let host = Person::with(&program, "host", &[("demo", Role::Streamer)])?;
    let keeper = Person::with(&program, "keeper", &[("demo", Role::Moderator)])?;
    let elsewhere = Person::with(&program, "elsewhere", &[("other", Role::Streamer), ("demo", Role::Member)])?;
    let guest = Viewer::new(&program, 1)?;
    for person in [&elsewhere, &Person { program: &program, cookie: guest.cookie.clone() }] {
        let answer = person.asks("refused", "room=demo&since=0")?;
        assert_eq!((answer.status, answer.body.contains("NotModerator")), (403, true), "{}", answer.body);
    }
    assert_eq!(refused(&host, 0)?, []);

    let mut tape = Tape::follow(&program, "history=50")?;
    tape.until("\n\n")?;
    assert_eq!(host.asks("set_mode", "room=demo&mode=members&on=true")?.status, 200);
    tape.until("data: {\"modes\":2}")?;
    guest.says("let me in").await?;
    until("it is told to the crew", || Ok(refused(&keeper, 0)?.iter().any(|one| one.text == "let me in"))).await?;
    let all = refused(&host, 0)?;
    let one = all.iter().find(|one| one.text == "let me in").ok_or("it is there")?;
    assert_eq!((one.viewer.as_deref(), &*one.reason), (Some(&*guest.id), "mode"));

    guest.says("and again").await?;
    until("what came since is told", || Ok(refused(&host, one.number)?.len() == 1)).await?;
    assert_eq!(refused(&host, one.number)?[0].text, "and again");
    let page = program.ask("GET /room/demo", &[], "")?.body;
    assert!(!page.contains("let me in"), "no page of a viewer has it");
    assert_eq!(host.asks("set_mode", "room=demo&mode=members&on=false")?.status, 200);
    assert!(!tape.until("data: {\"modes\":0}")?.contains("let me in"), "no feed has it");
    Ok(())
}
