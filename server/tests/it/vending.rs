//! Session vending when STS does not keep up: the program itself, with an STS that is slow or does not answer.
//!
//! A throttling STS is tested in [`program`](crate::program), and the queue in the unit tests beside its code.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use aws_credential_types::Credentials;
use axum::Router;
use danmu::{
    rights::Rights,
    room::RoomId,
    session::{Purpose, Session},
    viewer::ViewerId,
};
use danmu_app::{error::ApiError, services::Caller};
use danmu_identity::{
    aws::bus::KinesisBus,
    identity::Identity,
    store::Store,
    vending::{Limits, Rate, TokenVending},
};
use danmu_relay::moderation::Moderation;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::{JoinSet, yield_now},
    time::sleep,
};

use crate::{
    program::{Program, address, on_aws},
    still::StillTime,
    world::{Failure, PATIENCE, REGION, STREAM, Test},
};

/// Calls of STS that are under way at a time, and visitors that wait besides, at the most.
const AT_ONCE: usize = 64;
const WAITING: usize = 256;
/// How long a turn is waited for, and how long an answer of STS, with the millisecond to which timers are exact.
const TURN: Duration = Duration::from_millis(2_001);
const ANSWER: Duration = Duration::from_millis(8_001);

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

/// What a visitor was told: the status, and after how many seconds to come back.
#[derive(Debug)]
struct Told {
    status: u16,
    retry_after_s: Option<u32>,
    body: String,
}

/// Asks for a session, each from an address of its own, at one of the two addresses for it.
async fn ask(url: String, number: usize) -> Result<Told, Failure> {
    let (path, form) = match number % 2 {
        0 => ("/api/session", "room=demo&purpose=produce"),
        _ => ("/getCertification.action", "{}"),
    };
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
    let (head, body) = text.split_once("\r\n\r\n").ok_or("no end of the head")?;
    let retry_after = head.lines().find_map(|line| line.split_once(": ").filter(|(name, _)| *name == "retry-after"));
    let retry_after_s = retry_after.map(|(_, seconds)| seconds.parse()).transpose()?;
    let status = head.split(' ').nth(1).ok_or("no status")?.parse()?;
    Ok(Told { status, retry_after_s, body: body.to_owned() })
}

fn crowd(program: &Program, count: usize) -> JoinSet<Result<Told, Failure>> {
    (0..count).map(|number| ask(program.url.clone(), number)).collect()
}

async fn until(what: &str, holds: impl Fn() -> bool) -> Test {
    let since = Instant::now();
    while !holds() {
        if since.elapsed() > PATIENCE {
            return Err(format!("it never came to it that {what}").into());
        }
        // Where time stands still, too.
        std::thread::sleep(Duration::from_millis(1));
        yield_now().await;
    }
    Ok(())
}

fn assert_sent_away(told: &Told) {
    assert_eq!(told.status, 429, "{told:?}");
    assert!(told.retry_after_s.is_some_and(|seconds| seconds >= 1), "{told:?}");
    assert!(told.body.contains("TooMany") || told.body.contains("try again in"), "{told:?}");
}

/// The vending machine by itself in front of an STS, and what it must be kept with.
async fn vending(sts: &Sts) -> Result<(TokenVending, impl Sized), Failure> {
    let addr = address(&sts.url)?;
    let bus = KinesisBus::embedded(
        addr,
        Credentials::new("id", "secret", None, None, "test"),
        "000000000000",
        REGION,
        STREAM,
    );
    vending_on(bus).await
}

/// The vending machine by itself, and what it must be kept with.
pub async fn vending_on(bus: KinesisBus) -> Result<(TokenVending, impl Sized), Failure> {
    let dir = tempfile::tempdir()?;
    let identity = Identity::open(&dir.path().join("keys.json"))?;
    let (moderation, work) = Moderation::open(Store::open(dir.path()).await?).await?;
    let often = Rate { per_minute: NonZeroU32::MAX, burst: NonZeroU32::MAX };
    let vending = TokenVending::new(bus, Limits::new(often, often), identity, moderation, 900, true);
    Ok((vending, (dir, work)))
}

fn visitors(vending: &TokenVending, count: usize) -> JoinSet<Result<Session, ApiError>> {
    (0..count).map(|_| visit(vending)).collect()
}

fn visit(vending: &TokenVending) -> impl Future<Output = Result<Session, ApiError>> + use<> {
    let addr = [127, 0, 0, 1].into();
    let caller = Caller { addr, viewer: ViewerId::guest(7), name: None, rights: Rights::default(), login: None };
    let vending = vending.clone();
    async move { vending.session(RoomId::demo(), Purpose::Produce, None, caller).await }
}

/// The next ones of them are answered, and so.
async fn are_told(
    crowd: &mut JoinSet<Result<Session, ApiError>>,
    count: usize,
    as_it_is: fn(&ApiError) -> bool,
) -> Test {
    for _ in 0..count {
        let told = crowd.join_next().await.ok_or("nobody is left")??;
        assert!(told.as_ref().is_err_and(as_it_is), "{told:?}");
    }
    Ok(())
}

fn is_sent_away(error: &ApiError) -> bool {
    matches!(error, ApiError::TooMany { retry_after_s: 1.. })
}

#[tokio::test]
async fn while_sts_is_mute_a_turn_is_waited_for_two_seconds_an_answer_eight_and_more_are_told_at_once() -> Test {
    let sts = Sts::that_takes(Duration::from_secs(3_600)).await?;
    let (vending, _kept) = vending(&sts).await?;
    let time = StillTime::begin();
    let mut crowd = visitors(&vending, AT_ONCE + WAITING);
    until("as many calls are under way as may be", || sts.calls() == AT_ONCE).await?;
    are_told(&mut visitors(&vending, 20), 20, is_sent_away).await?;
    assert!(crowd.try_join_next().is_none(), "nobody was told anything too early");
    time.pass(TURN).await;
    are_told(&mut crowd, WAITING, is_sent_away).await?;
    assert!(crowd.try_join_next().is_none(), "nobody was told anything too early");
    time.pass(ANSWER - TURN).await;
    are_told(&mut crowd, AT_ONCE, |error| *error == ApiError::VendingDown).await?;
    assert_eq!(sts.most.load(SeqCst), AT_ONCE);
    assert_eq!(vending.counts().sent_away, 20 + u64::try_from(WAITING)?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn while_sts_is_mute_everybody_is_told_something_in_time_and_more_are_told_at_once() -> Test {
    let sts = Sts::that_takes(Duration::from_secs(3_600)).await?;
    let program = on_aws(&sts.url)?;
    let mut crowd = crowd(&program, AT_ONCE + WAITING + 20);
    until("as many calls are under way as may be", || sts.calls() == AT_ONCE).await?;
    assert_eq!(program.ask("GET /healthz", &[], "")?.status, 200);
    let (mut sent_away, mut called) = (0, 0);
    while let Some(told) = crowd.join_next().await {
        let told = told??;
        if told.status == 429 {
            assert_sent_away(&told);
            sent_away += 1;
        } else {
            assert_eq!(told.status, 503, "{told:?}");
            called += 1;
        }
    }
    // When each is told is tried above, where time does as it is told.
    assert!(sent_away >= 20 && called >= AT_ONCE, "{sent_away} were sent away, {called} called");
    assert_eq!(sts.most.load(SeqCst), AT_ONCE);
    assert_eq!(program.figure("danmu_vending_sent_away_total")?, sent_away);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn visitors_who_leave_free_their_places_and_the_next_ones_are_served() -> Test {
    let sts = Sts::that_takes(Duration::from_secs(3_600)).await?;
    let program = on_aws(&sts.url)?;
    for _ in 0..2 {
        let mut gone = crowd(&program, AT_ONCE + WAITING);
        until("as many calls are under way as may be", || sts.calls() == AT_ONCE).await?;
        assert_eq!(ask(program.url.clone(), 0).await?.status, 429);
        gone.shutdown().await;
        until("no call is under way", || sts.calls() == 0).await?;
    }
    let next = tokio::spawn(ask(program.url.clone(), 7));
    until("the next one has its turn", || sts.calls() == 1).await?;
    next.abort();
    Ok(())
}

#[tokio::test]
async fn while_sts_is_slow_as_many_are_served_as_it_can_serve_and_the_others_come_back() -> Test {
    let sts = Sts::that_takes(Duration::from_millis(400)).await?;
    let (vending, _kept) = vending(&sts).await?;
    let time = StillTime::begin();
    let mut crowd = visitors(&vending, 2 * (AT_ONCE + WAITING));
    are_told(&mut crowd, AT_ONCE + WAITING, is_sent_away).await?;
    // Those who have a turn at once, and all who wait: five times as many as are served at a time take two seconds.
    for _ in 0..5 {
        until("as many calls are under way as may be", || sts.calls() == AT_ONCE).await?;
        time.pass(Duration::from_millis(401)).await;
        for _ in 0..AT_ONCE {
            let told = crowd.join_next().await.ok_or("nobody is left")??;
            assert!(told.is_ok(), "{told:?}");
        }
    }
    assert!(crowd.is_empty());
    assert_eq!(sts.most.load(SeqCst), AT_ONCE);
    Ok(())
}
