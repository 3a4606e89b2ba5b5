//! Decisions on AWS: two programs, each with its own data directory, on one stream and one test double of IAM. After any
//! failures, gates, vending and policies agree with the last decisions in the stream's order, and nothing is lifted without a
//! decision.
//!
//! `DANMU_CHAOS_SEED` repeats the plan of a run (not its races). 200 plans are ignored; `cargo xtask test --soak` runs them.

use std::{collections::HashSet, time::Duration};

use aws_sdk_kinesis::{config::Credentials, primitives::Blob};
use danmu::{
    gate::EVERYWHERE_AFTER_MS,
    record::{Decision, Subject},
    rights::Rights,
    room::{Room, RoomId},
    viewer::{Rank, Role, ViewerId},
};
use danmu_app::services::Caller;
use danmu_identity::{
    aws::bus::KinesisBus,
    identity::Identity,
    store::{By, Store},
    vending::Decisions,
};
use danmu_relay::{
    moderation::{Means, Moderation, Signer},
    relay::Relay,
    rooms::RoomMap,
};
use danmu_server::config::Config;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{
    chance::Chance,
    program::Program,
    proxy::Proxy,
    replicas::{Aws, Replica, Told, Viewer, refused, until},
    scene::now_ms,
    world::{Failure, STREAM, Test},
};

const SCOPES: [Option<&str>; 3] = [None, Some("demo"), Some("other")];
/// How many viewers something is decided about.
const VIEWERS: u8 = 4;

/// What is decided, or goes wrong.
#[derive(Clone, Copy, Debug)]
enum Step {
    Ban,
    Unban,
    Freeze,
    Thaw,
    Revoke,
    Kill,
    Restart,
    BreakStore,
    CutStream,
    ClearPolicies,
}

const STEPS: [Step; 16] = [
    Step::Ban,
    Step::Ban,
    Step::Ban,
    Step::Ban,
    Step::Unban,
    Step::Unban,
    Step::Unban,
    Step::Unban,
    Step::Freeze,
    Step::Thaw,
    Step::Revoke,
    Step::Kill,
    Step::Restart,
    Step::BreakStore,
    Step::CutStream,
    Step::ClearPolicies,
];

async fn all_end_as_the_last_decisions_say(seed: u64, steps: usize) -> Test {
    println!("decisions by DANMU_CHAOS_SEED={seed}");
    let mut chance = Chance(seed);
    let aws = Aws::start(1 + chance.below(3) as u32, u64::MAX, Chance(seed)).await?;
    // The lines of one break by themselves, in the middle of anything: what was put may not have been answered.
    let breaking = Proxy::breaking(aws.addr, 1_000..50_000, chance.clone()).await?;
    let mut replicas = [Replica::start(&aws).await?, Replica::start_over(breaking, &aws)?];
    for replica in &replicas {
        replica.program().get_ready()?;
    }
    let viewers = (0..VIEWERS).map(|seed| Viewer::new(replicas[usize::from(seed % 2)].program(), seed, "203.0.113.9"));
    let viewers = viewers.collect::<Result<Vec<_>, _>>()?;
    let bystander = Viewer::new(replicas[0].program(), 100, "203.0.113.9")?;
    aws.iam.fail(3);

    let (mut decided, mut broken) = (0, Vec::new());
    for _ in 0..steps {
        let (step, at) = (STEPS[chance.below(STEPS.len())], chance.below(2));
        let (whom, scope) = (chance.below(viewers.len() + 1), SCOPES[chance.below(SCOPES.len())]);
        let whom = viewers.get(whom).map_or("198.51.100.0/24", |viewer| &viewer.id);
        let lasting = [None, Some("1h"), Some("1s")][chance.below(3)];
        let program = replicas[at].program();
        let room = scope.map_or(Vec::new(), |room| vec!["--room", room]);
        let orders = match step {
            Step::Ban => {
                Some([&["ban", whom, "--yes"][..], &room, &lasting.map_or(vec![], |time| vec!["--for", time])].concat())
            }
            Step::Unban => Some([&["unban", whom][..], &room].concat()),
            Step::Freeze => Some(vec!["freeze"]),
            Step::Thaw => Some(vec!["thaw"]),
            Step::Revoke => Some([&["revoke"][..], [&["--older-than", "1h"][..], &[]][chance.below(2)]].concat()),
            _ => None,
        };
        if let Some(orders) = orders {
            // One that could not be written down is none.
            let done = program.order(&orders);
            println!("  {at}: {orders:?}{}", if done.is_ok() { "" } else { ", not decided" });
            decided += usize::from(done.is_ok_and(|said| !said.contains("is not frozen")));
            continue;
        }
        println!("  {at}: {step:?}");
        match step {
            Step::Kill => replicas[at].again(false)?,
            Step::Restart => replicas[at].again(true)?,
            Step::BreakStore => {
                let (how, time) = (chance.below(3), Duration::from_millis(chance.below(8_000) as u64));
                broken.push(replicas[at].break_store(how, time).await?);
            }
            Step::CutStream => replicas[at].stream.cut(),
            _ => aws.iam.clear(),
        }
        sleep(Duration::from_millis(chance.below(400) as u64)).await;
    }
    for broken in broken {
        broken.await??;
    }
    aws.iam.fail(0);
    let programs = [replicas[0].program(), replicas[1].program()];
    programs.iter().try_for_each(|program| program.get_ready())?;

    let mut told = Told::default();
    let all = until("all that was decided is told", async || {
        told = aws.told().await?;
        Ok(told.ids.len() >= decided)
    });
    all.await.map_err(|error| format!("{error}; seed {seed}"))?;
    assert_eq!(told.ids.len(), decided, "more is told than was decided, seed {seed}");
    println!("  {} decisions were told, {} of them again", told.ids.len(), told.again);

    // From its place on, which is behind its arrival, the last of them counts.
    let counts_in_ms = told.arrival_ms + EVERYWHERE_AFTER_MS - now_ms();
    sleep(Duration::from_millis(counts_in_ms.max(0).unsigned_abs())).await;
    for viewer in &viewers {
        for room in ["demo", "other"] {
            let expected = told.is_banned(&viewer.id, room);
            let gates = refused(&aws, &programs, viewer, room).await?;
            assert_eq!(gates, [expected; 2], "whether gates refuse {} in {room}, seed {seed}", viewer.id);
        }
    }
    let status =
        |program: &Program, room: &str, head: &[&str]| program.session(room, "produce", head).map(|it| it.status);
    if told.holds(None, &Subject::Vending) {
        for program in programs {
            assert_eq!(status(program, "demo", &[&bystander.cookie])?, 503, "vending goes on, seed {seed}");
        }
        programs[0].order(&["thaw"])?;
    }
    for program in programs {
        until("vending goes on", async || Ok(status(program, "demo", &[&bystander.cookie])? == 200)).await?;
        for room in ["demo", "other"] {
            for viewer in &viewers {
                let expected = if told.is_banned(&viewer.id, room) { 403 } else { 200 };
                assert_eq!(status(program, room, &[&viewer.cookie])?, expected, "{} in {room}, seed {seed}", viewer.id);
            }
            let network = Subject::Network("198.51.100.0/24".to_owned().try_into()?);
            let banned = told.holds(None, &network) || told.holds(Some(room), &network);
            let expected = if banned { 403 } else { 200 };
            assert_eq!(status(program, room, &["X-Forwarded-For: 198.51.100.7"])?, expected, "{room}, seed {seed}");
        }
    }
    // Guests who came from a network that was banned meanwhile may be denied besides; those here came from elsewhere.
    let of_viewers = |viewer: &&Viewer| told.holds(None, &Subject::Viewer(viewer.id.parse().expect("an id")));
    let mut denied: Vec<_> = viewers.iter().filter(of_viewers).map(|viewer| viewer.id.clone()).collect();
    denied.sort_unstable();
    let known: HashSet<_> = viewers.iter().map(|viewer| viewer.id.clone()).collect();
    let mut found = Vec::new();
    let agreed = until("the role denies whom it must", async || {
        found = aws.iam.denied().into_iter().filter(|name| known.contains(name)).collect();
        let revoked_s = told.revoked_before_ms.saturating_add(999).div_euclid(1_000);
        let young = now_ms() - told.revoked_before_ms < 900_000;
        let revoked =
            aws.iam.revoked().map(|text| chrono::DateTime::parse_from_rfc3339(&text).map(|it| it.timestamp()));
        Ok(found == denied && (!young || revoked.transpose()? == Some(revoked_s)))
    });
    agreed.await.map_err(|error| format!("{error}: {denied:?}, and not {found:?}; seed {seed}").into())
}

fn drawn_seed() -> Result<u64, Failure> {
    Ok(match std::env::var("DANMU_CHAOS_SEED") {
        Ok(seed) => seed.parse()?,
        Err(_) => u64::from(getrandom::u32()?),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_all_replicas_end_as_the_last_decisions_say() -> Test {
    let seed = drawn_seed()?;
    for n in 0..2 {
        all_end_as_the_last_decisions_say(seed.wrapping_add(n), 30).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes an hour: cargo xtask test --soak"]
async fn soak_two_hundred_plans_of_decisions() -> Test {
    let seed = drawn_seed()?;
    let count = std::env::var("DANMU_CHAOS_PLANS").ok().map_or(Ok(200), |count| count.parse())?;
    for n in 0..count {
        all_end_as_the_last_decisions_say(seed.wrapping_add(n), 30).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_begins_empty_knows_what_is_in_force_though_the_stream_has_trimmed_the_orders() -> Test {
    let aws = Aws::start(2, 1 << 20, Chance(1)).await?;
    let mut first = Replica::start(&aws).await?;
    first.program().get_ready()?;
    let banned = Viewer::new(first.program(), 1, "203.0.113.9")?;
    let local = Viewer::new(first.program(), 2, "203.0.113.9")?;
    let guest = Viewer::new(first.program(), 3, "198.51.100.7")?;
    let free = Viewer::new(first.program(), 4, "203.0.113.9")?;
    for orders in [
        &["ban", &*banned.id, "--yes"][..],
        &["ban", &local.id, "--yes", "--room", "demo"],
        &["ban", "198.51.100.0/24"],
        &["ban", &free.id, "--yes"],
        &["unban", &free.id],
    ] {
        first.program().order(orders)?;
    }
    until("all of it is told", async || {
        let told = aws.told().await?;
        Ok(told.ids.len() == 5 && !told.guests.is_empty())
    })
    .await?;
    until("the role denies both", async || Ok(aws.iam.denied().len() == 2)).await?;

    // The orders go, and what one that starts anew tells of them stays.
    fill(&aws, 1_600).await?;
    aws.endpoint.trim().await?;
    assert_eq!(aws.told().await?.ids.len(), 0, "an order is still there");
    first.again(true)?;
    first.program().get_ready()?;
    until("it is told what is in force", async || Ok(aws.told().await?.snapshots > 0)).await?;

    let second = Replica::start(&aws).await?;
    // From its first answer on, ready or not: what it does not know it does not vend by.
    let status = |room: &str, head: &[&str]| second.program().session(room, "produce", head).map(|it| it.status);
    let mut answered = 503;
    until("it vends", async || {
        answered = status("demo", &[&banned.cookie])?;
        Ok(answered != 503)
    })
    .await?;
    assert_eq!(answered, 403, "a banned viewer got a session");
    second.program().get_ready()?;
    assert_eq!([status("demo", &[&local.cookie])?, status("other", &[&local.cookie])?], [403, 200]);
    assert_eq!([status("demo", &["X-Forwarded-For: 198.51.100.9"])?, status("demo", &[&free.cookie])?], [403, 200]);
    let both = [first.program(), second.program()];
    for (viewer, room, expected) in [
        (&banned, "other", true),
        (&local, "demo", true),
        (&local, "other", false),
        (&guest, "demo", true),
        (&free, "demo", false),
    ] {
        assert_eq!(refused(&aws, &both, viewer, room).await?, [expected; 2], "{} in {room}", viewer.id);
    }
    assert_eq!(aws.iam.denied().len(), 2, "the second one emptied the role's policies");
    // And it may lift what it did not impose.
    second.program().order(&["unban", &banned.id])?;
    until("the role denies one alone", async || Ok(aws.iam.denied() == [guest.id.clone()])).await?;
    until("all gates let it through", async || Ok(refused(&aws, &both, &banned, "demo").await? == [false; 2])).await
}

#[tokio::test(flavor = "multi_thread")]
async fn gates_are_told_though_iam_does_not_answer() -> Test {
    let aws = Aws::start(1, u64::MAX, Chance(1)).await?;
    let replica = Replica::start(&aws).await?;
    replica.program().get_ready()?;
    let viewer = Viewer::new(replica.program(), 1, "203.0.113.9")?;
    aws.iam.hold(true);
    replica.program().order(&["ban", &viewer.id, "--yes"])?;
    until("the stream is told", async || Ok(aws.told().await?.ids.len() == 1)).await?;
    assert_eq!(aws.iam.given_up(), 0, "IAM was waited for first");
    until("the gate refuses it", async || Ok(refused(&aws, &[replica.program()], &viewer, "demo").await? == [true]))
        .await?;
    aws.iam.hold(false);
    until("the role denies it", async || Ok(aws.iam.denied() == [viewer.id.clone()])).await
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_guests_of_a_network_are_banned_by_one_decision_while_another_room_talks() -> Test {
    let aws = Aws::start(1, u64::MAX, Chance(1)).await?;
    let dir = tempfile::tempdir()?;
    let store = Store::open(dir.path()).await?;
    let (moderation, work) = Moderation::open(store.clone()).await?;
    let identity = Identity::open(&dir.path().join("keys.json"))?;
    let key = aws.endpoint.root_key();
    let root = Credentials::new(&key.access_key_id, &key.secret_access_key, None, None, "root");
    let bus = KinesisBus::embedded(aws.addr, root, "000000000000", "us-east-1", STREAM);
    let (stop, config) = (CancellationToken::new(), Config::default());
    let room = |id: &str| Room { id: id.parse().expect("an id"), ..config.rooms[0].clone().into() };
    let rooms = RoomMap::new(["demo", "other"].map(room));
    let pages = ([127, 0, 0, 1], 0).into();
    let (relay, relaying) = Relay::start(
        &config.relay_options(),
        &rooms,
        &bus,
        identity.verifier(),
        moderation.clone(),
        pages,
        stop.clone(),
    );
    relay.caught_up().wait_for(|caught_up| *caught_up).await?;
    let signer = Signer::new(identity.clone())?;
    let means = Means { bus, signer, endpoint: Some(aws.endpoint.clone()), roles: None, keep_audit: Duration::MAX };
    let working = tokio::spawn(work.run(means, stop.clone()));

    let guests: Vec<_> = (0..10_000).map(ViewerId::guest).collect();
    let now = now_ms();
    for (n, guest) in guests.iter().enumerate() {
        let [_, _, high, low] = (n as u32).to_be_bytes();
        let (addr, viewer, rights) = ([10, 9, high, low].into(), guest.clone(), Rights::default());
        let caller = Caller { addr, viewer, name: None, rights, login: None };
        moderation.vended(&caller, &RoomId::demo(), now + 900_000);
    }
    let network = Subject::Network("10.9.0.0/16".to_owned().try_into()?);
    let before = store.change().await?;
    store
        .decide(Some(&RoomId::demo()), &Decision { on: network, until: None, by: Rank::Operator }, &By::operator(), now)
        .await?;
    let (demo, other) = (moderation.bans(&RoomId::demo()), moderation.bans(&"other".parse()?));
    // Another room talks meanwhile, and what it says is told.
    let mut said = 0;
    until("all guests are banned", async || {
        aws.root.put_record().stream_name(STREAM).partition_key("other").data(Blob::new("on and on")).send().await?;
        said += 1;
        Ok(guests.iter().all(|guest| demo.cover(guest, Role::Viewer, now_ms() + EVERYWHERE_AFTER_MS)))
    })
    .await?;
    let admitted = format!("danmu_admitted_total{{room=\"other\"}} {said}\n");
    until("the other room is told", async || Ok(relay.metrics().contains(&admitted))).await?;
    assert!(guests.iter().all(|guest| !other.cover(guest, Role::Viewer, now_ms() + EVERYWHERE_AFTER_MS)));
    // A snapshot, which may come in between, repeats them with the time of the first record.
    let named = |told: &Told| told.guests.iter().filter(|guests| guests.from.is_none()).count();
    let told = aws.told().await?;
    assert_eq!(
        (told.ids.len(), named(&told)),
        (1, 56),
        "a record for the network, and 180 guests in each of the others"
    );
    // Decided, found, told; and read, as many at a time as had come.
    let changes = store.change().await? - before;
    assert!(changes <= 3 + 57, "{changes} writes");
    // They are banned from one room, and keep their credentials.
    assert_eq!(aws.endpoint.denied().sources.len(), 0);
    let everywhere =
        Decision { on: Subject::Network("10.9.0.0/16".to_owned().try_into()?), until: None, by: Rank::Operator };
    store.decide(None, &everywhere, &By::operator(), now).await?;
    until("all are denied", async || Ok(aws.endpoint.denied().sources.len() == 10_000)).await?;
    assert_eq!(named(&aws.told().await?), 56, "the stream knows them");
    stop.cancel();
    working.await?;
    relaying.await?;
    Ok(())
}

/// Puts so many kilobytes of what is nobody's on each shard.
async fn fill(aws: &Aws, kilobytes: usize) -> Test {
    for n in 0..kilobytes / 40 {
        let put = aws.root.put_record().stream_name(STREAM).partition_key(format!("junk {n}"));
        put.data(Blob::new(vec![b'x'; 40 << 10])).send().await?;
    }
    Ok(())
}
