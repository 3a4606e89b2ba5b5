//! The relay of the real program: what viewers are told, whatever happens in between.

use std::{
    collections::HashSet,
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use aws_sdk_kinesis::{
    Client,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig, timeout::TimeoutConfig},
    primitives::Blob,
    types::PutRecordsRequestEntry,
};
use danmu::{
    feed::Told,
    record::{Danmu, RecordId},
};
use serde_json::Value;

use crate::{
    program::Program,
    world::{Failure, Test},
};

const STREAM: &str = "danmu";
const WRITERS: usize = 4;
const EACH: usize = 500;
const ALL: usize = WRITERS * EACH;
/// All danmu are told, as many as there are.
const WHOLE: (&str, &str) = ("DANMU_RELAY__DENSITY", "0");

/// Where the program is at the moment.
#[derive(Clone, Default)]
struct Where(Arc<Mutex<String>>);

impl Where {
    fn set(&self, url: &str) {
        *self.0.lock().expect("nobody panics with it") = url.trim_start_matches("http://").to_owned();
    }

    fn get(&self) -> String {
        self.0.lock().expect("nobody panics with it").clone()
    }
}

/// What a viewer was told.
#[derive(Default)]
struct Heard {
    texts: Vec<String>,
    /// Every hello after the first.
    hellos: Vec<Told>,
}

/// Follows the room: whatever cuts it off, it goes on from the last place it was given, at the next of the sites. `away` is how
/// long it stays off when it has heard half of `until`. Where there are several sites it moves every hundred danmu.
fn follow(sites: Vec<Where>, until: usize, away: Duration, stop: Arc<AtomicBool>) -> Result<Heard, Failure> {
    let (mut heard, mut place, mut left) = (Heard::default(), String::new(), false);
    let mut first = true;
    let mut next = sites.iter().cycle();
    while !stop.load(SeqCst) && heard.texts.len() < until {
        thread::sleep(Duration::from_millis(50));
        let Some(site) = next.next().map(Where::get) else { return Err("nowhere to go".into()) };
        let Ok(mut stream) = TcpStream::connect(&site) else { continue };
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        write!(stream, "GET /rooms/demo/events?from={place} HTTP/1.1\r\nHost: {site}\r\n\r\n")?;
        let mut name = String::new();
        let moves_at = if sites.len() > 1 { heard.texts.len() + 100 } else { usize::MAX };
        for line in BufReader::new(stream).lines() {
            // Cut off in the middle of something.
            let Ok(line) = line else { break };
            if let Some(event) = line.strip_prefix("event: ") {
                name = event.to_owned();
            } else if let Some(id) = line.strip_prefix("id: ") {
                place = id.to_owned();
            } else if let Some(data) = line.strip_prefix("data: ") {
                match name.as_str() {
                    "" => {
                        let Ok(frame) = serde_json::from_str::<Told>(data) else { break };
                        heard.texts.extend(frame.danmu.into_iter().map(|item| item.text));
                    }
                    "hello" if !std::mem::take(&mut first) => heard.hellos.push(serde_json::from_str(data)?),
                    "gap" => return Err(format!("a gap: {data}").into()),
                    _ => {}
                }
                name.clear();
            }
            if heard.texts.len() >= until.min(moves_at) || stop.load(SeqCst) {
                break;
            }
            if !away.is_zero() && !left && heard.texts.len() > until / 2 {
                left = true;
                thread::sleep(away);
                break;
            }
        }
    }
    Ok(heard)
}

/// The stream of the program, by its root key.
pub fn kinesis(program: &Program) -> Result<Client, Failure> {
    let key: Value = serde_json::from_slice(&std::fs::read(program.directory().join("data/root-key.json"))?)?;
    let member = |name: &str| key[name].as_str().unwrap_or_default().to_owned();
    let credentials = Credentials::new(member("access_key_id"), member("secret_access_key"), None, None, "test");
    let config = aws_sdk_kinesis::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(&program.stream)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .credentials_provider(credentials)
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().operation_timeout(Duration::from_secs(5)).build())
        .build();
    Ok(Client::from_conf(config))
}

/// Puts danmu, ten a call, until all are acknowledged: what failed goes again, the same.
async fn write(client: Arc<Mutex<Client>>, writer: usize, count: usize, acknowledged: Arc<AtomicUsize>) -> Test {
    for tens in (0..count).collect::<Vec<_>>().chunks(10) {
        let mut waiting = Vec::new();
        for n in tens {
            let id = RecordId::new(1, (writer * count + n) as u128);
            waiting.push(Danmu::new(id, "demo".parse()?, format!("{writer}-{n}"), 0)?.encode());
        }
        while !waiting.is_empty() {
            let entry = |data: &Vec<u8>| {
                PutRecordsRequestEntry::builder().partition_key("demo").data(Blob::new(data.clone())).build()
            };
            let entries = waiting.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
            let at = client.lock().map_err(|_| "nobody panics with it")?.clone();
            let Ok(answer) = at.put_records().stream_name(STREAM).set_records(Some(entries)).send().await else {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let refused: Vec<bool> = answer.records.iter().map(|record| record.error_code.is_some()).collect();
            let mut refused = refused.into_iter();
            let before = waiting.len();
            waiting.retain(|_| refused.next().unwrap_or(true));
            acknowledged.fetch_add(before - waiting.len(), SeqCst);
            // A shard takes a thousand a second.
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
    }
    Ok(())
}

async fn reaches(acknowledged: &AtomicUsize, count: usize) -> Test {
    let since = Instant::now();
    while acknowledged.load(SeqCst) < count {
        assert!(since.elapsed() < Duration::from_secs(60), "only {} of {count} are there", acknowledged.load(SeqCst));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

type Viewer = thread::JoinHandle<Result<Heard, Failure>>;

fn start_writing(client: &Arc<Mutex<Client>>, acknowledged: &Arc<AtomicUsize>) -> Vec<tokio::task::JoinHandle<Test>> {
    let start = |writer| tokio::spawn(write(Arc::clone(client), writer, EACH, Arc::clone(acknowledged)));
    (0..WRITERS).map(start).collect()
}

/// Each danmu once, all in one order, and nothing was ever missed.
async fn all_heard_the_same(viewers: Vec<Viewer>, stop: &AtomicBool) -> Test {
    let deadline = Instant::now() + Duration::from_secs(30);
    while viewers.iter().any(|viewer| !viewer.is_finished()) && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    stop.store(true, SeqCst);
    let mut orders = Vec::new();
    for viewer in viewers {
        let heard = viewer.join().map_err(|_| "a viewer panicked")??;
        let distinct: HashSet<_> = heard.texts.iter().collect();
        assert_eq!((heard.texts.len(), distinct.len()), (ALL, ALL), "{:?}", heard.hellos);
        assert!(!heard.hellos.is_empty(), "it was cut off at least once");
        for hello in &heard.hellos {
            assert!(hello.recovered && hello.missed == Some(0), "{hello:?}");
        }
        orders.push(heard.texts);
    }
    assert!(orders.iter().all(|order| *order == orders[0]), "all heard it in one order");
    Ok(())
}

async fn everybody_hears_everything_once(variables: &'static [(&'static str, &'static str)]) -> Test {
    let mut program = Program::start(variables)?;
    let (site, stop, acknowledged) = (Where::default(), Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
    site.set(&program.url);
    let client = Arc::new(Mutex::new(kinesis(&program)?));
    let viewers: Vec<_> = [0, 0, 2_000]
        .map(|away| {
            let (site, stop) = (site.clone(), Arc::clone(&stop));
            thread::spawn(move || follow(vec![site], ALL, Duration::from_millis(away), stop))
        })
        .into();
    // All are in before the first danmu.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let writers = start_writing(&client, &acknowledged);

    reaches(&acknowledged, 400).await?;
    let split = kinesis(&program)?.split_shard().stream_name(STREAM).shard_to_split("shardId-000000000000");
    split.new_starting_hash_key((u128::MAX / 2 + 1).to_string()).send().await?;
    reaches(&acknowledged, 900).await?;
    program = program.crash(variables)?;
    *client.lock().map_err(|_| "nobody panics with it")? = kinesis(&program)?;
    site.set(&program.url);
    reaches(&acknowledged, 1_400).await?;
    let merge = kinesis(&program)?.merge_shards().stream_name(STREAM).shard_to_merge("shardId-000000000001");
    merge.adjacent_shard_to_merge("shardId-000000000002").send().await?;
    for writer in writers {
        writer.await??;
    }

    all_heard_the_same(viewers, &stop).await?;
    assert!(program.terminate()?.success());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn by_enhanced_fan_out_everybody_hears_everything_once_through_a_split_a_crash_and_a_merge() -> Test {
    everybody_hears_everything_once(&[WHOLE]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn by_polling_everybody_hears_everything_once_through_a_split_a_crash_and_a_merge() -> Test {
    everybody_hears_everything_once(&[WHOLE, ("DANMU_RELAY__READER", "polling")]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_move_between_two_replicas_and_hear_everything_once() -> Test {
    let bus = Program::start(&[])?;
    let data = bus.directory().join("data").display().to_string();
    let address = bus.stream.trim_start_matches("http://").to_owned();
    let elsewhere = [WHOLE, ("DANMU_ROLE", "relay"), ("DANMU_STREAM__ADDR", &*address), ("DANMU_STREAM__DATA", &*data)];
    // One reads what is pushed, the other polls: it does not matter to whom a viewer turns.
    let pushed = Program::start(&elsewhere)?;
    let polls = Program::start(&[&elsewhere[..], &[("DANMU_RELAY__READER", "polling")]].concat())?;
    let sites: Vec<_> = [&pushed, &polls]
        .map(|program| {
            let site = Where::default();
            site.set(&program.url);
            site
        })
        .into();
    let (stop, acknowledged) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
    let viewers: Vec<Viewer> = (0..3)
        .map(|first| {
            let (mut sites, stop) = (sites.clone(), Arc::clone(&stop));
            sites.rotate_left(first % 2);
            thread::spawn(move || follow(sites, ALL, Duration::ZERO, stop))
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let client = Arc::new(Mutex::new(kinesis(&bus)?));
    for writer in start_writing(&client, &acknowledged) {
        writer.await??;
    }
    all_heard_the_same(viewers, &stop).await?;
    for program in [pushed, polls, bus] {
        assert!(program.terminate()?.success());
    }
    Ok(())
}
