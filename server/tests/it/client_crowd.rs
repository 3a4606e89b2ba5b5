//! The simulated audience, with a vending machine that stands in for the pages' server function.

use std::time::Duration;

use axum::{Form, Json, Router, routing::post};
use danmu::{
    kinesis::Scope,
    record::{Content, decode},
    session::Purpose,
};
use danmu_server::crowd::{CrowdError, CrowdOptions, run};
use serde::Deserialize;

use crate::world::{Test, World, read, story};

#[derive(Deserialize)]
struct Ask {
    room: String,
    purpose: Purpose,
}

#[test]
fn an_audience_says_what_every_reader_can_read() -> Test {
    story(async {
        let world = World::start(1).await?;
        let mut reader = world.reader(Scope::PartitionKey("demo".into()));

        // Sessions are made here, on this thread, and handed to the server function through a channel.
        let (asked, mut asks) = tokio::sync::mpsc::channel::<tokio::sync::oneshot::Sender<_>>(16);
        let client = world.client_on(&world.host(), Purpose::Produce);
        let vending = tokio::task::spawn_local(async move {
            while let Some(answer) = asks.recv().await {
                let session = client.keeper().session().await.map(|session| (*session).clone());
                let _ = answer.send(session.ok());
            }
        });
        let vend = move |Form(ask): Form<Ask>| {
            let asked = asked.clone();
            async move {
                assert_eq!((ask.room.as_str(), ask.purpose), ("demo", Purpose::Produce));
                let (answer, session) = tokio::sync::oneshot::channel();
                let _ = asked.send(answer).await;
                Json(session.await.ok().flatten())
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let door = Router::new().route("/api/session", post(vend));
        let pages = tokio::spawn(async move { axum::serve(listener, door).await });

        let options =
            CrowdOptions { url, room: "demo".into(), viewers: 40, duration: Some(Duration::from_secs(3)), rate: 60.0 };
        let totals = run(options).await?;
        assert_eq!((totals.failed, totals.turned_away), (0, 0), "{totals}");
        assert_eq!(totals.sent, totals.confirmed);
        assert!(totals.sent >= 20, "{totals}");

        let seen = read(&mut reader, &world.clock, totals.confirmed as usize, Duration::from_secs(10)).await?;
        assert_eq!(seen.records.len() as u64, totals.confirmed);
        for record in &seen.records {
            assert!(matches!(decode(&record.data)?.content, Content::Danmu(_)));
        }
        pages.abort();
        vending.abort();
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
    };
    let here = "http://127.0.0.1:1";
    assert!(matches!(run(options("https://h", "demo", 1, 1.0)).await, Err(CrowdError::Url(_))));
    assert!(matches!(run(options(here, "no room", 1, 1.0)).await, Err(CrowdError::Room(_))));
    assert!(matches!(run(options(here, "demo", 0, 1.0)).await, Err(CrowdError::Nobody)));
    assert!(matches!(run(options(here, "demo", 1, f64::NAN)).await, Err(CrowdError::Rate(_))));
}
