//! Helpers for the stream's shards: listing them, and splitting and merging the room's own.

use std::{
    fmt,
    time::{Duration, Instant},
};

use aws_sdk_kinesis::{Client, types};
use danmu::kinesis::shard_map::hash_key;
use tokio::time::sleep;

use crate::world::{Failure, STREAM, Test};

/// How long a call is tried again whose connection broke.
const PATIENCE: Duration = Duration::from_secs(60);
const AGAIN: Duration = Duration::from_millis(100);

/// A shard.
pub struct Shard {
    pub id: String,
    parents: Vec<String>,
    /// Its hash keys, both ends included.
    start: u128,
    end: u128,
    closed: bool,
}

impl Shard {
    fn new(shard: types::Shard) -> Result<Self, Failure> {
        let range = shard.hash_key_range.as_ref().ok_or("no range of hash keys")?;
        Ok(Self {
            id: shard.shard_id,
            parents: shard.parent_shard_id.into_iter().chain(shard.adjacent_parent_shard_id).collect(),
            start: range.starting_hash_key.parse()?,
            end: range.ending_hash_key.parse()?,
            closed: shard.sequence_number_range.is_some_and(|range| range.ending_sequence_number.is_some()),
        })
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.closed { "closed" } else { "open" };
        let of = if self.parents.is_empty() { "" } else { " of " };
        f.pad(&format!("{} {state}{of}{}", self.id, self.parents.join(" and ")))
    }
}

/// All shards, open and closed, by their ids.
pub async fn shards(client: &Client) -> Result<Vec<Shard>, Failure> {
    let since = Instant::now();
    let answer = loop {
        match client.list_shards().stream_name(STREAM).send().await {
            Err(_) if since.elapsed() < PATIENCE => sleep(AGAIN).await,
            outcome => break outcome?,
        }
    };
    let mut shards = answer.shards.unwrap_or_default().into_iter().map(Shard::new).collect::<Result<Vec<_>, _>>()?;
    shards.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    Ok(shards)
}

async fn open(client: &Client) -> Result<Vec<Shard>, Failure> {
    Ok(shards(client).await?.into_iter().filter(|shard| !shard.closed).collect())
}

/// The open shard that the room lives on.
pub async fn home(client: &Client) -> Result<Shard, Failure> {
    let is_home = |shard: &Shard| (shard.start..=shard.end).contains(&hash_key("demo"));
    Ok(open(client).await?.into_iter().find(is_home).ok_or("the room lives nowhere")?)
}

/// Splits the room's shard in the middle.
pub async fn split(client: &Client) -> Test {
    let Shard { id, start, end, .. } = home(client).await?;
    let middle = (start + (end - start) / 2 + 1).to_string();
    let call = client.split_shard().stream_name(STREAM).shard_to_split(&id).new_starting_hash_key(middle);
    until_it_moved(client, &id, async || {
        call.clone().send().await?;
        Ok(())
    })
    .await
}

/// Merges the room's shard with the one below or above it.
pub async fn merge(client: &Client) -> Test {
    let home = home(client).await?;
    let is_beside =
        |other: &Shard| other.end.checked_add(1) == Some(home.start) || home.end.checked_add(1) == Some(other.start);
    let other = open(client).await?.into_iter().find(is_beside).ok_or("the room's shard has no neighbour")?;
    let call = client.merge_shards().stream_name(STREAM).shard_to_merge(&home.id).adjacent_shard_to_merge(other.id);
    until_it_moved(client, &home.id, async || {
        call.clone().send().await?;
        Ok(())
    })
    .await
}

/// Calls until the room no longer lives on that shard: the answer may be lost with its connection.
async fn until_it_moved(client: &Client, shard_id: &str, call: impl AsyncFn() -> Test) -> Test {
    let since = Instant::now();
    loop {
        let outcome = call().await;
        if home(client).await?.id != shard_id {
            return Ok(());
        }
        if since.elapsed() > PATIENCE {
            return outcome.and_then(|()| Err("the room's shard stays open".into()));
        }
        sleep(AGAIN).await;
    }
}
