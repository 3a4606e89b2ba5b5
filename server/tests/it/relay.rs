//! The relay of the real program: viewers get each danmu once, through crashes, resharding and changes of replica.

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use crate::{
    chance::Chance,
    program::{Program, address},
    proxy::Proxy,
    shards::{merge, split},
    truth::Truth,
    viewer::{Following, Pause, Viewer, accounts},
    world::Test,
    writers::{Writers, kinesis, last, put_last},
};

fn writers() -> Writers {
    Writers {
        count: 4,
        each: 500,
        at_once: 10..11,
        rest: Duration::from_millis(4),
        text: "",
        chance: Chance(1),
        acknowledged: Arc::default(),
    }
}

/// Each danmu once, all in one order, and nothing was ever missed.
async fn all_heard_everything(client: &aws_sdk_kinesis::Client, viewers: Vec<Following>, stop: &AtomicBool) -> Test {
    put_last(client).await?;
    let accounts = accounts(viewers, stop, Duration::from_secs(60)).await?;
    let truth = Truth::read(client).await?;
    assert_eq!(truth.danmu.len(), writers().all() + 1);
    for account in &accounts {
        assert!(account.ear.hellos > 1, "{} was cut off at least once", account.name);
        assert_eq!(truth.judge(account)?.missed, 0, "{}", account.name);
    }
    Ok(())
}

async fn everybody_hears_everything_once(variables: &[(&str, &str)]) -> Test {
    let mut program = Program::start(variables)?;
    program.get_ready()?;
    let (stream, site) = (address(&program.stream)?, address(&program.url)?);
    let (stream, site) = (Proxy::start(stream).await?, Proxy::start(site).await?);
    let client = kinesis(&program, &format!("http://{}", stream.addr))?;
    let (writers, stop) = (writers(), Arc::<AtomicBool>::default());
    let viewers = [
        Viewer::new("first", [site.addr]),
        Viewer::new("second", [site.addr]),
        Viewer::new("away", [site.addr]).leaving(Pause::lasting(1_000, Duration::from_secs(2))),
    ];
    let viewers: Vec<_> = viewers.into_iter().map(|viewer| viewer.follow(last(), Arc::clone(&stop))).collect();
    // All are in before the first danmu.
    program.has_viewers(3)?;
    let writing = writers.start(&client);

    writers.reach(400).await?;
    split(&client).await?;
    writers.reach(900).await?;
    program = program.crash(variables)?;
    stream.lead_to(address(&program.stream)?);
    site.lead_to(address(&program.url)?);
    writers.reach(1_400).await?;
    merge(&client).await?;
    for task in writing {
        task.await??;
    }

    all_heard_everything(&client, viewers, &stop).await?;
    assert!(program.terminate()?.success());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn by_enhanced_fan_out_everybody_hears_everything_once_through_a_split_a_crash_and_a_merge() -> Test {
    everybody_hears_everything_once(&[]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn by_polling_everybody_hears_everything_once_through_a_split_a_crash_and_a_merge() -> Test {
    everybody_hears_everything_once(&[("DANMU_RELAY__READER", "polling")]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_move_between_two_replicas_and_hear_everything_once() -> Test {
    let bus = Program::start(&[("DANMU_ROLE", "bus")])?;
    let data = bus.directory().join("data").display().to_string();
    let stream = address(&bus.stream)?.to_string();
    let elsewhere = [("DANMU_ROLE", "relay"), ("DANMU_STREAM__ADDR", &*stream), ("DANMU_STREAM__DATA", &*data)];
    // One reads what is pushed, the other polls: it does not matter to whom a viewer turns.
    let pushed = Program::start(&elsewhere)?;
    let polls = Program::start(&[&elsewhere[..], &[("DANMU_RELAY__READER", "polling")]].concat())?;
    let sites = [address(&pushed.url)?, address(&polls.url)?];
    for program in [&pushed, &polls] {
        program.get_ready()?;
    }
    let stop = Arc::<AtomicBool>::default();
    let viewers =
        [Viewer::new("first", sites), Viewer::new("second", [sites[1], sites[0]]), Viewer::new("third", sites)];
    let viewers: Vec<_> =
        viewers.into_iter().map(|viewer| viewer.moving_every(100).follow(last(), Arc::clone(&stop))).collect();
    pushed.has_viewers(2)?;
    polls.has_viewers(1)?;
    let client = kinesis(&bus, &bus.stream)?;
    for task in writers().start(&client) {
        task.await??;
    }
    all_heard_everything(&client, viewers, &stop).await?;
    for program in [pushed, polls, bus] {
        assert!(program.terminate()?.success());
    }
    Ok(())
}
