//! Chaos tests: four writers post while crashes, splits, merges and cut connections happen in a seeded random order. Every
//! viewer gets every admitted danmu exactly once and in order, or an event that says how many it missed.
//!
//! `DANMU_CHAOS_SEED` repeats the plan of a run (not its races). The long one is ignored; `cargo xtask test --soak` runs it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use aws_sdk_kinesis::{Client, types::ShardIteratorType};
use tokio::{task::JoinHandle, time::sleep};

use crate::{
    chance::Chance,
    program::{Program, address},
    proxy::Proxy,
    shards::{home, merge, split},
    truth::Truth,
    viewer::{Pause, Viewer, accounts},
    world::{Failure, STREAM, Test},
    writers::{Writers, kinesis, last, put_last},
};

/// How long a viewer is cut off.
const AWAY: Duration = Duration::from_secs(30);
/// How long a viewer takes nothing: longer than the server waits for one that does not.
const STALLED: Duration = Duration::from_secs(15);
/// Readers of the same shard besides ours: together they ask for more than its five reads a second.
const HUNGRY: usize = 16;
/// How long viewers may take to hear what was written.
const PATIENCE: Duration = Duration::from_secs(120);

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blow {
    /// The server, stream and all, is killed (`kill -9`), and started again.
    Kill,
    /// The room's shard is split.
    Split,
    /// The room's shard is merged with its neighbour.
    Merge,
    /// Others read the room's shard as fast as they can, for a fifth of the danmu.
    Starve,
    /// All connections to the stream break.
    Cut,
    /// A replica is killed, and one that begins now takes its place.
    TakeOver,
}

/// How much of it.
struct Storm {
    seed: u64,
    /// Danmu of each writer.
    each: usize,
    kills: usize,
    /// How often each of the other things happens.
    rounds: usize,
}

impl Storm {
    /// What happens once so many danmu are acknowledged.
    fn plan(&self, chance: &mut Chance, danmu: usize) -> Vec<(usize, Blow)> {
        let mut blows = vec![Blow::Kill; self.kills];
        for _ in 0..self.rounds {
            blows.extend([Blow::Split, Blow::Merge, Blow::Starve, Blow::Cut, Blow::TakeOver]);
        }
        for at in (1..blows.len()).rev() {
            blows.swap(at, chance.below(at + 1));
        }
        // There must be two shards before any can be merged.
        let mut split = false;
        for blow in blows.iter_mut().filter(|blow| matches!(blow, Blow::Split | Blow::Merge)) {
            split = !split;
            *blow = if split { Blow::Split } else { Blow::Merge };
        }
        let (from, share) = (danmu / 20, danmu * 4 / 5 / blows.len());
        blows.into_iter().enumerate().map(|(n, blow)| (from + n * share + chance.below(share), blow)).collect()
    }
}

fn drawn_seed() -> Result<u64, Failure> {
    Ok(match std::env::var("DANMU_CHAOS_SEED") {
        Ok(seed) => seed.parse().map_err(|error| format!("DANMU_CHAOS_SEED = {seed}: {error}"))?,
        Err(_) => u64::from(getrandom::u32()?),
    })
}

/// Reads the room's shard without a pause, until the writers have come so far.
fn starve(client: &Client, writers: &Writers, until: usize) -> Vec<JoinHandle<()>> {
    let reader = |_| {
        let (client, acknowledged) = (client.clone(), Arc::clone(&writers.acknowledged));
        tokio::spawn(async move {
            let mut next = None;
            while acknowledged.load(SeqCst) < until {
                let Some(iterator) = next.clone() else {
                    next = newest(&client).await.ok();
                    continue;
                };
                match client.get_records().shard_iterator(iterator).send().await {
                    Ok(answer) => next = answer.next_shard_iterator,
                    // Refused for the limit it asks again at once.
                    Err(error) if error.as_service_error().is_some() => {}
                    Err(_) => sleep(Duration::from_millis(50)).await,
                }
            }
        })
    };
    (0..HUNGRY).map(reader).collect()
}

async fn newest(client: &Client) -> Result<String, Failure> {
    let shard = home(client).await?;
    let call = client.get_shard_iterator().stream_name(STREAM).shard_id(shard.id);
    let answer = call.shard_iterator_type(ShardIteratorType::Latest).send().await?;
    Ok(answer.shard_iterator.ok_or("no iterator")?)
}

async fn everybody_hears_everything_once(storm: Storm) -> Test {
    println!("chaos by DANMU_CHAOS_SEED={}", storm.seed);
    let mut chance = Chance(storm.seed);
    let shard_count = (1 + chance.below(3)).to_string();
    let variables = [("DANMU_STREAM__SHARDS", &*shard_count)];
    let mut program = Program::start(&variables)?;
    let (stream, site) = (address(&program.stream)?, address(&program.url)?);
    let (stream, site) = (Proxy::start(stream).await?, Proxy::start(site).await?);
    let client = kinesis(&program, &format!("http://{}", stream.addr))?;

    let (data, address_of_stream) = (program.directory().join("data").display().to_string(), stream.addr.to_string());
    let elsewhere =
        [("DANMU_ROLE", "relay"), ("DANMU_STREAM__ADDR", &*address_of_stream), ("DANMU_STREAM__DATA", &*data)];
    let mut pushed = Program::start(&elsewhere)?;
    let polls = Program::start(&[&elsewhere[..], &[("DANMU_RELAY__READER", "polling")]].concat())?;
    let (pushed_site, polls_site) = (Proxy::start(address(&pushed.url)?).await?, address(&polls.url)?);
    let breaking = Proxy::breaking(pushed_site.addr, 2_000..200_000, chance.clone()).await?;
    for program in [&program, &pushed, &polls] {
        program.get_ready()?;
    }

    let stop = Arc::<AtomicBool>::default();
    let viewers = [
        Viewer::new("stays", [site.addr]),
        Viewer::new("stays by polling", [polls_site]),
        Viewer::new("cut off for 30 s", [site.addr]).leaving(Pause::lasting(storm.each / 5, AWAY)),
        Viewer::new("moves", [pushed_site.addr, polls_site]).moving_every(storm.each / 7),
        Viewer::new("stalls", [polls_site]).stalling(Pause::lasting(storm.each / 3, STALLED)),
        Viewer::new("cut anywhere", [breaking.addr]),
    ];
    let viewers: Vec<_> = viewers.into_iter().map(|viewer| viewer.follow(last(), Arc::clone(&stop))).collect();
    // All are in before the first danmu: what was said before it came is nobody's loss.
    for program in [&program, &pushed, &polls] {
        program.has_viewers(2)?;
    }

    let writers = Writers {
        count: 4,
        each: storm.each,
        at_once: 1..26,
        rest: Duration::from_micros(7_500),
        text: "",
        chance: chance.clone(),
        acknowledged: Arc::default(),
    };
    let (writing, mut starving) = (writers.start(&client), Vec::new());
    let plan = storm.plan(&mut chance, writers.all());
    for (at, blow) in plan {
        writers.reach(at).await?;
        println!("  at {:>6} danmu: {blow:?}", writers.acknowledged.load(SeqCst));
        match blow {
            Blow::Kill => {
                program = program.crash(&variables)?;
                stream.lead_to(address(&program.stream)?);
                site.lead_to(address(&program.url)?);
            }
            Blow::Split => split(&client).await?,
            Blow::Merge => merge(&client).await?,
            Blow::Starve => starving.extend(starve(&client, &writers, (at + writers.all() / 5).min(writers.all()))),
            Blow::Cut => stream.cut(),
            Blow::TakeOver => {
                // It dies as it goes.
                drop(std::mem::replace(&mut pushed, Program::start(&elsewhere)?));
                pushed_site.lead_to(address(&pushed.url)?);
            }
        }
    }
    for task in writing {
        task.await??;
    }
    for task in starving {
        task.await?;
    }
    put_last(&client).await?;
    let accounts = accounts(viewers, &stop, PATIENCE).await?;

    let truth = Truth::read(&client).await?;
    print!("{}", truth.topology);
    println!("  {} danmu, set {}; the gate: {:?}", truth.danmu.len(), truth.hash(), truth.counts);
    assert!(
        truth.is_distinct() && truth.danmu.len() == writers.all() + 1,
        "what was acknowledged is on the stream, once"
    );
    for account in &accounts {
        let had = truth.judge(account)?;
        let (name, hellos) = (account.name, account.ear.hellos);
        println!("  {name:<17} {} danmu, {} missed, {hellos:>3} hellos, set {}", had.danmu, had.missed, had.hash);
        assert_eq!((had.missed, had.hash), (0, truth.hash()), "{name}: nothing is lost inside of the window");
    }
    let throttled = polls.figure("danmu_reader_throttled_total")?;
    println!("  the polling reader was refused {throttled} times");
    assert!(throttled > 0, "nobody starved it");
    for program in [pushed, polls, program] {
        assert!(program.terminate()?.success());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_chaos_every_viewer_hears_every_danmu_once_and_in_its_order() -> Test {
    everybody_hears_everything_once(Storm { seed: drawn_seed()?, each: 5_000, kills: 2, rounds: 1 }).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a quarter of an hour: cargo xtask test --soak"]
async fn soak_through_ten_storms_of_twenty_kills() -> Test {
    let seed = drawn_seed()?;
    for n in 0..10 {
        everybody_hears_everything_once(Storm { seed: seed.wrapping_add(n), each: 5_000, kills: 20, rounds: 3 })
            .await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_falls_out_of_the_window_is_told_so_and_of_how_much() -> Test {
    let program = Program::start(&[("DANMU_RELAY__WINDOW_BYTES", "65536")])?;
    program.get_ready()?;
    let (client, site) = (kinesis(&program, &program.stream)?, address(&program.url)?);
    let writers = Writers {
        count: 4,
        each: 1_000,
        at_once: 1..26,
        rest: Duration::from_micros(4_500),
        // What waits in the system's buffers is little beside it.
        text: "弹幕弹幕弹幕弹幕弹幕弹幕弹幕弹幕弹幕弹幕弹幕弹幕弹幕弹幕弹幕弹幕弹幕弹幕弹幕弹幕弹幕弹幕弹幕弹幕弹幕弹幕弹幕弹幕弹幕弹幕弹幕弹幕弹幕弹幕弹幕弹幕弹幕弹幕弹幕弹幕",
        chance: Chance(drawn_seed()?),
        acknowledged: Arc::default(),
    };
    let back = Arc::<AtomicUsize>::default();
    let late = || {
        let (acknowledged, back) = (Arc::clone(&writers.acknowledged), Arc::clone(&back));
        let over = move |_| {
            let over = acknowledged.load(SeqCst) >= 3_600;
            back.fetch_add(usize::from(over), SeqCst);
            over
        };
        Pause { after: 200, over: Box::new(over) }
    };
    let stop = Arc::<AtomicBool>::default();
    let viewers = [
        Viewer::new("stays", [site]),
        Viewer::new("cut off", [site]).leaving(late()),
        Viewer::new("stalls", [site]).stalling(late()),
    ];
    let viewers: Vec<_> = viewers.into_iter().map(|viewer| viewer.follow(last(), Arc::clone(&stop))).collect();
    program.has_viewers(3)?;
    for task in writers.start(&client) {
        task.await??;
    }
    // Whoever comes back after the last danmu waits for it in vain.
    while back.load(SeqCst) < 2 {
        sleep(Duration::from_millis(20)).await;
    }
    program.has_viewers(3)?;
    put_last(&client).await?;
    let accounts = accounts(viewers, &stop, PATIENCE).await?;
    let truth = Truth::read(&client).await?;
    for account in &accounts {
        let had = truth.judge(account)?;
        println!("  {:<8} {} danmu, {} missed, as it was told", account.name, had.danmu, had.missed);
    }
    Ok(())
}
