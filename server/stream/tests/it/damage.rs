//! A disk that is full, a last write that is torn.

use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use danmu_stream::{Endpoint, Options};
use serde_json::json;

use crate::world::{Failure, STREAM, Test, World};

const SHARD: &str = "shardId-000000000000";

async fn texts(world: &World) -> Result<Vec<String>, Failure> {
    let root = world.root();
    let iterator = world.iterator(&root, SHARD, json!({ "ShardIteratorType": "TRIM_HORIZON" })).await?;
    world.get(&root, &iterator).await?.texts()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_puts_with_a_reason_and_goes_on_reading() -> Test {
    // More than any disk has free.
    let world = World::start_with(1, |options| options.disk_reserve = u64::MAX).await?;
    let root = world.root();
    let refused = world.put(&root, "room", "late").await?;
    assert_eq!(refused.error(), (503, "ServiceUnavailable".to_owned()));
    assert!(refused.message().contains("disk is full; nothing was acknowledged"), "{}", refused.message());
    assert_eq!(texts(&world).await?, Vec::<String>::new());
    // What makes room is still taken.
    assert_eq!(world.call(&root, "DeleteStream", json!({ "StreamName": STREAM })).await?.status, 200);
    Ok(())
}

/// A small file system in memory. Gone when dropped.
struct Small(PathBuf);

impl Small {
    /// None where this process may not mount.
    fn mount(at: PathBuf, size: &str) -> Option<Self> {
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(&at).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(at))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn puts_are_taken_again_when_somebody_has_made_room() -> Test {
    let dir = tempfile::tempdir()?;
    let Some(small) = Small::mount(dir.path().to_owned(), "48m") else {
        eprintln!("not tried: this process may not mount a file system of its own");
        return Ok(());
    };
    let data = small.0.join("data");
    let world = World::start_with(1, |options| {
        options.data_dir = data;
        options.disk_reserve = 16 * 1024 * 1024;
    })
    .await?;
    let root = world.root();
    assert_eq!(world.put(&root, "room", "before").await?.status, 200);
    let ballast = small.0.join("ballast");
    fs::write(&ballast, vec![1; 40 * 1024 * 1024])?;
    assert_eq!(world.put(&root, "room", "meanwhile").await?.error(), (503, "ServiceUnavailable".to_owned()));
    assert_eq!(texts(&world).await?, ["before"]);
    fs::remove_file(&ballast)?;
    assert_eq!(world.put(&root, "room", "after").await?.status, 200);
    assert_eq!(texts(&world).await?, ["before", "after"]);
    world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_filled_to_its_last_byte_loses_nothing_that_was_acknowledged() -> Test {
    let dir = tempfile::tempdir()?;
    let Some(small) = Small::mount(dir.path().to_owned(), "24m") else {
        eprintln!("not tried: this process may not mount a file system of its own");
        return Ok(());
    };
    let data = small.0.join("data");
    // Nothing is kept back, so that the engine meets the end of the disk itself.
    let world = World::start_with(40, |options| {
        options.data_dir = data.clone();
        options.disk_reserve = 0;
    })
    .await?;
    let root = world.root();
    let (mut acknowledged, mut in_doubt) = (Vec::new(), Vec::new());
    // Ever smaller ones, so that the last bytes are fought for, too. A shard that has had its share is passed over.
    for size in [512 * 1024, 32 * 1024, 2000, 100, 1] {
        let mut refused = None;
        for _ in 0..400 {
            let text = noise(acknowledged.len(), size);
            let answer = world.put(&root, &format!("{} {size}", acknowledged.len()), &text).await?;
            match answer.status.as_u16() {
                200 => acknowledged.push(text),
                400 => tokio::time::sleep(Duration::from_millis(5)).await,
                _ => {
                    in_doubt.push(text);
                    refused = Some(answer);
                }
            }
            if refused.is_some() {
                break;
            }
        }
        if size >= 2000 {
            let refused = refused.ok_or("the disk never got full")?;
            assert!(refused.status.is_server_error(), "{refused:?}");
            assert!(refused.message().contains("nothing was acknowledged"), "{}", refused.message());
        }
    }
    assert!(acknowledged.len() > 10, "only {} acknowledged", acknowledged.len());
    assert_eq!(all_of(&world).await?, acknowledged, "reads go on");
    world.stop().await;

    let remounted = Command::new("mount").args(["-o", "remount,size=200m"]).arg(&small.0).status()?;
    assert!(remounted.success());
    let world = World::start_with(40, |options| options.data_dir = data).await?;
    let (there, more): (Vec<_>, Vec<_>) =
        all_of(&world).await?.into_iter().partition(|text| acknowledged.contains(text));
    assert_eq!(there, acknowledged, "and everything is there when it is opened again");
    // What a full disk refused may have been written all the same, as with any answer of 500; nothing else is there.
    assert!(more.iter().all(|text| in_doubt.contains(text)), "{} that nobody put", more.len());
    Ok(())
}

/// A text of at least `size` bytes that no compression makes small, with its number in front.
fn noise(number: usize, size: usize) -> String {
    let mut text = format!("{number:08}");
    let mut state = number as u64 + 1;
    while text.len() < size {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push_str(&format!("{state:016x}"));
    }
    text
}

/// What all shards hold, in the order of the numbers that the texts begin with.
async fn all_of(world: &World) -> Result<Vec<String>, Failure> {
    let root = world.root();
    let mut found = Vec::new();
    for shard in 0..40 {
        let shard = format!("shardId-{shard:012}");
        let iterator = world.iterator(&root, &shard, json!({ "ShardIteratorType": "TRIM_HORIZON" })).await?;
        found.extend(world.get(&root, &iterator).await?.texts()?);
    }
    found.sort();
    Ok(found)
}

/// The newest journal of a data directory, and where its last byte that is not zero stands.
fn journal(data: &Path) -> Result<(PathBuf, u64), Failure> {
    let mut journals = Vec::new();
    for entry in fs::read_dir(data.join("log"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "jnl") {
            let number: u64 = path.file_stem().and_then(|stem| stem.to_str()).ok_or("no name")?.parse()?;
            journals.push((number, path));
        }
    }
    let (_, path) = journals.into_iter().max().ok_or("no journal")?;
    let mut bytes = Vec::new();
    File::open(&path)?.read_to_end(&mut bytes)?;
    let last = bytes.iter().rposition(|byte| *byte != 0).ok_or("an empty journal")?;
    Ok((path, last as u64))
}

fn overwrite(path: &Path, at: u64, bytes: &[u8]) -> Test {
    let mut file = File::options().write(true).open(path)?;
    file.seek(SeekFrom::Start(at))?;
    file.write_all(bytes)?;
    Ok(())
}

/// A last put of 3,000 bytes, of which the disk got only a part. What was put before is acknowledged.
#[tokio::test(flavor = "multi_thread")]
async fn a_torn_last_write_is_left_out_and_nothing_before_it() -> Test {
    type Damage = fn(&Path, u64) -> Test;
    let damages: [(&str, Damage); 6] = [
        ("cut in its middle", |path, last| Ok(File::options().write(true).open(path)?.set_len(last - 1500)?)),
        ("cut before its last byte", |path, last| Ok(File::options().write(true).open(path)?.set_len(last)?)),
        ("zeros at its end", |path, last| overwrite(path, last - 1500, &[0; 1501])),
        ("zeros in its middle", |path, last| overwrite(path, last - 1500, &[0; 700])),
        ("noise in its middle", |path, last| overwrite(path, last - 1500, &[0xa5; 700])),
        ("noise at its end", |path, last| overwrite(path, last - 40, &[0xa5; 41])),
    ];
    for (what, damage) in damages {
        let world = World::start().await?;
        let (dir, root) = (world.dir.clone(), world.root());
        let mut before = Vec::new();
        for number in 0..20 {
            let text = format!("safe {number}");
            assert_eq!(world.put(&root, "room", &text).await?.status, 200);
            before.push(text);
        }
        assert_eq!(world.put(&root, "room", &"x".repeat(3000)).await?.status, 200);
        let data = dir.path().join("data");
        let last_number = world
            .get(&root, &world.iterator(&root, SHARD, json!({ "ShardIteratorType": "TRIM_HORIZON" })).await?)
            .await?;
        let last_number = last_number.json()?["Records"][19]["SequenceNumber"].as_str().unwrap_or_default().to_owned();
        let world_again = {
            let (path, last) = journal(&data)?;
            world.stop().await;
            let unchanged = journal(&data)?;
            assert_eq!(unchanged, (path.clone(), last), "closing writes nothing more");
            damage(&path, last)?;
            World::reopen(dir).await.map_err(|error| format!("{what}: {error}"))?
        };
        assert_eq!(texts(&world_again).await?, before, "{what}");
        let put = world_again.put(&root, "room", "after").await?.json()?;
        let number = put["SequenceNumber"].as_str().unwrap_or_default();
        assert!(number > last_number.as_str(), "{what}: {number} is not after {last_number}");
        before.push("after".to_owned());
        assert_eq!(texts(&world_again.restart().await?).await?, before, "{what}, opened again");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_further_in_is_named_and_left_to_a_person() -> Test {
    let world = World::start().await?;
    let (dir, root) = (world.dir.clone(), world.root());
    for _ in 0..5 {
        assert_eq!(world.put(&root, "room", &"x".repeat(3000)).await?.status, 200);
    }
    world.stop().await;
    let data = dir.path().join("data");
    let (path, last) = journal(&data)?;
    overwrite(&path, last - 10_000, b"damaged")?;
    let found = fs::read(&path)?;
    let error = Endpoint::open(Options::new(&data)).await.err().ok_or("opened a damaged log")?.to_string();
    assert!(error.contains(".jnl is damaged; restore it from a backup"), "{error}");
    assert!(fs::read(&path)? == found, "the journal is as it was");
    Ok(())
}
