//! A model of a stream: shards that split and merge, records, iterators that end, and limits of either kind.

use std::collections::VecDeque;

use danmu::kinesis::{
    Error,
    api::{ChildShard, From, GetRecordsReply, ListShardsReply, WireRecord},
    machine::{Call, CallReply},
    shard_map::{HashKeyRange, Shard, hash_key},
};

#[derive(Clone)]
pub struct Model {
    pub shards: Vec<ModelShard>,
    next: u128,
    /// The number at which the stream was made: it tells a stream from those of the same name before it.
    pub born: u128,
    /// Whether the end of a shard names its children, as Amazon's does and some emulators' does not.
    names_children: bool,
    /// Whether the last records of a shard come before its end, as the embedded endpoint's do, or together with it.
    pub end_alone: bool,
    limit: Limit,
}

#[derive(Clone)]
pub struct ModelShard {
    pub shard: Shard,
    pub records: Vec<WireRecord>,
    reads: VecDeque<i64>,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Limit {
    None,
    /// As Amazon's: more than five reads a second are refused.
    Refuse,
    /// As the embedded endpoint's: they wait their turn.
    Queue,
}

impl Model {
    pub fn new(names_children: bool, limit: Limit) -> Self {
        let mut model = Self { shards: vec![], next: 98, born: 98, names_children, end_alone: true, limit };
        model.open(0, u128::MAX, vec![]);
        model
    }

    fn open(&mut self, start: u128, end: u128, parents: Vec<String>) {
        let mut parents = parents.into_iter();
        self.next += 1;
        let mut shard = Shard {
            shard_id: format!("shardId-{:012}", self.shards.len()),
            parent_shard_id: parents.next(),
            adjacent_parent_shard_id: parents.next(),
            hash_key_range: HashKeyRange { start, end },
            sequence_number_range: Default::default(),
        };
        shard.sequence_number_range.starting_sequence_number = self.next.to_string();
        self.shards.push(ModelShard { shard, records: vec![], reads: VecDeque::new() });
    }

    fn close(&mut self, index: usize) -> String {
        self.next += 1;
        self.shards[index].shard.sequence_number_range.ending_sequence_number = Some(self.next.to_string());
        self.shards[index].shard.shard_id.clone()
    }

    fn open_shards(&self) -> Vec<usize> {
        let mut open: Vec<usize> = (0..self.shards.len()).filter(|&i| !self.shards[i].shard.is_closed()).collect();
        open.sort_by_key(|&i| self.shards[i].shard.hash_key_range.start);
        open
    }

    pub fn split(&mut self, pick: u64) {
        let open = self.open_shards();
        let index = open[pick as usize % open.len()];
        let HashKeyRange { start, end } = self.shards[index].shard.hash_key_range;
        if start < end {
            let middle = start + (end - start) / 2;
            let parent = self.close(index);
            self.open(start, middle, vec![parent.clone()]);
            self.open(middle + 1, end, vec![parent]);
        }
    }

    pub fn merge(&mut self, pick: u64) {
        let open = self.open_shards();
        let place = pick as usize % open.len();
        if let Some(&right) = open.get(place + 1) {
            let left = open[place];
            let (start, end) =
                (self.shards[left].shard.hash_key_range.start, self.shards[right].shard.hash_key_range.end);
            let parents = vec![self.close(left), self.close(right)];
            self.open(start, end, parents);
        }
    }

    /// Deletes the stream and makes one of the same name, with the same names of shards.
    pub fn make_anew(&mut self, shards: u64) {
        self.shards.clear();
        self.next += 1;
        self.born = self.next;
        let share = u128::MAX / u128::from(shards);
        for n in 0..u128::from(shards) {
            let end = if n + 1 == u128::from(shards) { u128::MAX } else { (n + 1) * share - 1 };
            self.open(n * share, end, vec![]);
        }
    }

    pub fn put(&mut self, key: &str, now: i64) -> String {
        let hash = hash_key(key);
        let open = self.open_shards();
        let index = open.into_iter().find(|&i| self.shards[i].shard.hash_key_range.contains(hash)).expect("a shard");
        self.next += 1;
        let number = self.next.to_string();
        self.shards[index].records.push(WireRecord {
            sequence_number: number.clone(),
            data: number.clone().into_bytes(),
            partition_key: Some(key.to_owned()),
            arrival_ms: now,
        });
        number
    }

    /// At the given record of a shard.
    pub fn iterator(&self, place: usize, now: i64) -> String {
        format!("{place}@{now}@{}", self.born)
    }

    pub fn index(&self, id: &str) -> Option<usize> {
        self.shards.iter().position(|shard| shard.shard.shard_id == id)
    }

    /// When a read that begins now may be made, or `None` if it is refused.
    pub fn admit(&mut self, index: usize, now: i64) -> Option<i64> {
        let reads = &mut self.shards[index].reads;
        let free = if reads.len() < 5 { now } else { now.max(reads[reads.len() - 5] + 1_000) };
        match self.limit {
            Limit::Refuse if free > now => return None,
            Limit::Queue if free > now + 1_000 => return None,
            Limit::None => return Some(now),
            _ => {}
        }
        reads.push_back(free);
        Some(free)
    }

    pub fn answer(&mut self, call: &Call, now: i64) -> CallReply {
        match call {
            Call::ListShards { next_token } => {
                let from = next_token.as_deref().map_or(0, |token| token.parse().expect("our token"));
                let shards: Vec<Shard> = self.shards.iter().skip(from).take(3).map(|s| s.shard.clone()).collect();
                let next_token = (from + 3 < self.shards.len()).then(|| (from + 3).to_string());
                CallReply::Shards(Ok(ListShardsReply { shards, next_token }))
            }
            Call::Iterator { shard_id, from } => {
                let Some(index) = self.index(shard_id) else {
                    let error = Error::from_code("ResourceNotFoundException", "no such shard", 400);
                    return CallReply::Iterator(shard_id.clone(), Err(error));
                };
                let number = |text: &str| text.parse::<u128>().expect("a number");
                let shard = &self.shards[index].shard;
                let start = number(&shard.sequence_number_range.starting_sequence_number);
                if matches!(from, From::After(last) if number(last) < start) {
                    let error = Error::from_code("InvalidArgumentException", "did not come from this stream", 400);
                    return CallReply::Iterator(shard_id.clone(), Err(error));
                }
                let records = &self.shards[index].records;
                let place = match from {
                    From::TrimHorizon => 0,
                    From::After(last) => records.partition_point(|r| number(&r.sequence_number) <= number(last)),
                    From::Timestamp(at) => records.partition_point(|r| r.arrival_ms < *at),
                };
                CallReply::Iterator(shard_id.clone(), Ok(self.iterator(place, now)))
            }
            Call::Records { shard_id, iterator } => {
                let (place, made) = iterator.split_once('@').expect("our iterator");
                let (made, born) = made.split_once('@').expect("our iterator");
                if born != self.born.to_string() {
                    // Services disagree about what this is called.
                    let code =
                        if self.names_children { "ResourceNotFoundException" } else { "InvalidArgumentException" };
                    return CallReply::Records(shard_id.clone(), Err(Error::from_code(code, "another stream", 400)));
                }
                if now - made.parse::<i64>().expect("a time") > 300_000 {
                    let error = Error::from_code("ExpiredIteratorException", "old", 400);
                    return CallReply::Records(shard_id.clone(), Err(error));
                }
                let place: usize = place.parse().expect("a place");
                let shard = &self.shards[self.index(shard_id).expect("a shard")];
                let records: Vec<_> = shard.records[place..].iter().take(7).cloned().collect();
                let next = place + records.len();
                let rest = &shard.records[next..];
                let all = rest.is_empty() && (records.is_empty() || !self.end_alone);
                let ended = all && shard.shard.is_closed();
                let children = || {
                    let of = |s: &&ModelShard| s.shard.parents().any(|parent| parent == shard_id);
                    let child = |s: &ModelShard| ChildShard {
                        shard_id: s.shard.shard_id.clone(),
                        parent_shards: s.shard.parents().map(str::to_owned).collect(),
                        hash_key_range: s.shard.hash_key_range,
                    };
                    self.shards.iter().filter(of).map(child).collect()
                };
                CallReply::Records(
                    shard_id.clone(),
                    Ok(GetRecordsReply {
                        records,
                        next_shard_iterator: (!ended).then(|| self.iterator(next, now)),
                        millis_behind_latest: Some(rest.last().map_or(0, |last| (now - last.arrival_ms).max(1))),
                        child_shards: (ended && self.names_children).then(children),
                    }),
                )
            }
        }
    }
}
