//! How long records are kept, and how many.

use std::time::Duration;

use aws_sdk_kinesis::{
    Client,
    primitives::Blob,
    types::{PutRecordsRequestEntry, ShardIteratorType},
};
use danmu_stream::Endpoint;
use tokio::time::{resume, sleep, timeout};

use crate::{
    still::StillTime,
    world::{Failure, PATIENCE, STREAM, Test, World},
};

const LIMIT: u64 = 1024 * 1024;
const SIZE: usize = 10_000;
/// What a shard may have more than it should: its newest range is not cut.
const RANGE: usize = 64 * 1024;

/// Puts records with these numbers, ten a call, on all shards in turn.
async fn put(client: &Client, numbers: std::ops::Range<usize>) -> Test {
    for call in numbers.collect::<Vec<_>>().chunks(10) {
        let entry = |number: &usize| {
            let mut data = format!("{number} ").into_bytes();
            data.resize(SIZE, b'.');
            PutRecordsRequestEntry::builder().data(Blob::new(data)).partition_key(number.to_string()).build()
        };
        let entries = call.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
        let answer = client.put_records().stream_name(STREAM).set_records(Some(entries)).send().await?;
        assert_eq!(answer.failed_record_count, Some(0));
    }
    Ok(())
}

async fn iterator(client: &Client, shard: &str) -> Result<String, Failure> {
    let call = client.get_shard_iterator().stream_name(STREAM).shard_id(shard);
    let answer = call.shard_iterator_type(ShardIteratorType::TrimHorizon).send().await?;
    answer.shard_iterator.ok_or_else(|| "no iterator".into())
}

/// The numbers of a read to the tip.
async fn read(client: &Client, mut iterator: String) -> Result<Vec<usize>, Failure> {
    let mut numbers = Vec::new();
    loop {
        let answer = client.get_records().shard_iterator(&iterator).send().await?;
        for record in &answer.records {
            let text = String::from_utf8_lossy(record.data.as_ref()).into_owned();
            numbers.push(text.split(' ').next().unwrap_or_default().parse()?);
        }
        match answer.next_shard_iterator {
            Some(next) if answer.millis_behind_latest != Some(0) => iterator = next,
            _ => return Ok(numbers),
        }
    }
}

/// The numbers in every shard.
async fn read_all(client: &Client) -> Result<Vec<Vec<usize>>, Failure> {
    let mut all = Vec::new();
    for shard in client.list_shards().stream_name(STREAM).send().await?.shards.unwrap_or_default() {
        all.push(read(client, iterator(client, &shard.shard_id).await?).await?);
    }
    Ok(all)
}

async fn until_within_limit(endpoint: &Endpoint) -> Test {
    let within = async {
        while endpoint.metrics().bytes_retained > LIMIT {
            sleep(Duration::from_millis(20)).await;
        }
    };
    Ok(timeout(PATIENCE, within).await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn over_the_limit_the_oldest_records_go_by_themselves_whatever_their_shard() -> Test {
    let world = World::start_with(4, |options| options.max_bytes = LIMIT).await?;
    let client = world.kinesis(&world.root());
    put(&client, 0..300).await?;
    until_within_limit(&world.endpoint).await?;

    let shards = read_all(&client).await?;
    let kept: usize = shards.iter().map(Vec::len).sum();
    assert!(kept * SIZE <= LIMIT as usize && kept * SIZE > LIMIT as usize / 2, "{kept} records");
    let mut all: Vec<usize> = shards.concat();
    all.sort_unstable();
    assert_eq!(all.last(), Some(&299), "the newest stays");
    // Ranges go whole, and the newest of a shard stays: apart from that the last ones are there.
    let slack = 4 * (RANGE / SIZE + 1);
    assert!(all[0] + kept + slack >= 300 && kept <= 300 - all[0], "{all:?}");
    for shard in &shards {
        assert!(shard.is_sorted(), "{shard:?}");
    }
    let metrics = world.endpoint.metrics();
    assert_eq!((metrics.records_pushed_out, metrics.records_expired), (300 - kept as u64, 0));
    Ok(())
}

#[tokio::test]
async fn a_reader_whose_place_is_gone_goes_on_at_the_oldest_record() -> Test {
    let world = World::start_with(1, |options| options.max_bytes = LIMIT).await?;
    let client = world.kinesis(&world.root());
    put(&client, 0..10).await?;
    let early = iterator(&client, "shardId-000000000000").await?;
    let first = client.get_records().shard_iterator(&early).limit(1).send().await?;
    let early = first.next_shard_iterator.ok_or("it ends")?;
    let time = StillTime::begin();
    for start in (10..200).step_by(90) {
        // A shard takes 1 MB a second.
        time.pass(Duration::from_secs(1)).await;
        put(&client, start..(start + 90).min(200)).await?;
    }
    resume();
    until_within_limit(&world.endpoint).await?;
    let numbers = read(&client, early).await?;
    assert!(numbers[0] > 1, "{numbers:?}");
    assert!(numbers.is_sorted() && numbers.last() == Some(&199), "{numbers:?}");
    assert_eq!(numbers.len(), 200 - numbers[0]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_retained_is_known_after_a_restart_and_deleted_streams_give_it_back() -> Test {
    let world = World::start_with(2, |_| {}).await?;
    put(&world.kinesis(&world.root()), 0..100).await?;
    let retained = world.endpoint.metrics().bytes_retained;
    assert!((100 * SIZE..101 * SIZE).contains(&usize::try_from(retained)?), "{retained}");
    let world = world.restart().await?;
    assert_eq!(world.endpoint.metrics().bytes_retained, retained);
    world.kinesis(&world.root()).delete_stream().stream_name(STREAM).send().await?;
    assert_eq!(world.endpoint.trim().await?, 100);
    assert_eq!(world.endpoint.metrics().bytes_retained, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_past_retention_is_not_counted_any_more() -> Test {
    let world = World::start_with(2, |options| options.max_bytes = 10 * LIMIT).await?;
    let client = world.kinesis(&world.root());
    put(&client, 0..50).await?;
    world.clock.by_seconds(25 * 3_600);
    put(&client, 50..60).await?;
    assert_eq!(world.endpoint.trim().await?, 50);
    let mut left = read_all(&client).await?.concat();
    left.sort_unstable();
    assert_eq!(left, (50..60).collect::<Vec<_>>());
    // A range that was cut counts whole until all of it is gone.
    world.clock.by_seconds(25 * 3_600);
    world.endpoint.trim().await?;
    assert!(world.endpoint.metrics().bytes_retained <= 2 * RANGE as u64 + 10 * SIZE as u64);
    assert_eq!(world.endpoint.metrics().records_expired, 60);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_expired_does_not_come_back_when_retention_is_made_longer() -> Test {
    let world = World::start().await?;
    let client = world.kinesis(&world.root());
    put(&client, 0..3).await?;
    world.clock.by_seconds(25 * 3_600);
    put(&client, 3..5).await?;
    client.increase_stream_retention_period().stream_name(STREAM).retention_period_hours(48).send().await?;
    assert_eq!(read_all(&client).await?, [vec![3, 4]]);
    world.clock.by_seconds(25 * 3_600);
    assert_eq!(read_all(&client).await?, [vec![3, 4]], "and what is newer is kept as long as was said");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_sets_how_long_records_are_kept() -> Test {
    let world = World::start().await?;
    world.endpoint.set_retention(STREAM, 72).await?;
    let client = world.kinesis(&world.root());
    let answer = client.describe_stream_summary().stream_name(STREAM).send().await?;
    assert_eq!(answer.stream_description_summary.map(|summary| summary.retention_period_hours), Some(72));
    for (stream, hours, what) in [(STREAM, 23, "23 hours"), (STREAM, 8_761, "8761 hours"), ("none", 24, "none")] {
        let error = world.endpoint.set_retention(stream, hours).await.expect_err("refused").to_string();
        assert!(error.contains(what), "{error}");
    }
    let error = World::start_with(1, |options| options.max_bytes = 1).await.err().ok_or("it opened")?.to_string();
    assert!(error.contains("max_bytes") && error.contains("1048576"), "{error}");
    Ok(())
}
