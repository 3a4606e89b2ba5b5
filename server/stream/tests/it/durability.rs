//! What was acknowledged is there: after a restart, after a clock that went back, after `kill -9`.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
};

use aws_sdk_kinesis::{primitives::Blob, types::ShardIteratorType};
use danmu_stream::{Endpoint, OpenError, Options};
use serde_json::json;

use crate::world::{Failure, Keys, STREAM, Test, World, kinesis, serve, until_free};

const SHARD: &str = "shardId-000000000000";
const CHILD_DIR: &str = "DANMU_STREAM_TEST_CHILD_DIR";
const CHILD_ROUND: &str = "DANMU_STREAM_TEST_CHILD_ROUND";
const SHARDS: u32 = 2;

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_records_shards_and_iterators() -> Test {
    let world = World::start_with(2, |_| {}).await?;
    let root = world.root();
    world.put(&root, "room", "before").await?;
    let split = json!({ "StreamName": STREAM, "ShardToSplit": SHARD, "NewStartingHashKey": "1000" });
    assert_eq!(world.call(&root, "SplitShard", split).await?.status, 200);
    let list = json!({ "StreamName": STREAM });
    let before = world.call(&root, "ListShards", list.clone()).await?.json()?;
    let iterator =
        world.iterator(&root, "shardId-000000000001", json!({ "ShardIteratorType": "TRIM_HORIZON" })).await?;
    let world = world.restart().await?;
    assert_eq!(world.root().secret, root.secret);
    assert_eq!(world.call(&root, "ListShards", list).await?.json()?, before);
    assert_eq!(world.get(&root, &iterator).await?.status, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_back_when_the_clock_does() -> Test {
    let mut world = World::start().await?;
    let root = world.root();
    for step in 0..6 {
        world.put(&root, "room", &step.to_string()).await?;
        world.clock.by_seconds(-600);
        if step % 2 == 1 {
            world = world.restart().await?;
        }
    }
    let iterator = world.iterator(&root, SHARD, json!({ "ShardIteratorType": "TRIM_HORIZON" })).await?;
    let got = world.get(&root, &iterator).await?;
    assert_eq!(got.texts()?, ["0", "1", "2", "3", "4", "5"]);
    let got = got.json()?;
    let records = got["Records"].as_array().ok_or("no records")?;
    let numbers: Vec<_> = records.iter().filter_map(|record| record["SequenceNumber"].as_str()).collect();
    let times: Vec<_> = records.iter().filter_map(|record| record["ApproximateArrivalTimestamp"].as_f64()).collect();
    assert!(numbers.is_sorted_by(|one, other| one < other), "{numbers:?}");
    assert!(times.is_sorted(), "{times:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_in_use_is_refused_and_free_afterwards() -> Test {
    let world = World::start().await?;
    let dir = world.dir.clone();
    let data = dir.path().join("data");
    let error = Endpoint::open(Options::new(&data)).await.err().ok_or("opened twice")?;
    assert!(matches!(error, OpenError::Locked { .. }), "{error}");
    assert!(error.to_string().contains("in use by another process"), "{error}");
    world.stop().await;
    Endpoint::open(Options::new(&data)).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_cannot_open_says_what_to_change() -> Test {
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("file");
    std::fs::write(&file, "not a directory")?;
    let error = Endpoint::open(Options::new(&file)).await.err().ok_or("opened a file")?;
    assert!(matches!(error, OpenError::Directory { .. }) && error.to_string().contains("file"), "{error}");
    let mut options = Options::new(dir.path().join("data"));
    options.region = "US East".to_owned();
    let error = Endpoint::open(options).await.err().ok_or("took a wrong region")?;
    assert!(error.to_string().contains("us-east-1"), "{error}");
    let mut options = Options::new(dir.path().join("data"));
    options.account_id = "42".to_owned();
    let error = Endpoint::open(options).await.err().ok_or("took a wrong account")?;
    assert!(error.to_string().contains("twelve digits"), "{error}");
    let endpoint = Endpoint::open(Options::new(dir.path().join("data"))).await?;
    for (name, shards) in [("a b", 1), ("", 1), ("good", 0), ("good", 501)] {
        assert!(endpoint.ensure_stream(name, shards).await.is_err(), "{name} {shards}");
    }
    assert_eq!(endpoint.ensure_stream("good", 3).await?, endpoint.ensure_stream("good", 5).await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn after_close_puts_are_refused_and_reads_go_on() -> Test {
    let world = World::start().await?;
    let root = world.root();
    world.put(&root, "room", "kept").await?;
    world.endpoint.close().await;
    assert_eq!(world.put(&root, "room", "late").await?.error(), (503, "ServiceUnavailable".to_owned()));
    let iterator = world.iterator(&root, SHARD, json!({ "ShardIteratorType": "TRIM_HORIZON" })).await?;
    assert_eq!(world.get(&root, &iterator).await?.texts()?, ["kept"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn puts_that_wait_share_a_sync() -> Test {
    let world = World::start().await?;
    let client = world.kinesis(&world.root());
    let mut puts = tokio::task::JoinSet::new();
    for number in 0..200 {
        puts.spawn(
            client.put_record().stream_name(STREAM).partition_key("room").data(Blob::new(number.to_string())).send(),
        );
    }
    while let Some(put) = puts.join_next().await {
        put??;
    }
    let metrics = world.endpoint.metrics();
    assert_eq!(metrics.records_put, 200);
    assert!(metrics.commits < 200, "{} commits for 200 records", metrics.commits);
    Ok(())
}

/// The other half of the next test: puts from eight tasks and says what was acknowledged, until it is killed.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by `kill_nine_loses_nothing_that_was_acknowledged`"]
async fn child_that_puts_until_it_is_killed() -> Test {
    let (Some(dir), Ok(round)) = (std::env::var_os(CHILD_DIR), std::env::var(CHILD_ROUND)) else { return Ok(()) };
    let endpoint = Endpoint::open(Options::new(dir)).await?;
    endpoint.ensure_stream(STREAM, SHARDS).await?;
    let (addr, _server) = serve(endpoint.router()).await?;
    let client = kinesis(addr, &root(&endpoint));
    let mut writers = tokio::task::JoinSet::<Test>::new();
    for writer in 0..8 {
        let (client, round) = (client.clone(), round.clone());
        writers.spawn(async move {
            for number in 0.. {
                let text = format!("{round}/{writer}/{number:06}");
                let put = client
                    .put_record()
                    .stream_name(STREAM)
                    .partition_key(writer.to_string())
                    .data(Blob::new(text.as_str()));
                let put = put.send().await?;
                // One write a line, so that a kill cuts between lines.
                let line = format!("ack {} {} {text}\n", put.shard_id, put.sequence_number);
                std::io::stdout().lock().write_all(line.as_bytes())?;
            }
            Ok(())
        });
    }
    while let Some(writer) = writers.join_next().await {
        writer??;
    }
    Ok(())
}

fn root(endpoint: &Endpoint) -> Keys {
    let key = endpoint.root_key();
    Keys { id: key.access_key_id.clone(), secret: key.secret_access_key.clone(), token: None }
}

/// Lets a child put until it has told of so many acknowledgements, kills it, and returns all that it was told is safe.
fn puts_until_killed(dir: &Path, round: usize, enough: usize) -> Result<Vec<(String, String, String)>, Failure> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["--exact", "durability::child_that_puts_until_it_is_killed", "--ignored", "--nocapture"])
        .env(CHILD_DIR, dir)
        .env(CHILD_ROUND, format!("{round:02}"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
    let mut acknowledged = Vec::new();
    for line in lines {
        // A line that the kill cut in two is no acknowledgement.
        let Ok(line) = line else { break };
        let words: Vec<_> = line.split(' ').collect();
        if let [.., "ack", shard, sequence, text] = words[..]
            && sequence.len() == 56
            && text.len() == "00/0/000000".len()
        {
            acknowledged.push((shard.to_owned(), sequence.to_owned(), text.to_owned()));
        }
        // While lines keep coming the others are in the middle of their puts.
        if acknowledged.len() >= enough {
            child.kill()?;
        }
    }
    child.wait()?;
    Ok(acknowledged)
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_nine_loses_nothing_that_was_acknowledged() -> Test {
    let dir = tempfile::tempdir()?;
    let mut acknowledged = BTreeMap::new();
    for round in 0..50 {
        let (path, enough) = (dir.path().to_owned(), 11 + 37 * (round % 7));
        let more = tokio::task::spawn_blocking(move || puts_until_killed(&path, round, enough)).await??;
        assert!(more.len() > 10, "round {round}: only {} acknowledged", more.len());
        for (shard, sequence, text) in more {
            assert!(acknowledged.insert(sequence, (shard, text)).is_none(), "a sequence number was given out twice");
        }
        check(dir.path(), &acknowledged).await?;
    }
    Ok(())
}

/// Opens the directory that a killed process left behind and looks for everything.
async fn check(dir: &Path, acknowledged: &BTreeMap<String, (String, String)>) -> Test {
    let endpoint = Endpoint::open(Options::new(dir)).await?;
    let (addr, server) = serve(endpoint.router()).await?;
    let client = kinesis(addr, &root(&endpoint));
    let mut found = BTreeMap::new();
    let mut texts = BTreeSet::new();
    for shard in 0..SHARDS {
        let shard = format!("shardId-{shard:012}");
        let iterator = client.get_shard_iterator().stream_name(STREAM).shard_id(&shard);
        let mut next = iterator.shard_iterator_type(ShardIteratorType::TrimHorizon).send().await?.shard_iterator;
        let mut last = String::new();
        let mut last_of_writer: BTreeMap<String, String> = BTreeMap::new();
        loop {
            let page = client.get_records().set_shard_iterator(next).limit(10_000).send().await?;
            for record in page.records() {
                let text = String::from_utf8(record.data.as_ref().to_vec())?;
                assert!(record.sequence_number > last, "out of order");
                last.clone_from(&record.sequence_number);
                assert!(texts.insert(text.clone()), "{text} is there twice");
                let before = last_of_writer
                    .insert(record.partition_key.clone().unwrap_or_default(), text.clone())
                    .unwrap_or_default();
                assert!(before < text, "{text} came after {before}");
                found.insert(record.sequence_number.clone(), (shard.clone(), text));
            }
            if page.millis_behind_latest == Some(0) {
                break;
            }
            next = page.next_shard_iterator;
        }
    }
    for (sequence, place) in acknowledged {
        assert_eq!(found.get(sequence), Some(place), "{sequence} was acknowledged and is not there");
    }
    endpoint.close().await;
    server.abort();
    let _ = server.await;
    drop((client, endpoint));
    until_free(dir).await;
    Ok(())
}
