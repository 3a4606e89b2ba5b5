//! The ground truth: the stream, read from the beginning through all its shards, and judged by the gate.

use std::{
    collections::HashSet,
    fmt::Write,
    time::{Duration, Instant},
};

use aws_sdk_kinesis::{
    Client,
    primitives::DateTime,
    types::{Record, ShardIteratorType},
};
use danmu::gate::{Counts, Gate, Incoming};
use danmu_identity::unicode::UNICODE;
use danmu_server::config::Config;
use sha2::{Digest, Sha256};
use tokio::time::sleep;

use crate::{
    shards::{Shard, shards},
    viewer::{Account, Heard},
    world::{Failure, STREAM},
};

const PATIENCE: Duration = Duration::from_secs(60);

/// Every danmu of the room, in its order.
pub struct Truth {
    pub danmu: Vec<String>,
    pub counts: Counts,
    /// The stream's shards, a line each.
    pub topology: String,
}

/// All records of a shard that there are.
pub async fn records(client: &Client, shard: &Shard) -> Result<Vec<Record>, Failure> {
    let (mut records, mut next) = (Vec::new(), Some(horizon(client, shard).await?));
    let since = Instant::now();
    while let Some(iterator) = next {
        let answer = match client.get_records().shard_iterator(&iterator).send().await {
            Ok(answer) => answer,
            Err(error) if since.elapsed() > PATIENCE => return Err(error.into()),
            // Readers that are there still take their share.
            Err(_) => {
                sleep(Duration::from_millis(200)).await;
                next = Some(iterator);
                continue;
            }
        };
        let at_the_end = answer.records.is_empty() && answer.millis_behind_latest == Some(0);
        records.extend(answer.records);
        next = answer.next_shard_iterator.filter(|_| !at_the_end);
    }
    Ok(records)
}

/// When a record arrived, Unix milliseconds.
pub fn arrival_ms(record: &Record) -> Result<i64, Failure> {
    let arrival_ms = record.approximate_arrival_timestamp.map(DateTime::to_millis);
    Ok(arrival_ms.transpose()?.unwrap_or_default())
}

/// What a viewer had of it.
pub struct Had {
    pub danmu: usize,
    /// What it was told that it would not have, and had not.
    pub missed: usize,
    /// Of the ids in their order, for the eye.
    pub hash: String,
}

impl Truth {
    /// Reads it.
    pub async fn read(client: &Client) -> Result<Self, Failure> {
        let room = Config::default().rooms.remove(0).into();
        let mut gate = Gate::new(&room, UNICODE);
        let (mut danmu, mut topology) = (Vec::new(), String::new());
        // A child's id is higher than its parents': so the shards on which the room lived come in the order of its life.
        for shard in shards(client).await? {
            let mut told = danmu.len();
            let records = records(client, &shard).await?;
            for record in &records {
                let verdict = gate.admit(Incoming {
                    data: record.data.as_ref(),
                    partition_key: record.partition_key.as_deref().unwrap_or_default(),
                    sequence_number: &record.sequence_number,
                    arrival_ms: arrival_ms(record)?,
                    evidence: None,
                });
                danmu.extend(verdict.map(|admitted| admitted.key.to_string()));
            }
            let records = records.len();
            told = danmu.len() - told;
            writeln!(topology, "  {shard:<75} {records:>6} records {told:>6} danmu")?;
        }
        Ok(Self { danmu, counts: gate.counts(), topology })
    }

    /// Whether a viewer had each danmu once and in this order, or was told of what it had not, and of as much as that was.
    pub fn judge(&self, account: &Account) -> Result<Had, Failure> {
        let name = account.name;
        let (mut at, mut missed, mut ids) = (0, 0, Vec::new());
        // How many will not come, as it was said, if something was.
        let mut gap: Option<Option<u64>> = None;
        let agrees = |said: Option<u64>, hole: usize| said.is_none_or(|said| said == hole as u64);
        for heard in &account.ear.heard {
            match heard {
                Heard::Gap(said) => {
                    gap = Some(gap.unwrap_or(Some(0)).and_then(|before| said.map(|said| before + said)));
                }
                Heard::Danmu(id) => {
                    let rest = &self.danmu[at..];
                    let hole = match rest.iter().position(|next| next == id) {
                        Some(hole) => hole,
                        None if self.danmu.contains(id) => {
                            return Err(format!("{name}: {id} came twice, or too late, after {at} danmu").into());
                        }
                        None => return Err(format!("{name}: nobody said {id}").into()),
                    };
                    match gap.take() {
                        None if hole > 0 => {
                            return Err(
                                format!("{name}: {hole} danmu are missing in silence before {id}, the {at}th").into()
                            );
                        }
                        Some(said) if !agrees(said, hole) => {
                            return Err(
                                format!("{name}: it was told that it misses {said:?}, and it misses {hole}").into()
                            );
                        }
                        _ => {}
                    }
                    missed += hole;
                    at += hole + 1;
                    ids.push(id.as_str());
                }
            }
        }
        if at < self.danmu.len() {
            return Err(format!("{name}: it was left at {at} of {}", self.danmu.len()).into());
        }
        Ok(Had { danmu: ids.len(), missed, hash: hash(ids) })
    }

    /// The hash of all of it.
    pub fn hash(&self) -> String {
        hash(self.danmu.iter().map(String::as_str).collect())
    }

    /// Whether no danmu stands in it twice.
    pub fn is_distinct(&self) -> bool {
        self.danmu.iter().collect::<HashSet<_>>().len() == self.danmu.len()
    }
}

async fn horizon(client: &Client, shard: &Shard) -> Result<String, Failure> {
    let since = Instant::now();
    loop {
        let call = client.get_shard_iterator().stream_name(STREAM).shard_id(&shard.id);
        match call.shard_iterator_type(ShardIteratorType::TrimHorizon).send().await {
            Ok(answer) => return Ok(answer.shard_iterator.ok_or("no iterator")?),
            Err(error) if since.elapsed() > PATIENCE => return Err(error.into()),
            Err(_) => sleep(Duration::from_millis(200)).await,
        }
    }
}

/// SHA-256 of the sorted ids, its first eight bytes.
fn hash(mut ids: Vec<&str>) -> String {
    ids.sort_unstable();
    Sha256::digest(ids.join("\n")).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
