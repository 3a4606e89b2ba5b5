//! The vending machine where STS does not keep up: the program itself, in front of an STS that is slow, or mute.
//!
//! That one which throttles is tried in [`program`](crate::program), and how turns are given beside their code.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use axum::Router;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    program::{Program, address, on_aws},
    world::{Failure, Test},
};

/// Calls of STS that are under way at a time, and visitors that wait besides, at the most.
const AT_ONCE: usize = 64;
const WAITING: usize = 256;
/// Longer than a turn is waited for, and longer than an answer of STS besides.
const TURN: Duration = Duration::from_millis(3_000);
const ANSWER: Duration = Duration::from_secs(12);
/// How long it may take until what was let go of is noticed.
const NOTICED: Duration = Duration::from_secs(5);

const SESSION: &str = "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>\
                       <Credentials><AccessKeyId>ASIAEXAMPLEEXAMPLE12</AccessKeyId><SecretAccessKey>s</SecretAccessKey>\
                       <SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>\
                       </AssumeRoleResult></AssumeRoleResponse>";

/// An STS that takes so long for each answer, and counts.
struct Sts {
    url: String,
    /// Calls under way, and the most that there were at a time.
    calls: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

/// A call, as long as it is kept.
struct Call(Arc<AtomicUsize>);

impl Drop for Call {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl Sts {
    async fn that_takes(time: Duration) -> Result<Self, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (calls, most) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
        let (counted, peak) = (Arc::clone(&calls), Arc::clone(&most));
        let answer = move || {
            let (counted, peak) = (Arc::clone(&counted), Arc::clone(&peak));
            async move {
                peak.fetch_max(counted.fetch_add(1, SeqCst) + 1, SeqCst);
                let _call = Call(counted);
                sleep(time).await;
                ([("content-type", "text/xml")], SESSION)
            }
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
        Ok(Self { url, calls, most })
    }

    fn calls(&self) -> usize {
        self.calls.load(SeqCst)
    }
}

/// What a visitor was told: the status, after how many seconds to come back, and how long that took.
#[derive(Debug)]
struct Told {
    status: u16,
    retry_after_s: Option<u32>,
    body: String,
    took: Duration,
}

/// Asks for a session, each from an address of its own, at one of the two addresses for it.
async fn ask(url: String, number: usize) -> Result<Told, Failure> {
    let (path, form) = match number % 2 {
        0 => ("/api/session", "room=demo&purpose=produce"),
        _ => ("/getCertification.action", "{}"),
    };
    let since = Instant::now();
    let mut stream = TcpStream::connect(address(&url)?).await?;
    let (host, length, kind) = (address(&url)?, form.len(), "application/x-www-form-urlencoded");
    let from = format!("198.51.{}.{}", number / 250, number % 250);
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: {kind}\r\nX-Forwarded-For: {from}\r\n\
         Content-Length: {length}\r\n\r\n{form}"
    );
    stream.write_all(head.as_bytes()).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    let took = since.elapsed();
    let (head, body) = text.split_once("\r\n\r\n").ok_or("no end of the head")?;
    let retry_after = head.lines().find_map(|line| line.split_once(": ").filter(|(name, _)| *name == "retry-after"));
    let retry_after_s = retry_after.map(|(_, seconds)| seconds.parse()).transpose()?;
    let status = head.split(' ').nth(1).ok_or("no status")?.parse()?;
    Ok(Told { status, retry_after_s, body: body.to_owned(), took })
}

fn crowd(program: &Program, count: usize) -> JoinSet<Result<Told, Failure>> {
    (0..count).map(|number| ask(program.url.clone(), number)).collect()
}

async fn until(what: &str, holds: impl Fn() -> bool) -> Test {
    let since = Instant::now();
    while !holds() {
        if since.elapsed() > NOTICED {
            return Err(format!("it never came to it that {what}").into());
        }
        sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

fn assert_sent_away(told: &Told) {
    assert_eq!(told.status, 429, "{told:?}");
    assert!(told.retry_after_s.is_some_and(|seconds| seconds >= 1), "{told:?}");
    assert!(told.body.contains("TooMany") || told.body.contains("try again in"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_sts_is_mute_everybody_is_told_something_in_time_and_more_are_told_at_once() -> Test {
    let sts = Sts::that_takes(Duration::from_secs(3_600)).await?;
    let program = on_aws(&sts.url)?;
    let mut crowd = crowd(&program, AT_ONCE + WAITING);
    until("as many calls are under way as may be", || sts.calls() == AT_ONCE).await?;
    sleep(Duration::from_millis(500)).await;
    for number in 0..20 {
        let told = timeout(TURN, ask(program.url.clone(), number)).await??;
        assert_sent_away(&told);
        assert!(told.took < Duration::from_secs(1), "{told:?}");
    }
    assert!(program.figure("danmu_vending_sent_away_total")? >= 20);
    assert_eq!(program.ask("GET /healthz", &[], "")?.status, 200);
    let (mut waited, mut called) = (0, 0);
    while let Some(told) = crowd.join_next().await {
        let told = told??;
        if told.status == 429 {
            assert_sent_away(&told);
            assert!(told.took < TURN, "{told:?}");
            waited += 1;
        } else {
            assert_eq!(told.status, 503, "{told:?}");
            assert!(told.took < ANSWER, "{told:?}");
            called += 1;
        }
    }
    assert_eq!((waited, called), (WAITING, AT_ONCE));
    assert_eq!(sts.most.load(SeqCst), AT_ONCE);
    assert_eq!(program.figure("danmu_vending_sent_away_total")?, 20 + u64::try_from(WAITING)?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn visitors_who_leave_free_their_places_and_the_next_ones_are_served() -> Test {
    let sts = Sts::that_takes(Duration::from_secs(3_600)).await?;
    let program = on_aws(&sts.url)?;
    for _ in 0..2 {
        let mut gone = crowd(&program, AT_ONCE + WAITING);
        until("as many calls are under way as may be", || sts.calls() == AT_ONCE).await?;
        sleep(Duration::from_millis(500)).await;
        assert_eq!(ask(program.url.clone(), 0).await?.status, 429);
        gone.shutdown().await;
        until("no call is under way", || sts.calls() == 0).await?;
    }
    let next = tokio::spawn(ask(program.url.clone(), 7));
    until("the next one has its turn", || sts.calls() == 1).await?;
    next.abort();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn while_sts_is_slow_as_many_are_served_as_it_can_serve_and_the_others_come_back() -> Test {
    let sts = Sts::that_takes(Duration::from_millis(400)).await?;
    let program = on_aws(&sts.url)?;
    let told: Vec<Told> =
        crowd(&program, 2 * (AT_ONCE + WAITING)).join_all().await.into_iter().collect::<Result<_, _>>()?;
    let served = told.iter().filter(|told| told.status == 200).count();
    told.iter().filter(|told| told.status != 200).for_each(assert_sent_away);
    // Those who have a turn at once, and all who wait: five times as many as are served at a time take two seconds.
    assert!(served >= 5 * AT_ONCE - AT_ONCE / 2, "{served}");
    assert!(told.iter().all(|told| told.took < TURN), "{:?}", told.iter().map(|told| told.took).max());
    assert_eq!(sts.most.load(SeqCst), AT_ONCE);
    Ok(())
}
