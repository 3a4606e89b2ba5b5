//! The embedded stream under load, beside ferrokinesis in memory and in its durable mode:
//! `cargo bench -p danmu-stream --bench stream`, or `cargo xtask bench stream`.
//!
//! Each endpoint is served over loopback by a process of its own and driven by the AWS SDK with signed requests; all of
//! them share the cores with the client. With `-- --quick` a tenth of the records, `-- --records N` so many.

#[path = "../kit/mod.rs"]
mod kit;
mod load;
mod push;
mod report;
mod subject;

use std::{
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use aws_sdk_kinesis::{Client, types::ShardIteratorType};
use tempfile::TempDir;

use crate::{
    kit::Failure,
    load::{SHARDS, STREAM, fill, singles},
    report::{Figures, Report},
    subject::{SERVE, Server, Subject, create_stream},
};

/// How much is measured.
#[derive(Clone, Copy, Debug)]
struct Extent {
    records: u64,
    /// Single puts of each kind.
    singles: usize,
    /// Records for the subscriber.
    pushed: usize,
}

const FULL: Extent = Extent { records: 1_000_000, singles: 2000, pushed: 500 };
const QUICK: Extent = Extent { records: 100_000, singles: 1000, pushed: 200 };

/// The longest that ours may take to fill; at the shards' limits the million takes 125 s.
const FILL: Duration = Duration::from_secs(220);
/// What a peer is given: with a snapshot of all that is retained at every put, one of them would never see a million.
const RECORDS_PEER: u64 = 100_000;
/// As long as a peer is filled.
const FILL_PEER: Duration = Duration::from_secs(15);
/// The longest that single puts of one kind may take.
const SINGLES: Duration = Duration::from_secs(15);

fn main() -> Result<ExitCode, Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Runtime::new()?;
    if let [serve, subject, dir] = &arguments[..]
        && serve == SERVE
    {
        runtime.block_on(subject::serve(subject, Path::new(dir)))?;
        return Ok(ExitCode::SUCCESS);
    }
    if !arguments.iter().any(|argument| argument == "--bench") {
        println!("This takes minutes: say `cargo bench`, which passes --bench.");
        return Ok(ExitCode::SUCCESS);
    }
    let extent = extent(&arguments)?;
    let start = Instant::now();
    let mut report = runtime.block_on(measure(extent))?;
    report.minutes = start.elapsed().as_secs_f64() / 60.0;
    report.print();
    let broken = report.broken(extent.records);
    let mut figures = serde_json::to_value(&report)?;
    figures["broken"] = serde_json::to_value(&broken)?;
    kit::keep("stream", figures)?;
    Ok(kit::verdict(&broken))
}

fn extent(arguments: &[String]) -> Result<Extent, Failure> {
    let mut extent = FULL;
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            // Cargo's own.
            "--bench" => {}
            "--quick" => extent = QUICK,
            "--records" => extent.records = arguments.next().ok_or("--records wants a number")?.parse()?,
            other => return Err(format!("There is no argument {other}; there are --quick and --records N.").into()),
        }
    }
    Ok(extent)
}

async fn measure(extent: Extent) -> Result<Report, Failure> {
    let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let disk = kit::bare_sync(scratch.path(), 500)?;
    println!("\n  Ours, {} records", kit::grouped(extent.records));
    let ours = measure_ours(extent, &scratch).await?;
    println!("  ferrokinesis in memory, for {} s", FILL_PEER.as_secs());
    let memory = measure_peer(Subject::Memory, extent, &scratch.path().join("memory")).await?;
    println!("  ferrokinesis, durable, for {} s", FILL_PEER.as_secs());
    let durable = measure_peer(Subject::Durable, extent, &scratch.path().join("durable")).await?;
    Ok(Report { minutes: 0.0, disk, ours, memory, durable })
}

async fn measure_ours(extent: Extent, scratch: &TempDir) -> Result<Figures, Failure> {
    let dir = scratch.path().join("ours");
    let server = Server::start(Subject::Ours, &dir).await?;
    let client = server.client();
    create_stream(&client, STREAM, SHARDS).await?;
    let filled = fill(&client, extent.records, FILL, server.process(), &dir).await?;
    let mut figures = Figures { disk: kit::on_disk(&dir), ..under_the_clock(&client, extent, filled).await? };

    let (shard, sequence) = put_one(&client).await?;
    server.kill().await?;
    let server = Server::start(Subject::Ours, &dir).await?;
    figures.restart_killed_ms = Some(server.open_ms());
    must_have(&server.client(), &shard, &sequence).await?;
    server.stop().await?;
    let server = Server::start(Subject::Ours, &dir).await?;
    figures.restart_ms = Some(server.open_ms());
    must_have(&server.client(), &shard, &sequence).await?;
    server.stop().await?;
    Ok(figures)
}

async fn measure_peer(subject: Subject, extent: Extent, dir: &Path) -> Result<Figures, Failure> {
    let server = Server::start(subject, dir).await?;
    let client = server.client();
    create_stream(&client, STREAM, SHARDS).await?;
    let records = extent.records.min(RECORDS_PEER);
    let filled = fill(&client, records, FILL_PEER, server.process(), dir).await?;
    let mut figures = Figures { disk: kit::on_disk(dir), ..under_the_clock(&client, extent, filled).await? };
    server.kill().await?;
    if subject == Subject::Durable {
        let server = Server::start(subject, dir).await?;
        figures.restart_killed_ms = Some(server.open_ms());
        server.kill().await?;
    }
    Ok(figures)
}

/// What is measured of everybody once the stream is full.
async fn under_the_clock(client: &Client, extent: Extent, filled: load::Filled) -> Result<Figures, Failure> {
    let sequential = singles(client, extent.singles, 1, Duration::ZERO, SINGLES).await?;
    // Below the limit of the shards, which is not what is asked here.
    let parallel = singles(client, extent.singles, 8, Duration::from_millis(2), SINGLES).await?;
    let pushed = push::measure(client, extent.pushed).await;
    if let Err(error) = &pushed {
        println!("  no event came: {error}");
    }
    Ok(Figures { filled, sequential, parallel, pushed: pushed.ok(), ..Figures::default() })
}

async fn put_one(client: &Client) -> Result<(String, String), Failure> {
    let put = client.put_record().stream_name(STREAM).partition_key("last").data(b"last".to_vec().into());
    let answer = put.send().await?;
    Ok((answer.shard_id, answer.sequence_number))
}

/// The record that was acknowledged last before the server was killed.
async fn must_have(client: &Client, shard: &str, sequence: &str) -> Result<(), Failure> {
    let ask = client.get_shard_iterator().stream_name(STREAM).shard_id(shard);
    let ask = ask.shard_iterator_type(ShardIteratorType::AtSequenceNumber).starting_sequence_number(sequence);
    let iterator = ask.send().await?.shard_iterator;
    let records = client.get_records().set_shard_iterator(iterator).send().await?.records;
    let found = records.first().is_some_and(|record| record.data.as_ref() == b"last");
    if found { Ok(()) } else { Err(format!("{sequence} was acknowledged, but is gone after a restart").into()) }
}
