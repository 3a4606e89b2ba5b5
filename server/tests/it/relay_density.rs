//! Density in the real program: a room with more danmu a second than its budget is thinned, and what is left out is counted.

use std::{
    collections::{BTreeMap, HashSet},
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    sync::{
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use aws_sdk_kinesis::{Client, primitives::Blob, types::PutRecordsRequestEntry};
use danmu::{
    feed::{Item, Told},
    record::{Danmu, RecordId},
};

use crate::{
    program::Program,
    world::{Failure, PATIENCE, Test},
    writers::kinesis,
};

const BUDGET: u32 = 50;
/// The number of the next danmu.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// What a viewer was told since it came.
struct Viewer {
    frames: mpsc::Receiver<Told>,
    items: Vec<Item>,
    dropped: u32,
}

impl Viewer {
    /// Comes, and is in when this returns.
    fn join(program: &Program) -> Result<Self, Failure> {
        let site = program.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(site)?;
        write!(stream, "GET /rooms/demo/events HTTP/1.1\r\nHost: {site}\r\n\r\n")?;
        let (tell, frames) = mpsc::channel();
        thread::spawn(move || {
            let told = |line: std::io::Result<String>| serde_json::from_str(line.ok()?.strip_prefix("data: ")?).ok();
            BufReader::new(stream).lines().filter_map(told).try_for_each(|told| tell.send(told).map_err(drop))
        });
        let hello: Told = frames.recv_timeout(PATIENCE)?;
        assert!(hello.danmu.is_empty() && hello.now.is_some(), "{hello:?}");
        Ok(Self { frames, items: Vec::new(), dropped: 0 })
    }

    /// Listens until all of so many are accounted for.
    fn hear(&mut self, count: u32) -> Test {
        let deadline = Instant::now() + PATIENCE;
        while self.accounted() < count {
            let patience = deadline.saturating_duration_since(Instant::now());
            let Ok(told) = self.frames.recv_timeout(patience) else {
                return Err(format!("{} of {count} are accounted for", self.accounted()).into());
            };
            self.items.extend(told.danmu);
            self.dropped += told.dropped;
        }
        assert_eq!(self.accounted(), count);
        Ok(())
    }

    fn accounted(&self) -> u32 {
        self.dropped + self.items.iter().map(|item| item.n).sum::<u32>()
    }
}

async fn put(client: &Client, texts: &[String]) -> Test {
    let mut entries = Vec::new();
    for text in texts {
        let id = RecordId::new(1, NEXT.fetch_add(1, Relaxed).into());
        let danmu = Danmu::new(id, "demo".parse()?, text, 0);
        entries.push(PutRecordsRequestEntry::builder().partition_key("demo").data(Blob::new(danmu.encode())).build()?);
    }
    let answer = client.put_records().stream_name("danmu").set_records(Some(entries)).send().await?;
    assert_eq!(answer.failed_record_count, Some(0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_thinned_and_counted_and_what_follows_it_comes_whole() -> Test {
    let program = Program::start(&[("DANMU_RELAY__DENSITY", &*BUDGET.to_string())])?;
    program.get_ready()?;
    let client = kinesis(&program, &program.stream)?;
    let mut viewer = Viewer::join(&program)?;

    // 400 as fast as they are taken, every fourth of them the same.
    for part in 0..4 {
        let text = |n: u32| if n.is_multiple_of(4) { "666".to_owned() } else { format!("{part}-{n}") };
        put(&client, &(0..100).map(text).collect::<Vec<_>>()).await?;
    }
    // A second in which nobody speaks, by the stream's clock; then 30 a second.
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    let after: Vec<_> = (0..60).map(|n| format!("after {n}")).collect();
    for few in after.chunks(3) {
        put(&client, few).await?;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    viewer.hear(460)?;

    let heard: HashSet<_> = viewer.items.iter().map(|item| item.text.as_str()).collect();
    assert!(after.iter().all(|text| heard.contains(text.as_str())), "{heard:?}");
    let mut seconds = BTreeMap::<_, u32>::new();
    viewer.items.iter().for_each(|item| *seconds.entry(item.at.div_euclid(1_000)).or_default() += 1);
    // Besides those of the budget, what was merged is told as one.
    assert!(seconds.values().all(|shown| *shown <= BUDGET + 1), "{seconds:?}");
    assert!(viewer.items.iter().any(|item| item.text == "666" && item.n > 1), "{:?}", viewer.items);
    assert!(viewer.dropped > 100, "{}", viewer.dropped);

    let [admitted, merged, dropped] =
        ["admitted", "merged", "dropped"].map(|name| program.figure(&format!("danmu_{name}_total{{room=\"demo\"}}")));
    assert_eq!((admitted?, dropped?), (460, viewer.dropped.into()));
    // What was merged may have been a single one in a second.
    let (rest, merged) =
        (viewer.items.iter().filter(|item| item.n > 1).map(|item| u64::from(item.n)).sum::<u64>(), merged?);
    assert!((rest..=rest + 3).contains(&merged), "{merged} were merged, {rest} told so");
    Ok(())
}
