//! The pace and the density of a room, as its streamer and the operator set them, on two servers.

use std::time::Instant;

use danmu::{
    room::{Modes, RoomMode, RoomPace},
    viewer::Role,
};
use futures::future::join_all;

use crate::{
    program::Program,
    retract::Tape,
    rights::Person,
    speaker::{Viewer, until},
    world::{Failure, PATIENCE, Test},
};

const TOO_FAST: &str = "danmu_refused_total{reason=\"too_fast\"}";
const ADMITTED: &str = "danmu_admitted_total{room=\"demo\"}";
const LEFT_OUT: [&str; 2] = ["danmu_dropped_total{room=\"demo\"}", "danmu_merged_total{room=\"demo\"}"];
const PACE: RoomPace = RoomPace { guests: 1, guests_burst: 2, members: 3, members_burst: 4 };

/// A pace in a form.
fn form(pace: RoomPace) -> String {
    format!("mode[pace]={}", u32::from(pace))
}

fn set(person: &Person<'_>, mode: &str, on: bool) -> Result<(u16, String), Failure> {
    let answer = person.asks("set_mode", &format!("room=demo&{mode}&on={on}"))?;
    Ok((answer.status, answer.body))
}

/// The event that tells these modes.
fn told(modes: &[RoomMode]) -> String {
    let modes = modes.iter().fold(Modes::default(), |modes, mode| modes.and(*mode));
    format!("\"modes\":{}", u64::from(modes))
}

fn figure(program: &Program, name: &str) -> u64 {
    program.figure(name).unwrap_or(0)
}

/// How many danmu were not shown by themselves.
fn left_out(program: &Program) -> u64 {
    LEFT_OUT.into_iter().map(|name| figure(program, name)).sum()
}

/// Somebody says as many as that, one after the other; how many of them each server found too fast.
async fn says(programs: [&Program; 2], viewer: &Viewer, count: u64) -> Result<[u64; 2], Failure> {
    let of = |program| figure(program, TOO_FAST) + figure(program, ADMITTED);
    let before = programs.map(|program| (of(program), figure(program, TOO_FAST)));
    for n in 0..count {
        assert_eq!(viewer.says(&format!("number {n}")).await?, None);
    }
    for (program, (before, _)) in programs.into_iter().zip(before) {
        until("all are judged", || Ok(of(program) == before + count)).await?;
    }
    Ok([0, 1].map(|at| figure(programs[at], TOO_FAST) - before[at].1))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rooms_pace_and_density_are_its_streamers_act_on_every_server_and_outlive_it() -> Test {
    let first = Program::start(&[])?;
    first.get_ready()?;
    let (data, stream) = (first.directory().join("data").display().to_string(), first.stream.replace("http://", ""));
    let second =
        Program::start(&[("DANMU_ROLE", "relay"), ("DANMU_STREAM__ADDR", &*stream), ("DANMU_STREAM__DATA", &*data)])?;
    second.get_ready()?;
    let both = [&first, &second];
    let [keeper, host, member] = [("keeper", Role::Moderator), ("host", Role::Streamer), ("ann", Role::Member)]
        .map(|(name, role)| Person::with(&first, name, &[("demo", role)]));
    let (keeper, host, member) = (keeper?, host?, member?);
    let mut tapes = [Tape::follow(&first, "history=0")?, Tape::follow(&second, "history=0")?];
    for tape in &mut tapes {
        tape.until("\"modes\":0")?;
    }
    let calm = form(PACE);
    for (what, person, why) in [("viewer", &member, "NotModerator"), ("moderator", &keeper, "NotAbove")] {
        for (mode, on) in [(&*calm, true), (&*calm, false), ("mode[density]=5", true)] {
            let (status, body) = set(person, mode, on)?;
            assert_eq!((status, body.contains(why)), (403, true), "a {what} sets it: {body}");
        }
    }
    for (mode, why) in [
        (form(RoomPace { guests: 241, ..PACE }), "not 241/2 for guests and 3/4 for members"),
        (form(RoomPace { members_burst: 0, ..PACE }), "1 to 240 danmu a minute and 1 to 15 at once"),
        ("mode[density]=0".to_owned(), "1 to 250 danmu a second, not 0"),
        ("mode[density]=251".to_owned(), "1 to 250 danmu a second, not 251"),
    ] {
        let (status, body) = set(&host, &mode, true)?;
        assert_eq!((status, body.contains(why)), (400, true), "{mode}: {body}");
    }

    // As the settings have it, five at once; by the room's pace, two.
    let guests = [Viewer::new(&first, 1)?, Viewer::new(&first, 2)?, Viewer::new(&first, 3)?];
    assert_eq!(says(both, &guests[0], 5).await?, [0, 0]);
    assert_eq!(set(&host, &calm, true)?, (200, "null".into()));
    for tape in &mut tapes {
        tape.until(&told(&[RoomMode::Pace(PACE)]))?;
    }
    assert_eq!(says(both, &guests[1], 4).await?, [2, 2], "both refuse the same");

    // Another pace takes its place.
    let faster = form(RoomPace { guests_burst: 3, ..PACE });
    assert_eq!(set(&host, &faster, true)?, (200, "null".into()));
    for tape in &mut tapes {
        tape.until(&told(&[RoomMode::Pace(RoomPace { guests_burst: 3, ..PACE })]))?;
    }
    assert_eq!(says(both, &guests[2], 4).await?, [1, 1]);
    assert_eq!(both.map(left_out), [0, 0], "all of it was shown");
    let audit = first.order(&["audit", "--room", "demo"])?;
    assert!(audit.contains("pace 1/2 3/4") && audit.contains("pace 1/3 3/4"), "{audit}");

    // The density counts from the next second on. Now the crowd may speak fast.
    let lively = form(RoomPace { guests: 240, guests_burst: 15, ..PACE });
    assert_eq!(set(&host, &lively, true)?, (200, "null".into()));
    assert_eq!(set(&host, "mode[density]=1", true)?, (200, "null".into()));
    let density = [RoomMode::Pace(RoomPace { guests: 240, guests_burst: 15, ..PACE }), RoomMode::Density(1)];
    for tape in &mut tapes {
        tape.until(&told(&density))?;
    }
    let cookie = host.cookie;
    let crowd: Vec<_> = (10..30).map(|seed| Viewer::new(&first, seed)).collect::<Result<_, _>>()?;
    let since = Instant::now();
    for round in 0.. {
        let said = join_all(crowd.iter().map(|viewer| viewer.says("in the crowd"))).await;
        assert!(said.into_iter().all(|said| matches!(said, Ok(None))), "the stream takes it");
        if both.map(left_out).into_iter().all(|count| count > 0) {
            break;
        }
        assert!(since.elapsed() < PATIENCE, "the picture is as dense as before, after {round} rounds");
    }

    // They outlive the server, and the operator's stand above the streamer's.
    drop(second);
    let program = first.crash(&[])?;
    program.get_ready()?;
    let mut tape = Tape::follow(&program, "history=0")?;
    assert!(tape.until("\n\n")?.contains(&told(&density)));
    let host = Person { program: &program, cookie };
    // Whatever value is named, what is in force ends.
    assert_eq!(set(&host, &calm, false)?, (200, "null".into()));
    tape.until(&told(&[RoomMode::Density(1)]))?;
    assert_eq!(set(&host, "mode[density]=7", false)?, (200, "null".into()));
    tape.until("data: {\"modes\":0}")?;
    for (arguments, why) in [
        (&["rooms", "set", "demo"][..], "--pace"),
        (&["rooms", "set", "demo", "--pace", "fast"], "\"fast\" is no pace: calm, normal, lively"),
        (&["rooms", "set", "demo", "--density", "0"], "\"0\" is no density: 1 to 250 danmu a second, or server"),
        (&["rooms", "set", "nobody", "--pace", "calm"], "there is no room nobody"),
    ] {
        let error = program.order(arguments).err().ok_or("it was done")?.to_string();
        assert!(error.contains(why), "{arguments:?}: {error}");
    }
    let preset = RoomPace::preset("calm").ok_or("no such pace")?;
    program.order(&["rooms", "set", "demo", "--pace", "calm", "--density", "30"])?;
    tape.until(&told(&[RoomMode::Pace(preset), RoomMode::Density(30)]))?;
    let (status, body) = set(&host, "mode[density]=7", false)?;
    assert_eq!((status, body.contains("NotAbove")), (403, true), "{body}");
    program.order(&["rooms", "set", "demo", "--pace", "7/1", "--density", "server"])?;
    let own = RoomPace { guests: 7, guests_burst: 1, members: 7, members_burst: 1 };
    tape.until(&format!("data: {{{}}}", told(&[RoomMode::Pace(own)])))?;
    program.order(&["rooms", "set", "demo", "--pace", "server"])?;
    let ended = told(&[]);
    until("nothing is in force", || Ok(Tape::follow(&program, "history=0")?.until("\n\n")?.contains(&ended))).await
}
