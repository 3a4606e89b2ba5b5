//! What is done to an endpoint, and what becomes of it in words that do not depend on whose endpoint it is.

use std::{collections::HashMap, fmt::Debug, time::Duration};

use aws_sdk_kinesis::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
    primitives::{Blob, DateTime},
    types::{PutRecordsRequestEntry, ScalingType, Shard, ShardIteratorType, StreamStatus},
};
use tokio::time::{sleep, timeout};

use crate::{Failure, subjects::Subject};

/// The stream of a history.
pub const STREAM: &str = "history";
/// How long a stream may take to be active again.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where a read begins. Records are named by their numbers.
#[derive(Clone, Debug)]
pub enum From {
    Horizon,
    Latest,
    At(usize),
    After(usize),
    /// When that record arrived.
    Time(usize),
}

/// One step of a history.
#[derive(Clone, Debug)]
pub enum Act {
    Create {
        name: &'static str,
        shards: i32,
    },
    Put {
        record: usize,
        key: String,
        hash: Option<String>,
    },
    /// Records with their keys and explicit hash keys.
    PutMany(Vec<(usize, String, Option<String>)>),
    Split {
        shard: String,
        at: String,
    },
    Merge {
        shard: String,
        adjacent: String,
    },
    Count(i32),
    Shards,
    Summary,
    Read {
        shard: String,
        from: From,
    },
    /// An iterator for what comes, then a record, then a read.
    Follow {
        shard: String,
        record: usize,
        hash: String,
    },
    Retention {
        hours: i32,
        longer: bool,
    },
    Register(String),
    Deregister(String),
    Consumers,
    /// A put to a stream that does not exist.
    Astray,
    Nonsense {
        iterator: String,
    },
    /// A tenth of a second, for each subject.
    Pause,
}

/// What became of a step: fields, each with its value.
pub type Outcome = Vec<(&'static str, String)>;

/// What a subject gave for the records that were put: the shard and the sequence number of each.
#[derive(Default)]
pub struct Memory {
    pub places: HashMap<usize, (String, String)>,
    arrivals: HashMap<usize, DateTime>,
}

/// Does it.
pub async fn act(subject: &Subject, memory: &mut Memory, what: &Act) -> Result<Outcome, Failure> {
    let client = &subject.client;
    Ok(match what {
        Act::Create { name, shards } => {
            let answer = client.create_stream().stream_name(*name).shard_count(*shards).send().await;
            let outcome = plain(answer)?;
            if *name == STREAM {
                settle(subject).await?;
            }
            outcome
        }
        Act::Put { record, key, hash } => {
            let data = Blob::new(data_of(*record));
            let call = client.put_record().stream_name(STREAM).partition_key(key).data(data);
            match call.set_explicit_hash_key(hash.clone()).send().await {
                Ok(answer) => {
                    let rising = memory.rises(&answer.shard_id, &answer.sequence_number);
                    let outcome = vec![("shard", answer.shard_id.clone()), ("rising", rising.to_string())];
                    memory.places.insert(*record, (answer.shard_id, answer.sequence_number));
                    outcome
                }
                Err(error) => refused(&error)?,
            }
        }
        Act::PutMany(records) => {
            let entry = |(record, key, hash): &(usize, String, Option<String>)| {
                let entry = PutRecordsRequestEntry::builder().data(Blob::new(data_of(*record))).partition_key(key);
                entry.set_explicit_hash_key(hash.clone()).build()
            };
            let entries = records.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
            match client.put_records().stream_name(STREAM).set_records(Some(entries)).send().await {
                Ok(answer) => {
                    let shards: Vec<_> = answer.records.iter().map(|result| result.shard_id.clone()).collect();
                    let mut rising = true;
                    for ((record, ..), result) in records.iter().zip(answer.records) {
                        if let (Some(shard), Some(number)) = (result.shard_id, result.sequence_number) {
                            rising &= memory.rises(&shard, &number);
                            memory.places.insert(*record, (shard, number));
                        }
                    }
                    let failed = answer.failed_record_count.unwrap_or_default();
                    vec![
                        ("shards", format!("{shards:?}")),
                        ("failed", failed.to_string()),
                        ("rising", rising.to_string()),
                    ]
                }
                Err(error) => refused(&error)?,
            }
        }
        Act::Split { shard, at } => {
            let call = client.split_shard().stream_name(STREAM).shard_to_split(shard).new_starting_hash_key(at);
            let outcome = plain(call.send().await)?;
            settle(subject).await?;
            outcome
        }
        Act::Merge { shard, adjacent } => {
            let call =
                client.merge_shards().stream_name(STREAM).shard_to_merge(shard).adjacent_shard_to_merge(adjacent);
            let outcome = plain(call.send().await)?;
            settle(subject).await?;
            outcome
        }
        Act::Count(shards) => {
            let call = client.update_shard_count().stream_name(STREAM).target_shard_count(*shards);
            let outcome = match call.scaling_type(ScalingType::UniformScaling).send().await {
                Ok(answer) => vec![("target", format!("{:?}", answer.target_shard_count))],
                Err(error) => refused(&error)?,
            };
            settle(subject).await?;
            outcome
        }
        Act::Shards => match client.list_shards().stream_name(STREAM).send().await {
            Ok(answer) => {
                let mut shards: Vec<_> = answer.shards.unwrap_or_default().iter().map(described).collect();
                shards.sort();
                vec![("shards", shards.join("; "))]
            }
            Err(error) => refused(&error)?,
        },
        Act::Summary => match client.describe_stream_summary().stream_name(STREAM).send().await {
            Ok(answer) => {
                let summary = answer.stream_description_summary.ok_or("no summary")?;
                vec![
                    ("open", summary.open_shard_count.to_string()),
                    ("retention", summary.retention_period_hours.to_string()),
                    ("consumers", format!("{:?}", summary.consumer_count)),
                ]
            }
            Err(error) => refused(&error)?,
        },
        Act::Read { shard, from } => {
            if let From::Time(record) = from {
                learn_arrival(subject, memory, shard, *record).await?;
            }
            match iterator(subject, memory, shard, from).await? {
                Ok(iterator) => read(subject, memory, iterator, from).await?,
                Err(outcome) => outcome,
            }
        }
        Act::Follow { shard, record, hash } => match iterator(subject, memory, shard, &From::Latest).await? {
            Ok(iterator) => {
                let call = client.put_record().stream_name(STREAM).partition_key("follow").explicit_hash_key(hash);
                let answer = call.data(Blob::new(data_of(*record))).send().await;
                let answer = answer.map_err(|error| format!("{:?}: {error:?}", subject.name))?;
                memory.places.insert(*record, (answer.shard_id, answer.sequence_number));
                read(subject, memory, iterator, &From::Latest).await?
            }
            Err(outcome) => outcome,
        },
        Act::Retention { hours, longer: true } => plain(
            client.increase_stream_retention_period().stream_name(STREAM).retention_period_hours(*hours).send().await,
        )?,
        Act::Retention { hours, longer: false } => plain(
            client.decrease_stream_retention_period().stream_name(STREAM).retention_period_hours(*hours).send().await,
        )?,
        Act::Register(name) => {
            let outcome = plain(
                client.register_stream_consumer().stream_arn(arn(subject).await?).consumer_name(name).send().await,
            )?;
            settle_consumers(subject).await?;
            outcome
        }
        Act::Deregister(name) => {
            let call = client.deregister_stream_consumer().stream_arn(arn(subject).await?).consumer_name(name);
            let outcome = plain(call.send().await)?;
            settle_consumers(subject).await?;
            outcome
        }
        Act::Consumers => {
            let answer = client.list_stream_consumers().stream_arn(arn(subject).await?).send().await?;
            let mut names: Vec<_> =
                answer.consumers.unwrap_or_default().into_iter().map(|it| it.consumer_name).collect();
            names.sort();
            vec![("names", format!("{names:?}"))]
        }
        Act::Astray => {
            let call = client.put_record().stream_name("nowhere").partition_key("k").data(Blob::new("x"));
            plain(call.send().await)?
        }
        Act::Pause => {
            sleep(Duration::from_millis(100)).await;
            Vec::new()
        }
        Act::Nonsense { iterator } => plain(client.get_records().shard_iterator(iterator).send().await)?,
    })
}

impl Memory {
    /// Whether the number is greater than all that the shard gave before.
    fn rises(&self, shard: &str, number: &str) -> bool {
        let length = |number: &str| (number.len(), number.to_owned());
        let before = self.places.values().filter(|(other, _)| other == shard).map(|(_, number)| length(number)).max();
        before.is_none_or(|before| before < length(number))
    }
}

async fn iterator(
    subject: &Subject,
    memory: &Memory,
    shard: &str,
    from: &From,
) -> Result<Result<String, Outcome>, Failure> {
    let call = subject.client.get_shard_iterator().stream_name(STREAM).shard_id(shard);
    let number = |record: &usize| memory.places.get(record).map(|(_, number)| number.clone()).unwrap_or_default();
    let call = match from {
        From::Horizon => call.shard_iterator_type(ShardIteratorType::TrimHorizon),
        From::Latest => call.shard_iterator_type(ShardIteratorType::Latest),
        From::At(record) => {
            call.shard_iterator_type(ShardIteratorType::AtSequenceNumber).starting_sequence_number(number(record))
        }
        From::After(record) => {
            call.shard_iterator_type(ShardIteratorType::AfterSequenceNumber).starting_sequence_number(number(record))
        }
        From::Time(record) => {
            let time = memory.arrivals.get(record).copied().unwrap_or_else(|| DateTime::from_secs(0));
            call.shard_iterator_type(ShardIteratorType::AtTimestamp).timestamp(time)
        }
    };
    match call.send().await {
        Ok(answer) => Ok(Ok(answer.shard_iterator.ok_or("no iterator")?)),
        Err(error) => Ok(Err(refused(&error)?)),
    }
}

/// Reads one record, where nobody has yet, for its time.
async fn learn_arrival(subject: &Subject, memory: &mut Memory, shard: &str, record: usize) -> Result<(), Failure> {
    if !memory.arrivals.contains_key(&record)
        && let Ok(iterator) = iterator(subject, memory, shard, &From::At(record)).await?
    {
        let answer = subject.client.get_records().shard_iterator(iterator).limit(1).send().await?;
        let time = answer.records.first().and_then(|record| record.approximate_arrival_timestamp);
        memory.arrivals.extend(time.map(|time| (record, time)));
    }
    Ok(())
}

/// Reads until there is no more for now, or ever.
async fn read(subject: &Subject, memory: &mut Memory, iterator: String, from: &From) -> Result<Outcome, Failure> {
    let (mut next, mut numbers, mut empty, mut children) = (Some(iterator), Vec::new(), 0, None);
    let mut behind = None;
    while empty < 2 {
        let Some(iterator) = next.take() else { break };
        let answer = match subject.client.get_records().shard_iterator(&iterator).send().await {
            Ok(answer) => answer,
            Err(error) => return refused(&error),
        };
        empty = if answer.records.is_empty() { empty + 1 } else { 0 };
        for record in answer.records {
            let number: usize = String::from_utf8_lossy(record.data.as_ref()).parse()?;
            memory.arrivals.extend(record.approximate_arrival_timestamp.map(|time| (number, time)));
            numbers.push(number);
        }
        behind = answer.millis_behind_latest;
        children = answer.child_shards;
        next = answer.next_shard_iterator;
    }
    // Two subjects need not give two records the same millisecond: what is read from a time on is judged, not compared.
    if let From::Time(record) = from {
        let begins = numbers.first().is_some_and(|first| first <= record) && numbers.contains(record);
        let since = memory.arrivals.get(record).copied();
        let early = numbers.iter().filter(|number| memory.arrivals.get(number).copied() < since).count();
        let mut outcome = vec![("complete", begins.to_string()), ("early", (early > 0).to_string())];
        // One or two may arrive at a full second by chance.
        if memory.arrivals.len() > 2 {
            let whole = memory.arrivals.values().all(|time| time.subsec_nanos() == 0);
            outcome.push(("whole seconds", whole.to_string()));
        }
        return Ok(outcome);
    }
    let mut told: Vec<_> = children
        .unwrap_or_default()
        .into_iter()
        .map(|mut child| {
            child.parent_shards.sort();
            let range = child.hash_key_range.map(|range| (range.starting_hash_key, range.ending_hash_key));
            format!("{} of {:?}: {range:?}", child.shard_id, child.parent_shards)
        })
        .collect();
    told.sort();
    Ok(vec![
        ("records", format!("{numbers:?}")),
        ("ends", next.is_none().to_string()),
        ("children", told.join("; ")),
        ("behind", format!("{behind:?}")),
    ])
}

fn data_of(record: usize) -> String {
    record.to_string()
}

fn described(shard: &Shard) -> String {
    let range = shard.hash_key_range.as_ref().map(|range| (&range.starting_hash_key, &range.ending_hash_key));
    let closed = shard.sequence_number_range.as_ref().is_some_and(|range| range.ending_sequence_number.is_some());
    let mut parents: Vec<_> = shard.parent_shard_id.iter().chain(&shard.adjacent_parent_shard_id).collect();
    parents.sort();
    format!("{} {range:?} of {parents:?}, closed: {closed}", shard.shard_id)
}

async fn arn(subject: &Subject) -> Result<String, Failure> {
    let answer = subject.client.describe_stream_summary().stream_name(STREAM).send().await?;
    Ok(answer.stream_description_summary.ok_or("no summary")?.stream_arn)
}

/// Waits until the stream is active, or not there.
async fn settle(subject: &Subject) -> Result<(), Failure> {
    let active = async {
        loop {
            let answer = subject.client.describe_stream_summary().stream_name(STREAM).send().await;
            match answer {
                Ok(answer) => {
                    let status = answer.stream_description_summary.map(|summary| summary.stream_status);
                    if status == Some(StreamStatus::Active) {
                        return Ok(());
                    }
                }
                Err(error) if error.code() == Some("ResourceNotFoundException") => return Ok(()),
                Err(error) => return Err(format!("{:?}: {error:?}", subject.name)),
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    Ok(timeout(PATIENCE, active).await??)
}

async fn settle_consumers(subject: &Subject) -> Result<(), Failure> {
    let arn = arn(subject).await?;
    let active = async {
        loop {
            let answer = subject.client.list_stream_consumers().stream_arn(&arn).send().await?;
            let consumers = answer.consumers.unwrap_or_default();
            if consumers.iter().all(|consumer| consumer.consumer_status.as_str() == "ACTIVE") {
                return Ok::<_, Failure>(());
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, active).await?
}

fn plain<T, E: ProvideErrorMetadata + Debug>(answer: Result<T, SdkError<E, HttpResponse>>) -> Result<Outcome, Failure> {
    match answer {
        Ok(_) => Ok(vec![("error", "none".into())]),
        Err(error) => refused(&error),
    }
}

/// A refusal by its name; what is no answer is no outcome.
fn refused<E: ProvideErrorMetadata + Debug>(error: &SdkError<E, HttpResponse>) -> Result<Outcome, Failure> {
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code).map(str::to_owned);
    let status = || error.raw_response().map(|response| format!("HTTP {}", response.status()));
    let code = code.or_else(status).ok_or_else(|| format!("no answer: {error:?}"))?;
    Ok(vec![("error", code)])
}
