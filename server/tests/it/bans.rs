//! Bans and what else an operator does against abuse, at the real program, by its own commands.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use aws_sdk_kinesis::{
    config::Credentials, error::ProvideErrorMetadata, primitives::Blob, types::PutRecordsRequestEntry,
};
use danmu::{
    feed::Told,
    gate::EVERYWHERE_AFTER_MS,
    record::{Danmu, Decided, Decision, RecordId, Subject},
    room::RoomId,
    session::Session,
    ticket::{Proof, PublicKey, Signature},
    viewer::Rank,
};
use danmu_server::store::Store;
use ed25519_dalek::{Signer, SigningKey};

use crate::{
    program::{Answer, Program, address, release},
    world::{Failure, STREAM, Test},
    writers::{client_with, kinesis},
};

const PATIENCE: Duration = Duration::from_secs(20);
/// What the gate has refused of banned viewers.
const BANNED: &str = "danmu_refused_total{reason=\"banned\"}";
/// What it has let through.
const ADMITTED: &str = "danmu_admitted_total{room=\"demo\"}";

fn now_ms() -> i64 {
    danmu_stream::Clock::now_ms(&danmu_stream::SystemClock)
}

/// A viewer as a page has it: a cookie, credentials, a key and a ticket for it.
struct Viewer {
    id: String,
    cookie: String,
    key: SigningKey,
    ticket: String,
    client: aws_sdk_kinesis::Client,
}

fn ask(program: &Program, room: &str, seed: u8, head: &[&str]) -> Result<Answer, Failure> {
    let key = PublicKey::new(SigningKey::from_bytes(&[seed; 32]).verifying_key().to_bytes());
    program.session_with(room, "produce", &format!("&key={key}"), head)
}

impl Viewer {
    /// One who has just come, from there.
    fn new(program: &Program, seed: u8) -> Result<Self, Failure> {
        Self::from(program, seed, &[])
    }

    fn from(program: &Program, seed: u8, head: &[&str]) -> Result<Self, Failure> {
        let answer = ask(program, "demo", seed, head)?;
        let cookie = answer.cookie("danmu_guest").ok_or("no cookie")?.to_owned();
        let session: Session = serde_json::from_str(&answer.body)?;
        let ticket = session.ticket.clone().ok_or("no ticket")?;
        let claims = ticket.split('.').nth(1).ok_or("no claims")?;
        let claims = base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, claims)?;
        let claims: serde_json::Value = serde_json::from_slice(&claims)?;
        let id = claims["sub"].as_str().ok_or("no subject")?.to_owned();
        Ok(Self {
            id,
            cookie: format!("Cookie: danmu_guest={cookie}"),
            key: SigningKey::from_bytes(&[seed; 32]),
            ticket,
            client: client_of(program, &session),
        })
    }

    /// What it says, signed.
    fn record(&self, text: &str) -> Result<Vec<u8>, Failure> {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let number = NUMBER.fetch_add(1, SeqCst);
        let line = Danmu::new(RecordId::new(now_ms(), number.into()), RoomId::demo(), text, now_ms()).encode();
        let signature = Signature::new(self.key.sign(&line).to_bytes());
        Ok(Proof { ticket: &self.ticket, signature }.attach(line))
    }

    /// Puts what it says by its own credentials; the error's name, if there is one.
    async fn says(&self, text: &str) -> Result<Option<String>, Failure> {
        let put =
            self.client.put_record().stream_name(STREAM).partition_key("demo").data(Blob::new(self.record(text)?));
        match put.send().await {
            Ok(_) => Ok(None),
            Err(error) => Ok(Some(error.code().ok_or_else(|| error.to_string())?.to_owned())),
        }
    }

    /// Asks for another session, with its cookie.
    fn comes_again(&self, program: &Program, seed: u8) -> Result<Answer, Failure> {
        ask(program, "demo", seed, &[&self.cookie])
    }
}

fn client_of(program: &Program, session: &Session) -> aws_sdk_kinesis::Client {
    let Session { access_key_id, secret_access_key, session_token, .. } = session.clone();
    // Through the page's own origin, as a browser's requests come.
    let credentials = Credentials::new(access_key_id, secret_access_key, Some(session_token), None, "page");
    client_with(&format!("{}/aws/", program.url), credentials)
}

/// Puts records by the root key, which nobody denies, until the gate refuses them as those of a banned viewer; how long that
/// took.
async fn until_gated(program: &Program, root: &aws_sdk_kinesis::Client, viewer: &Viewer) -> Result<Duration, Failure> {
    let (since, before) = (Instant::now(), program.figure(BANNED)?);
    while program.figure(BANNED)? == before {
        if since.elapsed() > PATIENCE {
            return Err(format!("what {} says is shown", viewer.id).into());
        }
        let data = Blob::new(viewer.record("by a hole that nobody thought of")?);
        root.put_record().stream_name(STREAM).partition_key("demo").data(data).send().await?;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(since.elapsed())
}

async fn until(what: &str, holds: impl Fn() -> Result<bool, Failure>) -> Test {
    let since = Instant::now();
    while !holds()? {
        if since.elapsed() > PATIENCE {
            return Err(format!("it never came to it that {what}").into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// Waits until the viewer's credentials are denied, or good; how long that took.
async fn until_denied(viewer: &Viewer, denied: bool) -> Result<Duration, Failure> {
    let since = Instant::now();
    while viewer.says("still there?").await?.as_deref() != denied.then_some("AccessDeniedException") {
        if since.elapsed() > PATIENCE {
            return Err(format!("the credentials of {} do not change", viewer.id).into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(since.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_ban_nothing_works_for_the_viewer_and_everything_for_a_hundred_others() -> Test {
    let mut program = Program::start(&[])?;
    program.get_ready()?;
    let banned = Viewer::new(&program, 1)?;
    let others: Vec<_> = (0..100).map(|n| Viewer::new(&program, 100 + n)).collect::<Result<_, _>>()?;
    assert_eq!(banned.says("hello").await?, None);

    let said = program.order(&["ban", &banned.id, "--for", "1h"])?;
    assert!(said.contains(&format!("{} is banned from every room, for 1h", banned.id)), "{said}");
    let took = until_denied(&banned, true).await?;
    assert!(took < Duration::from_secs(2), "{took:?}");
    let refused = banned.comes_again(&program, 1)?;
    assert_eq!((refused.status, refused.body.contains("Banned")), (403, true), "{}", refused.body);
    let took = until_gated(&program, &kinesis(&program, &program.stream)?, &banned).await?;
    assert!(took < Duration::from_secs(2), "{took:?}");
    let admitted = program.figure(ADMITTED)?;
    for other in &others {
        assert_eq!(other.says("I go on").await?, None, "{}", other.id);
    }
    until("what the others say is told", || Ok(program.figure(ADMITTED)? == admitted + 100)).await?;
    assert_eq!(others[0].comes_again(&program, 100)?.status, 200);
    let listed = program.order(&["bans"])?;
    assert!(listed.contains(&banned.id) && !listed.contains(&others[0].id), "{listed}");
    assert!(!listed.contains("no server has heard"), "{listed}");
    assert_eq!(program.figure("danmu_stream_denials")?, 1);

    // What was decided survives the end of the program, however it ends.
    program = program.crash(&[])?;
    program.get_ready()?;
    let root = kinesis(&program, &program.stream)?;
    let banned = Viewer { client: moved(&program, &banned)?, ..banned };
    assert_eq!(banned.says("am I back?").await?.as_deref(), Some("AccessDeniedException"));
    assert_eq!(banned.comes_again(&program, 1)?.status, 403);
    until_gated(&program, &root, &banned).await?;

    assert!(program.order(&["unban", "nobody"]).is_err());
    program.order(&["unban", &banned.id])?;
    until_denied(&banned, false).await?;
    assert_eq!(banned.comes_again(&program, 1)?.status, 200);
    // What is decided for every room counts for what arrives so much later.
    tokio::time::sleep(Duration::from_millis(EVERYWHERE_AFTER_MS.unsigned_abs())).await;
    let admitted = program.figure(ADMITTED)?;
    assert_eq!(banned.says("thank you").await?, None);
    until("what an unbanned viewer says is told", || Ok(program.figure(ADMITTED)? > admitted)).await?;
    assert!(program.order(&["bans"])?.contains("nobody is banned"));
    Ok(())
}

/// The viewer's client for a program that has moved to other ports.
fn moved(program: &Program, viewer: &Viewer) -> Result<aws_sdk_kinesis::Client, Failure> {
    let config = viewer.client.config().to_builder().endpoint_url(format!("{}/aws/", program.url)).build();
    Ok(aws_sdk_kinesis::Client::from_conf(config))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ban_that_the_stream_does_not_tell_of_any_more_is_known_to_a_gate_from_the_beginning() -> Test {
    let program = Program::start(&[])?;
    let banned = Viewer::new(&program, 1)?;
    // As it stands in the store long after it was told.
    let store = Store::open(&program.directory().join("data")).await?;
    let decision = Decision { on: Subject::Viewer(banned.id.parse()?), until: None, by: Rank::Operator };
    let decided = Decided { id: RecordId::new(1, 1), room: Some(RoomId::demo()), decision, at: now_ms() };
    store.keep(&[decided]).await?;
    let program = program.crash(&[])?;
    program.get_ready()?;
    until_gated(&program, &kinesis(&program, &program.stream)?, &banned).await?;
    assert_eq!(program.figure("danmu_refused_total{reason=\"moderation\"}")?, 0, "the stream told of it");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ban_ends_by_itself_and_one_of_a_room_leaves_the_credentials_alone() -> Test {
    let program = Program::start_with(
        "[[rooms]]\nid = 'demo'\nvideo = ''\nunsigned = 'allow'\n[[rooms]]\nid = 'other'\nvideo = ''\n",
        &[],
    )?;
    program.get_ready()?;
    let (short, local) = (Viewer::new(&program, 1)?, Viewer::new(&program, 2)?);
    program.order(&["ban", &short.id, "--for", "3s"])?;
    program.order(&["ban", &local.id, "--room", "demo"])?;
    assert!(program.order(&["ban", &local.id, "--room", "nowhere"]).is_err());
    until_denied(&short, true).await?;
    let root = kinesis(&program, &program.stream)?;
    until_gated(&program, &root, &local).await?;
    assert_eq!(local.says("my credentials are good").await?, None);
    assert_eq!(local.comes_again(&program, 2)?.status, 403);
    assert_eq!(ask(&program, "other", 2, &[&local.cookie])?.status, 200, "in another room it may speak");
    until_denied(&short, false).await?;
    assert_eq!(short.comes_again(&program, 1)?.status, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_ban_from_one_room_leaves_the_ban_from_every_room_in_force() -> Test {
    let rooms = "[[rooms]]\nid = 'demo'\nvideo = ''\n[[rooms]]\nid = 'other'\nvideo = ''\n";
    let program = Program::start_with(rooms, &[])?;
    program.get_ready()?;
    let viewer = Viewer::new(&program, 1)?;
    program.order(&["ban", &viewer.id])?;
    program.order(&["ban", &viewer.id, "--room", "demo", "--for", "1h"])?;
    let told = "danmu_refused_total{reason=\"moderation\"}";
    until("both are told", || Ok(program.figure(told)? == 2)).await?;
    program.order(&["unban", &viewer.id, "--room", "demo"])?;
    until("the end is told", || Ok(program.figure(told)? == 3)).await?;
    let listed = program.order(&["bans"])?;
    assert!(listed.contains(&format!("{}  every room", viewer.id)) && !listed.contains("room demo"), "{listed}");
    until_denied(&viewer, true).await?;
    for room in ["demo", "other"] {
        assert_eq!(ask(&program, room, 1, &[&viewer.cookie])?.status, 403, "{room}");
    }
    until_gated(&program, &kinesis(&program, &program.stream)?, &viewer).await?;
    assert!(program.order(&["unban", &viewer.id, "--room", "demo"]).is_err(), "there is none any more");

    program.order(&["ban", &viewer.id, "--room", "demo"])?;
    program.order(&["unban", &viewer.id])?;
    until_denied(&viewer, false).await?;
    until("all is told", || Ok(program.figure(told)? == 5)).await?;
    assert_eq!(ask(&program, "demo", 1, &[&viewer.cookie])?.status, 403, "and the other way round");
    assert_eq!(ask(&program, "other", 1, &[&viewer.cookie])?.status, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_of_a_banned_network_get_no_session_and_its_neighbours_do() -> Test {
    let program = Program::start(&[("DANMU_HTTP__TRUSTED_PROXIES", "127.0.0.0/8")])?;
    let from =
        |client: &str| ask(&program, "demo", 1, &[&format!("X-Forwarded-For: {client}")]).map(|answer| answer.status);
    program.order(&["ban", "198.51.100.0/25", "--for", "10m"])?;
    program.order(&["ban", "2001:db8:1:2::/64"])?;
    until("a banned network is refused", || Ok(from("198.51.100.1")? == 403)).await?;
    until("the other one is, too", || Ok(from("2001:db8:1:2::1")? == 403)).await?;
    assert_eq!((from("198.51.100.127")?, from("198.51.100.128")?), (403, 200));
    assert_eq!((from("2001:db8:1:2::9")?, from("2001:db8:1:3::9")?), (403, 200));
    program.order(&["unban", "198.51.100.0/25"])?;
    until("it is let in again", || Ok(from("198.51.100.1")? == 200)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_who_have_a_session_from_a_banned_network_are_banned_with_it_and_its_neighbours_are_not() -> Test {
    let program = Program::start(&[("DANMU_HTTP__TRUSTED_PROXIES", "127.0.0.0/8")])?;
    program.get_ready()?;
    let from = |seed: u8, client: &str| Viewer::from(&program, seed, &[&format!("X-Forwarded-For: {client}")]);
    let (there, next_door) = (from(1, "198.51.100.7")?, from(2, "198.51.100.200")?);
    assert_eq!((there.says("before").await?, next_door.says("before").await?), (None, None));
    program.order(&["ban", "198.51.100.0/25"])?;
    until_denied(&there, true).await?;
    let root = kinesis(&program, &program.stream)?;
    until_gated(&program, &root, &there).await?;
    assert_eq!(next_door.says("I am still heard").await?, None);
    until("the neighbour is heard", || Ok(program.figure(ADMITTED)? >= 3)).await?;
    // One decision, and no ban of each.
    let bans = program.order(&["bans"])?;
    assert!(bans.contains("198.51.100.0/25") && !bans.contains(&there.id), "{bans}");
    program.order(&["unban", "198.51.100.0/25"])?;
    until_denied(&there, false).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_freezes_vending_and_revokes_old_sessions() -> Test {
    let program = Program::start(&[])?;
    let old = Viewer::new(&program, 1)?;
    assert_eq!(old.says("hello").await?, None);
    program.order(&["freeze"])?;
    until("vending is frozen", || Ok(ask(&program, "demo", 2, &[])?.status == 503)).await?;
    assert!(program.order(&["bans"])?.contains("vending is frozen"));
    assert_eq!(old.says("sessions go on").await?, None);

    program.order(&["revoke"])?;
    until_denied(&old, true).await?;
    assert_eq!(old.comes_again(&program, 1)?.status, 503);
    program.order(&["thaw"])?;
    until("vending goes on", || Ok(old.comes_again(&program, 1)?.status == 200)).await?;
    let young = Viewer::new(&program, 2)?;
    assert_eq!(young.says("hello").await?, None);
    assert_eq!(old.says("me too?").await?.as_deref(), Some("AccessDeniedException"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_fills_a_shard_with_junk_is_metered_and_counted_and_others_speak() -> Test {
    let program = Program::start(&[("DANMU_STREAM__SHARDS", "2")])?;
    program.get_ready()?;
    let (junk, other) = (Viewer::new(&program, 1)?, Viewer::new(&program, 2)?);
    // Half of it under a key that is no room's, half under the room's, by a hash key of the other shard.
    let entry = |key: &str, hash: Option<&str>| {
        PutRecordsRequestEntry::builder()
            .data(Blob::new("junk"))
            .partition_key(key)
            .set_explicit_hash_key(hash.map(str::to_owned))
            .build()
    };
    let hash = u128::from_be_bytes(md5_of("demo")?);
    let elsewhere = if hash >> 127 == 0 { u128::MAX } else { 0 }.to_string();
    let mut taken = 0;
    for _ in 0..3 {
        let entries = (0..250).flat_map(|_| [entry("nowhere", None), entry("demo", Some(&elsewhere))]);
        let put = junk.client.put_records().stream_name(STREAM).set_records(Some(entries.collect::<Result<_, _>>()?));
        let put = put.send().await?;
        taken += put.records.iter().filter(|record| record.error_code.is_none()).count() as u64;
        let refused = put.records.iter().find(|record| record.error_code.is_some()).ok_or("all of it was taken")?;
        assert_eq!(refused.error_code(), Some("ProvisionedThroughputExceededException"));
    }
    assert!((100..300).contains(&taken), "{taken}");
    assert_eq!(other.says("I am heard").await?, None);
    until("junk is counted by what it is", || {
        if program.figure(ADMITTED)? > 1 {
            return Err("junk is shown".into());
        }
        let (nowhere, foreign) = (
            program.figure("danmu_refused_total{reason=\"no_such_room\"}")?,
            program.figure("danmu_refused_total{reason=\"foreign_shard\"}")?,
        );
        Ok(nowhere > 0 && foreign > 0 && nowhere + foreign == taken)
    })
    .await?;
    assert_eq!(program.figure("danmu_stream_records_metered_total")?, 1_500 - taken);
    assert_eq!(program.figure("danmu_junk_alarm")?, 1, "there is no alarm");
    until("the other is heard", || Ok(program.figure(ADMITTED)? == 1)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_lets_one_viewer_put_for_a_crowd() -> Test {
    let program = Program::start_with("[stream]\nsession_records_per_s = 100\nsession_burst_s = 2\n", &[])?;
    let bridge = Viewer::new(&program, 1)?;
    let entry = |_| PutRecordsRequestEntry::builder().data(Blob::new("from a crowd")).partition_key("demo").build();
    let records = (0..300).map(entry).collect::<Result<_, _>>()?;
    let put = bridge.client.put_records().stream_name(STREAM).set_records(Some(records)).send().await?;
    let taken = put.records.iter().filter(|record| record.error_code.is_none()).count();
    assert_eq!(taken, 200);
    Ok(())
}

/// The shard map's hash of a partition key: which half of two shards it is in.
fn md5_of(key: &str) -> Result<[u8; 16], Failure> {
    Ok(danmu::kinesis::shard_map::hash_key(key).to_be_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_producers_credentials_read_nothing_and_reach_no_other_stream() -> Test {
    let program = Program::start(&[])?;
    let viewer = Viewer::new(&program, 1)?;
    let root = kinesis(&program, &program.stream)?;
    root.create_stream().stream_name("other").shard_count(1).send().await?;
    let iterator = |client: &aws_sdk_kinesis::Client| {
        let call = client.get_shard_iterator().stream_name(STREAM).shard_id("shardId-000000000000");
        call.shard_iterator_type(aws_sdk_kinesis::types::ShardIteratorType::TrimHorizon).send()
    };
    let denied = Some("AccessDeniedException");
    let begun = iterator(&viewer.client).await.err().ok_or("a producer got an iterator")?;
    assert_eq!(begun.code(), denied);
    let of_root = iterator(&root).await?.shard_iterator.ok_or("no iterator")?;
    let read = viewer.client.get_records().shard_iterator(of_root).send().await.err().ok_or("a producer read")?;
    assert_eq!(read.code(), denied);
    let listed =
        viewer.client.list_shards().stream_name(STREAM).send().await.err().ok_or("a producer listed shards")?;
    assert_eq!(listed.code(), denied);
    let put = viewer.client.put_record().stream_name("other").partition_key("demo").data(Blob::new("hi"));
    let put = put.send().await.err().ok_or("it put on another stream")?;
    assert_eq!(put.code(), denied);
    let made = viewer.client.create_stream().stream_name("mine").shard_count(1).send().await;
    let made = made.err().ok_or("it made a stream")?;
    assert_eq!(made.code(), denied);
    let reason = made.message().unwrap_or_default();
    assert!(reason.contains("offers the data plane only"), "the public port has a control plane: {reason}");
    assert_eq!(viewer.says("hello").await?, None);
    Ok(())
}

/// What is on a screen that follows one replica: when the last danmu of each author came.
struct Screen(Arc<Mutex<HashMap<String, Instant>>>);

impl Screen {
    /// Follows the feed as long as the replica runs.
    fn follow(replica: &Program) -> Result<Self, Failure> {
        let site = address(&replica.url)?;
        let mut line = TcpStream::connect(site)?;
        write!(line, "GET /rooms/demo/events HTTP/1.1\r\nHost: {site}\r\n\r\n")?;
        let last = Arc::<Mutex<HashMap<_, _>>>::default();
        let shown = Arc::clone(&last);
        std::thread::spawn(move || {
            for line in BufReader::new(line).lines().map_while(Result::ok) {
                let told = line.strip_prefix("data: ").and_then(|data| serde_json::from_str::<Told>(data).ok());
                let now = Instant::now();
                let authors = told.unwrap_or_default().danmu.into_iter().filter_map(|item| item.viewer);
                let mut shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
                shown.extend(authors.map(|author| (author, now)));
            }
        });
        Ok(Self(last))
    }

    /// When the last danmu of a viewer came that was shown.
    fn last(&self, viewer: &Viewer) -> Option<Instant> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&viewer.id).copied()
    }
}

/// Two replicas, and a viewer who floods and is not stopped by its credentials: the gates of both refuse what it says, and no danmu
/// of it comes to a screen any more; as a measurement (`E2E_SERVER`), how long that takes. A program that was not optimised verifies too
/// slowly for 200 danmu a second.
#[tokio::test(flavor = "multi_thread")]
async fn a_ban_acts_on_every_replica() -> Test {
    let (bans, every) =
        if release().is_some() { (40, Duration::from_millis(5)) } else { (4, Duration::from_millis(40)) };
    // Nothing but the ban holds the viewer up.
    let room = "[[rooms]]\nid = 'demo'\nvideo = ''\nper_minute = 6000\nburst = 6000\n";
    let bus = Program::start_with(room, &[("DANMU_ROLE", "bus")])?;
    let data = bus.directory().join("data").display().to_string();
    let stream = bus.stream.trim_start_matches("http://").to_owned();
    let elsewhere = [("DANMU_ROLE", "relay"), ("DANMU_STREAM__ADDR", &*stream), ("DANMU_STREAM__DATA", &*data)];
    let replicas = [Program::start_with(room, &elsewhere)?, Program::start_with(room, &elsewhere)?];
    for replica in &replicas {
        replica.get_ready()?;
    }
    let screens = [Screen::follow(&replicas[0])?, Screen::follow(&replicas[1])?];
    let root = kinesis(&bus, &bus.stream)?;
    let (mut gated, mut shown) = (Vec::new(), Vec::new());
    for round in 0..bans {
        let viewer = Arc::new(Viewer::new(&bus, round)?);
        let (client, stop) = (root.clone(), Arc::<AtomicBool>::default());
        let (author, stopped) = (Arc::clone(&viewer), Arc::clone(&stop));
        let flood = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(every);
            while !stopped.load(SeqCst) {
                ticks.tick().await;
                let data = Blob::new(author.record("flood")?);
                client.put_record().stream_name(STREAM).partition_key("demo").data(data).send().await?;
            }
            Ok::<_, Failure>(())
        });
        tokio::time::sleep(Duration::from_millis(300)).await;
        let before = [replicas[0].figure(BANNED)?, replicas[1].figure(BANNED)?];
        let decided = Instant::now();
        bus.order(&["ban", &viewer.id])?;
        let mut acted = [None; 2];
        while acted.iter().any(Option::is_none) {
            for ((acted, before), replica) in acted.iter_mut().zip(before).zip(&replicas) {
                if acted.is_none() && replica.figure(BANNED)? > before {
                    *acted = Some(decided.elapsed());
                }
            }
            assert!(decided.elapsed() < PATIENCE, "a replica goes on showing what a banned viewer says");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        gated.extend(acted.into_iter().flatten().max());
        stop.store(true, SeqCst);
        flood.await??;
        // Neither asked the other: both read it off the stream.
        for replica in &replicas {
            assert_eq!(replica.figure("danmu_refused_total{reason=\"moderation\"}")?, u64::from(round) + 1);
        }
        // What is still on its way is the next one's no more.
        let all = "danmu_reader_records_total";
        until("both have read all of it", || Ok(replicas[0].figure(all)? == replicas[1].figure(all)?)).await?;
        // And what passed the gates is on the screens: a frame is due every 100 ms.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let last = screens.each_ref().map(|screen| screen.last(&viewer));
        assert!(last.iter().all(Option::is_some), "a screen showed nothing at all");
        shown.extend(last.into_iter().flatten().max().map(|last| last.saturating_duration_since(decided)));
    }
    let [gates, screens] = [gated, shown].map(|mut times| {
        times.sort_unstable();
        times
    });
    for (where_to, times) in [("the gates of both replicas", &gates), ("the last danmu on any screen", &screens)] {
        let (p50, p95) = (times[times.len() / 2], times[times.len() * 95 / 100]);
        println!("{bans} bans, {every:?} apart: from the order to {where_to} p50 {p50:?}, p95 {p95:?}, {times:?}");
        // How fast it is says a measurement on a machine that does nothing else.
        assert!(release().is_none() || p95 < Duration::from_secs(1), "{where_to}: {times:?}");
    }
    Ok(())
}
