//! Credentials expire after 900 seconds: records in flight are not lost, and all senders share one renewed session.

use danmu::{
    kinesis::{Options, Producer, PutError, Scope},
    session::Purpose,
};
use futures::future::{join, join_all};

use crate::world::{PATIENCE, Test, World, assert_complete, read, story};

#[test]
fn ten_sends_after_the_session_has_ended_make_one_call_and_all_arrive() -> Test {
    story(async {
        let world = World::start(1).await?;
        let mut reader = world.reader(Scope::All);
        let client = world.client_on(&world.host(), Purpose::Produce);
        client.put_record(b"before", "demo").await?;
        assert_eq!(world.assumed(), 1);

        world.clock.by_seconds(901);
        let texts = (0..10).map(|n| format!("after {n}"));
        let sends = texts.clone().map(|text| {
            let client = client.clone();
            async move { client.put_record(text.as_bytes(), "demo").await }
        });
        let outcomes = join_all(sends).await;
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        assert_eq!(world.assumed(), 2, "one more AssumeRole");

        let seen = read(&mut reader, 11, PATIENCE).await?;
        assert_complete(&seen.records, texts.chain(["before".to_owned()]));
        Ok(())
    })
}

#[test]
fn ten_sends_on_their_way_when_the_session_ends_make_one_call_and_all_arrive_once() -> Test {
    story(async {
        let world = World::start(1).await?;
        let mut reader = world.reader(Scope::All);
        let host = world.host();
        let client = world.client_on(&host, Purpose::Produce);
        client.put_record(b"before", "demo").await?;
        // Into the last three minutes but one: the session still holds, and a renewal is not due yet.
        world.clock.by_seconds(600);
        client.put_record(b"still", "demo").await?;
        assert_eq!(world.assumed(), 1);

        let held = host.on_the_way.acquire_many(host.on_the_way.available_permits() as u32).await?;
        let texts = (0..10).map(|n| format!("on the way {n}"));
        let sends = texts.clone().map(|text| {
            let client = client.clone();
            async move { client.put_record(text.as_bytes(), "demo").await }
        });
        // Polled after the others: all ten are signed and under way. The session ends before they are there.
        let end = async {
            world.clock.by_seconds(302);
            drop(held);
        };
        let (outcomes, ()) = join(join_all(sends), end).await;
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        assert_eq!(world.assumed(), 2, "one more AssumeRole");
        let rejected = world.endpoint.metrics().rejected;
        assert_eq!(rejected.values().sum::<u64>(), 10, "all ten came with the old session: {rejected:?}");

        let seen = read(&mut reader, 12, PATIENCE).await?;
        assert_complete(&seen.records, texts.chain(["before".to_owned(), "still".to_owned()]));
        Ok(())
    })
}

#[test]
fn a_viewer_who_speaks_for_an_hour_never_waits_and_loses_nothing() -> Test {
    story(async {
        let world = World::start(1).await?;
        let mut reader = world.reader(Scope::PartitionKey("demo".into()));
        let producer = Producer::new(world.client_on(&world.host(), Purpose::Produce), Options::default());
        let mut texts = Vec::new();
        // A wave of ten every minute.
        for minute in 0..60 {
            let wave: Vec<String> = (0..10).map(|n| format!("{minute}:{n}")).collect();
            let puts = wave.iter().map(|text| producer.put(text.clone().into_bytes(), "demo"));
            let outcomes: Result<Vec<_>, PutError> = join_all(puts).await.into_iter().collect();
            outcomes?;
            texts.extend(wave);
            world.clock.by_seconds(60);
        }
        // 3,600 s in steps of a fifth less than 900: 720, 1440, …
        assert!((5..=6).contains(&world.assumed()), "{} sessions", world.assumed());
        let seen = read(&mut reader, 600, PATIENCE).await?;
        assert_complete(&seen.records, texts.into_iter());
        Ok(())
    })
}
