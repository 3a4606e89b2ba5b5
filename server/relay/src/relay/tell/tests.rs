//! Viewers with connections of their own.

use std::{sync::Arc, time::Duration};

use danmu::gate::Bans;
use danmu_identity::capacity::Capacity;
use prometheus_client::{encoding::text::encode, registry::Registry};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::{
    audience::Audience,
    batch::Batches,
    viewer::{Asked, Viewer},
};
use crate::relay::{
    line::{
        feed::RoomFeed,
        refill::Request,
        ring::{Said, Window},
    },
    samples::{item, lineage, place},
    take::log_position::LogPosition,
};

struct Stage {
    audience: Arc<Audience>,
    batches: Arc<Batches>,
    listener: TcpListener,
    capacity: Capacity,
}

impl Stage {
    async fn new() -> Self {
        let window = Window { age: Duration::from_secs(60), bytes: 8 << 20 };
        let feed = Arc::new(RoomFeed::new(window, Bans::default()));
        feed.learn(|known| *known = lineage());
        feed.ring.begin(lineage().beginning(0).expect("a place"), 0);
        let (status, metrics, tasks) = Default::default();
        let audience = Arc::new(Audience { feed, status, metrics, tasks });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        Self { audience, batches: Arc::default(), listener, capacity: Capacity::new(1_000, 100) }
    }

    async fn viewer(&self) -> TcpStream {
        let addr = self.listener.local_addr().expect("an address");
        let (client, accepted) = tokio::join!(TcpStream::connect(addr), self.listener.accept());
        let permit = self.capacity.let_in(None).expect("a permit");
        let accepted = accepted.expect("accepted").0;
        accepted.set_nodelay(true).expect("set");
        let (audience, batches, asked) = (Arc::clone(&self.audience), Arc::clone(&self.batches), Asked::default());
        let viewer = Viewer::join(audience, batches, &asked, 1_000, None::<fn(LogPosition, LogPosition) -> Request>);
        viewer.sit(accepted, permit);
        let mut client = client.expect("connected");
        assert!(hear(&mut client, "retry: 1000\n\n").await.starts_with("HTTP/1.1 200 OK\r\n"));
        client
    }

    fn tell(&self, n: u64, length: usize) {
        let mut item = item(n);
        item.text = format!("n{n} {}", "x".repeat(length));
        self.audience.feed.ring.tell(vec![(place(n), Said::Danmu(item))]);
    }

    /// What is counted, as it is told.
    fn counted(&self) -> String {
        let (mut registry, mut text) = (Registry::with_prefix("danmu"), String::new());
        self.audience.metrics.register(&mut registry);
        encode(&mut text, &registry).expect("a text");
        text
    }

    async fn until_there_are(&self, viewers: usize) {
        let there = async {
            while self.audience.feed.ring.viewers() != viewers {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(60), there).await.expect("so many viewers");
    }
}

/// Reads until the text is there.
async fn hear(client: &mut TcpStream, wanted: &str) -> String {
    let mut heard = Vec::with_capacity(1 << 16);
    let hearing = async {
        let mut looked = 0;
        while memchr::memmem::find(&heard[looked..], wanted.as_bytes()).is_none() {
            looked = heard.len().saturating_sub(wanted.len());
            assert!(client.read_buf(&mut heard).await.expect("read") > 0, "it was cut off before {wanted:?}");
        }
    };
    timeout(Duration::from_secs(60), hearing).await.expect("told in time");
    String::from_utf8(heard).expect("text")
}

#[tokio::test]
async fn every_viewer_is_told_what_comes_and_each_only_once() {
    let stage = Stage::new().await;
    let mut viewers = Vec::new();
    // More than one batch has.
    for _ in 0..300 {
        viewers.push(stage.viewer().await);
    }
    for n in 1..=3 {
        stage.tell(n, 10);
    }
    for viewer in &mut viewers {
        let heard = hear(viewer, "n3 ").await;
        assert_eq!(["n1 ", "n2 ", "n3 "].map(|text| heard.matches(text).count()), [1, 1, 1]);
    }
    assert_eq!(stage.audience.feed.ring.viewers(), 300);
    // What a viewer has heard may be counted a little later.
    let counted = async {
        let figure = |text: &str, name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
            line.trim().parse::<u64>().expect("a figure")
        };
        loop {
            let text = stage.counted();
            let counts = ["danmu_events_total", "danmu_deliveries_total"].map(|name| figure(&text, name));
            assert!(counts.into_iter().all(|count| count <= 900), "{counts:?}");
            if counts == [900, 900] {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(60), counted).await.expect("each event and danmu is counted once for each viewer");
    drop(viewers);
    stage.until_there_are(0).await;
    assert_eq!(stage.capacity.left(), 1_000);
}

#[tokio::test]
async fn nobody_waits_for_one_who_does_not_read_and_that_one_is_cut() {
    let stage = Stage::new().await;
    let (mut reads, stalled) = (stage.viewer().await, stage.viewer().await);
    for n in 1..=4_000 {
        stage.tell(n, 1_000);
        if n % 100 == 0 {
            hear(&mut reads, &format!("n{n} ")).await;
        }
    }
    stage.until_there_are(1).await;
    drop(stalled);
    stage.tell(4_001, 10);
    hear(&mut reads, "n4001 ").await;
}

#[tokio::test]
async fn one_who_reads_late_hears_all_that_is_kept_and_comes_back_to_the_others() {
    let stage = Stage::new().await;
    let mut late = stage.viewer().await;
    // Time stands still while a blocking task runs: on a busy machine this takes longer than the patience with who takes nothing.
    let (_end, ended) = std::sync::mpsc::channel::<()>();
    tokio::time::pause();
    tokio::task::spawn_blocking(move || ended.recv_timeout(Duration::from_secs(120)));
    for n in 1..=4_000 {
        stage.tell(n, 1_000);
        tokio::task::yield_now().await;
    }
    let heard = hear(&mut late, "n4000 ").await;
    let numbers = heard.split("\"text\":\"n").skip(1).filter_map(|rest| rest.split(' ').next()?.parse().ok());
    assert_eq!(numbers.collect::<Vec<u32>>(), (1..=4_000).collect::<Vec<_>>());
    stage.tell(4_001, 10);
    hear(&mut late, "n4001 ").await;
}

#[tokio::test]
async fn the_end_of_the_feed_is_the_end_of_every_connection() {
    let stage = Stage::new().await;
    let mut viewer = stage.viewer().await;
    stage.tell(1, 10);
    stage.audience.feed.ring.close();
    stage.audience.tasks.close();
    hear(&mut viewer, "n1 ").await;
    let mut rest = Vec::new();
    viewer.read_to_end(&mut rest).await.expect("an end");
    timeout(Duration::from_secs(60), stage.audience.tasks.wait()).await.expect("nobody is left");
    assert_eq!(stage.audience.feed.ring.viewers(), 0);
}

#[tokio::test]
async fn what_a_viewer_says_besides_its_request_is_passed_over_and_one_that_goes_on_is_let_go() {
    let stage = Stage::new().await;
    let mut viewer = stage.viewer().await;
    viewer.write_all(b"\r\nGET / HTTP/1.1\r\n\r\n").await.expect("written");
    stage.tell(1, 10);
    hear(&mut viewer, "n1 ").await;
    let mut talker = stage.viewer().await;
    // Nobody takes all of it.
    let _ = talker.write_all(&[b'x'; 1 << 20]).await;
    stage.until_there_are(1).await;
    stage.tell(2, 10);
    hear(&mut viewer, "n2 ").await;
}
