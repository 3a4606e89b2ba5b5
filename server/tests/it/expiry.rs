//! Shard iterators that all expire at once, several times, while a relay reads and danmu are posted: the test moves the
//! endpoint's clock. The relays are the server's own, in this process, one polling and one by fan-out.

use std::{sync::Arc, time::Duration};

use aws_credential_types::Credentials;
use danmu::room::{Room, RoomId};
use danmu_identity::{aws::bus::KinesisBus, identity::RecordVerifier, store::Store};
use danmu_relay::{
    moderation::Moderation,
    relay::{Asked, Relay},
    rooms::RoomMap,
};
use danmu_server::config::{Config, ReaderKind};
use http_body_util::BodyExt;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{
    chance::Chance,
    shards::split,
    truth::Truth,
    viewer::{Account, Ear},
    world::{Failure, REGION, STREAM, Test, World},
    writers::{Writers, client, last, put_last},
};

/// Longer than an iterator lives.
const LIFE_S: i64 = 301;
/// Requests are signed by the real clock, from which the endpoint's may differ by 15 minutes, either way.
const BEGIN_S: i64 = -850;
const JUMPS: usize = 5;
/// What a relay counts: reads begun, and calls that failed.
const READS: &str = "danmu_reader_reads_total ";
const REFUSED: &str = "danmu_reader_failed_total ";

/// Follows the room from relay to relay, as long after each other as it hears so many danmu.
async fn follow(name: &'static str, relays: Vec<Relay>, stays: usize) -> Result<Account, Failure> {
    let (mut ear, last) = (Ear::default(), last());
    let mut relays = relays.iter().cycle();
    while !ear.heard_last(&last) {
        let relay = relays.next().ok_or("no relay")?;
        let asked = Asked { heard: ear.place.parse().ok(), ..Asked::default() };
        let mut feed = relay.join(&RoomId::demo(), &asked, 1_000).ok_or("no such room")?;
        let began = ear.danmu;
        while let Some(Ok(frame)) = feed.frame().await {
            ear.hear(&frame.into_data().map_err(|_| "no data")?)?;
            if ear.heard_last(&last) || ear.danmu - began >= stays {
                break;
            }
        }
    }
    Ok(Account { name, ear })
}

#[tokio::test(flavor = "multi_thread")]
async fn iterators_that_expire_under_the_relay_cost_its_viewers_nothing() -> Test {
    let world = World::start_at(1, BEGIN_S).await?;
    let root = world.endpoint.root_key();
    let (id, secret) = (root.access_key_id.clone(), root.secret_access_key.clone());
    let client = client(&format!("http://{}", world.addr), &id, &secret);
    let bus = KinesisBus::embedded(
        world.addr,
        Credentials::new(id, secret, None, None, "test"),
        "000000000000",
        REGION,
        STREAM,
    );

    let (mut config, stop) = (Config::default(), CancellationToken::new());
    // The endpoint's records are older than the relay takes them for.
    config.relay.window_s = 3_600;
    config.relay.density = 0;
    let rooms = RoomMap::new(config.rooms.iter().cloned().map(Room::from));
    let store = tempfile::tempdir()?;
    let (moderation, _work) = Moderation::open(Store::open(store.path()).await?).await?;
    let (mut relays, mut tasks) = (Vec::new(), Vec::new());
    for (port, reader) in [(1, ReaderKind::Polling), (2, ReaderKind::EnhancedFanOut)] {
        config.relay.reader = reader;
        // Nobody signs here.
        let verifier = Arc::new(RecordVerifier::new(Vec::new(), 1));
        let (pages, moderation) = (([127, 0, 0, 1], port).into(), moderation.clone());
        let (relay, task) =
            Relay::start(&config.relay_options(), &rooms, &bus, verifier, moderation, pages, stop.clone());
        timeout(Duration::from_secs(60), relay.caught_up().wait_for(|caught_up| *caught_up)).await??;
        relays.push(relay);
        tasks.push(task);
    }
    let viewers = [
        tokio::spawn(follow("polling", relays[..1].to_vec(), usize::MAX)),
        tokio::spawn(follow("pushed", relays[1..].to_vec(), usize::MAX)),
        tokio::spawn(follow("moves", relays.clone(), 150)),
    ];

    let writers = Writers {
        count: 4,
        each: 500,
        at_once: 1..20,
        rest: Duration::from_millis(8),
        text: "",
        chance: Chance(3),
        acknowledged: std::sync::Arc::default(),
    };
    // All are in before the first danmu.
    for (relay, count) in relays.iter().zip([2, 1]) {
        while figure(relay, "danmu_viewers{room=\"demo\"} ") < count {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let writing = writers.start(&client);
    for jump in 0..JUMPS {
        writers.reach(200 + jump * 350).await?;
        let (refused, reads) = (figure(&relays[0], REFUSED), figure(&relays[0], READS));
        world.clock.by_seconds(LIFE_S);
        // On a busy machine two jumps may lie between two reads; and one that is under way brings an iterator of after the jump.
        let seen = async {
            while figure(&relays[0], REFUSED) == refused && figure(&relays[0], READS) < reads + 3 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_secs(60), seen).await.map_err(|_| "nothing is read")?;
        if jump == 1 {
            split(&client).await?;
        }
    }
    for task in writing {
        task.await??;
    }
    put_last(&client).await?;
    let truth = Truth::read(&client).await?;
    for viewer in viewers {
        let account = timeout(Duration::from_secs(60), viewer).await???;
        assert_eq!(truth.judge(&account)?.missed, 0, "{}", account.name);
    }
    let refused = figure(&relays[0], REFUSED);
    assert!(refused >= 2, "an iterator was refused more than once, not {refused} times");
    stop.cancel();
    for task in tasks {
        task.await?;
    }
    Ok(())
}

fn figure(relay: &Relay, name: &str) -> u64 {
    relay.metrics().lines().find_map(|line| line.strip_prefix(name)?.parse().ok()).unwrap_or(0)
}
