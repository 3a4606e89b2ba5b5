//! The figures of a room's last hour in the real program: after `kill -9`, of two servers together, and for whom they are.

use danmu::viewer::Role;
use serde_json::{Value, json};

use crate::{
    program::Program,
    retract::Tape,
    rights::Person,
    speaker::{Viewer, until},
    world::{Failure, Test},
};

const ROOMS: &str = "[[rooms]]\nid = 'demo'\nvideo = ''\nunsigned = 'allow'\n[[rooms]]\nid = 'other'\nvideo = ''\n";

/// The last hour, as a program tells the person with that cookie.
fn hour(program: &Program, cookie: &str) -> Result<Value, Failure> {
    let person = Person { program, cookie: cookie.to_owned() };
    let answer = person.asks("hour", "room=demo")?;
    if answer.status != 200 {
        return Err(answer.body.into());
    }
    Ok(serde_json::from_str(&answer.body)?)
}

/// The sum of a figure over its minutes.
fn sum(hour: &Value, name: &str) -> u64 {
    hour["minutes"].as_array().into_iter().flatten().filter_map(|minute| minute[name].as_u64()).sum()
}

/// The highest of a figure in its minutes.
fn most(hour: &Value, name: &str) -> u64 {
    hour["minutes"].as_array().into_iter().flatten().filter_map(|minute| minute[name].as_u64()).max().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_outlive_a_crash_add_up_over_two_servers_and_are_told_to_the_rooms_crew_alone() -> Test {
    let program = Program::start_with(ROOMS, &[])?;
    program.get_ready()?;
    let host = Person::with(&program, "host", &[("demo", Role::Streamer)])?;
    let elsewhere = Person::with(&program, "elsewhere", &[("other", Role::Streamer), ("demo", Role::Member)])?;
    let refused = elsewhere.asks("hour", "room=demo")?;
    assert_eq!((refused.status, refused.body.contains("NotModerator")), (403, true), "{}", refused.body);
    assert_eq!(hour(&program, &host.cookie)?["minutes"], json!([]), "an idle room has no rows");

    let (viewer, cookie) = (Viewer::new(&program, 1)?, host.cookie.clone());
    for text in ["Nice  shot", "nice shot", "你好"] {
        viewer.says(text).await?;
    }
    until("what was said is kept", || Ok(sum(&hour(&program, &cookie)?, "danmu") == 3)).await?;
    let before = hour(&program, &cookie)?;
    assert!(most(&before, "p95_ms") > 0, "{before}");
    assert_eq!(before["words"][0][1], json!(2), "{before}");
    assert!(before["words"].to_string().contains("[\"nice shot\",2]"), "{before}");
    assert!(!before["words"].to_string().contains("你好"), "said once: {before}");

    let program = program.crash(&[])?;
    program.get_ready()?;
    assert_eq!(sum(&hour(&program, &cookie)?, "danmu"), 3, "they outlive it");
    let viewer = Viewer::new(&program, 2)?;
    viewer.says("and again").await?;
    until("what is said after that is added", || Ok(sum(&hour(&program, &cookie)?, "danmu") == 4)).await?;

    let (data, stream) = (program.directory().join("data"), program.stream.replace("http://", ""));
    let data = data.to_string_lossy();
    let relay = [("DANMU_ROLE", "relay"), ("DANMU_STREAM__DATA", &*data), ("DANMU_STREAM__ADDR", &*stream)];
    let second = Program::start_with(ROOMS, &relay)?;
    second.get_ready()?;
    let (_here, _there) = (Tape::follow(&program, "history=0")?, Tape::follow(&second, "history=0")?);
    until("the viewers of both are added up", || Ok(most(&hour(&second, &cookie)?, "viewers") == 2)).await?;
    let after = hour(&second, &cookie)?;
    assert_eq!(sum(&after, "danmu"), 4, "both have read the same danmu: {after}");
    assert_eq!(after["minutes"], hour(&program, &cookie)?["minutes"], "each tells the same");
    Ok(())
}
