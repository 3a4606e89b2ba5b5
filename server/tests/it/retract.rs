//! Retraction: the bytes that the server sends no longer contain what a banned viewer said, nor a hidden danmu.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use aws_sdk_kinesis::{primitives::Blob, types::PutRecordsRequestEntry};
use danmu::{feed::Told, viewer::Role};

use crate::{
    program::{Program, address},
    rights::Person,
    speaker::{Viewer, until},
    world::{Failure, PATIENCE, STREAM, Test},
    writers::kinesis,
};

const NEEDLE: &str = "what the banned viewer said";
const HAY: &str = "what another viewer said";
const TOLD: &str = "danmu_refused_total{reason=\"moderation\"}";

/// A feed, byte by byte.
pub struct Tape {
    line: TcpStream,
    bytes: Vec<u8>,
}

impl Tape {
    pub fn follow(program: &Program, query: &str) -> Result<Self, Failure> {
        Self::follow_as(program, query, "")
    }

    /// The same with these lines in the request's head, each with its end.
    pub fn follow_as(program: &Program, query: &str, head: &str) -> Result<Self, Failure> {
        let site = address(&program.url)?;
        let mut line = TcpStream::connect(site)?;
        line.set_read_timeout(Some(Duration::from_secs(1)))?;
        write!(line, "GET /rooms/demo/events?{query} HTTP/1.1\r\nHost: {site}\r\n{head}\r\n")?;
        Ok(Self { line, bytes: Vec::new() })
    }

    /// Reads on until that was told.
    pub fn until(&mut self, told: &str) -> Result<String, Failure> {
        let since = Instant::now();
        loop {
            let text = String::from_utf8_lossy(&self.bytes).into_owned();
            if text.contains(told) {
                return Ok(text);
            }
            if since.elapsed() > PATIENCE {
                return Err(format!("{told:?} is not told: {text}").into());
            }
            let mut bytes = [0; 4_096];
            // A read that takes too long is tried again.
            let count = self.line.read(&mut bytes).unwrap_or(0);
            self.bytes.extend_from_slice(&bytes[..count]);
        }
    }

    /// The place after the first event.
    pub fn place(&mut self) -> Result<String, Failure> {
        let text = self.until("\n\n")?;
        let place = text.lines().find_map(|line| line.strip_prefix("id: "));
        Ok(place.ok_or("no place")?.to_owned())
    }
}

/// A program, a place in its feed, and who speaks after it.
struct Scene {
    program: Program,
    before: String,
    banned: Viewer,
    other: Viewer,
    marks: u32,
}

impl Scene {
    async fn begin(variables: &[(&str, &str)]) -> Result<(Self, Tape), Failure> {
        let program = Program::start(variables)?;
        program.get_ready()?;
        let mut tape = Tape::follow(&program, "history=50")?;
        let before = tape.place()?;
        let (banned, other) = (Viewer::new(&program, 1)?, Viewer::new(&program, 2)?);
        assert_eq!((banned.says(NEEDLE).await?, other.says(HAY).await?), (None, None));
        tape.until(HAY)?;
        assert!(tape.until(NEEDLE)?.contains(HAY));
        Ok((Self { program, before, banned, other, marks: 0 }, tape))
    }

    /// All that is sent to one who asks for that, up to something that is said now and to what another said after the needle: an
    /// absence is told beside the present.
    async fn sent(&mut self, query: &str) -> Result<String, Failure> {
        let mut tape = Tape::follow(&self.program, query)?;
        tape.place()?;
        self.marks += 1;
        let mark = format!("mark {} .", self.marks);
        self.put(&[&mark]).await?;
        tape.until(&mark)?;
        tape.until(HAY)
    }

    /// Somebody without a name says that.
    async fn put(&self, texts: &[&str]) -> Test {
        let entry = |text: &&str| {
            PutRecordsRequestEntry::builder().data(Blob::new(text.as_bytes())).partition_key("demo").build()
        };
        let root = kinesis(&self.program, &self.program.stream)?;
        let records = texts.iter().map(entry).collect::<Result<_, _>>()?;
        let put = root.put_records().stream_name(STREAM).set_records(Some(records)).send().await?;
        assert_eq!(put.failed_record_count, Some(0));
        Ok(())
    }

    /// So much is said that a small window has passed what was said before.
    async fn move_window(&self) -> Test {
        for _ in 0..4 {
            let texts: Vec<_> = (0..200).map(|_| "long enough to move the window on").collect();
            self.put(&texts).await?;
            // A shard takes a thousand a second.
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        Ok(())
    }

    async fn is_nowhere(&mut self) -> Test {
        let from = format!("from={}", self.before);
        for query in ["history=50", &from, &format!("since={}&history=50", self.before)] {
            let sent = self.sent(query).await?;
            assert!(!sent.contains(NEEDLE), "{query}: {sent}");
        }
        for page in ["GET /room/demo", "GET /overlay/demo"] {
            assert!(!self.program.ask(page, &[], "")?.body.contains(NEEDLE), "{page}");
        }
        Ok(())
    }
}

async fn is_taken_back(ban: &[&str]) -> Test {
    let (mut scene, mut tape) = Scene::begin(&[]).await?;
    let id = scene.banned.id.clone();
    assert!(scene.sent("history=50").await?.contains(NEEDLE));
    scene.program.order(&[&["ban", &id, "--yes"], ban].concat())?;
    // Whoever has heard it is told, once it is in nothing that anybody is told any more.
    tape.until(&format!("\"retracted\":[{{\"viewer\":\"{id}\""))?;
    scene.is_nowhere().await?;
    let back = scene.sent(&format!("from={}", scene.before)).await?;
    assert!(back.contains(&format!("\"retracted\":[{{\"viewer\":\"{id}\"")), "who was away is told, too: {back}");

    let room = if ban.contains(&"--room") { &["--room", "demo"][..] } else { &[] };
    scene.program.order(&[&["unban", &id], room].concat())?;
    until("the end is told", || Ok(scene.program.figure(TOLD)? == 2)).await?;
    scene.is_nowhere().await?;
    scene.program = scene.program.crash(&[])?;
    scene.program.get_ready()?;
    scene.is_nowhere().await?;
    // Its ring has never told of it.
    let back = scene.sent(&format!("from={}", scene.before)).await?;
    assert!(
        back.contains(&format!("\"retracted\":[{{\"viewer\":\"{id}\"")),
        "who was away is told, too, by a server that starts anew: {back}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_before_a_ban_from_every_room_is_in_no_feed_history_or_page_and_no_unban_brings_it_back() -> Test
{
    is_taken_back(&["--for", "1h"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_before_a_ban_from_a_room_is_in_no_feed_history_or_page_and_no_unban_brings_it_back() -> Test {
    is_taken_back(&["--room", "demo"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_window_has_passed_is_read_again_without_what_a_ban_took_back() -> Test {
    let (mut scene, mut tape) = Scene::begin(&[("DANMU_RELAY__WINDOW_BYTES", "65536")]).await?;
    scene.move_window().await?;
    let from = format!("from={}", scene.before);
    assert!(scene.sent(&from).await?.contains(NEEDLE), "it is read again");
    let refilled = "danmu_refilled_total{reason=\"done\"}";
    until("it was had of the stream", || Ok(scene.program.figure(refilled)? > 0)).await?;
    let id = scene.banned.id.clone();
    scene.program.order(&["ban", &id, "--yes", "--for", "1h"])?;
    tape.until(&format!("\"retracted\":[{{\"viewer\":\"{id}\""))?;
    // From what lies there of the read before, and by another read.
    for _ in 0..2 {
        let sent = scene.sent(&from).await?;
        assert!(!sent.contains(NEEDLE), "{sent}");
        scene.program = scene.program.crash(&[("DANMU_RELAY__WINDOW_BYTES", "65536")])?;
        scene.program.get_ready()?;
    }
    assert_eq!(scene.other.comes_again(&scene.program, 2)?.status, 200);
    Ok(())
}

/// The key of what was said, as a feed tells it.
fn key_of(sent: &str, text: &str) -> Result<String, Failure> {
    let told = sent.lines().filter_map(|line| serde_json::from_str::<Told>(line.strip_prefix("data: ")?).ok());
    let item = told.flat_map(|told| told.danmu).find(|item| item.text == text);
    Ok(item.ok_or_else(|| format!("{text:?} is not told: {sent}"))?.id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_danmu_is_in_no_feed_history_or_page_and_what_else_was_said_stays() -> Test {
    const MORE: &str = "what its author says besides";
    const NAMELESS: &str = "what nobody signed";
    let (mut scene, mut tape) = Scene::begin(&[]).await?;
    let id = scene.banned.id.clone();
    assert_eq!(scene.banned.says(MORE).await?, None);
    scene.put(&[NAMELESS]).await?;
    let sent = tape.until(NAMELESS)?;
    let (needle, nameless) = (key_of(&sent, NEEDLE)?, key_of(&sent, NAMELESS)?);
    let keeper = |program: &Program, danmu: &str, viewer: &str, role| {
        let keeper = Person::with(program, "keeper", &[("demo", role)])?;
        keeper.asks("hide", &format!("room=demo&danmu={danmu}{viewer}"))
    };
    let by = format!("&viewer={id}");
    let refused = |danmu: &str, viewer: &str, role| {
        let answer = keeper(&scene.program, danmu, viewer, role)?;
        Ok::<_, Failure>((
            answer.status,
            ["NotModerator", "BadDanmu", "BadViewer"].map(|why| answer.body.contains(why)),
        ))
    };
    assert_eq!(refused(&needle, &by, Role::Member)?, (403, [true, false, false]));
    assert_eq!(refused("7", &by, Role::Moderator)?, (400, [false, true, false]));
    assert_eq!(refused(&needle, "&viewer=a%20b", Role::Moderator)?, (400, [false, false, true]));
    let reads = |program: &Program, role| -> Result<u16, Failure> {
        let reader = Person::with(program, "reader", &[("demo", role)])?;
        Ok(program.session_with("demo", "consume", "", &[&reader.cookie])?.status)
    };
    assert_eq!(reads(&scene.program, Role::Viewer)?, 200);

    // Under its key, but by nobody: that is another danmu.
    assert_eq!(keeper(&scene.program, &needle, "", Role::Moderator)?.status, 200);
    tape.until(&format!("\"retracted\":[{{\"id\":\"{needle}\""))?;
    assert!(scene.sent("history=50").await?.contains(NEEDLE));
    for (danmu, viewer) in [(&needle, &*by), (&nameless, "")] {
        let hidden = keeper(&scene.program, danmu, viewer, Role::Moderator)?;
        assert_eq!(hidden.status, 200, "{}", hidden.body);
    }
    let told = format!("\"viewer\":\"{id}\",\"id\":\"{needle}\"");
    tape.until(&told)?;
    tape.until(&format!("{{\"id\":\"{nameless}\",\"before\""))?;
    scene.is_nowhere().await?;
    let back = scene.sent(&format!("from={}", scene.before)).await?;
    assert!(back.contains(&told), "who was away is told, too: {back}");
    assert!(back.contains(MORE) && !back.contains(NAMELESS), "{back}");
    assert_eq!(scene.banned.says("and on").await?, None, "its author may go on");
    tape.until("and on")?;
    // The stream still has its text.
    assert_eq!([Role::Viewer, Role::Moderator].map(|role| reads(&scene.program, role).ok()), [Some(403), Some(200)]);

    scene.program = scene.program.crash(&[])?;
    scene.program.get_ready()?;
    scene.is_nowhere().await?;
    let history = scene.sent("history=50").await?;
    assert!(history.contains(MORE) && !history.contains(NAMELESS), "{history}");
    assert_eq!(reads(&scene.program, Role::Viewer)?, 403);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_window_has_passed_is_read_again_without_what_was_hidden() -> Test {
    let window = [("DANMU_RELAY__WINDOW_BYTES", "65536")];
    let (mut scene, mut tape) = Scene::begin(&window).await?;
    let needle = key_of(&tape.until(NEEDLE)?, NEEDLE)?;
    scene.move_window().await?;
    let from = format!("from={}", scene.before);
    assert!(scene.sent(&from).await?.contains(NEEDLE), "it is read again");
    let keeper = Person::with(&scene.program, "keeper", &[("demo", Role::Moderator)])?;
    let hidden = keeper.asks("hide", &format!("room=demo&danmu={needle}&viewer={}", scene.banned.id))?;
    assert_eq!(hidden.status, 200, "{}", hidden.body);
    tape.until(&format!("\"id\":\"{needle}\",\"before\""))?;
    // From what lies there of the read before, and by another read.
    for _ in 0..2 {
        let sent = scene.sent(&from).await?;
        assert!(!sent.contains(NEEDLE), "{sent}");
        scene.program = scene.program.crash(&window)?;
        scene.program.get_ready()?;
    }
    Ok(())
}
