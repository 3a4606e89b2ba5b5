//! Room modes in the real program: what they forbid, whom they leave alone, and what viewers are told of them.

use danmu::viewer::Role;
use serde_json::{Value, json};

use crate::{
    program::Program,
    retract::Tape,
    rights::Person,
    speaker::{Viewer, until},
    world::{Failure, Test},
};

const REFUSED: &str = "danmu_refused_total{reason=\"mode\"}";
const ADMITTED: &str = "danmu_admitted_total{room=\"demo\"}";

fn set(person: &Person<'_>, mode: &str, on: bool) -> Result<(u16, String), Failure> {
    let answer = person.asks("set_mode", &format!("room=demo&{mode}&on={on}"))?;
    Ok((answer.status, answer.body))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mode_acts_at_once_is_told_outlives_the_server_and_is_ended_by_nobody_below() -> Test {
    let program = Program::start(&[])?;
    program.get_ready()?;
    let [keeper, host, member] = [("keeper", Role::Moderator), ("host", Role::Streamer), ("ann", Role::Member)]
        .map(|(name, role)| Person::with(&program, name, &[("demo", role)]));
    let (keeper, host, member, guest) = (keeper?, host?, member?, Viewer::new(&program, 1)?);
    let mut tape = Tape::follow(&program, "history=0")?;
    assert!(tape.until("\n\n")?.contains("\"modes\":0"), "each hello says them");
    assert_eq!(set(&member, "mode=members", true)?.0, 403);
    assert_eq!(set(&host, "mode=members", true)?.0, 200);
    tape.until("data: {\"modes\":2}")?;
    let refused = program.figure(REFUSED).unwrap_or(0);
    assert_eq!(guest.says("I am a guest").await?, None, "the stream takes it");
    until("the gate refuses it", || Ok(program.figure(REFUSED)? == refused + 1)).await?;
    let figures = || -> Result<Value, Failure> { Ok(serde_json::from_str(&host.asks("figures", "room=demo")?.body)?) };
    until("the crew is told", || Ok(figures()?["refused"] == json!([["mode", 1]]))).await?;
    assert_eq!((figures()?["viewers"].as_u64(), figures()?["admitted"].as_u64()), (Some(1), Some(0)));
    assert_eq!(member.asks("figures", "room=demo")?.status, 403);
    let (status, why) = set(&keeper, "mode=members", false)?;
    assert_eq!((status, why.contains("NotAbove")), (403, true), "a moderator ends what the streamer decided: {why}");

    // Of two slow modes the last counts.
    for (seconds, told) in [(20, "162"), (5, "42")] {
        assert_eq!(set(&keeper, &format!("mode[slow]={seconds}"), true)?, (200, "null".into()));
        tape.until(&format!("data: {{\"modes\":{told}}}"))?;
    }
    let (status, why) = set(&keeper, "mode[slow]=31", true)?;
    assert_eq!((status, why.contains("1 to 30 seconds, not 31")), (400, true), "{why}");
    assert_eq!(set(&keeper, "mode=loud", true)?.0, 400);

    let (keeper, host) = (keeper.cookie, host.cookie);
    let program = program.crash(&[])?;
    program.get_ready()?;
    let mut tape = Tape::follow(&program, "history=0")?;
    assert!(tape.until("\n\n")?.contains("\"modes\":42"), "they outlive it");
    let (keeper, host) = (Person { program: &program, cookie: keeper }, Person { program: &program, cookie: host });
    assert_eq!(set(&host, "mode=members", false)?.0, 200);
    tape.until("data: {\"modes\":40}")?;
    assert_eq!(set(&keeper, "mode[slow]=5", false)?.0, 200);
    tape.until("data: {\"modes\":0}")?;
    let admitted = program.figure(ADMITTED).unwrap_or(0);
    assert_eq!(Viewer::new(&program, 1)?.says("I may speak").await?, None);
    until("it is shown", || Ok(program.figure(ADMITTED)? == admitted + 1)).await
}
