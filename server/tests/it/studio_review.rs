//! Reviewed mode in the real program: what waits is nowhere, what is let through is everywhere once, and what is taken out stays
//! away, whoever decides, whatever is put again, and whenever the server is killed.

use aws_sdk_kinesis::primitives::Blob;
use danmu::{
    record::{Color, Danmu, DanmuKey, Mode, Moderation, Passed, RecordId},
    room::RoomId,
};
use danmu_app::{audit::AuditEntry, review::WaitingChanges};

use crate::{
    program::Program,
    retract::Tape,
    review::{Stage, pass, take_out, times},
    rights::Person,
    scene::now_ms,
    speaker::{Viewer, until},
    world::{Failure, STREAM, Test},
};

const HELD: &str = "danmu_refused_total{reason=\"held\"}";
const AGAIN: &str = "danmu_refused_total{reason=\"duplicate\"}";
const BANNED: &str = "danmu_refused_total{reason=\"banned\"}";
const NO_RIGHT: &str = "danmu_refused_total{reason=\"not_moderator\"}";

#[tokio::test(flavor = "multi_thread")]
async fn what_a_guest_says_is_nowhere_until_it_is_let_through_and_then_everywhere_once() -> Test {
    let mut stage = Stage::start().await?;
    let mut open = stage.review(0)?;
    let before = Tape::follow(&stage.program, "history=0")?.place()?;
    let (guest, member) = (Viewer::new(&stage.program, 1)?, Person::with(&stage.program, "ann", &[])?.cookie);
    let (first, second) = (guest.record("what a guest says")?, guest.record("what stays away")?);
    for data in [&first, &second, &first] {
        stage.put(data).await?;
    }
    let ids = stage.until_waits(&["what a guest says", "what stays away"]).await?;
    assert_eq!((stage.program.figure(HELD)?, stage.program.figure(AGAIN)?), (2, 1));
    let from = format!("from={before}");
    for query in ["history=50", &from, &format!("since={before}&history=50")] {
        let sent = stage.sent(query).await?;
        assert!(!sent.contains("what "), "{query}: {sent}");
    }
    assert!(!stage.mark(&mut open).await?.contains("what "), "an open feed");
    for page in ["GET /room/demo", "GET /overlay/demo"] {
        assert!(!stage.program.ask(page, &[], "")?.body.contains("what a guest says"), "{page}");
    }

    // Nobody below the crew sees it, or decides.
    for cookie in [&member, &guest.cookie] {
        let person = Person { program: &stage.program, cookie: cookie.clone() };
        for (what, form) in [("waiting", "since=0"), ("let_through", "danmu[0]=s7"), ("take_out", "danmu=s7")] {
            let refused = person.asks(what, &format!("room=demo&{form}"))?;
            assert_eq!(
                (refused.status, refused.body.contains("NotModerator")),
                (403, true),
                "{what}: {}",
                refused.body
            );
        }
    }
    for (ids, status) in [(vec!["s7".to_owned()], 409), (vec!["7".to_owned()], 400), (vec![ids[0].clone(); 101], 400)] {
        assert_eq!(pass(&stage.keeper(), &ids)?.status, status);
    }
    let foreign =
        Person { program: &stage.program, cookie: format!("{}\r\nOrigin: http://evil.example", stage.keeper) };
    assert_eq!(pass(&foreign, &ids[..1])?.status, 403, "a page of another site");

    let answer = pass(&stage.keeper(), &ids[..1])?;
    assert_eq!((answer.status, &*answer.body), (200, "1"));
    open.until("\"text\":\"what a guest says\"")?;
    assert_eq!(take_out(&stage.host(), &ids[1])?.status, 200);
    stage.until_waits(&[]).await?;
    let refused =
        [pass(&stage.keeper(), &ids[..1])?, take_out(&stage.keeper(), &ids[0])?, pass(&stage.host(), &ids[1..])?];
    let said = refused.map(|answer| (answer.status, answer.body.contains("passed"), answer.body.contains("out")));
    assert_eq!(said, [(409, true, false), (409, true, false), (409, false, true)]);

    // Both records are put again; and what the streamer signed, as the server does.
    let passes = stage.passes().await?;
    assert_eq!(passes.len(), 1, "one record, whoever let it through");
    let (record, passed) = passes.into_iter().next().ok_or("none")?;
    let again = stage.program.figure(AGAIN)?;
    for data in [&first, &record, &second, &record] {
        stage.put(data).await?;
    }
    until("they are refused", || Ok(stage.program.figure(AGAIN)? == again + 4)).await?;
    let away =
        Passed { key: DanmuKey::Record(RecordId::new(5, 5)), text: "what the streamer lets through".into(), ..passed };
    let line = |passed: Passed| {
        Danmu::moderation(passed.id(&RoomId::demo()), RoomId::demo(), Moderation::Pass(passed.into()), now_ms())
            .encode()
    };
    let before_it = stage.program.figure(NO_RIGHT)?;
    stage.put(&stage.crew.sign(line(away))).await?;
    until("it is refused", || Ok(stage.program.figure(NO_RIGHT)? == before_it + 1)).await?;

    let resumed = format!("since={before}&history=50");
    let told = [
        stage.mark(&mut open).await?,
        stage.sent("history=50").await?,
        stage.sent(&from).await?,
        stage.sent(&resumed).await?,
    ];
    for told in told {
        assert_eq!(times(&told, "what a guest says"), 1, "{told}");
        assert!(!told.contains("what stays away") && !told.contains("what the streamer lets through"), "{told}");
    }
    let log = stage.program.order(&["audit", "--format", "ndjson"])?;
    let entries: Vec<AuditEntry> = log.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let entries: Vec<_> = entries.iter().filter(|entry| entry.detail.text.is_some()).collect();
    let acts: Vec<_> =
        entries.iter().map(|entry| (&*entry.what, &*entry.actor, entry.detail.text.as_deref())).collect();
    assert_eq!(
        acts,
        [("pass", "keeper", Some("what a guest says")), ("take_out", "host", Some("what stays away"))],
        "an entry each"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_moderators_who_decide_opposite_things_at_once_one_is_told_that_it_was_too_late() -> Test {
    const MANY: usize = 12;
    let mut stage = Stage::start().await?;
    let mut open = stage.review(0)?;
    let texts: Vec<_> = (0..MANY).map(|n| format!("danmu {n} .")).collect();
    for (n, text) in texts.iter().enumerate() {
        // Each by a guest of its own, within everybody's pace.
        stage.put(&Viewer::new(&stage.program, n as u8)?.record(text)?).await?;
    }
    let ids = stage.until_waits(&texts.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    let (mut passed, mut out) = (Vec::new(), Vec::new());
    for (id, text) in ids.iter().zip(&texts) {
        let (keeper, host) = (stage.keeper(), stage.host());
        let (one, other) = std::thread::scope(|scope| {
            let one = scope.spawn(|| pass(&keeper, std::slice::from_ref(id)).map_err(|error| error.to_string()));
            let other = scope.spawn(|| take_out(&host, id).map_err(|error| error.to_string()));
            (one.join().expect("no panic"), other.join().expect("no panic"))
        });
        match (one?.status, other?.status) {
            (200, 409) => passed.push(text),
            (409, 200) => out.push(text),
            both => panic!("both decided, or neither: {both:?}"),
        }
    }
    for text in &passed {
        open.until(text)?;
    }
    let told = stage.mark(&mut open).await?;
    assert!(passed.iter().all(|text| times(&told, text) == 1), "{told}");
    assert!(out.iter().all(|text| times(&told, text) == 0), "{told}");
    assert_eq!(stage.passes().await?.len(), passed.len());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_takes_out_is_shown_by_itself_also_after_the_mode_has_ended() -> Test {
    let mut stage = Stage::start().await?;
    let mut open = stage.review(5)?;
    let [ann, bob] = [Viewer::new(&stage.program, 1)?, Viewer::new(&stage.program, 2)?];
    stage.put(&ann.record("taken out in time")?).await?;
    stage.put(&bob.record("shown by itself")?).await?;
    let ids = stage.until_waits(&["taken out in time", "shown by itself"]).await?;
    assert!(stage.waiting()?.waiting.iter().all(|one| one.due_ms == Some(one.at_ms + 5_000)));
    assert_eq!(take_out(&stage.keeper(), &ids[0])?.status, 200);
    stage.set(5, false)?;
    open.until("data: {\"modes\":0}")?;
    stage.put(&bob.record("said after the mode")?).await?;
    let told = open.until("said after the mode")?;
    assert!(!told.contains("shown by itself"), "what waits goes on waiting: {told}");
    open.until("shown by itself")?;
    let told = stage.mark(&mut open).await?;
    assert_eq!((times(&told, "shown by itself"), times(&told, "taken out in time")), (1, 0), "{told}");
    stage.until_waits(&[]).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_loses_nothing_that_waits_or_was_let_through_and_shows_nothing_twice() -> Test {
    let stage = Stage::start().await?;
    let mut open = stage.review(0)?;
    let guests = [1, 2, 3].map(|seed| Viewer::new(&stage.program, seed));
    for (guest, text) in guests.into_iter().zip(["one .", "two .", "three ."]) {
        stage.put(&guest?.record(text)?).await?;
    }
    let ids = stage.until_waits(&["one .", "two .", "three ."]).await?;
    // Let through, and the stream is told, but the store does not learn of that.
    Stage::execute(
        &stage.program,
        "CREATE TRIGGER no_note BEFORE UPDATE OF told_ms ON held BEGIN SELECT RAISE(ABORT, 'as drawn'); END",
    )
    .await?;
    assert_eq!(pass(&stage.keeper(), &ids[..1])?.status, 200);
    open.until("one .")?;
    // Let through, and the stream is not told.
    Stage::execute(
        &stage.program,
        "CREATE TRIGGER no_claim BEFORE UPDATE OF claimed_ms ON held BEGIN SELECT RAISE(ABORT, 'as drawn'); END",
    )
    .await?;
    assert_eq!(pass(&stage.keeper(), &ids[1..2])?.status, 200);

    let program = stage.program.crash(&[])?;
    for trigger in ["DROP TRIGGER no_note", "DROP TRIGGER no_claim"] {
        Stage::execute(&program, trigger).await?;
    }
    let mut stage = Stage::new(program)?;
    let mut open = Tape::follow(&stage.program, "history=50")?;
    open.until("two .")?;
    stage.until_waits(&["three ."]).await?;
    let program = stage.program.crash(&[])?;
    stage = Stage::new(program)?;
    let ids = stage.until_waits(&["three ."]).await?;
    assert_eq!(pass(&stage.host(), &ids)?.status, 200);
    let mut open = Tape::follow(&stage.program, "history=50")?;
    open.until("three .")?;
    let told = stage.mark(&mut open).await?;
    assert_eq!(["one .", "two .", "three ."].map(|text| times(&told, text)), [1; 3], "{told}");
    // However often the stream was told, the gate has shown each once.
    assert_eq!(stage.program.figure("danmu_admitted_total{room=\"demo\"}")?, 3 + u64::from(stage.marks));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_with_one_store_have_one_list_and_show_each_danmu_once() -> Test {
    let mut first = Stage::start().await?;
    let stream = first.program.stream.trim_start_matches("http://").to_owned();
    let data = first.program.directory().join("data").to_str().ok_or("a path")?.to_owned();
    let relay = [("DANMU_ROLE", "relay"), ("DANMU_STREAM__DATA", &*data), ("DANMU_STREAM__ADDR", &*stream)];
    let second = Program::start(&relay)?;
    second.get_ready()?;
    let [mut here, mut there] = [first.review(5)?, Tape::follow(&second, "history=0")?];
    there.until("\n\n")?;
    let guests = [1, 2, 3].map(|seed| Viewer::new(&first.program, seed));
    for (guest, text) in guests.into_iter().zip(["by the first .", "by the second .", "by itself ."]) {
        first.put(&guest?.record(text)?).await?;
    }
    let ids = first.until_waits(&["by the first .", "by the second .", "by itself ."]).await?;
    let elsewhere = Person { program: &second, cookie: first.keeper.clone() };
    let known: WaitingChanges = serde_json::from_str(&elsewhere.asks("waiting", "room=demo&since=0")?.body)?;
    assert_eq!(known.waiting.iter().map(|one| &*one.id).collect::<Vec<_>>(), ids);
    assert_eq!(pass(&first.keeper(), &ids[..1])?.status, 200);
    assert_eq!(pass(&elsewhere, &ids[..1])?.status, 409, "the other server knows at once");
    assert_eq!(pass(&elsewhere, &ids[1..2])?.status, 200);
    for text in ["by the first .", "by the second .", "by itself ."] {
        here.until(text)?;
        there.until(text)?;
    }
    let told = first.mark(&mut here).await?;
    let told_there = there.until("mark 1 .")?;
    for told in [told, told_there] {
        assert_eq!(
            ["by the first .", "by the second .", "by itself ."].map(|text| times(&told, text)),
            [1; 3],
            "{told}"
        );
    }
    assert_eq!(first.passes().await?.len(), 3, "one of them told the stream");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_banned_meanwhile_or_whose_danmu_is_hidden_is_not_shown_and_does_not_wait() -> Test {
    let mut stage = Stage::start().await?;
    let mut open = stage.review(0)?;
    let [ann, bob] = [Viewer::new(&stage.program, 1)?, Viewer::new(&stage.program, 2)?];
    stage.put(&ann.record("of somebody banned")?).await?;
    stage.put(&bob.record("hidden by its key")?).await?;
    let ids = stage.until_waits(&["of somebody banned", "hidden by its key"]).await?;
    let passed_at_once = |ids: &[String]| pass(&stage.keeper(), ids).map(|answer| answer.status);
    let banned = stage.keeper().asks("ban", &format!("room=demo&viewer={}&seconds=600", ann.id))?;
    assert_eq!(banned.status, 200);
    let key = ids[1].split(' ').next().ok_or("no key")?;
    let hidden = stage.keeper().asks("hide", &format!("room=demo&danmu={key}&viewer={}", bob.id))?;
    assert_eq!(hidden.status, 200);
    stage.until_waits(&[]).await?;
    assert_eq!((passed_at_once(&ids[..1])?, passed_at_once(&ids[1..])?), (409, 409));
    assert_eq!(stage.keeper().asks("unban", &format!("room=demo&viewer={}", ann.id))?.status, 200);
    until(
        "the end of the ban arrives",
        || Ok(stage.program.figure("danmu_refused_total{reason=\"moderation\"}")? == 4),
    )
    .await?;
    // As by a server that had not heard of it: what a gate reads counts.
    for id in &ids {
        let (key, viewer) = id.split_once(' ').ok_or("no author")?;
        let before = stage.program.figure(BANNED)?;
        Stage::execute(&stage.program, "UPDATE held SET state = 0").await?;
        assert_eq!(pass(&stage.keeper(), std::slice::from_ref(id))?.status, 200, "{key} {viewer}");
        until("the gate refuses it", || Ok(stage.program.figure(BANNED)? == before + 1)).await?;
    }
    let told = stage.mark(&mut open).await?;
    assert!(!told.contains("of somebody banned") && !told.contains("hidden by its key"), "{told}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_room_is_reviewed_nobody_but_the_crew_reads_the_stream_and_the_mode_has_bounds() -> Test {
    let stage = Stage::start().await?;
    let reads = |cookie: &str| Ok::<_, Failure>(stage.program.session_with("demo", "consume", "", &[cookie])?.status);
    let guest = Viewer::new(&stage.program, 1)?;
    assert_eq!((reads(&guest.cookie)?, reads(&stage.keeper)?), (200, 200));
    let mut tape = stage.review(0)?;
    assert_eq!((reads(&guest.cookie)?, reads(&stage.keeper)?), (403, 200));
    for (after_s, status) in [("4", 400), ("256", 400), ("5", 200), ("255", 200)] {
        let form = format!("room=demo&mode[reviewed][members]=true&mode[reviewed][after_s]={after_s}&on=true");
        let answer = stage.host().asks("set_mode", &form)?;
        assert_eq!(answer.status, status, "{after_s}: {}", answer.body);
    }
    // Of several the last counts, for members too.
    tape.until(&format!("\"modes\":{}", 512 | 1024 | 255 << 11))?;
    let form = "room=demo&mode[reviewed][members]=true&mode[reviewed][after_s]=255&on=false";
    assert_eq!(stage.host().asks("set_mode", form)?.status, 200);
    tape.until("data: {\"modes\":0}")?;
    assert_eq!(reads(&guest.cookie)?, 403, "the stream still has what waited");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_at_once_wait_and_are_let_through_at_once() -> Test {
    const MANY: usize = 300;
    let stage = Stage::start().await?;
    let mut open = stage.review(0)?;
    let entry = |n: usize| {
        let data = Danmu::new(RecordId::new(now_ms(), n as u128), RoomId::demo(), format!("danmu {n} ."), now_ms());
        let data = Danmu { mode: Mode::Top, color: Color::from_rgb(0xff_8000), ..data }.encode();
        aws_sdk_kinesis::types::PutRecordsRequestEntry::builder().data(Blob::new(data)).partition_key("demo").build()
    };
    let entries = (0..MANY).map(entry).collect::<Result<_, _>>()?;
    stage.root.put_records().stream_name(STREAM).set_records(Some(entries)).send().await?;
    until("all of them wait", || Ok(stage.waiting()?.count as usize == MANY)).await?;
    let ids: Vec<_> = stage.waiting()?.waiting.into_iter().map(|one| one.id).collect();
    assert_eq!(ids.len(), MANY);
    for ids in ids.chunks(100) {
        let answer = pass(&stage.keeper(), ids)?;
        assert_eq!((answer.status, &*answer.body), (200, "100"));
    }
    open.until(&format!("\"text\":\"danmu {} .\"", MANY - 1))?;
    let told = open.until("danmu 299 .")?;
    for n in 0..MANY {
        assert_eq!(times(&told, &format!("danmu {n} .")), 1, "{n}");
    }
    assert!(told.contains("\"mode\":\"top\",\"color\":\"#ff8000\""), "as their authors wanted them");
    Ok(())
}
