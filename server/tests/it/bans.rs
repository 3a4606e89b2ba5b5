//! Bans, freezes and revocations against abuse, on the real program, by its operator commands.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use aws_sdk_kinesis::{error::ProvideErrorMetadata, primitives::Blob, types::PutRecordsRequestEntry};
use danmu::{
    record::{Decided, Decision, RecordId, Subject},
    room::RoomId,
    viewer::Rank,
};
use danmu_identity::store::Store;
use tokio::time::timeout;

use crate::{
    flood::Replicas,
    program::Program,
    retract::Tape,
    speaker::{Viewer, ask, now_ms, until, until_denied, until_gated},
    world::{Failure, PATIENCE, STREAM, Test},
    writers::kinesis,
};

/// What the gate has let through.
const ADMITTED: &str = "danmu_admitted_total{room=\"demo\"}";

#[tokio::test(flavor = "multi_thread")]
async fn after_a_ban_nothing_works_for_the_viewer_and_everything_for_a_hundred_others() -> Test {
    let mut program = Program::start(&[])?;
    program.get_ready()?;
    let banned = Viewer::new(&program, 1)?;
    let others: Vec<_> = (0..100).map(|n| Viewer::new(&program, 100 + n)).collect::<Result<_, _>>()?;
    assert_eq!(banned.says("hello").await?, None);

    let said = program.order(&["ban", &banned.id, "--yes", "--for", "1h"])?;
    assert!(said.contains(&format!("{} is banned from every room, for 1h", banned.id)), "{said}");
    until_denied(&banned, true).await?;
    let refused = banned.comes_again(&program, 1)?;
    assert_eq!((refused.status, refused.body.contains("Banned")), (403, true), "{}", refused.body);
    until_gated(&program, &kinesis(&program, &program.stream)?, &banned).await?;
    let admitted = program.figure(ADMITTED)?;
    for other in &others {
        assert_eq!(other.says("I go on").await?, None, "{}", other.id);
    }
    until("what the others say is told", || Ok(program.figure(ADMITTED)? == admitted + 100)).await?;
    assert_eq!(others[0].comes_again(&program, 100)?.status, 200);
    let listed = program.order(&["bans"])?;
    assert!(listed.contains(&banned.id) && !listed.contains(&others[0].id), "{listed}");
    assert!(!listed.contains("no server has heard"), "{listed}");
    assert_eq!(program.figure("danmu_stream_denials")?, 1);

    // What was decided survives the end of the program, however it ends.
    program = program.crash(&[])?;
    program.get_ready()?;
    let root = kinesis(&program, &program.stream)?;
    let banned = Viewer { client: moved(&program, &banned)?, ..banned };
    assert_eq!(banned.says("am I back?").await?.as_deref(), Some("AccessDeniedException"));
    assert_eq!(banned.comes_again(&program, 1)?.status, 403);
    until_gated(&program, &root, &banned).await?;

    assert!(program.order(&["unban", "nobody"]).is_err());
    program.order(&["unban", &banned.id])?;
    until_denied(&banned, false).await?;
    assert_eq!(banned.comes_again(&program, 1)?.status, 200);
    // What is decided for every room counts for what arrives half a second after it.
    let admitted = program.figure(ADMITTED)?;
    let thanking = async {
        while program.figure(ADMITTED)? == admitted {
            assert_eq!(banned.says("thank you").await?, None);
            // Its credentials put so many a second.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok::<_, Failure>(())
    };
    timeout(PATIENCE, thanking).await??;
    assert!(program.order(&["bans"])?.contains("nobody is banned"));
    Ok(())
}

/// The viewer's client for a program that has moved to other ports.
fn moved(program: &Program, viewer: &Viewer) -> Result<aws_sdk_kinesis::Client, Failure> {
    let config = viewer.client.config().to_builder().endpoint_url(format!("{}/aws/", program.url)).build();
    Ok(aws_sdk_kinesis::Client::from_conf(config))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ban_that_the_stream_does_not_tell_of_any_more_is_known_to_a_gate_from_the_beginning() -> Test {
    let program = Program::start(&[])?;
    let banned = Viewer::new(&program, 1)?;
    // As it stands in the store long after it was told.
    let store = Store::open(&program.directory().join("data")).await?;
    let decision = Decision { on: Subject::Viewer(banned.id.parse()?), until: None, by: Rank::Operator };
    let decided = Decided { id: RecordId::new(1, 1), room: Some(RoomId::demo()), decision, at: now_ms() };
    store.keep(&[decided]).await?;
    let program = program.crash(&[])?;
    program.get_ready()?;
    until_gated(&program, &kinesis(&program, &program.stream)?, &banned).await?;
    assert_eq!(program.figure("danmu_refused_total{reason=\"moderation\"}")?, 0, "the stream told of it");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ban_ends_by_itself_and_one_of_a_room_leaves_the_credentials_alone() -> Test {
    let program = Program::start_with(
        "[[rooms]]\nid = 'demo'\nvideo = ''\nunsigned = 'allow'\n[[rooms]]\nid = 'other'\nvideo = ''\n",
        &[],
    )?;
    program.get_ready()?;
    let (short, local) = (Viewer::new(&program, 1)?, Viewer::new(&program, 2)?);
    // It never stops asking, so that the ban is noticed however short it is.
    let (asking, denials) = (short.again(), Arc::<AtomicU64>::default());
    let noticed = Arc::clone(&denials);
    let asking = tokio::spawn(async move {
        loop {
            let denied = asking.says("still there?").await?.as_deref() == Some("AccessDeniedException");
            noticed.fetch_add(u64::from(denied), SeqCst);
            if !denied && noticed.load(SeqCst) > 0 {
                return Ok::<_, Failure>(());
            }
        }
    });
    program.order(&["ban", &short.id, "--yes", "--for", "5s"])?;
    program.order(&["ban", &local.id, "--yes", "--room", "demo"])?;
    assert!(program.order(&["ban", &local.id, "--room", "nowhere"]).is_err());
    until("a short ban is noticed", || Ok(denials.load(SeqCst) > 0)).await?;
    let root = kinesis(&program, &program.stream)?;
    until_gated(&program, &root, &local).await?;
    assert_eq!(local.says("my credentials are good").await?, None);
    assert_eq!(local.comes_again(&program, 2)?.status, 403);
    assert_eq!(ask(&program, "other", 2, &[&local.cookie])?.status, 200, "in another room it may speak");
    timeout(PATIENCE, asking).await???;
    assert_eq!(short.comes_again(&program, 1)?.status, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_ban_from_one_room_leaves_the_ban_from_every_room_in_force() -> Test {
    let rooms = "[[rooms]]\nid = 'demo'\nvideo = ''\n[[rooms]]\nid = 'other'\nvideo = ''\n";
    let program = Program::start_with(rooms, &[])?;
    program.get_ready()?;
    let viewer = Viewer::new(&program, 1)?;
    program.order(&["ban", &viewer.id, "--yes"])?;
    program.order(&["ban", &viewer.id, "--yes", "--room", "demo", "--for", "1h"])?;
    let told = "danmu_refused_total{reason=\"moderation\"}";
    until("both are told", || Ok(program.figure(told)? == 2)).await?;
    program.order(&["unban", &viewer.id, "--room", "demo"])?;
    until("the end is told", || Ok(program.figure(told)? == 3)).await?;
    let listed = program.order(&["bans"])?;
    assert!(listed.contains(&format!("{}  every room", viewer.id)) && !listed.contains("room demo"), "{listed}");
    until_denied(&viewer, true).await?;
    for room in ["demo", "other"] {
        assert_eq!(ask(&program, room, 1, &[&viewer.cookie])?.status, 403, "{room}");
    }
    until_gated(&program, &kinesis(&program, &program.stream)?, &viewer).await?;
    assert!(program.order(&["unban", &viewer.id, "--room", "demo"]).is_err(), "there is none any more");

    program.order(&["ban", &viewer.id, "--yes", "--room", "demo"])?;
    program.order(&["unban", &viewer.id])?;
    until_denied(&viewer, false).await?;
    until("all is told", || Ok(program.figure(told)? == 5)).await?;
    assert_eq!(ask(&program, "demo", 1, &[&viewer.cookie])?.status, 403, "and the other way round");
    assert_eq!(ask(&program, "other", 1, &[&viewer.cookie])?.status, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_of_a_banned_network_get_no_session_and_its_neighbours_do() -> Test {
    let program = Program::start(&[("DANMU_HTTP__TRUSTED_PROXIES", "127.0.0.0/8")])?;
    let from =
        |client: &str| ask(&program, "demo", 1, &[&format!("X-Forwarded-For: {client}")]).map(|answer| answer.status);
    program.order(&["ban", "198.51.100.0/25", "--for", "10m"])?;
    program.order(&["ban", "2001:db8:1:2::/64"])?;
    until("a banned network is refused", || Ok(from("198.51.100.1")? == 403)).await?;
    until("the other one is, too", || Ok(from("2001:db8:1:2::1")? == 403)).await?;
    assert_eq!((from("198.51.100.127")?, from("198.51.100.128")?), (403, 200));
    assert_eq!((from("2001:db8:1:2::9")?, from("2001:db8:1:3::9")?), (403, 200));
    program.order(&["unban", "198.51.100.0/25"])?;
    until("it is let in again", || Ok(from("198.51.100.1")? == 200)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_who_have_a_session_from_a_banned_network_are_banned_with_it_and_its_neighbours_are_not() -> Test {
    let program = Program::start(&[("DANMU_HTTP__TRUSTED_PROXIES", "127.0.0.0/8")])?;
    program.get_ready()?;
    let from = |seed: u8, client: &str| Viewer::from(&program, seed, &[&format!("X-Forwarded-For: {client}")]);
    let (there, next_door) = (from(1, "198.51.100.7")?, from(2, "198.51.100.200")?);
    assert_eq!((there.says("before").await?, next_door.says("before").await?), (None, None));
    program.order(&["ban", "198.51.100.0/25"])?;
    until_denied(&there, true).await?;
    let root = kinesis(&program, &program.stream)?;
    until_gated(&program, &root, &there).await?;
    assert_eq!(next_door.says("I am still heard").await?, None);
    until("the neighbour is heard", || Ok(program.figure(ADMITTED)? >= 3)).await?;
    // One decision, and no ban of each.
    let bans = program.order(&["bans"])?;
    assert!(bans.contains("198.51.100.0/25") && !bans.contains(&there.id), "{bans}");
    program.order(&["unban", "198.51.100.0/25"])?;
    until_denied(&there, false).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_freezes_vending_and_revokes_old_sessions() -> Test {
    let program = Program::start(&[])?;
    program.get_ready()?;
    let old = Viewer::new(&program, 1)?;
    assert_eq!(old.says("hello").await?, None);
    let mut tape = Tape::follow(&program, "history=0")?;
    assert!(tape.until("\n\n")?.contains("\"modes\":0"), "nothing is frozen yet");
    program.order(&["freeze"])?;
    until("vending is frozen", || Ok(ask(&program, "demo", 2, &[])?.status == 503)).await?;
    assert_eq!(ask(&program, "demo", 2, &[])?.body, "\"Frozen\"", "and not that something is broken");
    tape.until("data: {\"modes\":524288}")?;
    let mut later = Tape::follow(&program, "history=0")?;
    assert!(later.until("\n\n")?.contains("\"modes\":524288"), "whoever comes now is told, too");
    assert!(program.order(&["bans"])?.contains("vending is frozen"));
    assert_eq!(old.says("sessions go on").await?, None);

    program.order(&["revoke"])?;
    until_denied(&old, true).await?;
    assert_eq!(old.comes_again(&program, 1)?.status, 503);
    program.order(&["thaw"])?;
    until("vending goes on", || Ok(old.comes_again(&program, 1)?.status == 200)).await?;
    tape.until("data: {\"modes\":0}")?;
    let young = Viewer::new(&program, 2)?;
    assert_eq!(young.says("hello").await?, None);
    assert_eq!(old.says("me too?").await?.as_deref(), Some("AccessDeniedException"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_fills_a_shard_with_junk_is_metered_and_counted_and_others_speak() -> Test {
    let program = Program::start(&[("DANMU_STREAM__SHARDS", "2")])?;
    program.get_ready()?;
    let (junk, other) = (Viewer::new(&program, 1)?, Viewer::new(&program, 2)?);
    // Half of it under a key that is no room's, half under the room's, by a hash key of the other shard.
    let entry = |key: &str, hash: Option<&str>| {
        PutRecordsRequestEntry::builder()
            .data(Blob::new("junk"))
            .partition_key(key)
            .set_explicit_hash_key(hash.map(str::to_owned))
            .build()
    };
    let hash = u128::from_be_bytes(md5_of("demo")?);
    let elsewhere = if hash >> 127 == 0 { u128::MAX } else { 0 }.to_string();
    let mut taken = 0;
    for _ in 0..3 {
        let entries = (0..250).flat_map(|_| [entry("nowhere", None), entry("demo", Some(&elsewhere))]);
        let put = junk.client.put_records().stream_name(STREAM).set_records(Some(entries.collect::<Result<_, _>>()?));
        let put = put.send().await?;
        taken += put.records.iter().filter(|record| record.error_code.is_none()).count() as u64;
        let refused = put.records.iter().find(|record| record.error_code.is_some()).ok_or("all of it was taken")?;
        assert_eq!(refused.error_code(), Some("ProvisionedThroughputExceededException"));
    }
    assert!((100..300).contains(&taken), "{taken}");
    assert_eq!(other.says("I am heard").await?, None);
    until("junk is counted by what it is", || {
        if program.figure(ADMITTED)? > 1 {
            return Err("junk is shown".into());
        }
        let (nowhere, foreign) = (
            program.figure("danmu_refused_total{reason=\"no_such_room\"}")?,
            program.figure("danmu_refused_total{reason=\"foreign_shard\"}")?,
        );
        Ok(nowhere > 0 && foreign > 0 && nowhere + foreign == taken)
    })
    .await?;
    assert_eq!(program.figure("danmu_stream_records_metered_total")?, 1_500 - taken);
    assert_eq!(program.figure("danmu_junk_alarm")?, 1, "there is no alarm");
    until("the other is heard", || Ok(program.figure(ADMITTED)? == 1)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_lets_one_viewer_put_for_a_crowd() -> Test {
    let program = Program::start_with("[stream]\nsession_records_per_s = 100\nsession_burst_s = 2\n", &[])?;
    let bridge = Viewer::new(&program, 1)?;
    let entry = |_| PutRecordsRequestEntry::builder().data(Blob::new("from a crowd")).partition_key("demo").build();
    let records = (0..300).map(entry).collect::<Result<_, _>>()?;
    let put = bridge.client.put_records().stream_name(STREAM).set_records(Some(records)).send().await?;
    let taken = put.records.iter().filter(|record| record.error_code.is_none()).count();
    assert_eq!(taken, 200);
    Ok(())
}

/// The shard map's hash of a partition key: which half of two shards it is in.
fn md5_of(key: &str) -> Result<[u8; 16], Failure> {
    Ok(danmu::kinesis::shard_map::hash_key(key).to_be_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_producers_credentials_read_nothing_and_reach_no_other_stream() -> Test {
    let program = Program::start(&[])?;
    let viewer = Viewer::new(&program, 1)?;
    let root = kinesis(&program, &program.stream)?;
    root.create_stream().stream_name("other").shard_count(1).send().await?;
    let iterator = |client: &aws_sdk_kinesis::Client| {
        let call = client.get_shard_iterator().stream_name(STREAM).shard_id("shardId-000000000000");
        call.shard_iterator_type(aws_sdk_kinesis::types::ShardIteratorType::TrimHorizon).send()
    };
    let denied = Some("AccessDeniedException");
    let begun = iterator(&viewer.client).await.err().ok_or("a producer got an iterator")?;
    assert_eq!(begun.code(), denied);
    let of_root = iterator(&root).await?.shard_iterator.ok_or("no iterator")?;
    let read = viewer.client.get_records().shard_iterator(of_root).send().await.err().ok_or("a producer read")?;
    assert_eq!(read.code(), denied);
    let listed =
        viewer.client.list_shards().stream_name(STREAM).send().await.err().ok_or("a producer listed shards")?;
    assert_eq!(listed.code(), denied);
    let put = viewer.client.put_record().stream_name("other").partition_key("demo").data(Blob::new("hi"));
    let put = put.send().await.err().ok_or("it put on another stream")?;
    assert_eq!(put.code(), denied);
    let made = viewer.client.create_stream().stream_name("mine").shard_count(1).send().await;
    let made = made.err().ok_or("it made a stream")?;
    assert_eq!(made.code(), denied);
    let reason = made.message().unwrap_or_default();
    assert!(reason.contains("offers the data plane only"), "the public port has a control plane: {reason}");
    assert_eq!(viewer.says("hello").await?, None);
    Ok(())
}

/// Two replicas, and a viewer who floods and is not stopped by its credentials. How soon a ban acts is measured: `bans`, a
/// benchmark.
#[tokio::test(flavor = "multi_thread")]
async fn a_ban_acts_on_every_replica() -> Test {
    let replicas = Replicas::start()?;
    for round in 0..4 {
        // A program that was not optimised verifies too slowly for many danmu a second.
        let acted = replicas.ban_one_who_floods(round, Duration::from_millis(40)).await?;
        println!("the gates after {:?}, the last on a screen after {:?}", acted.gates, acted.screens);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_known_by_a_short_name_alone_is_banned_after_it_was_shown_who_that_is_also_after_a_restart() -> Test {
    let program = Program::start(&[])?;
    program.get_ready()?;
    let viewer = Viewer::new(&program, 1)?;
    let short = &viewer.id[viewer.id.len() - 4..];
    // The name that people see, of one who has said nothing, and one that nobody has.
    for unknown in [short, "nobody"] {
        for sure in [&[][..], &["--yes"]] {
            let refused = program.order(&[&["ban", unknown], sure].concat()).err().ok_or("somebody is banned")?;
            assert!(refused.to_string().contains("nobody who spoke within the last hour is called so"), "{refused}");
        }
    }
    assert_eq!(viewer.says("the words by which it is known").await?, None);
    until("it is known who spoke", || Ok(program.order(&["ban"])?.contains(&viewer.id))).await?;
    let program = program.crash(&[])?;
    let shown = program.order(&["ban", short]).err().ok_or("it is banned unseen")?.to_string();
    assert!(shown.contains(&viewer.id) && shown.contains("the words by which it is known"), "{shown}");
    assert!(program.order(&["bans"])?.contains("nobody is banned"));
    assert!(program.order(&["ban", short, "--yes"])?.contains(&format!("{} is banned from every room", viewer.id)));
    assert!(program.order(&["bans"])?.contains(&viewer.id));
    Ok(())
}
