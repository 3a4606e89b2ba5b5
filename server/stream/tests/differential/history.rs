//! Random histories: what a stream may live through, drawn from a seed.

use md5::{Digest, Md5};

use crate::{
    act::{Act, From, Outcome, STREAM},
    chance::Chance,
};

/// The stream as it stands, told by our own listing.
#[derive(Default)]
pub struct Scene {
    /// Id, first and last hash key, whether it is closed; by id.
    pub shards: Vec<(String, u128, u128, bool)>,
    /// How many records were put.
    pub records: usize,
    /// The records and their shards.
    pub places: Vec<(usize, String)>,
}

/// What happens next.
pub fn next(chance: &mut Chance, scene: &mut Scene) -> Act {
    let shard = |chance: &mut Chance, scene: &Scene| scene.shards[chance.below(scene.shards.len())].clone();
    let open: Vec<_> = scene.shards.iter().filter(|(.., closed)| !closed).cloned().collect();
    match chance.below(40) {
        0..=8 => {
            let record = scene.new_record();
            let hash = chance.one_in(3).then(|| hash(chance).to_string());
            Act::Put { record, key: key(chance), hash }
        }
        9..=13 => {
            let many = 1 + chance.below(12);
            Act::PutMany(
                (0..many)
                    .map(|_| (scene.new_record(), key(chance), chance.one_in(4).then(|| hash(chance).to_string())))
                    .collect(),
            )
        }
        14..=22 => {
            let from = match chance.below(5) {
                0 | 1 => From::Horizon,
                n => {
                    let Some((record, shard)) = scene.places.get(chance.below(scene.places.len())).cloned() else {
                        return Act::Shards;
                    };
                    let from = [From::At(record), From::After(record), From::Time(record)][n - 2].clone();
                    return Act::Read { shard, from };
                }
            };
            Act::Read { shard: shard(chance, scene).0, from }
        }
        23..=25 => {
            let (shard, start, end, _) = open[chance.below(open.len())].clone();
            let hash = start + hash(chance) % (end - start).max(1);
            Act::Follow { shard, record: scene.new_record(), hash: hash.to_string() }
        }
        26..=28 => {
            let (shard, start, end, _) = open[chance.below(open.len())].clone();
            // Now and then outside of it.
            let at = if chance.one_in(5) { hash(chance) } else { (start + (end - start) / 2).saturating_add(1) };
            // kinesis-local takes the first hash key, too.
            let at = if at == start { end } else { at };
            Act::Split { shard, at: at.to_string() }
        }
        29..=31 => {
            let mut sorted = open.clone();
            sorted.sort_by_key(|(_, start, ..)| *start);
            let at = chance.below(sorted.len());
            // Now and then no neighbours, or itself.
            let far = chance.below(sorted.len() - at);
            let other = if chance.one_in(5) { at + far } else { (at + 1).min(sorted.len() - 1) };
            Act::Merge { shard: sorted[at].0.clone(), adjacent: sorted[other].0.clone() }
        }
        32 => Act::Summary,
        33 => Act::Retention { hours: [23, 24, 25, 48, 168, 8_761][chance.below(6)], longer: chance.one_in(2) },
        34 => Act::Register(format!("consumer-{}", chance.below(3))),
        35 => Act::Deregister(format!("consumer-{}", chance.below(3))),
        36 => Act::Consumers,
        37 if chance.one_in(2) => Act::Astray,
        37 => Act::Nonsense { iterator: "AAAA".into() },
        38 => Act::Create { name: STREAM, shards: 1 },
        _ => Act::Read { shard: "shardId-000000000999".into(), from: From::Horizon },
    }
}

impl Scene {
    /// The referee: whether a record went where the rule sends it
    /// (<https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecord.html>), whatever the subjects agree on.
    pub fn is_home(&self, key: &str, hash: Option<&str>, outcome: &Outcome) -> bool {
        let md5 = u128::from_be_bytes(Md5::digest(key.as_bytes()).into());
        let hash = hash.map_or(Some(md5), |hash| hash.parse().ok());
        let home = self
            .shards
            .iter()
            .find(|(_, start, end, closed)| !closed && hash.is_some_and(|hash| (*start..=*end).contains(&hash)));
        home.is_some_and(|(shard, ..)| outcome.contains(&("shard", shard.clone())))
    }

    pub fn new_record(&mut self) -> usize {
        self.records += 1;
        self.records
    }
}

fn hash(chance: &mut Chance) -> u128 {
    u128::from(chance.next()) << 64 | u128::from(chance.next())
}

fn key(chance: &mut Chance) -> String {
    const KEYS: [&str; 6] = ["a", "demo", "房间", "k e y", "😀", "0"];
    KEYS[chance.below(KEYS.len())].to_owned()
}
