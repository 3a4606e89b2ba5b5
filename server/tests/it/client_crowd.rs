//! The browser's client and the simulated crowd against the real program: pages, vending and stream in one process and one
//! origin.

use std::{collections::HashSet, time::Duration};

use danmu::{
    kinesis::{
        Client, Clock, Error, ErrorKind, Event, Host, Keeper, Options, Producer, PutError, Reader, Scope, State,
        StreamCursor, Vend, VendError,
    },
    record::{Content, decode},
    session::{Purpose, Session},
};
use danmu_server::crowd::{CrowdError, CrowdOptions, Native, TROLL_FROM, run};

use crate::{
    program::Program,
    speaker::until,
    world::{PATIENCE, Test, read, story},
};

/// Sessions as a page gets them.
struct Page {
    host: Native,
    url: String,
}

impl Vend for Page {
    async fn vend(&self, purpose: Purpose) -> Result<Session, VendError> {
        let form = format!("room=demo&purpose={}", if purpose == Purpose::Produce { "produce" } else { "consume" });
        let headers = [("content-type", "application/x-www-form-urlencoded".to_owned())];
        let refused = |message| VendError { message, retry_after: None };
        let reply = self.host.post(&format!("{}/api/session", self.url), &headers, form.into_bytes()).await;
        let reply = reply.map_err(|error| refused(error.0))?;
        serde_json::from_slice(&reply.body).map_err(|_| refused(String::from_utf8_lossy(&reply.body).into_owned()))
    }
}

#[test]
fn an_audience_at_the_real_program_says_what_a_direct_reader_reads() -> Test {
    story(async {
        let program = Program::start(&[])?;
        let host = Native::new();
        let clock = Clock::new(host.clone());
        let page = Page { host, url: program.url.clone() };
        let client = Client::new(Keeper::new(clock.clone(), page, Purpose::Consume), &program.url);
        let start = StreamCursor::at(clock.now_ms() - 1_000);
        let mut reader = Reader::new(client, Scope::PartitionKey("demo".into()), start);

        let options = CrowdOptions {
            url: program.url.clone(),
            room: "demo".into(),
            viewers: 40,
            duration: Some(Duration::from_secs(3)),
            rate: 60.0,
            troll: false,
        };
        let totals = run(options).await?;
        assert_eq!((totals.failed, totals.turned_away), (0, 0), "{totals}");
        assert_eq!(totals.sent, totals.confirmed);
        assert!(totals.sent >= 20, "{totals}");

        let count = usize::try_from(totals.confirmed)?;
        let seen = read(&mut reader, count, PATIENCE).await?;
        assert_eq!(seen.records.len(), count);
        for record in &seen.records {
            assert!(matches!(decode(&record.data)?.content, Content::Danmu(_)));
        }
        // Each is its author's, and within the room's pace.
        let admitted = "danmu_admitted_total{room=\"demo\"}";
        until("all are shown", || Ok(program.figure(admitted)? == totals.confirmed)).await?;
        let tickets: HashSet<_> = seen.records.iter().filter_map(|record| ticket(&record.data)).collect();
        assert!((2..=40).contains(&tickets.len()), "{} sessions", tickets.len());
        assert!(seen.records.iter().all(|record| ticket(&record.data).is_some()), "a guest's danmu are signed");
        Ok(())
    })
}

/// The ticket in a record.
fn ticket(record: &[u8]) -> Option<String> {
    let (_, proof) = std::str::from_utf8(record).ok()?.split_once('\n')?;
    proof.rsplit_once('.').map(|(ticket, _)| ticket.to_owned())
}

#[test]
fn of_a_larger_audience_one_spams_and_is_refused_for_it_and_may_be_banned() -> Test {
    story(async {
        let program = Program::start(&[])?;
        program.get_ready()?;
        let options = CrowdOptions {
            url: program.url.clone(),
            room: "demo".into(),
            viewers: TROLL_FROM,
            // Until it is dropped.
            duration: None,
            rate: 0.001,
            troll: true,
        };
        let too_fast = "danmu_refused_total{reason=\"too_fast\"}";
        let scene = async {
            until("the pace of the room refuses it", || Ok(program.figure(too_fast).is_ok_and(|refused| refused >= 3)))
                .await?;
            // Some of it is shown, by a viewer whom an operator and the crew can name.
            assert!(program.figure("danmu_admitted_total{room=\"demo\"}")? >= 3);
            let spoke = program.order(&["ban"])?;
            let id = spoke.split_whitespace().find(|word| word.len() == 33 && word.starts_with('g'));
            program.order(&["ban", id.ok_or_else(|| spoke.clone())?, "--yes"])?;
            Test::Ok(())
        };
        tokio::select! {
            ended = run(options) => Err(format!("the crowd went: {ended:?}").into()),
            done = scene => done,
        }
    })
}

#[test]
fn a_session_for_one_thing_is_good_for_nothing_else() -> Test {
    story(async {
        let program = Program::start(&[])?;
        let host = Native::new();
        let clock = Clock::new(host.clone());
        let client = |purpose| {
            let page = Page { host: host.clone(), url: program.url.clone() };
            Client::new(Keeper::new(clock.clone(), page, purpose), &program.url)
        };
        let denied = |error: &Error| error.kind == ErrorKind::Denied;

        let put = Producer::new(client(Purpose::Consume), Options::default()).put(b"hi".to_vec(), "demo").await;
        assert!(matches!(&put, Err(PutError::Refused(error)) if denied(error)), "{put:?}");

        let scope = Scope::PartitionKey("demo".into());
        let mut reader = Reader::new(client(Purpose::Produce), scope, StreamCursor::at(clock.now_ms()));
        let state = loop {
            match reader.next().await {
                Event::State(State::Starting) => {}
                Event::State(state) => break state,
                Event::Records(records) => return Err(format!("{} records were read", records.len()).into()),
            }
        };
        assert!(matches!(&state, State::Failed { reason, .. } if denied(reason)), "{state:?}");

        // And what each is for, it may do.
        let put = Producer::new(client(Purpose::Produce), Options::default()).put(b"hi".to_vec(), "demo").await;
        assert!(put.is_ok(), "{put:?}");
        Ok(())
    })
}

#[tokio::test]
async fn an_audience_that_cannot_come_says_why() {
    let options = |url: &str, room: &str, viewers, rate| CrowdOptions {
        url: url.into(),
        room: room.into(),
        viewers,
        duration: Some(Duration::from_millis(1)),
        rate,
        troll: true,
    };
    let here = "http://127.0.0.1:1";
    assert!(matches!(run(options("https://h", "demo", 1, 1.0)).await, Err(CrowdError::Url(_))));
    assert!(matches!(run(options(here, "no room", 1, 1.0)).await, Err(CrowdError::Room(_))));
    assert!(matches!(run(options(here, "demo", 0, 1.0)).await, Err(CrowdError::Nobody)));
    assert!(matches!(run(options(here, "demo", 1, f64::NAN)).await, Err(CrowdError::Rate(_))));
}

#[tokio::test(start_paused = true)]
async fn an_audience_that_nobody_lets_in_counts_who_was_turned_away_and_ends_in_time() -> Test {
    let options = CrowdOptions {
        url: "http://127.0.0.1:1".into(),
        room: "demo".into(),
        viewers: 5,
        duration: Some(Duration::from_secs(2)),
        rate: 600.0,
        troll: true,
    };
    let began = tokio::time::Instant::now();
    let totals = run(options).await?;
    assert!(totals.turned_away > 0 && totals.sent == 0, "{totals}");
    assert!(began.elapsed() < Duration::from_secs(4));
    Ok(())
}
